import ConflictStore
import OrderedLog
import RecordViews
import Replication
import TableModel

/// Gathers what the hub adds in the transaction that merges: one change set of its own, right behind the one
/// it arbitrates, or none.
package struct ArbitrationWriter {
    package let access: TableAccess
    package var origins: CellProvenance
    private var sink: SegmentSink
    private var hashes: [UInt64] = []
    private var travelled: Set<RowID> = []
    /// Of conflicts and withheld rows, by the hash of their key.
    private var records: Set<UInt64> = []

    package init(access: TableAccess, origins: CellProvenance, change: UInt64) {
        self.access = access
        self.origins = origins
        sink = SegmentSink(log: origins.log, change: change)
    }

    /// The row as it stands, each cell with the stamp of the write that it repeats.
    package mutating func carry(
        _ table: TableLayout, _ row: RowID, _ key: [Value], as operation: Operation = .carried,
        latest: [Int: Stamp] = [:]
    ) throws {
        guard !travelled.contains(row) else { return }
        guard let data = try access.row(table, key) else {
            try evict(table, row, key)
            return
        }
        let stamps = try origins.stamps(of: row, columnCount: data.count, latest: latest)
        try add(BlockKind(table: table.number, operation: operation, columns: table.allColumns), row, key, data, stamps)
    }

    /// Tells everyone that the row is not at the hub.
    mutating func evict(_ table: TableLayout, _ row: RowID, _ key: [Value]) throws {
        guard !travelled.contains(row) else { return }
        try add(BlockKind(table: table.number, operation: .evicted, columns: []), row, key, [], [])
    }

    /// A write of the hub's own: cells that a delete which did not stand had cleared.
    package mutating func update(_ table: TableLayout, _ row: RowID, _ key: [Value], _ columns: [Int]) throws {
        guard !travelled.contains(row), let cells = try access.cells(table, key, columns) else { return }
        try add(BlockKind(table: table.number, operation: .update, columns: columns), row, key, cells, [])
    }

    /// Cells that a policy decides, each with its stamp: no write of the hub's, so that nobody disputes it.
    package mutating func decide(
        _ table: TableLayout, _ row: RowID, _ key: [Value], _ cells: [Int: DecidedCell]
    ) throws {
        guard !travelled.contains(row) else { return }
        let columns = cells.keys.sorted()
        let kind = BlockKind(table: table.number, operation: .decided, columns: columns)
        try add(kind, row, key, columns.map { cells[$0]!.value }, columns.map { cells[$0]!.stamp })
    }

    /// A row that the hub lets in: a write of its own, as the row stands now.
    package mutating func insert(_ table: TableLayout, _ row: RowID, _ key: [Value]) throws {
        guard !travelled.contains(row), let data = try access.row(table, key) else { return }
        try add(BlockKind(table: table.number, operation: .insert, columns: table.allColumns), row, key, data, [])
    }

    /// A row that the hub takes out: a delete of its own.
    package mutating func delete(_ table: TableLayout, _ row: RowID, _ key: [Value]) throws {
        guard !travelled.contains(row) else { return }
        try add(BlockKind(table: table.number, operation: .delete, columns: []), row, key, [], [])
    }

    package func holds(_ row: RowID) -> Bool { travelled.contains(row) }

    /// A row of a table of our own as it stands, or that it is not there.
    package mutating func repair(_ number: Int, id: UInt64, _ row: RowID) throws {
        guard !records.contains(row.hash64) else { return }
        try system(number, id: id)
        if hashes.last != row.hash64 {
            try add(BlockKind(table: number, operation: .evicted, columns: []), row, [.integer(Int64(id))], [], [])
        }
    }

    /// A row of `samband_conflict` or `samband_withheld`, by its id; each once.
    package mutating func system(_ number: Int, id: UInt64) throws {
        let table = try access.table(number, "writing an arbitration")
        let key: [Value] = [.integer(Int64(id))]
        let row = RowID(shape: table.shape, key: key)
        guard records.insert(row.hash64).inserted else { return }
        let conflicts = ConflictTable(connection: access.connection)
        try Views(connection: access.connection, log: origins.log, access: access, conflicts: conflicts)
            .noteShown(number, id: id)
        let statement = try access.connection.cached(table.selectAllSQL)
        try statement.bind(id, at: 1)
        defer { statement.reset() }
        guard try statement.step() else { return }
        hashes.append(row.hash64)
        let kind = BlockKind(table: number, operation: .carried, columns: table.allColumns)
        try sink.row(kind, keyColumnCount: 1) { block in
            block.sections[0].integer(Int64(id))
            for column in kind.columns {
                statement.append(Int32(column), to: &block.sections[1 + 2 * column])
                block.sections[2 + 2 * column].stamp(.zero)
            }
            block.endRow()
        }
    }

    private mutating func add(
        _ kind: BlockKind, _ row: RowID, _ key: [Value], _ values: [Value], _ stamps: [Stamp]
    ) throws {
        travelled.insert(row)
        hashes.append(row.hash64)
        try sink.add(kind, key: key, values: values, stamps: stamps)
    }

    /// The segments' digests and the sorted key hashes; nil when nothing was added.
    package mutating func finish() throws -> (digests: [[UInt8]], rowCount: Int, hashes: [UInt64])? {
        try sink.finish()
        guard sink.rowCount > 0 else { return nil }
        return (sink.digests, sink.rowCount, hashes.sorted())
    }
}
