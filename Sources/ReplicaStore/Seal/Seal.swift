import Replication
import SQLite

/// Turns what the triggers have marked into one change set at the end of the log.
/// (DESIGN, section 5 "Seal"; the rules for coalescing are in `Capture/PendingRows`.)
struct Sealer {
    let connection: Connection
    let log: ChangeLog
    var tables: [TableLayout]

    /// What was sealed.
    struct Sealed {
        let entry: LogEntry
        let keyHashes: [UInt64]
        /// The keys sealed as inserted or deleted: what stands aside under them is given up.
        let decidedRows: Set<RowID>
    }

    /// True when some mark waits. Costs one look at the end of each mark table.
    func isPending() throws -> Bool {
        for table in tables {
            if try connection.firstInteger("SELECT EXISTS(SELECT 1 FROM \(markTable(table.number)))") == 1 {
                return true
            }
        }
        return false
    }

    func markTable(_ number: Int) -> String { "samband_mark_\(number)" }

    /// Seals everything pending. Runs inside a write transaction of its caller.
    ///
    /// - Parameters:
    ///   - position: the place in the hub's order that this database has reached.
    ///   - asideIsEmpty: true spares remembering the keys inserted and deleted.
    /// - Returns: nil when nothing that others need to know has happened.
    func seal(
        replica: UInt32, clock: inout HybridClock, nowMs: UInt64, position: UInt64, schemaVersion: UInt32,
        asideIsEmpty: Bool
    ) throws -> Sealed? {
        guard try isPending() else { return nil }
        let id = try log.nextID()
        var writer = SegmentSink(log: log, change: id, maxBytes: Limits.pushedFrameBytes)
        var hashes: [UInt64] = []
        var decided: Set<RowID>? = asideIsEmpty ? nil : []
        for table in tables {
            try gather(table, into: &writer, &hashes, &decided)
            try connection.cached("DELETE FROM \(markTable(table.number))").run()
        }
        try writer.finish()
        guard writer.rowCount > 0 else { return nil }
        hashes.sort()
        let seq = try connection.metaNumber(.seq) + 1
        let previous: [UInt8]
        if case .blob(let digest) = try connection.meta(.digest) {
            previous = digest
        } else {
            previous = ChangeSetHeader.firstPrevious
        }
        let header = ChangeSetHeader(
            kind: .local, dot: Dot(replica: replica, seq: seq), hlc: clock.tick(nowMs: nowMs), position: position,
            contextDelta: try log.contextDelta(own: replica), schemaVersion: schemaVersion,
            rowCount: UInt64(writer.rowCount), conflict: 0, previous: previous, segmentDigests: writer.digests)
        let entry = LogEntry(
            id: id, position: nil, header: header, seen: position, isEffective: false, endsTransaction: true)
        try log.append(entry, keyHashes: hashes)
        try log.advance(header.dot)
        try log.markSealed()
        try connection.setMeta(.seq, seq)
        try connection.setMeta(.digest, .blob(header.digest))
        try connection.setMeta(.hlc, clock.last)
        return Sealed(entry: entry, keyHashes: hashes, decidedRows: decided ?? [])
    }

    private func gather(
        _ table: TableLayout, into sink: inout SegmentSink, _ hashes: inout [UInt64], _ decided: inout Set<RowID>?
    ) throws {
        guard let pending = table.pending else { return }
        let statement = try connection.cached(pending.sql)
        defer { statement.reset() }
        var kinds = BlockKinds(table: table, policy: pending.policy)
        var canonical: [UInt8] = []
        let keyCount = table.keyColumns.count
        while try statement.step() {
            guard let kind = kinds.kind(of: pending.verdict(of: statement), pending, statement) else { continue }
            canonical.removeAll(keepingCapacity: true)
            for (index, collation) in table.shape.keyCollations.enumerated() {
                appendCanonical(statement.value(pending.keyColumn(index)), collation, to: &canonical)
            }
            hashes.append(keyHash(table: table.number, canonical: canonical))
            if kind.operation != .update { decided?.insert(RowID(table: table.number, canonical: canonical)) }
            try sink.row(kind, keyColumnCount: keyCount) { block in
                for index in 0..<keyCount { statement.append(pending.keyColumn(index), to: &block.sections[index]) }
                for (place, column) in kind.columns.enumerated() {
                    statement.append(pending.valueColumn(column), to: &block.sections[keyCount + place])
                }
                for (place, column) in kind.deltas.enumerated() {
                    let delta = pending.delta(of: column, in: statement) ?? 0
                    block.sections[keyCount + kind.columns.count + place].zigzag(delta)
                }
                block.endRow()
            }
        }
    }
}

/// The kind of block that each verdict goes into, made once for each set of columns.
private struct BlockKinds {
    let insert: BlockKind
    let replace: BlockKind
    let delete: BlockKind
    let table: TableLayout
    let policy: TablePolicy
    private let sums: [Int]
    private var last: (mask: ColumnMask, kind: BlockKind)?

    init(table: TableLayout, policy: TablePolicy) {
        self.table = table
        self.policy = policy
        sums = policy.sums
        insert = BlockKind(table: table.number, operation: .insert, columns: table.allColumns)
        replace = BlockKind(table: table.number, operation: .replace, columns: table.allColumns)
        delete = BlockKind(table: table.number, operation: .delete, columns: [])
    }

    mutating func kind(of verdict: PendingVerdict, _ pending: PendingRows, _ row: Statement) -> BlockKind? {
        let kind: BlockKind
        switch verdict {
        case .nothing: return nil
        case .insert: return insert
        case .delete: return delete
        case .replace: kind = replace
        case .update(let mask): kind = update(mask)
        }
        // A row whose delta is not known has a block of its own kind.
        let deltas = sums.filter { kind.columns.contains($0) && pending.delta(of: $0, in: row) != nil }
        if deltas.isEmpty { return kind }
        return BlockKind(table: kind.table, operation: kind.operation, columns: kind.columns, deltas: deltas)
    }

    private mutating func update(_ mask: ColumnMask) -> BlockKind {
        if let last, last.mask == mask { return last.kind }
        let columns = policy.wholeUnits(mask.indexes.filter { $0 < table.dataColumns.count })
        let kind = BlockKind(table: table.number, operation: .update, columns: columns)
        last = (mask, kind)
        return kind
    }
}

/// Writes the segments of one change set to the log as they fill, so that memory holds one of them.
struct SegmentSink {
    let log: ChangeLog
    let change: UInt64
    var variant = SegmentVariant.authored
    private var builder: SegmentBuilder
    private(set) var digests: [[UInt8]] = []

    private let maxBytes: Int

    init(
        log: ChangeLog, change: UInt64, variant: SegmentVariant = .authored, maxBytes: Int = Limits.segmentMaxBytes
    ) {
        builder = SegmentBuilder(targetBytes: log.segmentBytes)
        self.maxBytes = maxBytes
        self.log = log
        self.change = change
        self.variant = variant
    }

    var rowCount: Int { builder.rowCount }

    mutating func row(_ kind: BlockKind, keyColumnCount: Int, _ body: (inout BlockBuilder) -> Void) throws {
        builder.row(kind, keyColumnCount: keyColumnCount, body)
        if !builder.finished.isEmpty { try store() }
    }

    mutating func add(_ kind: BlockKind, key: [Value], values: [Value], stamps: [Stamp] = []) throws {
        builder.add(kind, key: key, values: values, stamps: stamps)
        if !builder.finished.isEmpty { try store() }
    }

    mutating func finish() throws {
        builder.close()
        try store()
    }

    private mutating func store() throws {
        for bytes in builder.takeFinished() {
            guard bytes.count <= maxBytes else {
                throw StoreError(
                    .refused, doing: "sealing new writes",
                    why:
                        "a row is larger than \(Limits.pushedFrameBytes >> 20) MiB, which is more than can be exchanged",
                    hint: "Keep such content outside the table, in pieces; until then nothing of this site is sent.")
            }
            let digest = SHA256.digest(bytes)
            try log.appendSegment(bytes, change: change, variant: variant, number: digests.count, digest: digest)
            digests.append(digest)
        }
    }
}
