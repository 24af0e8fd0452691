import Auditing
import ConflictStore
import Explaining
import Merging
import OrderedLog
import RecordViews
import Replication
import SQLite
import TableModel

/// The hub's database: takes change sets in, fixes their outcome once, and gives the order out.
///
/// Not Sendable: one owner, one writer. Every call is one transaction that happens whole or not at all.
package final class HubStore {
    package let connection: Connection
    let log: ChangeLog
    let conflictTable: ConflictTable
    let tables: [TableLayout]
    let access: TableAccess
    var policies: Policies
    let rules: MergeRules
    let drawReplica: () -> UInt32
    var pieces = MergePieces()
    var joins: RecordMergeTable { RecordMergeTable(connection: connection) }
    /// Reads change sets of the log, whole.
    var reader: OperationReader { OperationReader(log: log, shapes: access.tables.mapValues(\.shape)) }
    /// Finds single rows in them.
    let finder: RowFinder

    /// A number of the system's random source, so that a hub restored from an old backup does not give out what it gave
    /// out before.
    package static func randomReplica() -> UInt32 { UInt32.random(in: 1..<UInt32(Int32.max)) }

    let index = ConcurrentIndexBox()
    /// The hub's own replica number, a new one with each restoration.
    package let replica: UInt32
    /// What remembers outside the file how far it had come; nil where nothing does.
    private let seat: HubHighWaterMark?
    let files: StandingFiles
    /// True while a restored hub gathers what its sites know: it gives nothing out and takes no ordinary write.
    package internal(set) var isRecovering = false
    package let fleet: String
    var clock: HybridClock
    /// Key hashes of rows with an open conflict: an operation on one is never applied blind.
    var disputed: Set<UInt64> = []
    /// How far the replicas have come, as far as it is not written yet.
    var contacts = SiteProgress()
    /// The end of the order when this was opened. Up to there every replica is believed to have been given it: the last
    /// notes of that may have gone with the machine's power (they wait for the next commit), and a site whose claim is
    /// not believed would be in conflict with what it has seen. A forger gains nothing by it, for the order is any
    /// replica's to pull.
    private(set) var positionAtOpening: UInt64 = 0
    /// True from a failed write until what memory knows has been read anew.
    private var isStale = false
    /// Bytes of what one replica has handed in that may wait here.
    var handedBytesLimit = Limits.handedBytes
    /// What withheld rows wait for. It may name more than is so, never less.
    var awaited = WaitIndex()

    /// Opens the hub's database. Throws when it is not one, or another process has it.
    ///
    /// - Parameter drawReplica: where new replica numbers come from; a test hands in a seeded source, so that a history
    ///   replays exactly.
    ///   - seat: what remembers outside the file how far the hub had come; a file that is behind it was restored.
    ///   - restored: what the caller knows of it, if anything.
    ///   - segmentBytes: how large the segments become that it writes, about.
    ///   - nowMs: the time, for the beginning of an epoch.
    package init(
        path: String, rules: MergeRules = .right, drawReplica: @escaping () -> UInt32 = HubStore.randomReplica,
        seat: HubHighWaterMark? = nil, restored: Restoration? = nil, segmentBytes: Int = Limits.segmentTargetBytes,
        nowMs: UInt64 = 0
    ) throws(StoreError) {
        self.drawReplica = drawReplica
        self.seat = seat
        let doing = "opening the hub's database \(path)"
        self.rules = rules
        let opened = try storing(doing) {
            try Restoration.open(path, seat: seat, known: restored, drawReplica: drawReplica, nowMs: nowMs)
        }
        connection = opened.connection
        tables = opened.tables
        replica = opened.replica
        fleet = opened.fleet
        clock = HybridClock(last: opened.hlc)
        log = ChangeLog(connection: connection, segmentBytes: segmentBytes)
        conflictTable = ConflictTable(connection: connection)
        access = TableAccess(
            connection: connection,
            tables: Dictionary(uniqueKeysWithValues: (tables + ConflictTable.travelling).map { ($0.number, $0) }))
        finder = RowFinder(log: log, tables: access.tables)
        policies = try storing(doing) { [connection] in
            // A backup is a file without one.
            try ReplicaFile.enterWriteAheadLog(connection)
            return try Policies(connection)
        }
        files = StandingFiles(path: path)
        try storing(doing) {
            try reloadDisputed()
            positionAtOpening = try log.lastPosition()
            isRecovering = try connection.metaNumber(.recovering) == 1
            try seat?.note(replica: replica, position: positionAtOpening)
        }
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

    /// What the hub has.
    package func vector() throws(StoreError) -> VectorClock {
        try storing("reading the hub's vector clock") { try log.vector() }
    }

    /// The end of the hub's order.
    package func lastPosition() throws(StoreError) -> UInt64 {
        try storing("reading the hub's last position") { try log.lastPosition() }
    }

    package func conflicts(includeSettled: Bool) throws(StoreError) -> [ConflictRecord] {
        try storing("listing conflicts") { try conflictTable.all(includeSettled: includeSettled) }
    }

    package func withheld() throws(StoreError) -> [WithheldRecord] {
        try storing("listing withheld rows") { try conflictTable.withheld() }
    }

    func reloadDisputed() throws {
        disputed = Set(try conflictTable.openRows().map(\.hash64))
        disputed.formUnion(try conflictTable.withheldHashes())
        disputed.formUnion(try joins.hashes())
        awaited = WaitIndex(try conflictTable.waits())
    }

    /// Looks anew at these rows only: after a merge that touched them.
    func refreshDisputed(_ rows: [RowID]) throws {
        for row in rows {
            if try conflictTable.isDisputed(row) { disputed.insert(row.hash64) } else { disputed.remove(row.hash64) }
        }
    }

    /// Reads anew what memory knows of the database, after a failure.
    private func refresh() throws {
        guard isStale else { return }
        try reloadDisputed()
        policies = try Policies(connection)
        isStale = false
    }

    /// Runs a write transaction; after any failure what memory knows of the log is read anew, before the next one at the
    /// latest: a disk that fails a write may fail that reading, too. Every commit is on disk before this returns, and
    /// takes along what `contacts` has noted since the one before.
    ///
    /// - Parameter entry: recorded in the same transaction: what is not done is not recorded, and what cannot be recorded
    ///   is not done.
    func writing<T>(
        _ doing: @autoclosure () -> String, whileRecovering: Bool = false, audit entry: AuditEntry? = nil,
        _ body: () throws -> T
    ) throws(StoreError) -> T {
        let (clockBefore, changesBefore) = (clock, connection.totalChanges)
        guard whileRecovering || !isRecovering else { throw recovering(doing()) }
        try checkFiles(doing())
        let result: T
        do {
            result = try storing(doing()) {
                try refresh()
                let result = try connection.transaction {
                    let result = try body()
                    try write(contacts)
                    if let entry { try audit.append(entry) }
                    return result
                }
                contacts = SiteProgress()
                try seat?.note(replica: replica, position: try log.lastPosition())
                return result
            }
        } catch {
            clock = clockBefore
            // What was refused before it wrote anything (a made-up token, frames that say nonsense) leaves what memory knows
            // as it is: else anybody could make the hub read it anew, again and again.
            if connection.totalChanges == changesBefore { throw error }
            index.index.reset()
            log.lines.forget()
            finder.forget()
            isStale = true
            try? refresh()
            throw error
        }
        // What was committed into a file that has gone meanwhile is not acknowledged.
        try checkFiles(doing())
        return result
    }

    /// Runs a change in a transaction, or tries it: then all that it did is taken back before the transaction ends, in the
    /// file and in what memory knows. A trial is recorded, too.
    func trying<T>(
        _ doing: String, dryRun: Bool, audit entry: AuditEntry?, _ body: () throws -> T
    ) throws(StoreError) -> T {
        try writing(doing, audit: entry) { try dryRun ? takingBack(body) : body() }
    }

    private func takingBack<T>(_ body: () throws -> T) throws -> T {
        let (clockBefore, disputedBefore, awaitedBefore) = (clock, disputed, awaited)
        let position = try log.lastPosition()
        try connection.beginSavepoint("trial")
        let result = try body()
        try connection.rollback(to: "trial")
        try connection.release("trial")
        (clock, disputed, awaited) = (clockBefore, disputedBefore, awaitedBefore)
        index.index.forget(behind: position)
        finder.forget(behind: position)
        return result
    }

    /// A header of the hub's own next change set.
    func ownHeader(
        _ kind: ChangeSetHeader.Kind, position: UInt64, rowCount: Int, conflict: UInt64, digests: [[UInt8]],
        nowMs: UInt64
    ) throws -> ChangeSetHeader {
        let seq = try connection.metaNumber(.seq) + 1
        var previous = ChangeSetHeader.firstPrevious
        if case .blob(let digest) = try connection.meta(.digest) { previous = digest }
        let header = ChangeSetHeader(
            kind: kind, dot: Dot(replica: replica, seq: seq), hlc: clock.tick(nowMs: nowMs), position: position - 1,
            contextDelta: try log.contextDelta(own: replica), schemaVersion: 1, rowCount: UInt64(rowCount),
            conflict: conflict, previous: previous, segmentDigests: digests)
        try log.markSealed()
        try log.advance(header.dot)
        try connection.setMeta(.seq, seq)
        try connection.setMeta(.digest, .blob(header.digest))
        try connection.setMeta(.hlc, clock.last)
        return header
    }

    /// Appends a change set of the hub's own at a position and remembers its keys.
    func appendOwn(
        _ header: ChangeSetHeader, position: UInt64, hashes: [UInt64], endsTransaction: Bool
    ) throws -> LogEntry {
        let entry = LogEntry(
            id: position, position: position, header: header, seen: position - 1, isEffective: false,
            endsTransaction: endsTransaction)
        try log.append(entry, keyHashes: hashes)
        index.index.append(
            ConcurrentIndex.Entry(position: position, id: position, dot: header.dot, hashes: hashes))
        return entry
    }
}

extension HubStore: ReadableStore {
    package var views: Views { Views(connection: connection, log: log, access: access, conflicts: conflictTable) }
}

extension HubStore {
    /// Refuses when the file does not stand under its name any more: nothing that is written into it would last.
    package func checkFiles(_ doing: String = "using the hub's database") throws(StoreError) {
        try files.check(doing)
    }
}
