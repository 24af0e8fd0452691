import ConflictStore
import Replication
import TableModel

/// What joining two rows writes, before it is done.
struct RecordMergePlan {
    let store: HubStore
    let table: TableLayout
    package let key: [Value]
    package let into: [Value]
    package let doing: String
    /// The row that goes: as it stands, or as it is withheld.
    let data: [Value]
    let isWithheld: Bool
    /// The row that remains, as it will be.
    private(set) var remaining: [Value]
    private(set) var columns: [(name: String, isTaken: Bool)] = []
    private(set) var repointed: [RecordMergeResult.Repointed] = []
    private var cells: [RowID: (table: TableLayout, key: [Value], cells: [Int: Value])] = [:]
    private var others: [DecidedRow] = []

    private var access: TableAccess { store.access }
    private var row: RowID { RowID(shape: table.shape, key: key) }

    init(
        _ store: HubStore, _ table: TableLayout, key: [Value], into: [Value], data: [Value], isWithheld: Bool,
        remaining: [Value], _ doing: String
    ) throws {
        self.store = store
        self.table = table
        self.key = key
        self.into = into
        self.data = data
        self.isWithheld = isWithheld
        self.remaining = remaining
        self.doing = doing
        takeColumns()
        if isWithheld { try repointWithheld() } else { try repointChildren() }
    }

    /// The rows of the change set: the row that goes first.
    var rows: [DecidedRow] {
        let gone = isWithheld ? [] : [DecidedRow(table: table, key: key, operation: .delete)]
        let updates = cells.sorted { $0.key < $1.key }.map { _, update in
            let columns = update.cells.keys.sorted()
            return DecidedRow(
                table: update.table, key: update.key, operation: .update, columns: columns,
                values: columns.map { update.cells[$0]! })
        }
        return gone + others + updates
    }

    private func refuse(_ why: String, _ hint: String) -> StoreError {
        StoreError(.refused, doing: doing, why: why, hint: hint)
    }

    private mutating func set(_ table: TableLayout, _ key: [Value], _ values: [Int: Value]) {
        let row = RowID(shape: table.shape, key: key)
        var known = cells[row] ?? (table, key, [:])
        known.cells.merge(values) { $1 }
        cells[row] = known
    }

    /// What the remaining row lacks it takes from the other. It is written in any case: a site that deletes it unaware
    /// of the join must not take it away.
    private mutating func takeColumns() {
        let unit = store.policies.table(table.number).unit
        // Columns that only make sense together come together.
        let isUnitTaken = unit.allSatisfy { remaining[$0] == .null }
        let other = inOwnTerms()
        for column in table.allColumns where other[column] != remaining[column] {
            let isTaken = remaining[column] == .null && (isUnitTaken || !unit.contains(column))
            columns.append((table.dataColumns[column], isTaken))
            if isTaken {
                remaining[column] = other[column]
                set(table, into, [column: other[column]])
            }
        }
        if cells.isEmpty, let first = table.allColumns.first { set(table, into, [first: remaining[first]]) }
    }

    // MARK: references

    /// The row that goes, its references to itself leading to the row that remains.
    private func inOwnTerms() -> [Value] {
        var other = data
        for reference in table.references where reference.parent == table.number {
            let values = table.pick(reference.childColumns, key: key, data: data)
            let own = table.pick(reference.parentColumns, key: key, data: data)
            guard reference.refers(values, to: own) else { continue }
            let ends = table.pick(reference.parentColumns, key: into, data: remaining)
            for (name, value) in zip(reference.childColumns, ends) {
                if let column = table.dataColumns.firstIndex(of: name) { other[column] = value }
            }
        }
        return other
    }

    /// The values by which a reference leads to each of the two; nil when it leads nowhere or to both.
    private func ends(_ reference: TableLayout.Reference) throws -> (from: [Value], to: [Value])? {
        let from = table.pick(reference.parentColumns, key: key, data: data)
        let to = table.pick(reference.parentColumns, key: into, data: remaining)
        if from.contains(.null) || reference.refers(from, to: to) { return nil }
        guard !to.contains(.null) else {
            let child = access.tables[reference.child]?.name ?? "another table"
            throw refuse(
                "\(child) refers to it by (\(reference.parentColumns.joined(separator: ", "))), which is NULL in the "
                    + "row that remains",
                "Give the row that remains a value there first.")
        }
        return (from, to)
    }

    private mutating func repointChildren() throws {
        var led: [RowID: LedChild] = [:]
        for reference in table.referencedBy {
            guard let (from, to) = try ends(reference), let child = access.tables[reference.child] else { continue }
            var count = 0
            for childKey in try access.children(reference, from, limit: Int(Int32.max)) {
                let row = RowID(shape: child.shape, key: childKey)
                if row == self.row { continue }
                var known = led[row] ?? LedChild(table: child, key: childKey)
                for (name, value) in zip(reference.childColumns, to) { known.values[name] = value }
                led[row] = known
                count += 1
            }
            if count > 0 {
                repointed.append(.init(table: child.name, columns: reference.childColumns, rows: count))
            }
        }
        for (_, child) in led.sorted(by: { $0.key < $1.key }) { try repoint(child) }
    }

    /// A row whose references are led on: one may refer to the row that goes in several ways.
    private struct LedChild {
        let table: TableLayout
        let key: [Value]
        var values: [String: Value] = [:]
    }

    private mutating func repoint(_ led: LedChild) throws {
        let child = led.table
        var newKey = led.key
        var values: [Int: Value] = [:]
        for (name, value) in led.values {
            if let place = child.keyColumns.firstIndex(of: name) {
                newKey[place] = value
            } else if let column = child.dataColumns.firstIndex(of: name) {
                values[column] = value
            }
        }
        if RowID(shape: child.shape, key: newKey) == RowID(shape: child.shape, key: led.key) {
            set(child, led.key, values)
        } else {
            try move(child, led.key, to: newKey, values)
        }
    }

    /// A row with the reference in its key, as of a table of links: it goes and comes again under the other key.
    private mutating func move(
        _ child: TableLayout, _ childKey: [Value], to newKey: [Value], _ values: [Int: Value]
    ) throws {
        guard var moved = try access.row(child, childKey) else { return }
        for reference in child.referencedBy {
            let old = child.pick(reference.parentColumns, key: childKey, data: moved)
            if old.contains(.null) { continue }
            if try access.children(reference, old, limit: 1).isEmpty { continue }
            throw refuse(
                "rows refer to the row of \(child.name) whose key would change",
                "Move those by hand first, at a site.")
        }
        for (column, value) in values { moved[column] = value }
        others.append(DecidedRow(table: child, key: childKey, operation: .delete))
        // Another row may have come to the same key already.
        let row = RowID(shape: child.shape, key: newKey)
        let known = others.first { $0.row == row && $0.operation == .insert }
        if let standing = try known?.values ?? access.row(child, newKey) {
            guard standing == moved else {
                throw refuse(
                    "both rows have a row in \(child.name), with other content",
                    "Make the two alike, or delete one, at a site.")
            }
            return
        }
        others.append(
            DecidedRow(table: child, key: newKey, operation: .insert, columns: child.allColumns, values: moved))
    }

    /// Rows that are withheld with the one that goes come in with their references led on.
    private mutating func repointWithheld() throws {
        for reference in table.referencedBy {
            guard let (from, to) = try ends(reference), let child = access.tables[reference.child] else { continue }
            let waiting = try store.conflictTable.withheld().filter { $0.tableNumber == child.number }
            var count = 0
            for (_, records) in Dictionary(grouping: waiting, by: \.row).sorted(by: { $0.key < $1.key }) {
                let write = WithheldWrite(records)
                guard let childData = write.over(try access.row(child, write.key)) else { continue }
                let values = child.pick(reference.childColumns, key: write.key, data: childData)
                guard reference.refers(values, to: from) else { continue }
                try comeIn(child, write, childData, reference, to)
                withheld += records
                count += 1
            }
            if count > 0 {
                repointed.append(.init(table: child.name, columns: reference.childColumns, rows: count))
            }
        }
    }

    /// The withheld rows that come in.
    private(set) var withheld: [WithheldRecord] = []

    private mutating func comeIn(
        _ child: TableLayout, _ write: WithheldWrite, _ data: [Value], _ reference: TableLayout.Reference,
        _ to: [Value]
    ) throws {
        var data = data
        var newKey = write.key
        for (name, value) in zip(reference.childColumns, to) {
            if let place = child.keyColumns.firstIndex(of: name) {
                newKey[place] = value
            } else if let column = child.dataColumns.firstIndex(of: name) {
                data[column] = value
            }
        }
        let same = others.firstIndex { $0.row == RowID(shape: child.shape, key: newKey) }
        if let same {
            others[same].values = data
        } else if try access.exists(child, newKey) {
            let led = reference.childColumns.compactMap { child.dataColumns.firstIndex(of: $0) }
            let columns = write.isWhole ? child.allColumns : Set(write.columns + led).sorted()
            set(child, newKey, Dictionary(uniqueKeysWithValues: columns.map { ($0, data[$0]) }))
        } else {
            others.append(
                DecidedRow(table: child, key: newKey, operation: .insert, columns: child.allColumns, values: data))
        }
    }
}
