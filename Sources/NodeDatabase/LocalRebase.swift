import ConflictStore
import OrderedLog
import Replication
import SQLite
import TableModel

/// Takes incoming operations into the rows of a node whose own writes are partly still in flight, and keeps
/// every constraint true: incoming operations are always taken in; own rows that then break a constraint step
/// aside whole, with the rows that refer to them, and come back when they fit.
/// (Protocol/Merge-Model.md#constraints-at-a-node)
struct LocalRebase {
    let store: NodeStore
    private var access: TableAccess { store.access }
    /// Rows whose presence or values changed, with what stood before: where references may have broken.
    private var touched: [RowID: (table: TableLayout, key: [Value], before: [Value]?)] = [:]

    /// False while no row can stand aside.
    private var mayHaveAside: Bool

    init(store: NodeStore) throws {
        self.store = store
        mayHaveAside = try store.connection.firstInteger("SELECT EXISTS(SELECT 1 FROM samband_aside)") == 1
    }

    /// True when some row stands aside, or may have to.
    var isNeeded: Bool { !touched.isEmpty || mayHaveAside }

    private struct Step {
        let table: TableLayout
        let row: RowID
        let key: [Value]
        /// The key as the row in the table spells it.
        let standing: [Value]?
        /// Where the row is now: in the table, aside, or nowhere.
        let before: [Value]?
        let isAside: Bool
        let after: [Value]?

        /// The data columns that change in a row that stays in the table.
        var changed: [Int]? {
            guard !isAside, let before, let after else { return nil }
            return before.indices.filter { before[$0] != after[$0] }
        }
    }

    /// Takes in operations of one change set.
    mutating func apply(_ operations: [RowFinder.Found]) throws {
        let own = try store.ownOperations(
            holding: operations.filter { $0.row.table < ConflictTable.conflictNumber }.map(\.row.hash64).sorted())
        var steps: [Step] = []
        for (row, key, operation) in operations {
            let table = try access.table(row.table, "taking in change set \(operation.dot)")
            if let step = try step(table, row, key, operation, own[row] ?? []) { steps.append(step) }
        }
        // Values of UNIQUE columns may swap between rows: all that move are taken out before one is put in.
        for step in steps where !step.isAside && step.before != nil {
            if step.after == nil
                || step.table.constrainedColumns.contains(where: { step.before![$0] != step.after![$0] })
            {
                try access.delete(step.table, step.key)
            }
        }
        for step in steps {
            if try update(step) { continue }
            touch(step.table, step.row, step.key, step.isAside ? nil : step.before)
            // Another row of this change set may have pushed it aside a moment ago, as it was before.
            let isAside = try step.isAside || aside(step.row) != nil
            guard let after = step.after else {
                if isAside { try store.dropAside(step.row) }
                continue
            }
            let row = Row(id: step.row, key: step.key, data: after)
            if isAside { try putAside(row) } else { try place(row, step.table) }
        }
    }

    /// Writes the cells that change in a row that stays, where they touch no constraint between rows.
    /// - Returns: false when it was not so, or did not hold.
    private func update(_ step: Step) throws -> Bool {
        guard let changed = step.changed, step.key == step.standing,
            !step.table.tiesRows(BlockKind(table: step.table.number, operation: .update, columns: changed))
        else { return false }
        if changed.isEmpty { return true }
        do {
            return try access.update(step.table, step.key, changed, changed.map { step.after![$0] })
        } catch let error as SQLiteError where error.isConstraint {
            return false
        }
    }

    /// What an operation makes of its row; nil when nothing.
    private func step(
        _ table: TableLayout, _ row: RowID, _ key: [Value], _ operation: LoggedOperation, _ own: [LoggedOperation]
    ) throws -> Step? {
        let inTable = try access.standing(table, key)
        let aside = inTable == nil ? try aside(row) : nil
        let before = inTable?.data ?? aside?.data
        // An own spelling of the key in flight stands until its echo: the hub carries the row if it keeps another.
        // An update never changes it.
        var spelling = key
        if before != nil, !operation.operation.isWholeRow || own.contains(where: { $0.operation.isWholeRow }) {
            spelling = aside?.key ?? inTable?.key ?? key
        }
        func step(_ after: [Value]?) -> Step {
            Step(
                table: table, row: row, key: spelling, standing: inTable?.key, before: before, isAside: aside != nil,
                after: after)
        }
        switch store.rules.atNode(operation, own) {
        case .ignore: return nil
        case .take:
            if operation.operation.isKeyOnly { return before == nil ? nil : step(nil) }
            if operation.operation.isWholeRow { return step(operation.values) }
            return try step(overlay(before, operation, operation.columns, table))
        case .takeCells(let columns):
            guard before != nil || operation.operation.isWholeRow else {
                return try step(overlay(before, operation, columns, table))
            }
            // Evicted here while our own writes are in flight: built from what is carried and our own cells.
            var after = before ?? operation.values
            for column in columns { after[column] = operation.value(of: column)! }
            if before == nil {
                for write in own {
                    for column in write.columns where !columns.contains(column) {
                        after[column] = write.value(of: column)!
                    }
                }
            }
            return step(after)
        }
    }

    private func overlay(
        _ before: [Value]?, _ operation: LoggedOperation, _ columns: [Int], _ table: TableLayout
    ) throws -> [Value] {
        guard var after = before else {
            throw StoreError(
                .diverged, doing: "taking in change set \(operation.dot)",
                why: "it updates a row of table \(table.name) that is not here",
                hint: "A program wrote with its triggers off, or the file was restored: run samband verify.")
        }
        for column in columns { after[column] = operation.value(of: column)! }
        return after
    }

    private mutating func touch(_ table: TableLayout, _ row: RowID, _ key: [Value], _ before: [Value]?) {
        if table.references.isEmpty && table.referencedBy.isEmpty { return }
        if touched[row] == nil { touched[row] = (table, key, before) }
    }

    /// Puts a row into the table; own rows in its way step aside, and a row that breaks a CHECK does so itself.
    private mutating func place(_ row: Row, _ table: TableLayout) throws {
        while true {
            do {
                try access.put(table, row.key, row.data)
                return
            } catch let error as SQLiteError where error.isConstraint {
                let blockers = error.isUnique ? try access.blockers(table, row.key, row.data) : []
                guard !blockers.isEmpty else {
                    try access.delete(table, row.key)
                    try putAside(row)
                    return
                }
                for key in blockers { try moveAside(table, key) }
            }
        }
    }

    private mutating func moveAside(_ table: TableLayout, _ key: [Value]) throws {
        guard let data = try access.row(table, key) else { return }
        let row = RowID(shape: table.shape, key: key)
        touch(table, row, key, data)
        try putAside(Row(id: row, key: key, data: data))
        try access.delete(table, key)
    }

    private mutating func putAside(_ row: Row) throws {
        mayHaveAside = true
        try store.putAside(row)
    }

    private func aside(_ row: RowID) throws -> Row? { mayHaveAside ? try store.aside(row) : nil }

    // MARK: at the end of a hub transaction

    /// Lets what fits stand again, settled rows before our own, those in the order of their seal; then takes out
    /// rows whose parent is not there.
    mutating func run() throws {
        let waiting = try store.allAside().map { (row: $0, order: store.ownOrder(of: $0.id) ?? 0) }
            .sorted { ($0.order, $0.row.id) < ($1.order, $1.row.id) }
        for (row, order) in waiting {
            // An earlier one may have been put back, or have pushed this one out again.
            guard let current = try store.aside(row.id) else { continue }
            try putBack(current, isOwn: order > 0)
        }
        while try takeOutOrphans() {}
    }

    private mutating func putBack(_ row: Row, isOwn: Bool) throws {
        let table = try access.table(row.id.table, "putting a row back")
        if !isOwn {
            try store.dropAside(row.id)
            touch(table, row.id, row.key, nil)
            try place(row, table)
            return
        }
        do {
            try access.put(table, row.key, row.data)
        } catch let error as SQLiteError where error.isConstraint {
            // Most do not fit yet, and there may be hundreds at each hub transaction: nothing is written for those.
            return
        }
        try store.dropAside(row.id)
        touch(table, row.id, row.key, nil)
    }

    /// One pass over the rows touched; true when some row had to step aside.
    private mutating func takeOutOrphans() throws -> Bool {
        var moved = false
        for row in touched.keys.sorted() {
            let entry = touched[row]!
            let now = try access.row(entry.table, entry.key)
            if let now {
                for reference in entry.table.references {
                    let values = entry.table.pick(reference.childColumns, key: entry.key, data: now)
                    if try !access.hasParent(reference, values) {
                        try moveAside(entry.table, entry.key)
                        moved = true
                        break
                    }
                }
            }
            moved = try takeOutChildren(of: entry, now: now) || moved
        }
        return moved
    }

    private mutating func takeOutChildren(
        of parent: (table: TableLayout, key: [Value], before: [Value]?), now: [Value]?
    ) throws -> Bool {
        guard let before = parent.before else { return false }
        var moved = false
        for reference in parent.table.referencedBy {
            let old = parent.table.pick(reference.parentColumns, key: parent.key, data: before)
            if old.contains(.null) { continue }
            if try !access.rows(reference.parent, reference.parentColumns, old, limit: 1).isEmpty { continue }
            guard let child = access.tables[reference.child] else { continue }
            while let key = try access.children(reference, old, limit: 1).first {
                try moveAside(child, key)
                moved = true
            }
        }
        return moved
    }
}
