import ConflictStore
import RecordViews
import Replication
import TableModel

/// What a person's choice does, before it is done.
struct DecisionPlan {
    /// What the hub writes; empty when things simply stay as they are.
    var rows: [DecidedRow] = []
    /// What becomes of the conflict's own withheld rows.
    var withheld: (records: [WithheldRecord], state: WithheldState)?
    /// Rows that had to make room: kept as withheld and given up.
    var displaced: [DecidedRow] = []
}

/// Finds what a choice does to a conflict; refuses one that does not fit it.
struct DecisionPlanner {
    let store: HubStore
    package let record: ConflictRecord
    let table: TableLayout
    package let doing: String

    private var access: TableAccess { store.access }

    private func refuse(_ why: String, _ hint: String) -> StoreError {
        StoreError(.refused, doing: doing, why: why, hint: hint)
    }

    func plan(_ choice: ConflictChoice) throws -> DecisionPlan {
        let own = try store.conflictTable.withheld(ofConflict: record.id)
            .filter { $0.state == .withheld && $0.row == record.row }
        let write = own.isEmpty ? nil : WithheldWrite(own)
        let situation = ConflictSituation(
            record.kind, withheld: write.map { $0.isDelete ? .delete : .write } ?? .nothing)
        if case .refused(let why, let hint) = ChoiceTable.rule(choice.form, in: situation).fit {
            throw refuse(why, hint)
        }
        if let write { return try plan(choice, write) }
        return record.kind.withholds ? try planParent(choice) : try planValues(choice)
    }

    private func planValues(_ choice: ConflictChoice) throws -> DecisionPlan {
        switch choice {
        case .admit, .discard: throw unplanned(choice)
        case .delete: return DecisionPlan(rows: [delete])
        case .restore: return DecisionPlan()
        case .now:
            // What stands may be that the row is gone: then there is nothing to write.
            guard let row = try access.row(table, record.key), record.kind != .deleteUpdate else {
                return DecisionPlan()
            }
            return DecisionPlan(rows: [update(Dictionary(uniqueKeysWithValues: disputed.map { ($0, row[$0]) }))])
        case .take(let site):
            let side = try side(of: site)
            if let column = record.columnIndex, let value = side.value {
                return DecisionPlan(rows: [update([column: value])])
            }
            guard let cells = side.row else { return DecisionPlan(rows: [delete]) }
            return DecisionPlan(rows: record.kind == .deleteUpdate ? [] : [update(cells)])
        case .set(let values):
            return DecisionPlan(rows: [update(try columns(values, within: record.kind == .cell ? disputed : nil))])
        }
    }

    /// The table of choices and this plan do not agree.
    private func unplanned(_ choice: ConflictChoice) -> StoreError {
        assertionFailure("\(choice.form) is accepted of a \(record.kind) and nothing is planned for it")
        return refuse("it does not fit", "See what does: samband conflict show \(record.id).")
    }

    // MARK: a parent that came back for a child

    private func planParent(_ choice: ConflictChoice) throws -> DecisionPlan {
        switch choice {
        case .restore, .now: return DecisionPlan()
        case .delete: return DecisionPlan(rows: [delete])
        case .take(let site): return DecisionPlan(rows: try side(of: site).row == nil ? [delete] : [])
        case .set, .admit, .discard: throw unplanned(choice)
        }
    }

    // MARK: withheld rows

    private func plan(_ choice: ConflictChoice, _ withheld: WithheldWrite) throws -> DecisionPlan {
        var write = withheld
        // Deletes that wait for this one are decided with it.
        let dependents = write.isDelete ? try dependentDeletes() : []
        let records = write.records
        let discard = DecisionPlan(withheld: (records + dependents, .discarded))
        switch choice {
        // To let the row stand is to give up its delete.
        case .discard, .now, .restore: return discard
        case .admit, .delete: break
        case .set(let values): write.set(try columns(values, within: nil))
        case .take(let site):
            let side = try side(of: site)
            guard records.contains(where: { $0.dot.replica == side.dot.replica }) else { return discard }
            if record.kind == .unique { return try exchange(write, records) }
        }
        let row = try admitted(write)
        // What it wants is so already: the row is gone, or a row without data is there.
        let isSo =
            try row.operation == .delete
            ? !access.exists(table, record.key) : row.operation == .update && row.columns.isEmpty
        var plan = DecisionPlan(rows: isSo ? [] : [row], withheld: (records, .admitted))
        for record in dependents { try admit(record, into: &plan) }
        return plan
    }

    /// Withheld deletes of rows that the conflict's own row refers to, and so on up: none can happen while that row
    /// stands. The nearest is first.
    private func dependentDeletes() throws -> [WithheldRecord] {
        try store.conflictTable.withheld(ofConflict: record.id)
            .filter { $0.state == .withheld && $0.row != record.row && $0.operation == .delete }
    }

    /// Lets a dependent delete in, unless a row that stays refers to its row: then it goes on waiting by itself.
    private func admit(_ record: WithheldRecord, into plan: inout DecisionPlan) throws {
        let table = try access.table(record.tableNumber, doing)
        if let data = try access.row(table, record.key) {
            for reference in table.referencedBy {
                guard let child = access.tables[reference.child] else { continue }
                let values = table.pick(reference.parentColumns, key: record.key, data: data)
                if values.contains(.null) { continue }
                let stays = try access.children(reference, values, limit: plan.rows.count + 1).contains { key in
                    let row = RowID(shape: child.shape, key: key)
                    return !plan.rows.contains { $0.row == row && $0.operation == .delete }
                }
                if stays { return }
            }
            plan.rows.append(DecidedRow(table: table, key: record.key, operation: .delete))
        }
        plan.withheld?.records.append(record)
    }

    private func admitted(_ admitted: WithheldWrite) throws -> DecidedRow {
        var write = admitted
        if write.isDelete { return delete }
        let standing = try access.row(table, record.key)
        guard write.add(to: standing, store.policies.table(table.number)) else {
            throw refuse("what it adds makes a sum beyond 64 bits", "Give the sum with --set, or use --discard.")
        }
        if standing == nil, write.columns == table.allColumns {
            return DecidedRow(
                table: table, key: write.key, operation: .insert, columns: table.allColumns,
                values: write.columns.map { write.cells[$0]! })
        }
        guard standing != nil else {
            throw refuse(
                "it is an update of a row that is not there",
                "Give the row its values with --set for every column, or use --discard.")
        }
        return update(write.cells)
    }

    /// The withheld row takes the place of those that stand in its way. A row that others refer to is not displaced.
    private func exchange(_ write: WithheldWrite, _ records: [WithheldRecord]) throws -> DecisionPlan {
        let row = try admitted(write)
        var plan = DecisionPlan(rows: [row], withheld: (records, .admitted))
        let target = row.operation == .insert ? row.values : write.over(try access.row(table, record.key))
        guard let target else { return plan }
        for key in try access.blockers(table, record.key, target) {
            guard let data = try access.row(table, key) else { continue }
            for reference in table.referencedBy {
                let values = table.pick(reference.parentColumns, key: key, data: data)
                if values.contains(.null) { continue }
                if try access.children(reference, values, limit: 1).isEmpty { continue }
                let child = access.tables[reference.child]?.name ?? "another table"
                throw refuse(
                    "rows of \(child) refer to the row that stands in the way",
                    "Join the two rows (samband record merge), or let it in with other values: --set COLUMN=VALUE.")
            }
            plan.rows.append(DecidedRow(table: table, key: key, operation: .delete))
            plan.displaced.append(
                DecidedRow(table: table, key: key, operation: .insert, columns: table.allColumns, values: data))
        }
        return plan
    }

    // MARK: parts

    private var delete: DecidedRow { DecidedRow(table: table, key: record.key, operation: .delete) }

    private func update(_ cells: [Int: Value]) -> DecidedRow {
        let columns = cells.keys.sorted()
        return DecidedRow(
            table: table, key: record.key, operation: .update, columns: columns, values: columns.map { cells[$0]! })
    }

    /// The data columns that it is about.
    private var disputed: [Int] {
        if let column = record.columnIndex { return [column] }
        guard record.kind == .cell else { return table.allColumns }
        return Set(record.life.sides.flatMap { Array(($0.row ?? [:]).keys) }).sorted()
    }

    private func side(of site: String) throws -> ConflictSide {
        let named = Dot(site)
        let side = try record.life.sides.last {
            // Sides of one site, whose file was put back or copied, are told apart by their change sets.
            if let named { return $0.dot == named }
            let name = try store.siteName(of: $0.dot.replica)
            return name == site || (name.isEmpty && site == "hub")
        }
        guard let side else {
            throw refuse("\(site) is no side of it", "Its sides: samband conflict show \(record.id).")
        }
        return side
    }

    private func columns(_ values: ChosenValues, within disputed: [Int]?) throws -> [Int: Value] {
        var byColumn: [Int: Value] = [:]
        for (name, value) in values.members.map({ ($0.column, $0.value) }) {
            guard let column = table.dataColumns.firstIndex(where: { $0.lowercased() == name.lowercased() }) else {
                throw StoreError(
                    .misused, doing: doing, why: "table \(table.name) has no column \(name) to set",
                    hint: table.keyColumns.contains { sameName($0, name) }
                        ? "It is of the key: name another." : spellingHint(name, table.dataColumns))
            }
            if let disputed, !disputed.contains(column) {
                let names = disputed.map { table.dataColumns[$0] }.joined(separator: ", ")
                throw refuse("it is about \(names) only", "Set that.")
            }
            byColumn[column] = value
        }
        guard !byColumn.isEmpty else { throw refuse("no column is set", "Use --set COLUMN=VALUE.") }
        return byColumn
    }
}
