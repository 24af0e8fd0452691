import OrderedLog
import Replication
import SQLite
import TableModel

/// Whether a copy of the hub's database is whole: as SQLite sees it, and as the digests in the log prove it. Every byte
/// of the log is covered by them: the segments by their headers, each header by the next one of its replica, the last
/// by what the hub remembers of that replica. Memory holds one segment.
///
/// A hub that was restored knows of its lost selves what its sites had been given: parts of change sets, and not all.
struct BackupCheck {
    let connection: Connection

    func run() throws {
        try checkPages()
        try checkReferences()
        try checkOrder()
        try checkChains()
        try checkStaged()
    }

    // MARK: as SQLite sees it

    /// What SQLite finds in detail may name rowids, which are values of a row: it is not repeated.
    private func checkPages() throws {
        let found = try connection.firstString("PRAGMA integrity_check(1)")
        guard found == "ok" else { throw damage("SQLite finds it damaged (PRAGMA integrity_check)") }
    }

    private func checkReferences() throws {
        let rows = try connection.prepare("SELECT \"table\", \"parent\" FROM pragma_foreign_key_check LIMIT 1")
        if try rows.step() {
            throw damage(
                "a row of table \(rows.string(0)) refers to a row of \(rows.string(1)) that is not there "
                    + "(PRAGMA foreign_key_check)")
        }
    }

    // MARK: as the log proves it

    private func checkOrder() throws {
        let rows = try connection.prepare(
            "SELECT count(*), coalesce(max(position) - min(position) + 1, 0) FROM samband_change")
        _ = try rows.step()
        guard rows.integer(0) == rows.integer(1) else { throw damage("a position of the hub's order is missing") }
    }

    private func checkChains() throws {
        let changes = try connection.prepare(
            "SELECT id, replica, seq, header, digest, effective FROM samband_change ORDER BY replica, seq")
        let lost = try lostHubs()
        let isBuilt = try connection.meta(.fromNodes) != nil
        var ends: [UInt32: (seq: UInt64, digest: [UInt8])] = [:]
        while try changes.step() {
            let dot = Dot(replica: UInt32(changes.integer(1)), seq: changes.unsigned(2))
            let bytes = changes.bytes(3)
            let digest = SHA256.digest(bytes)
            guard let header = try? ChangeSetHeader(bytes), header.dot == dot, digest == changes.bytes(4) else {
                throw damage("the header of change set \(dot) is not the one that was taken in")
            }
            if let before = ends[dot.replica], before.seq + 1 == dot.seq || !lost.contains(dot.replica) {
                guard before.seq + 1 == dot.seq || isBuilt else {
                    throw damage("a change set before \(dot) is missing")
                }
                guard before.digest == header.previous || before.seq + 1 < dot.seq else {
                    throw damage("the change set before \(dot) is not the one that its author wrote")
                }
            }
            ends[dot.replica] = (dot.seq, digest)
            try checkSegments(of: header, id: changes.unsigned(0), mayBePart: !lost.isEmpty && changes.integer(5) == 1)
        }
        try checkEnds(ends, lost)
    }

    /// The replica numbers that the hub had before it was restored.
    private func lostHubs() throws -> Set<UInt32> {
        let rows = try connection.prepare("SELECT replica FROM samband_replica WHERE site = '' AND state = 'retired'")
        var lost: Set<UInt32> = []
        while try rows.step() { lost.insert(UInt32(rows.integer(0))) }
        return lost
    }

    private func checkSegments(of header: ChangeSetHeader, id: UInt64, mayBePart: Bool) throws {
        let segments = try connection.cached(
            "SELECT variant, digest, bytes FROM samband_segment WHERE change = ?1 ORDER BY variant, number")
        try segments.bind(id, at: 1)
        defer { segments.reset() }
        var authored: [[UInt8]] = []
        while try segments.step() {
            let digest = segments.bytes(1)
            guard segments.withBytes(2, { SHA256.digest(Array($0)) }) == digest else {
                throw damage("the bytes of change set \(header.dot) are not those that were written")
            }
            if segments.integer(0) == SegmentVariant.authored.rawValue { authored.append(digest) }
        }
        guard authored == header.segmentDigests || mayBePart else {
            throw damage("the bytes of change set \(header.dot) are not those that its header names")
        }
    }

    /// The end of each replica's chain against what the hub remembers of it.
    private func checkEnds(_ ends: [UInt32: (seq: UInt64, digest: [UInt8])], _ lost: Set<UInt32>) throws {
        let isBuilt = try connection.meta(.fromNodes) != nil
        for (replica, seq) in try ChangeLog(connection: connection).vector().entries where !lost.contains(replica) {
            // The log of a hub that was built from nodes' files begins later than some replicas have ended.
            if isBuilt && ends[replica] == nil { continue }
            guard let end = ends[replica], end.seq == seq else {
                throw damage("the newest change set of replica \(replica) is missing")
            }
        }
        let replicas = try connection.prepare("SELECT replica, last_digest FROM samband_replica WHERE site <> ''")
        while try replicas.step() {
            let replica = UInt32(replicas.integer(0))
            if let end = ends[replica], end.digest != replicas.bytes(1) {
                throw damage("the newest change set of replica \(replica) is not the one that was taken in")
            }
        }
        let own = UInt32(try connection.metaNumber(.replica))
        if let end = ends[own], try connection.meta(.digest) != .blob(end.digest) {
            throw damage("the hub's own newest change set is not the one that it wrote")
        }
    }

    private func checkStaged() throws {
        let staged = try connection.prepare("SELECT replica, digest, bytes FROM samband_staged")
        while try staged.step() {
            guard staged.withBytes(2, { SHA256.digest(Array($0)) }) == staged.bytes(1) else {
                throw damage("what is kept of replica \(staged.integer(0))'s unfinished push is not what came")
            }
        }
    }

    private func damage(_ what: String) -> StoreError {
        StoreError(
            .inputOutput, doing: "verifying a backup of the hub", why: what,
            hint: "The copy was taken away. See whether the hub's own file is sound, and keep the backups before "
                + "this one: sqlite3 FILE \"PRAGMA integrity_check; PRAGMA foreign_key_check\"")
    }
}
