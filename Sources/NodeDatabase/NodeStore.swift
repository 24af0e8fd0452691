import Capturing
import ConflictStore
import Explaining
import Merging
import OrderedLog
import RecordViews
import Replication
import SQLite
import TableModel

/// A node's database: seals what its programs write, takes in what the hub gives out.
///
/// Not Sendable: one owner, one writer. Every call is one transaction that happens whole or not at all.
package final class NodeStore {
    package let connection: Connection
    package let log: ChangeLog
    let conflictTable: ConflictTable
    package private(set) var tables: [TableLayout]
    package private(set) var access: TableAccess
    private(set) var sealer: Sealer
    private(set) var finder: RowFinder
    let rules: MergeRules
    var pieces = MergePieces()
    /// The number of this incarnation of the site's database.
    package private(set) var replica: UInt32
    package let fleet: String
    package let site: String
    var clock: HybridClock
    /// Our own change sets that the hub has not echoed yet, under this replica number or one before.
    package var inFlight = InFlight()
    /// Replicated tables whose writes nobody notices any more, for instance after DROP TABLE and CREATE TABLE: to be
    /// said loudly. Looked for anew whenever the schema has changed.
    package private(set) var uncaptured: [String] = []

    let files: StandingFiles
    var lineNotes = LinkRecord()
    /// What a restored hub has said that it could not take in: who follows it does without.
    package var leftOut: Set<Dot> = []
    /// True from a failed write until what memory knows has been read anew.
    private var isStale = false
    /// The layouts were read in the transaction that is under way.
    private var layoutsAreNew = false

    package init(
        path: String, rules: MergeRules = .right, segmentBytes: Int = Limits.segmentTargetBytes
    ) throws(StoreError) {
        self.rules = rules
        let doing = "opening the node's database \(path)"
        let opened = try storing(doing) { try ReplicaFile.open(path, role: "node") }
        connection = opened.connection
        tables = opened.tables
        replica = opened.replica
        fleet = opened.fleet
        site = try storing(doing) { [connection] in try connection.metaText(.site) ?? "" }
        clock = HybridClock(last: opened.hlc)
        log = ChangeLog(connection: connection, segmentBytes: segmentBytes)
        conflictTable = ConflictTable(connection: connection)
        (access, finder, sealer) = try storing(doing) { [connection, log, tables] in
            try ReplicaFile.enterWriteAheadLog(connection)
            // The first reading makes the log and its index.
            _ = try connection.metaNumber(.formatVersion)
            return try Self.hands(connection, log, tables)
        }
        files = StandingFiles(path: path)
        try storing(doing) { try reloadInFlight() }
    }

    func reloadInFlight() throws {
        var found = InFlight()
        let last = try connection.metaNumber(.hlc)
        let statement = try connection.cached(
            "SELECT id, key_hashes FROM samband_change WHERE position IS NULL ORDER BY id")
        defer { statement.reset() }
        while try statement.step() {
            guard let entry = try log.entry(id: statement.unsigned(0)) else { continue }
            found.append(entry, hashes: KeyHashes.decode(statement.bytes(1)))
        }
        inFlight = found
        finder.forget()
        clock = HybridClock(last: last)
    }

    /// After the file has become another replica's.
    func reopen(as new: UInt32) throws {
        replica = new
        isStale = true
        log.lines.forget()
        try refresh()
    }

    /// Reads anew what memory knows of the file, after a failure.
    func refresh() throws {
        guard isStale else { return }
        try reloadInFlight()
        if layoutsAreNew { try reloadLayouts() }
        isStale = false
    }

    /// Runs a write transaction; after a failure what memory knows is read anew, before it is used again at the latest: a
    /// disk that fails a write may fail that reading, too. Every commit is on disk before this returns, and takes along
    /// what `lineNotes` holds.
    func writing<T>(_ doing: @autoclosure () -> String, _ body: () throws -> T) throws(StoreError) -> T {
        try checkFiles(doing())
        let result: T
        do {
            result = try storing(doing()) {
                try refresh()
                let result = try connection.transaction {
                    let result = try body()
                    try write(lineNotes)
                    return result
                }
                lineNotes = LinkRecord()
                return result
            }
        } catch {
            isStale = true
            try? refresh()
            throw error
        }
        // What was committed into a file that has gone meanwhile is not acknowledged.
        try checkFiles(doing())
        return result
    }

    /// Writes SQLite's log back into the file and empties it. What keeps it from doing so loses nothing: the log is read
    /// at the next start. https://www.sqlite.org/pragma.html#pragma_wal_checkpoint
    package func writeBack() {
        guard files.allowWritingBack else { return }
        try? WriteAheadLog(connection: connection).empty()
    }

    /// The size of the write-ahead log when it has grown large and a reader keeps it so.
    package func heldLogBytes() throws(StoreError) -> UInt64? {
        try storing("looking at the write-ahead log") { try WriteAheadLog(connection: connection).heldBytes() }
    }

    // MARK: what is known

    package func vector() throws(StoreError) -> VectorClock {
        try storing("reading the vector clock") { try log.vector() }
    }

    /// The place in the hub's order up to which this database has everything.
    package func position() throws(StoreError) -> UInt64 {
        try storing("reading the position") { try connection.metaNumber(.position) }
    }

    /// The last own seq that was sealed.
    package func sealedSeq() throws(StoreError) -> UInt64 {
        try storing("reading the last sealed change set") { try connection.metaNumber(.seq) }
    }

    package func inFlightCount() throws(StoreError) -> Int {
        try storing("reading the changes in flight") {
            try refresh()
            return inFlight.count
        }
    }

    package func asideCount() throws(StoreError) -> Int {
        try storing("counting the rows aside") {
            Int(try connection.firstInteger("SELECT count(*) FROM samband_aside") ?? 0)
        }
    }

    package func conflicts(includeSettled: Bool) throws(StoreError) -> [ConflictRecord] {
        try storing("listing conflicts") { try conflictTable.all(includeSettled: includeSettled) }
    }

    package func withheld() throws(StoreError) -> [WithheldRecord] {
        try storing("listing withheld rows") { try conflictTable.withheld() }
    }

    // MARK: seal and send

    /// Seals everything that programs have written since the last seal into one change set.
    /// - Parameter nowMs: the time, milliseconds since 1970, corrected to the hub's clock.
    /// - Returns: its dot; nil when there was nothing to tell.
    @discardableResult
    package func seal(nowMs: UInt64) throws(StoreError) -> Dot? {
        try checkFiles("sealing new writes")
        try storing("looking whether the schema has changed") {
            try refresh()
            try checkCapture()
        }
        guard try storing("looking for new writes", { try sealer.isPending() }) else { return nil }
        return try writing("sealing new writes") { try sealInTransaction(nowMs: nowMs) }
    }

    private static func hands(
        _ connection: Connection, _ log: ChangeLog, _ tables: [TableLayout]
    ) throws -> (TableAccess, RowFinder, Sealer) {
        let access = TableAccess(
            connection: connection,
            tables: Dictionary(uniqueKeysWithValues: (tables + ConflictTable.travelling).map { ($0.number, $0) }))
        return (
            access, RowFinder(log: log, tables: access.tables),
            try Sealer(connection: connection, log: log, tables: tables)
        )
    }

    /// After the schema has changed here: follows renamed tables and columns, and finds tables that are not captured
    /// any more.
    private func checkCapture() throws {
        let cookie = try connection.firstInteger("PRAGMA schema_version") ?? 0
        guard try cookie != Int64(bitPattern: connection.metaNumber(.schemaCookie)) else { return }
        uncaptured = try Capture.uncapturedTables(in: connection)
        if uncaptured.isEmpty {
            try connection.transaction { try Capture.install(in: connection) }
            connection.clearCache()
            try reloadLayouts()
            // Installing is a change of the schema itself.
            let now = try connection.firstInteger("PRAGMA schema_version") ?? 0
            try connection.setMeta(.schemaCookie, .integer(now))
        } else {
            // What is marked of such a table stays marked; the others go on.
            sealer.tables = tables.filter { !uncaptured.contains($0.name) }
        }
    }

    private func reloadLayouts() throws {
        tables = try TableLayout.all(connection)
        (access, finder, sealer) = try Self.hands(connection, log, tables)
        layoutsAreNew = false
    }

    /// After other policies have come: what a mark keeps and what a seal ships depend on them. Runs inside the
    /// transaction that takes them in, which has sealed what was marked before.
    func renewCapture() throws {
        let gone = try Capture.uncapturedTables(in: connection)
        try Capture.renew(in: connection, except: gone)
        try reloadLayouts()
        layoutsAreNew = true
        sealer.tables = tables.filter { !gone.contains($0.name) }
        if gone.isEmpty {
            try connection.setMeta(
                .schemaCookie, .integer(connection.firstInteger("PRAGMA schema_version") ?? 0))
        }
    }

    func sealInTransaction(nowMs: UInt64) throws -> Dot? {
        let asideIsEmpty = try connection.firstInteger("SELECT EXISTS(SELECT 1 FROM samband_aside)") == 0
        guard
            let sealed = try sealer.seal(
                replica: replica, clock: &clock, nowMs: nowMs, position: try connection.metaNumber(.position),
                schemaVersion: 1, asideIsEmpty: asideIsEmpty)
        else { return nil }
        inFlight.append(sealed.entry, hashes: sealed.keyHashes)
        // A row aside is given up only by a sealed insert or delete of its key.
        // (Protocol/Merge-Model.md#constraints-at-a-node)
        for row in sealed.decidedRows { try dropAside(row) }
        return sealed.entry.header.dot
    }

    /// A change set of our own that is to be sent, its segments still in the log.
    package struct Outgoing: Sendable {
        let change: UInt64
        package let header: ChangeSetHeader
        package let segmentCount: Int
        /// Of all its segments.
        package let bytes: Int
    }

    /// Own change sets behind a seq, in order, about `maxBytes` of them and at least one if there is one, to be sent
    /// segment by segment: memory holds one of them.
    package func offers(after seq: UInt64, maxBytes: Int) throws(StoreError) -> [Outgoing] {
        try storing("reading change sets to send") {
            var offers: [Outgoing] = []
            var bytes = 0
            for entry in try log.entries(of: replica, after: seq, limit: 1024) {
                let size = try log.size(change: entry.id, variant: .authored)
                offers.append(
                    Outgoing(
                        change: entry.id, header: entry.header, segmentCount: entry.header.segmentDigests.count,
                        bytes: size))
                bytes += size
                if bytes >= maxBytes { break }
            }
            return offers
        }
    }

    /// One segment of an offer, by number from 0.
    package func segment(of offer: Outgoing, number: Int) throws(StoreError) -> [UInt8] {
        try storing("reading segment \(number) of change set \(offer.header.dot)") {
            guard let bytes = try log.segment(change: offer.change, variant: .authored, number: number) else {
                throw StoreError(
                    .changed, doing: "reading segment \(number) of change set \(offer.header.dot)",
                    why: "it is not in the log any more", hint: "What is to be sent is looked up anew by itself.")
            }
            return bytes
        }
    }
}

extension NodeStore: ReadableStore {
    package var views: Views { Views(connection: connection, log: log, access: access, conflicts: conflictTable) }
}

extension NodeStore {
    /// Refuses when the file does not stand under its name any more: nothing that is written into it would last.
    package func checkFiles(_ doing: String = "using the node's database") throws(StoreError) {
        try files.check(doing)
    }
}
