import OrderedLog
import Replication
import SQLite
import TableModel

/// Puts the tables of a node's file back to what the hub had given it: without what the site itself has written since,
/// which comes in as change sets and is judged like any other.
struct FormerRows {
    package let base: NodeCopy
    package let others: [NodeCopy]
    /// The file that is being made of the base, its log put together already.
    package let access: TableAccess
    package let log: ChangeLog
    private let finder: RowFinder
    private let index = ConcurrentIndexBox()
    /// Behind this position the log has no gap.
    private let beginning: UInt64

    /// How a row stood.
    private enum Former {
        case absent
        case row([Value])
        /// Taken away, and no file tells what it was.
        case unknown
    }

    init(base: NodeCopy, others: [NodeCopy], access: TableAccess, log: ChangeLog, beginning: UInt64) {
        self.base = base
        self.access = access
        self.log = log
        self.beginning = beginning
        finder = RowFinder(log: log, tables: access.tables)
        // What the log says nothing about, these have as it was at the end of the base's order.
        self.others = others.filter {
            $0.position >= beginning && $0.position <= $0.shared(with: base) && $0.shared(with: base) >= base.position
        }
    }

    /// Runs in a transaction of its caller.
    /// - Returns: false when a constraint does not allow it: then all stands as before.
    func putBack() throws -> Bool {
        var formers: [(touch: Touch, former: Former)] = []
        for (row, touch) in base.touched.sorted(by: { $0.key < $1.key }) {
            formers.append((touch, try former(row, touch)))
        }
        let connection = access.connection
        try connection.beginSavepoint("former")
        do {
            // UNIQUE is checked row by row, so all must be gone before one is written.
            for (touch, _) in formers { try access.delete(touch.table, touch.key) }
            for (touch, former) in formers {
                if case .row(let data) = former { try access.insert(touch.table, touch.key, data) }
            }
            let broken = try connection.firstInteger("SELECT EXISTS(SELECT 1 FROM pragma_foreign_key_check)")
            guard broken == 0 else { throw Broken() }
            try connection.release("former")
            return true
        } catch let error where error is Broken || (error as? SQLiteError)?.isOfRow == true {
            try connection.rollback(to: "former")
            try connection.release("former")
            return false
        }
    }

    private struct Broken: Error {}

    private func former(_ row: RowID, _ touch: Touch) throws -> Former {
        let logged = try lastLogged(row, touch.table)
        switch logged.end {
        case .absent: return .absent
        case .row(let data): return .row(data)
        case .unknown, nil: break
        }
        for other in others where other.touched[row] == nil {
            guard let standing = try other.store.access.row(touch.table, touch.key) else {
                return logged.cells.isEmpty ? .absent : .unknown
            }
            return .row(with(logged.cells, standing))
        }
        if touch.isNew && logged.cells.isEmpty { return .absent }
        let now = try base.store.access.row(touch.table, touch.key) ?? base.store.aside(row)?.data
        guard var data = now else { return .unknown }
        // What nobody tells stays as the site has it: its change set writes the same there.
        for column in touch.table.policy.sums where touch.columns.contains(column) {
            guard let delta = touch.deltas[column] ?? nil, case .integer(let value) = data[column] else { continue }
            var former = WideSum(value)
            former.subtract(delta)
            guard let former = former.value else { return .unknown }
            data[column] = .integer(former)
        }
        return .row(with(logged.cells, data))
    }

    private func with(_ cells: [Int: Value], _ data: [Value]) -> [Value] {
        var data = data
        for (column, value) in cells { data[column] = value }
        return data
    }

    /// What the order says about a row: how it stood, or the cells of it that were written.
    private func lastLogged(_ row: RowID, _ table: TableLayout) throws -> (end: Former?, cells: [Int: Value]) {
        var cells: [Int: (stamp: Stamp, value: Value)] = [:]
        let sums = Set(table.policy.sums)
        var end: Former?
        try index.index.descend([row.hash64], log: log) { entry, hashes in
            guard let entry = try log.entry(id: entry.id) else { return true }
            let found = try finder.operations(of: entry, entry.isEffective ? .effective : .authored, holding: hashes)
            for (other, _, operation) in found where other == row {
                if operation.operation.isKeyOnly {
                    end = .absent
                    return false
                }
                for (place, column) in operation.columns.enumerated() {
                    let stamp =
                        operation.cellStamps.isEmpty
                        ? Stamp(hlc: operation.hlc, dot: operation.dot) : operation.cellStamps[place]
                    // What an author added to a sum does not say what it came to.
                    if sums.contains(column) && operation.cellStamps.isEmpty { continue }
                    if let known = cells[column], known.stamp > stamp { continue }
                    cells[column] = (stamp, operation.values[place])
                }
                guard operation.operation.isWholeRow else { continue }
                if cells.count == table.dataColumns.count {
                    end = .row(table.allColumns.map { cells[$0]!.value })
                }
                return false
            }
            return true
        }
        return (end, cells.mapValues(\.value))
    }
}
