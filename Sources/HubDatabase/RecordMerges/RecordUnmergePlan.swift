import ConflictStore
import Replication
import TableModel

/// What taking a merge of records back writes.
struct RecordUnmergePlan {
    let store: HubStore
    let join: RecordMerge
    let table: TableLayout
    let row: RowID
    let doing: String
    private(set) var rows: [DecidedRow] = []
    /// The writes of the row that went which were redirected to the one that remains.
    private(set) var redirected: Set<Dot> = []
    private var counts: [Int: Int] = [:]
    /// The row that went, with what was written to it since; nil when it was withheld.
    private var gone: [Value]?
    /// What sites that did not know of the join added to it, by column: the remaining row gives that back.
    private var added: [Int: WideSum] = [:]

    init(store: HubStore, join: RecordMerge, table: TableLayout, row: RowID, doing: String) throws {
        self.store = store
        self.join = join
        self.table = table
        self.row = row
        self.doing = doing
        let standing = try store.joins.all().filter { $0.undone == nil && $0.tableNumber == table.number }
        var rows: Set<RowID> = [row]
        var found: [RecordMerge] = []
        // A record is merged before the one that it went into is.
        for merge in standing.reversed() where rows.contains(RowID(shape: table.shape, key: merge.into)) {
            found.append(merge)
            rows.insert(RowID(shape: table.shape, key: merge.key))
        }
        upstream = found
    }

    private var access: TableAccess { store.access }

    /// The merges that stand and whose records are within the one that stands again.
    private let upstream: [RecordMerge]

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
        let remains = RowID(shape: table.shape, key: join.into)
        try giveBackRedirected(
            remains, operations.first { $0.row == remains }?.operation, images[remains]?.operation)
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
        // What came for a record that was merged into this one before is this one's again, where it has nothing there.
        for write in try upstream.flatMap({ try store.joins.writes(of: $0.id) }) {
            // (Before, it was redirected to this one, and counts as it stood.)
            guard let write = try store.conflictTable.withheld(id: write), let entry = try store.log.entry(write.dot),
                entry.id > join.position
            else { continue }
            for (column, value) in zip(write.columns, write.values) where values[column] == .null {
                values[column] = value
                stamps[column] = entry.header.stamp
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

    /// Cells that sites wrote of the row that went, and that the remaining one took: it has again what it had, unless
    /// somebody has written there since.
    private mutating func giveBackRedirected(
        _ remains: RowID, _ merged: LoggedOperation?, _ beforeMerge: LoggedOperation?
    ) throws {
        let isThere = try access.exists(table, join.into)
        let policy = store.policies.table(table.number)
        var stamps: [Stamp]?
        var cells: [Int: Value] = [:]
        for id in try ([join] + upstream).flatMap({ try store.joins.writes(of: $0.id) }).sorted(by: >) {
            guard let write = try store.conflictTable.withheld(id: id), let incoming = try store.log.entry(write.dot),
                let position = incoming.position
            else { continue }
            redirected.insert(write.dot)
            if !isThere { continue }
            // The hub's own write follows in the same hub transaction.
            let entry = try store.log.entry(id: position + 1).flatMap { $0.header.kind == .arbitration ? $0 : nil }
            let image = try entry.flatMap { entry in
                try store.reader.operations(of: entry, variant: .undo).first { $0.row == remains }?.operation
            }
            if stamps == nil {
                stamps = try store.origins.stamps(of: remains, columnCount: table.dataColumns.count, latest: [:])
            }
            for (column, written) in zip(write.columns, write.values) {
                if write.deltas[column] != nil && policy.policy(of: column) == .sum { continue }
                if stamps?[column] == incoming.header.stamp {
                    // It came back with the record when a later merge was taken back.
                    cells[column] = .null
                } else if let before = image?.value(of: column),
                    stamps?[column] == entry?.header.stamp || cells[column] == written
                {
                    // Of several, each found what the one before it had written.
                    cells[column] = before
                }
            }
        }
        for (column, value) in cells where value == merged?.value(of: column) {
            cells[column] = beforeMerge?.value(of: column) ?? value
        }
        setRemaining(cells)
    }

    /// Adds cells to what is written of the row that remains.
    private mutating func setRemaining(_ cells: [Int: Value]) {
        if cells.isEmpty { return }
        let remains = RowID(shape: table.shape, key: join.into)
        let known = rows.firstIndex { $0.row == remains }
        var all = cells
        if let known { all.merge(zip(rows[known].columns, rows[known].values)) { $1 } }
        let columns = all.keys.sorted()
        let row = DecidedRow(
            table: table, key: join.into, operation: .update, columns: columns, values: columns.map { all[$0]! })
        if let known { rows[known] = row } else { rows.append(row) }
    }

    /// What was added unaware counts once: with the row that stands again.
    private mutating func giveBackAdded() throws {
        guard !added.isEmpty, let standing = try access.row(table, join.into) else { return }
        var cells: [Int: Value] = [:]
        for (column, delta) in added {
            guard case .integer(let value) = standing[column] else { continue }
            var rest = WideSum(value)
            rest.subtract(delta)
            if let rest = rest.value { cells[column] = .integer(rest) }
        }
        setRemaining(cells)
    }

    /// Rows that came later with a reference to the row that went, and were led on.
    private mutating func leadBack() throws {
        guard let gone, let remaining = try access.row(table, join.into) else { return }
        for (number, key) in try ([join] + upstream).flatMap({ try store.joins.children(of: $0.id) }) {
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
