import ConflictStore
import Replication
import TableModel

/// A row of one of Samband's own tables as a lost hub told the sites of it. It is read by the names of its columns, for
/// that hub may have been of an older version: a column that it did not have is NULL, and the rest of the row counts.
/// (A row of a newer version, with a column that is not known here, is refused when it is handed in.)
struct ToldRow {
    let key: [Value]
    /// Of the arbitration that told of it.
    let header: ChangeSetHeader
    private let table: TableLayout
    private let cells: [Int: Value]

    init(_ table: TableLayout, _ header: ChangeSetHeader, key: [Value], columns: [Int], cells: [Value]) {
        self.table = table
        self.header = header
        self.key = key
        self.cells = Dictionary(uniqueKeysWithValues: zip(columns, cells))
    }

    subscript(column: String) -> Value {
        guard let place = table.dataColumns.firstIndex(of: column) else {
            preconditionFailure("\(table.name) has no column \(column)")
        }
        return cells[place] ?? .null
    }
}

extension RecoveredSets {
    /// Every row of our own tables that lost hubs told of, by the number of its table.
    func eachTold(_ body: (_ table: Int, ToldRow) throws -> Void) throws {
        let layouts = Dictionary(uniqueKeysWithValues: ConflictTable.travelling.map { ($0.number, $0) })
        try each(.noted) { record in
            for bytes in try segments(record.id) {
                let segment = try Segment(bytes)
                let span = segment.bytes.span
                for block in segment.blocks where block.kind.operation == .carried {
                    guard let layout = layouts[block.kind.table] else { continue }
                    var cursor = RowCursor(block)
                    while cursor.next(span) {
                        try body(
                            layout.number,
                            ToldRow(
                                layout, record.header, key: cursor.key.map { $0.value(in: span) },
                                columns: block.kind.columns, cells: cursor.cells.map { $0.value(in: span) }))
                    }
                }
            }
        }
    }
}
