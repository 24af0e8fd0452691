import ConflictStore
import Merging
import OrderedLog
import Replication
import SQLite
import TableModel

/// A change set that came from a receiver only, without what the lost hub had not given out of it, comes whole from its
/// author: what the receiver's copy lacked is put before a person, for nobody knows any more why it did not stand.
struct PartialSetCompletion {
    let store: HubStore
    let nowMs: UInt64
    /// The position that it counts as having happened at.
    package let position: UInt64
    /// The conflicts and withheld rows that it has changed: they travel with the repair.
    private(set) var conflicts: Set<UInt64> = []
    private(set) var withheld: Set<UInt64> = []

    init(store: HubStore, nowMs: UInt64, position: UInt64) {
        self.store = store
        self.nowMs = nowMs
        self.position = position
    }

    mutating func add(_ entry: LogEntry, _ bytes: [[UInt8]], read segments: [Segment]) throws {
        let shapes = store.access.tables.mapValues(\.shape)
        let hashes = try keyHashes(of: segments, shapes: shapes, doing: "reading change set \(entry.header.dot)")
        let whole = IncomingRows(entry, segments, hashes: hashes, shapes: shapes)
        var known: [RowID: LoggedOperation] = [:]
        for (row, _, operation) in try store.finder.operations(of: entry, .authored, holding: hashes) {
            known[row] = operation
        }
        for (_, found) in try whole.operations(at: (0..<UInt32(whole.count)).map { $0 }) {
            let had = known[found.row]
            if had?.operation == found.operation.operation && had?.columns == found.operation.columns { continue }
            try complement(found.row, found.key, found.operation, had)
        }
        try replace(entry, bytes, hashes)
    }

    /// A change set that stands in the log behind what its author wrote later: nothing of it goes out as it is.
    mutating func addLate(
        _ record: RecoveredSets.Record, _ bytes: [[UInt8]], _ segments: [Segment], _ admission: Admission, seen: UInt64
    ) throws {
        let header = record.header
        let shapes = store.access.tables.mapValues(\.shape)
        let hashes = try keyHashes(of: segments, shapes: shapes, doing: "reading change set \(header.dot)")
        try admission.checkRowsOnce(hashes, segments, header)
        let entry = LogEntry(
            id: position, position: position, header: header, seen: seen, isEffective: true, endsTransaction: true)
        for (number, bytes) in bytes.enumerated() {
            try store.log.appendSegment(
                bytes, change: entry.id, variant: .authored, number: number, digest: SHA256.digest(bytes))
        }
        let rows = IncomingRows(entry, segments, hashes: hashes, shapes: shapes)
        for (_, found) in try rows.operations(at: (0..<UInt32(rows.count)).map { $0 }) {
            try complement(found.row, found.key, found.operation, nil)
        }
        try store.log.append(entry, keyHashes: hashes)
        store.index.index.append(
            ConcurrentIndex.Entry(position: position, id: position, dot: entry.header.dot, hashes: hashes))
        store.clock.observe(header.hlc)
        try store.connection.setMeta(.hlc, store.clock.last)
    }

    /// Whether what stands was written by the same author later.
    private func isReplaced(_ operation: LoggedOperation, _ row: RowID, _ column: Int?) throws -> Bool {
        guard let writer = try store.origins.lastWriter(of: row, column: column) else { return false }
        return writer.dot.replica == operation.dot.replica && writer.dot.seq > operation.dot.seq
    }

    private mutating func complement(
        _ row: RowID, _ key: [Value], _ operation: LoggedOperation, _ had: LoggedOperation?
    ) throws {
        let table = try store.access.table(row.table, "completing change set \(operation.dot)")
        guard let standing = try store.access.row(table, key) else {
            if operation.operation == .delete { return }
            let id = try open(.deleteUpdate, row, key, table, nil, side(operation, column: nil))
            withheld.insert(
                try store.conflictTable.withhold(operation, key: key, row: row, table: table, conflict: id))
            return
        }
        if operation.operation == .delete {
            if try isReplaced(operation, row, nil) { return }
            _ = try open(.deleteUpdate, row, key, table, nil, side(operation, column: nil))
            return
        }
        for column in operation.columns where had?.columns.contains(column) != true {
            guard let value = operation.value(of: column), value != standing[column] else { continue }
            if try isReplaced(operation, row, column) { continue }
            _ = try open(.cell, row, key, table, column, side(operation, column: column))
        }
    }

    private func side(_ operation: LoggedOperation, column: Int?) -> ConflictSide {
        let cells = Dictionary(uniqueKeysWithValues: zip(operation.columns, operation.values))
        return ConflictSide(
            dot: operation.dot, hlc: operation.hlc, position: position, value: column.flatMap { cells[$0] },
            row: column != nil || operation.operation == .delete ? nil : cells)
    }

    /// Opens a conflict between what stands and what its author wrote, or adds that to the one that is open.
    private mutating func open(
        _ kind: ConflictKind, _ row: RowID, _ key: [Value], _ table: TableLayout, _ column: Int?, _ side: ConflictSide
    ) throws -> UInt64 {
        store.disputed.insert(row.hash64)
        if var record = try store.conflictTable.records(of: row).last(where: {
            $0.life.isOpen && $0.columnIndex == column
        }) {
            record.life.join(unaware: side, at: position)
            try store.conflictTable.save(record)
            conflicts.insert(record.id)
            return record.id
        }
        let standing = try store.access.row(table, key)
        var others: [ConflictSide] = []
        if let writer = try store.origins.lastWriter(of: row, column: column), writer.dot.replica != side.dot.replica {
            let now = column.flatMap { standing?[$0] }
            let cells =
                column == nil
                ? standing.map { Dictionary(uniqueKeysWithValues: $0.enumerated().map { ($0, $1) }) } : nil
            others = [
                ConflictSide(dot: writer.dot, hlc: writer.hlc, position: writer.position, value: now, row: cells ?? nil)
            ]
        }
        let id = try store.conflictTable.nextConflictID()
        conflicts.insert(id)
        try store.conflictTable.save(
            ConflictRecord(
                id: id, kind: kind, tableNumber: row.table, table: table.name, key: key, row: row, columnIndex: column,
                column: column.map { table.dataColumns[$0] }, openedAtMs: nowMs,
                base: column == nil ? .row(standing) : .cell(.null),
                life: Conflict(opening: side, against: others, at: position, policy: false), decision: nil))
        return id
    }

    /// The log has it as its author wrote it from here on; what goes out stays what had come.
    private func replace(_ entry: LogEntry, _ bytes: [[UInt8]], _ hashes: [UInt64]) throws {
        let delete = try store.connection.prepare("DELETE FROM samband_segment WHERE change = ?1 AND variant = 0")
        try delete.bind(entry.id, at: 1)
        try delete.run()
        for (number, segment) in bytes.enumerated() {
            try store.log.appendSegment(
                segment, change: entry.id, variant: .authored, number: number,
                digest: entry.header.segmentDigests[number])
        }
        let update = try store.connection.prepare("UPDATE samband_change SET key_hashes = ?1 WHERE id = ?2")
        try update.bind(at: 1, blob: KeyHashes.encode(hashes))
        try update.bind(entry.id, at: 2)
        try update.run()
        store.index.index.reset()
        store.finder.forget()
    }
}
