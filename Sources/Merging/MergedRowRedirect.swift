import ConflictStore
import Replication
import SQLite
import TableModel

/// What a write of a row that was joined into another has written on the row that remains.
package struct MergedRowRedirect {
    package let table: TableLayout
    package let row: RowID
    package let key: [Value]
    package let columns: [Int]
    package let before: [Value]

    /// Several writes of one row as one: rows of one change set may have led to the same.
    package static func byRow(_ all: [MergedRowRedirect]) -> [MergedRowRedirect] {
        Dictionary(grouping: all, by: \.row).sorted { $0.key < $1.key }.map { _, writes in
            var before: [Int: Value] = [:]
            for write in writes { before.merge(zip(write.columns, write.before)) { first, _ in first } }
            let columns = before.keys.sorted()
            return MergedRowRedirect(
                table: writes[0].table, row: writes[0].row, key: writes[0].key, columns: columns,
                before: columns.map { before[$0]! })
        }
    }
}

extension ConflictingRows {
    /// The key of the row that remains of a join: the one that it was joined into itself, when that went in its turn
    /// unknown to the author; nil when no row is there.
    package func end(of join: RecordMerge, _ table: TableLayout, seen: UInt64) throws -> [Value]? {
        var known: Set<UInt64> = [join.id]
        var last = join
        while try !access.exists(table, last.into) {
            guard let next = try joins.join(of: RowID(shape: table.shape, key: last.into)),
                !hadSeen(next.position, upTo: seen),
                known.insert(next.id).inserted
            else { return nil }
            last = next
        }
        return last.into
    }
}

extension ConflictRegister {
    /// A site that does not know of a join yet has written the row that went. What it changed there goes to the row that
    /// remains, where that still holds what the author saw, or nothing; where it holds something else, both values are in
    /// a conflict. The write itself is kept.
    ///
    /// - Returns: false when no row remains; nothing is done then.
    mutating func leadOn(_ work: MergeRow, _ join: RecordMerge) throws -> Bool {
        let operation = work.operation!
        guard let end = try merge.end(of: join, work.table, seen: operation.seen),
            let standing = try merge.access.row(work.table, end)
        else { return false }
        let remains = Row(id: RowID(shape: work.table.shape, key: end), key: end, data: standing)
        remaining.insert(remains.id)
        let seen = try lastSeen(work, operation, join)
        let id = try conflicts.withhold(operation, key: work.key, row: work.row, table: work.table, conflict: 0)
        try conflicts.setState(.released, of: id)
        try merge.joins.noteWrite(id, of: join.id)
        note(withheld: id)
        var cells: [Int: Value] = [:]
        for (column, value) in zip(operation.columns, operation.values) {
            let before = seen[column] ?? .null
            if let sum = sum(operation, column, standing[column], work.table.number) {
                if sum != standing[column] { cells[column] = sum }
                continue
            }
            // A row written anew brings cells that its author left as they were.
            if value == before || value == standing[column] { continue }
            if standing[column] == .null || standing[column] == before {
                cells[column] = value
            } else {
                try dispute(work, operation, remains, column, before: before)
            }
        }
        try write(cells, on: remains, work, operation)
        return true
    }

    /// The row that went as this author had it last: as the join found it, with what the author wrote there since.
    private func lastSeen(_ work: MergeRow, _ operation: LoggedOperation, _ join: RecordMerge) throws -> [Int: Value] {
        var seen: [Int: Value] = [:]
        if let image = try merge.inLog.image(of: work.row, at: join.position)?.operation {
            for (column, value) in zip(image.columns, image.values) { seen[column] = value }
        }
        for id in try merge.joins.writes(of: join.id) {
            guard let earlier = try conflicts.withheld(id: id), operation.isByAuthor(of: earlier.dot) else {
                continue
            }
            for (column, value) in zip(earlier.columns, earlier.values) { seen[column] = value }
        }
        return seen
    }

    /// What an author added to the row that went is added to the one that remains, where the policy is `sum`.
    private func sum(_ operation: LoggedOperation, _ column: Int, _ standing: Value, _ table: Int) -> Value? {
        guard policies.table(table).policy(of: column) == .sum, let delta = operation.deltas[column],
            case .integer(let value) = standing
        else { return nil }
        return WideSum(value, adding: [delta]).value.map { .integer($0) }
    }

    private mutating func write(
        _ cells: [Int: Value], on row: Row, _ work: MergeRow, _ operation: LoggedOperation
    ) throws {
        if cells.isEmpty { return }
        let access = merge.access
        let standing = row.data
        let columns = cells.keys.sorted()
        // A row that is carried as it stands carries no write of the hub's: nobody would know of this one.
        let isCarried = merge.works[row.id].map { $0.withheld != nil || $0.carries || $0.deleteUndone } ?? false
        try access.connection.beginSavepoint("led_on")
        var holds = !isCarried
        do {
            _ = try access.update(work.table, row.key, columns, columns.map { cells[$0]! })
            let now = try access.row(work.table, row.key) ?? standing
            holds = try holds && access.missingParents(of: now, work.table, row.key).isEmpty
        } catch let error as SQLiteError where error.isOfRow {
            holds = false
        }
        if !holds { try access.connection.rollback(to: "led_on") }
        try access.connection.release("led_on")
        if holds {
            ledOn.append(
                MergedRowRedirect(
                    table: work.table, row: row.id, key: row.key, columns: columns,
                    before: columns.map { standing[$0] }))
        } else {
            for column in columns {
                try dispute(work, operation, row, column, before: standing[column])
            }
        }
    }

    /// Both values of a cell of the row that remains are in a conflict; what stands there stands.
    private mutating func dispute(
        _ work: MergeRow, _ operation: LoggedOperation, _ remaining: Row, _ column: Int, before: Value
    ) throws {
        let row = remaining.id
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
                key: remaining.key, row: row, columnIndex: column, column: work.table.dataColumns[column],
                openedAtMs: nowMs, base: .cell(before),
                life: Conflict(opening: side, against: others, at: position, policy: false), decision: nil))
    }
}
