import Auditing
import ConflictStore
import Replication
import SQLite
import TableModel

extension HubStore {
    /// Takes a join of two rows back: the row that went stands again with the stamps of its writes, those that sites made
    /// unaware of the join included; references that the join led on lead back, unless they were changed since. What the
    /// remaining row took it gives back, unless written since.
    ///
    /// - Throws: `.notFound`; `.changed` when it was taken back already; `.refused` when a constraint would break.
    package func undoMerge(
        _ id: UInt64, by: String, reason: String?, nowMs: UInt64, dryRun: Bool, audit entry: AuditEntry? = nil
    ) throws(StoreError) -> RecordMergeResult {
        let doing = "undoing join \(id)"
        return try trying(doing, dryRun: dryRun, audit: entry) {
            guard var join = try joins.join(id: id) else {
                throw StoreError(.notFound, doing: doing, why: "there is none of that number", hint: "")
            }
            guard join.undone == nil else {
                throw StoreError(
                    .changed, doing: doing, why: "it was taken back already", hint: "See: samband explain.")
            }
            join.undone = Decision(by: by, atMs: nowMs, how: "unmerge", reason: reason)
            return try takeBack(join, nowMs: nowMs, doing)
        }
    }

    /// The two rows of a join, the one that went first; none for a number that no join has.
    package func rowsOfJoin(_ id: UInt64) throws(StoreError) -> (table: String, keys: [[Value]]) {
        try storing("looking up join \(id)") {
            guard let join = try joins.join(id: id) else { return ("", []) }
            return (join.table, [join.key, join.into])
        }
    }

    private func takeBack(_ join: RecordMerge, nowMs: UInt64, _ doing: String) throws -> RecordMergeResult {
        let table = try access.table(join.tableNumber, doing)
        let row = RowID(shape: table.shape, key: join.key)
        var back = JoinBack(store: self, join: join, table: table, row: row, doing: doing)
        try back.gather()
        let position = try log.lastPosition() + 1
        let next = back.rows.isEmpty ? position : position + 1
        if !back.rows.isEmpty {
            _ = try write(back.rows, conflict: join.conflict, position: position, nowMs: nowMs, doing)
        }
        try joins.save(join, canonical: row.canonical)
        let takenOut = Set(back.rows.filter { $0.operation == .delete }.map(\.row))
        var withheld: Set<UInt64> = []
        var reopened: Set<UInt64> = []
        for var record in try conflicts(of: join) {
            let isSettledByIt = record.decision?.how == DecidedHow.merge && record.life.changed == join.position
            for other in try conflictTable.withheld(ofConflict: record.id) where other.waitsAgain(takenOut) {
                guard isSettledByIt || other.row == row || takenOut.contains(other.row) else { continue }
                try conflictTable.setState(.withheld, of: other.id)
                try conflictTable.note(waits(of: other, in: record), of: other.id)
                withheld.insert(other.id)
            }
            if isSettledByIt {
                record.earlier += [record.decision, join.undone].compactMap { $0 }
                record.decision = nil
                record.life.reopen(at: position)
            } else {
                record.life.touch(at: position)
            }
            try conflictTable.save(record)
            reopened.insert(record.id)
        }
        try publish(
            at: next, nowMs: nowMs, conflicts: reopened, withheld: withheld,
            releasing: Set(back.rows.flatMap { [.row($0.row), .table($0.table.number)] }),
            adding: { try $0.system(ConflictTable.joinNumber, id: join.id) },
            parting: { for id in reopened.sorted() { try $0.part(id) } })
        try reloadDisputed()
        return RecordMergeResult(
            id: join.id, table: join.table, key: join.key, into: join.into, repointed: back.repointed, columns: [])
    }

    /// The conflicts about what was withheld and the join let in or gave up: those it settled, and the one that its row
    /// waited in.
    fileprivate func conflicts(of join: RecordMerge) throws -> [ConflictRecord] {
        if join.conflict == 0 { return [] }
        return try conflictTable.all(includeSettled: true).filter {
            $0.id == join.conflict || ($0.decision?.how == DecidedHow.merge && $0.life.changed == join.position)
        }
    }
}

/// What taking a join back writes.
private struct JoinBack {
    let store: HubStore
    let join: RecordMerge
    let table: TableLayout
    let row: RowID
    let doing: String
    private(set) var rows: [DecidedRow] = []
    private var counts: [Int: Int] = [:]
    /// The row that went, with what was written to it since; nil when it was withheld.
    private var gone: [Value]?
    /// What sites that did not know of the join added to it, by column: the remaining row gives that back.
    private var added: [Int: WideSum] = [:]

    init(store: HubStore, join: RecordMerge, table: TableLayout, row: RowID, doing: String) {
        self.store = store
        self.join = join
        self.table = table
        self.row = row
        self.doing = doing
    }

    private var access: TableAccess { store.access }

    var repointed: [RecordMergeResult.Repointed] {
        table.referencedBy.compactMap { reference in
            guard let count = counts[reference.child], count > 0, let child = access.tables[reference.child] else {
                return nil
            }
            return .init(table: child.name, columns: reference.childColumns, rows: count)
        }
    }

    mutating func gather() throws {
        guard let entry = try store.log.entry(id: join.position) else {
            throw StoreError(
                .refused, doing: doing, why: "the join lies behind the part of the log that is kept",
                hint: "Write the rows anew at a site.")
        }
        var images: [RowID: (key: [Value], operation: LoggedOperation)] = [:]
        for (row, key, operation) in try store.reader.operations(of: entry, variant: .undo) {
            images[row] = (key, operation)
        }
        let operations = try store.reader.operations(of: entry)
        if let image = images[row] { try restore(image) }
        for (other, key, operation) in operations where other != row {
            let child = try access.table(other.table, doing)
            switch operation.operation {
            case .update: try writeBack(child, other, key, operation, images[other]?.operation)
            case .delete: try bringBack(child, other, images[other])
            default: try takeOut(child, other, key, operation)
            }
        }
        try leadBack()
        try giveBackAdded()
        let withheld = try store.conflicts(of: join).flatMap { try store.conflictTable.withheld(ofConflict: $0.id) }
        rows += try store.released(withheld, among: rows.map(\.row), since: join.position) {
            StoreError(
                .refused, doing: doing, why: "a row of \($0.name) that came in with it has been written since",
                hint: "Change that row at a site instead.")
        }
    }

    /// The row that went, each cell with the greatest of its stamps: its own, and those of what came in since.
    private mutating func restore(_ image: (key: [Value], operation: LoggedOperation)) throws {
        guard try !access.exists(table, join.key) else {
            throw StoreError(
                .refused, doing: doing, why: "a row of that key is there again, in table \(table.name)",
                hint: "Delete or rename that one first, at a site.")
        }
        var values = image.operation.values
        var stamps = try store.origins.stamps(of: row, columnCount: values.count, latest: [:])
        let policy = store.policies.table(table.number)
        for id in try store.joins.writes(of: join.id) {
            guard let write = try store.conflictTable.withheld(id: id),
                let entry = try store.log.entry(write.dot)
            else { continue }
            for (column, value) in zip(write.columns, write.values) {
                if let delta = write.deltas[column], policy.policy(of: column) == .sum,
                    case .integer(let standing) = values[column],
                    let sum = WideSum(standing, adding: [delta]).value
                {
                    values[column] = .integer(sum)
                    added[column, default: WideSum()].add(delta)
                } else if stamps[column] < entry.header.stamp {
                    values[column] = value
                } else {
                    continue
                }
                stamps[column] = max(stamps[column], entry.header.stamp)
            }
        }
        gone = values
        rows.append(
            DecidedRow(
                table: table, key: image.key, operation: .restored, columns: table.allColumns, values: values,
                stamps: stamps))
    }

    /// Cells that the join wrote and nobody since.
    private mutating func writeBack(
        _ child: TableLayout, _ row: RowID, _ key: [Value], _ operation: LoggedOperation, _ image: LoggedOperation?
    ) throws {
        guard let image, let standing = try access.row(child, key) else { return }
        let stamps = try store.origins.stamps(of: row, columnCount: child.dataColumns.count, latest: [:])
        let stamp = Stamp(hlc: operation.hlc, dot: operation.dot)
        let columns = try image.columns.filter { column in
            try image.value(of: column) != standing[column]
                && (stamps[column] == stamp
                    || (operation.value(of: column) == standing[column] && isOfJoins(stamps[column])))
        }
        if columns.isEmpty { return }
        if child.number != table.number || key != join.into { counts[child.number, default: 0] += 1 }
        rows.append(
            DecidedRow(
                table: child, key: key, operation: .update, columns: columns,
                values: columns.map { image.value(of: $0)! }))
    }

    /// True when a later join, or the taking back of one, wrote this: that is no change by anybody.
    private func isOfJoins(_ stamp: Stamp) throws -> Bool {
        guard stamp.replica == store.replica,
            let entry = try store.log.entry(Dot(replica: stamp.replica, seq: stamp.seq))
        else { return false }
        return entry.header.kind == .decision && entry.header.conflict == 0
    }

    /// A row of links that went because of its key.
    private mutating func bringBack(
        _ child: TableLayout, _ row: RowID, _ image: (key: [Value], operation: LoggedOperation)?
    ) throws {
        guard let image, try !access.exists(child, image.key) else { return }
        counts[child.number, default: 0] += 1
        rows.append(
            DecidedRow(
                table: child, key: image.key, operation: .restored, columns: child.allColumns,
                values: image.operation.values,
                stamps: try store.origins.stamps(of: row, columnCount: child.dataColumns.count, latest: [:])))
    }

    /// A row that came in with the join, if nobody has written it since.
    private mutating func takeOut(
        _ child: TableLayout, _ row: RowID, _ key: [Value], _ operation: LoggedOperation
    ) throws {
        let stamps = try store.origins.stamps(of: row, columnCount: child.dataColumns.count, latest: [:])
        let stamp = Stamp(hlc: operation.hlc, dot: operation.dot)
        guard try access.exists(child, key), stamps.allSatisfy({ $0 == stamp }) else {
            throw StoreError(
                .refused, doing: doing, why: "a row of \(child.name) that came in with it has been written since",
                hint: "Change that row at a site instead.")
        }
        if gone == nil { counts[child.number, default: 0] += 1 }
        rows.append(DecidedRow(table: child, key: key, operation: .delete))
    }

    /// What was added unaware counts once: with the row that stands again.
    private mutating func giveBackAdded() throws {
        guard !added.isEmpty, let standing = try access.row(table, join.into) else { return }
        let end = RowID(shape: table.shape, key: join.into)
        let known = rows.firstIndex { $0.row == end }
        var cells: [Int: Value] = [:]
        if let known { cells = Dictionary(uniqueKeysWithValues: zip(rows[known].columns, rows[known].values)) }
        for (column, delta) in added where cells[column] == nil {
            guard case .integer(let value) = standing[column] else { continue }
            var rest = WideSum(value)
            rest.subtract(delta)
            if let rest = rest.value { cells[column] = .integer(rest) }
        }
        if cells.isEmpty { return }
        let columns = cells.keys.sorted()
        let row = DecidedRow(
            table: table, key: join.into, operation: .update, columns: columns, values: columns.map { cells[$0]! })
        if let known { rows[known] = row } else { rows.append(row) }
    }

    /// Rows that came later with a reference to the row that went, and were led on.
    private mutating func leadBack() throws {
        guard let gone, let remaining = try access.row(table, join.into) else { return }
        for (number, key) in try store.joins.children(of: join.id) {
            guard let child = access.tables[number], let standing = try access.row(child, key),
                !rows.contains(where: { $0.table.number == number && $0.key == key })
            else { continue }
            var cells: [Int: Value] = [:]
            for reference in child.references where reference.parent == table.number {
                let values = child.pick(reference.childColumns, key: key, data: standing)
                let ends = table.pick(reference.parentColumns, key: join.into, data: remaining)
                guard reference.refers(values, to: ends) else { continue }
                let back = table.pick(reference.parentColumns, key: join.key, data: gone)
                for (name, value) in zip(reference.childColumns, back) {
                    if let column = child.dataColumns.firstIndex(of: name) { cells[column] = value }
                }
            }
            if cells.isEmpty { continue }
            counts[number, default: 0] += 1
            let columns = cells.keys.sorted()
            rows.append(
                DecidedRow(
                    table: child, key: key, operation: .update, columns: columns, values: columns.map { cells[$0]! }))
        }
    }
}
