import HTTP
import JSONText
import Presentation
import Replication
import TableModel

/// The snapshots that sites may go on taking, one for each replica, for a while: a line that is cut every few seconds
/// carries a large file over in the end.
struct SnapshotShelf {
    /// How long one is kept after it was last asked for. Its bytes stay on the hub's disk as long.
    static let keptSeconds = 900
    /// More are neither made at once nor kept: each may be as large as the database.
    static let most = 4

    private var kept: [UInt32: (snapshot: KeptSnapshot, asked: UInt64, start: Int)] = [:]
    /// Those that are being made.
    var making: Set<UInt32> = []
    private var asked: UInt64 = 0

    /// Keeps it, instead of the one that nobody has asked for the longest when there are too many, and says by what
    /// number it was asked for.
    mutating func keep(_ snapshot: KeptSnapshot, from start: Int, for replica: UInt32) -> UInt64 {
        asked += 1
        kept[replica] = (snapshot, asked, start)
        if kept.count > Self.most, let oldest = kept.min(by: { $0.value.asked < $1.value.asked }) {
            kept[oldest.key] = nil
        }
        return asked
    }

    /// What the replica was given before, if it names that one.
    func snapshot(for replica: UInt32, tag: String) -> KeptSnapshot? {
        guard let snapshot = kept[replica]?.snapshot, snapshot.tag == tag else { return nil }
        return snapshot
    }

    /// True when the replica has asked for what comes from there on before: the last answer brought it nothing.
    func isRepeated(_ start: Int, for replica: UInt32) -> Bool { start <= kept[replica]?.start ?? -1 }

    /// It has not been asked for since that number.
    mutating func drop(_ replica: UInt32, askedAt number: UInt64) {
        if kept[replica]?.asked == number { kept[replica] = nil }
    }

    /// The replica has come whole: it needs none any more.
    mutating func drop(_ replica: UInt32) { kept[replica] = nil }
}

extension KeptSnapshot {
    /// A strong validator: equal for equal bytes only. (RFC 9110, section 8.8.3.)
    var tag: String { "\"\(Base64.encode(digest))\"" }
}

extension HubService {
    /// The rows as they stand, as a ready SQLite file, with its SHA-256 in `repr-digest` (RFC 9530). Made beside the
    /// hub's other work, one after the other, and one at a time for each replica.
    ///
    /// With `range: bytes=N-` and `if-range` naming the tag of the one that the replica was given before: the rest of
    /// that, with 206; if it is not kept any more, a new one with 200. (RFC 9110, sections 13.1.5 and 14.2.) Other
    /// ranges are passed over, as that allows.
    func snapshot(_ request: Request) async throws(Problem) -> Response {
        let caller = try caller(request)
        if let start = Self.firstByte(of: request), let tag = request.headers["if-range"],
            let kept = snapshots.snapshot(for: caller.replica, tag: tag), start < kept.length
        {
            let isRepeated = snapshots.isRepeated(start, for: caller.replica)
            if isRepeated { charge(caller.site, us: RequestCost.request) }
            return give(kept, from: start, to: caller, isRepeated: isRepeated)
        }
        snapshots.drop(caller.replica)
        guard snapshots.making.count < SnapshotShelf.most, !snapshots.making.contains(caller.replica) else {
            throw Problem(
                type: .busy, title: "Snapshots are being made",
                detail: "One for this site, or several for others, are on their way.", next: "It is asked for again.",
                retryAfterSeconds: 5)
        }
        // Who was told to come later has had none.
        try allowSnapshot(caller.site)
        snapshots.making.insert(caller.replica)
        defer { snapshots.making.remove(caller.replica) }
        let maker = SnapshotMaker(database: path, folder: folder, site: caller.site, replica: caller.replica)
        let made: KeptSnapshot
        do {
            made = try await maker.make()
        } catch {
            throw Problem(
                type: .io, status: .internalServerError, title: "No snapshot can be made",
                detail: "\(error).", next: "Look at the disk of the hub and its space.")
        }
        try answering { () throws(StoreError) in try store.noteSnapshot(to: caller.replica, position: made.position) }
        return give(made, from: 0, to: caller, isRepeated: false)
    }

    /// - Parameter isRepeated: true for what the caller asked for before: it costs as it is read, for a line may be cut
    ///   again before much of it has gone.
    private func give(
        _ snapshot: KeptSnapshot, from start: Int, to caller: SiteCaller, isRepeated: Bool
    ) -> Response {
        let (site, replica) = (caller.site, caller.replica)
        let number = snapshots.keep(snapshot, from: start, for: replica)
        Task { [weak self] in
            try? await Task.sleep(for: .seconds(SnapshotShelf.keptSeconds))  // nobody cancels it
            await self?.dropSnapshot(of: replica, askedAt: number)
        }
        let rest = snapshot.body(from: start)
        let body = Body(length: rest.length) {
            // All rows are in it: it ends when its site is paused or retired.
            try await self.checkExchange(replica)
            let piece = try await rest.next()
            if isRepeated { await self.charge(site, us: Double(piece?.count ?? 0) * RequestCost.bodyByte) }
            return piece
        }
        var response = Response(start == 0 ? .ok : .partialContent, body: body)
        response.headers.set("content-type", "application/vnd.sqlite3")
        response.headers.set("accept-ranges", "bytes")
        response.headers.set("etag", FieldValue(snapshot.tag)!)
        response.headers.set("repr-digest", FieldValue("sha-256=:\(Base64.encode(snapshot.digest)):")!)
        if start > 0 {
            response.headers.set(
                "content-range", FieldValue("bytes \(start)-\(snapshot.length - 1)/\(snapshot.length)")!)
        }
        return response
    }

    private func dropSnapshot(of replica: UInt32, askedAt number: UInt64) {
        snapshots.drop(replica, askedAt: number)
    }

    /// N of `bytes=N-`, when N is not 0.
    private static func firstByte(of request: Request) -> Int? {
        guard let field = request.headers["range"], field.hasPrefix("bytes="), field.hasSuffix("-"),
            let start = Int(field.dropFirst(6).dropLast()), start > 0
        else { return nil }
        return start
    }
}
