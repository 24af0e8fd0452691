import Replication
import TableModel

/// Sends the pieces of a pull as the line takes them. One reader pulls it.
actor PullBody {
    private let hub: HubService
    private let site: String
    private var stream: PullStream
    /// True when the replica was given before what is being sent.
    private var isAgain = false

    init(_ hub: HubService, _ stream: PullStream, site: String) {
        self.hub = hub
        self.stream = stream
        self.site = site
    }

    func next() async throws -> [UInt8]? {
        let (piece, after, again) = try await hub.nextPiece(of: stream, site: site, isAgain)
        stream = after
        isAgain = again
        return piece
    }
}

extension HubService {
    /// - Parameter wasAgain: whether the replica was given before what the piece before held.
    func nextPiece(
        of stream: PullStream, site: String, _ wasAgain: Bool
    ) throws(StoreError) -> (piece: [UInt8]?, stream: PullStream, isAgain: Bool) {
        try checkExchange(stream.replica)
        let before = threadTimeUs()
        var after = stream
        let piece = try after.next(from: store, nowMs: now())
        let known = given[stream.replica] ?? 0
        given[stream.replica] = max(known, after.position)
        // What it was given already costs: the first time is free.
        let isAgain = after.position == stream.position ? wasAgain : stream.position < known
        if isAgain {
            charge(site, us: threadTimeUs() - before + Double(piece?.count ?? 0) * RequestCost.bodyByte)
        }
        return (piece, after, isAgain)
    }

    /// A pull that is under way ends when its site is paused or retired.
    func checkExchange(_ replica: UInt32) throws(StoreError) {
        guard try store.mayExchange(replica) else {
            throw StoreError(
                .refused, doing: "giving rows to replica \(replica)", why: "its site is paused or retired",
                hint: "See: samband site list.")
        }
    }
}
