import Replication
import SQLite

/// What a write of a row that was joined into another has written on the row that remains.
struct LedOn {
    let table: TableLayout
    let row: RowID
    let key: [Value]
    let columns: [Int]
    let before: [Value]
}

extension ConflictRegister {
    /// A site that does not know of a join yet has written the row that went. What it changed there goes to the row that
    /// remains, where that still holds what the author saw, or nothing; where it holds something else, both values are in
    /// a conflict. The write itself is kept.
    mutating func leadOn(_ work: RowWork, _ join: RecordJoin) throws {
        let operation = work.operation!
        let remains = RowID(shape: work.table.shape, key: join.into)
        let id = try conflicts.withhold(operation, key: work.key, row: work.row, table: work.table, conflict: 0)
        try conflicts.setState(.released, of: id)
        try merge.joins.noteWrite(id, of: join.id)
        note(withheld: id)
        guard let standing = try merge.access.row(work.table, join.into) else { return }
        let seen = try merge.inLog.image(of: work.row, at: join.position)?.operation
        var cells: [Int: Value] = [:]
        for (column, value) in zip(operation.columns, operation.values) {
            let before = seen?.value(of: column) ?? .null
            if let sum = sum(operation, column, standing[column], work.table.number) {
                if sum != standing[column] { cells[column] = sum }
                continue
            }
            // A row written anew brings cells that its author left as they were.
            if value == before || value == standing[column] { continue }
            if standing[column] == .null || standing[column] == before {
                cells[column] = value
            } else {
                try dispute(work, operation, remains, join, column, before: before)
            }
        }
        try write(cells, on: remains, join, work, operation, standing)
    }

    /// What an author added to the row that went is added to the one that remains, where the policy is `sum`.
    private func sum(_ operation: LoggedOperation, _ column: Int, _ standing: Value, _ table: Int) -> Value? {
        guard policies.table(table).policy(of: column) == .sum, let delta = operation.deltas[column],
            case .integer(let value) = standing
        else { return nil }
        let (sum, overflow) = value.addingReportingOverflow(delta)
        return overflow ? nil : .integer(sum)
    }

    private mutating func write(
        _ cells: [Int: Value], on row: RowID, _ join: RecordJoin, _ work: RowWork, _ operation: LoggedOperation,
        _ standing: [Value]
    ) throws {
        if cells.isEmpty { return }
        let access = merge.access
        let columns = cells.keys.sorted()
        try access.connection.beginSavepoint("led_on")
        var holds = true
        do {
            _ = try access.update(work.table, join.into, columns, columns.map { cells[$0]! })
            let now = try access.row(work.table, join.into) ?? standing
            holds = try access.missingParents(of: now, work.table, join.into).isEmpty
        } catch let error as SQLiteError where error.isConstraint {
            holds = false
        }
        if !holds { try access.connection.rollback(to: "led_on") }
        try access.connection.release("led_on")
        if holds {
            ledOn.append(
                LedOn(
                    table: work.table, row: row, key: join.into, columns: columns,
                    before: columns.map { standing[$0] }))
        } else {
            for column in columns {
                try dispute(work, operation, row, join, column, before: standing[column])
            }
        }
    }

    /// Both values of a cell of the row that remains are in a conflict; what stands there stands.
    private mutating func dispute(
        _ work: RowWork, _ operation: LoggedOperation, _ row: RowID, _ join: RecordJoin, _ column: Int,
        before: Value
    ) throws {
        let side = ConflictSide(
            dot: operation.dot, hlc: operation.hlc, position: position, value: operation.value(of: column), row: nil)
        let open = try conflicts.records(of: row).last {
            $0.kind == .cell && $0.columnIndex == column && $0.life.isOpen
        }
        if var record = open {
            record.life.join(unaware: side, at: position)
            try save(record)
            return
        }
        var others: [ConflictSide] = []
        if let writer = try origins.lastWriter(of: row, column: column), let value = writer.value(of: column) {
            others.append(
                ConflictSide(
                    dot: writer.dot, hlc: writer.hlc, position: writer.position, value: value, row: nil))
        }
        try save(
            ConflictRecord(
                id: try conflicts.nextConflictID(), kind: .cell, tableNumber: row.table, table: work.table.name,
                key: join.into, row: row, columnIndex: column, column: work.table.dataColumns[column],
                openedAtMs: nowMs, base: .cell(before),
                life: Conflict(opening: side, against: others, at: position, policy: false), decision: nil))
    }
}
