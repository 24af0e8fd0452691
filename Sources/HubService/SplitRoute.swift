import HTTP
import JSONText
import Presentation
import Replication
import TableModel

extension HubService {
    /// `{"replica":…, "sealed":…, "position":…, "ticket":"<base64>", "digests":[[seq,"<base64>"],…]}` → `{"replica":…,
    /// "at":…}`, or `{"narrow":{"above":…,"below":…}}` when other digests are needed.
    func split(_ request: Request) async throws(Problem) -> Response {
        let caller = try caller(request)
        try checkHub(request)
        charge(caller.site, us: RequestCost.request * 2)
        let body = try await provenJSON(request, of: caller.site, limit: 1 << 18)
        guard let asked = SplitRequest(body), asked.replica == caller.replica else {
            throw Problem(
                .badRequest, title: "The request is not complete",
                detail: "A split names replica, sealed, position, ticket and digests in order.",
                next: "Use this version's node.")
        }
        let before = threadTimeUs()
        defer { charge(caller.site, us: threadTimeUs() - before) }
        let answer = try answering { () throws(StoreError) in try store.split(asked, nowMs: now()) }
        switch answer {
        case .narrow(let above, let below):
            return try .provenJSON(["narrow": ["above": .integer(Int64(above)), "below": .integer(Int64(below))]])
        case .goOn(let replica, let seq):
            orderGrew()
            return try .provenJSON(["replica": .integer(Int64(replica)), "at": .integer(Int64(seq))])
        }
    }
}

extension SplitRequest {
    /// Nil when it is not what a node asks.
    fileprivate init?(_ json: JSON) {
        func number(_ json: JSON?) -> UInt64? { json?.integer.flatMap { UInt64(exactly: $0) } }
        guard let replica = number(json["replica"]).flatMap({ UInt32(exactly: $0) }),
            let sealed = number(json["sealed"]),
            let position = number(json["position"]), let ticket = json["ticket"]?.string.flatMap({ Base64.decode($0) }),
            ticket.count == 16, let list = json["digests"]?.array, list.count <= Limits.splitDigests
        else { return nil }
        var digests: [(seq: UInt64, digest: [UInt8])] = []
        for pair in list {
            guard let pair = pair.array, pair.count == 2, let seq = number(pair[0]), seq > digests.last?.seq ?? 0,
                seq <= sealed, let digest = pair[1].string.flatMap({ Base64.decode($0) }), digest.count == 32
            else { return nil }
            digests.append((seq, digest))
        }
        self.init(replica: replica, sealed: sealed, digests: digests, position: position, ticket: ticket)
    }
}
