import OrderedLog
import Replication
import SQLite
import TableModel

/// One row of a decision: a write of the hub's own like any other.
struct DecidedRow {
    let table: TableLayout
    package let key: [Value]
    package let operation: Operation
    /// The data columns written, ascending.
    var columns: [Int] = []
    var values: [Value] = []
    /// Of each cell, where the operation brings its own.
    var stamps: [Stamp] = []

    var row: RowID { RowID(shape: table.shape, key: key) }
}

extension HubStore {
    /// Writes the rows of a decision, all or none, and puts them into the log as one change set that names the conflict.
    /// It is checked like a user's write, and refused, not withheld, when it breaks a constraint.
    ///
    /// - Returns: its header, and the rows as they are stored now: a column may store a value otherwise than it is given
    ///   ('5' as 5).
    func write(
        _ decided: [DecidedRow], conflict: UInt64, position: UInt64, nowMs: UInt64, _ doing: String
    ) throws -> (header: ChangeSetHeader, stored: [DecidedRow]) {
        var before: [[Value]?] = []
        for row in decided { before.append(try access.row(row.table, row.key)) }
        let rows = zip(decided, before).map { wholeUnits($0, $1) }
        try put(rows, before, doing)
        for (row, old) in zip(rows, before) { try checkReferences(of: row, old, doing) }
        var undo = SegmentSink(log: log, change: position, variant: .undo)
        var sink = SegmentSink(log: log, change: position)
        var stored = rows
        for (place, row) in rows.enumerated() {
            if let old = before[place] {
                let isDelete = row.operation == .delete
                let columns = isDelete ? row.table.allColumns : row.columns
                let kind = BlockKind(
                    table: row.table.number, operation: isDelete ? .insert : .update, columns: columns)
                try undo.add(kind, key: row.key, values: columns.map { old[$0] })
            }
            stored[place].values = try access.cells(row.table, row.key, row.columns) ?? []
            let kind = BlockKind(table: row.table.number, operation: row.operation, columns: row.columns)
            try sink.add(kind, key: row.key, values: stored[place].values, stamps: row.stamps)
        }
        try undo.finish()
        try sink.finish()
        let header = try ownHeader(
            .decision, position: position, rowCount: sink.rowCount, conflict: conflict, digests: sink.digests,
            nowMs: nowMs)
        _ = try appendOwn(
            header, position: position, hashes: rows.map(\.row.hash64).sorted(), endsTransaction: false)
        return (header, stored)
    }

    /// A write of some columns of a unit is one of all: the others as they stand.
    private func wholeUnits(_ row: DecidedRow, _ before: [Value]?) -> DecidedRow {
        let columns = policies.table(row.table.number).wholeUnits(row.columns)
        guard row.operation == .update, columns != row.columns, let before else { return row }
        var whole = row
        whole.columns = columns
        whole.values = columns.map { column in
            row.columns.firstIndex(of: column).map { row.values[$0] } ?? before[column]
        }
        return whole
    }

    private func put(_ rows: [DecidedRow], _ before: [[Value]?], _ doing: String) throws {
        var spelling: [RowID: [Value]] = [:]
        for row in rows { spelling[row.row] = try access.spelling(row.table, row.key) }
        func refuse(_ row: DecidedRow, _ why: String) -> StoreError {
            StoreError(
                .refused, doing: doing, why: "\(why), in table \(row.table.name)",
                hint: "Look again at what stands there now: samband conflict show.")
        }
        for (row, old) in zip(rows, before) where (old == nil) != row.operation.isWholeRow {
            throw refuse(row, old == nil ? "the row is not there any more" : "a row of this key is there")
        }
        // What makes room goes first: rows that go, and those that give UNIQUE values up to others.
        func givesRoom(_ row: DecidedRow) -> Bool {
            row.operation == .delete
                || rows.count > 1 && row.operation == .update
                    && row.columns.contains(where: row.table.constrainedColumns.contains)
        }
        for isRemoval in [true, false] {
            for (row, old) in zip(rows, before) where isRemoval ? givesRoom(row) : row.operation != .delete {
                do {
                    if isRemoval {
                        try access.delete(row.table, row.key)
                    } else if row.operation != .update {
                        try access.insert(row.table, row.key, row.values)
                    } else if givesRoom(row), var data = old {
                        for (column, value) in zip(row.columns, row.values) { data[column] = value }
                        try access.insert(row.table, spelling[row.row] ?? row.key, data)
                    } else {
                        _ = try access.update(row.table, row.key, row.columns, row.values)
                    }
                } catch let error as SQLiteError where error.isOfRow {
                    throw refuse(row, "it would break \(try access.brokenRule(error, row.table))")
                }
            }
        }
    }

    private func checkReferences(of row: DecidedRow, _ old: [Value]?, _ doing: String) throws {
        let now = try access.row(row.table, row.key)
        if let now {
            for reference in row.table.references {
                let values = row.table.pick(reference.childColumns, key: row.key, data: now)
                if try access.hasParent(reference, values) { continue }
                let parent = access.tables[reference.parent]?.name ?? "its parent"
                throw StoreError(
                    .refused, doing: doing,
                    why:
                        "its reference (\(reference.childColumns.joined(separator: ", "))) leads to no row of \(parent) "
                        + "(\(reference.parentColumns.joined(separator: ", ")))",
                    hint: "Let that row in first, or set the reference: --set COLUMN=VALUE.")
            }
        }
        guard let old else { return }
        for reference in row.table.referencedBy {
            let values = row.table.pick(reference.parentColumns, key: row.key, data: old)
            if values.contains(.null) { continue }
            if try access.hasParent(reference, values) { continue }
            if try access.children(reference, values, limit: 1).isEmpty { continue }
            let child = access.tables[reference.child]?.name ?? "another table"
            throw StoreError(
                .refused, doing: doing, why: "rows of \(child) refer to the row of \(row.table.name)",
                hint: "See to those rows first, at a site; or let the row stand.")
        }
    }
}
