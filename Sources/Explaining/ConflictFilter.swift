import ConflictStore
import OrderedLog
import RecordViews
import Replication
import SQLite
import TableModel

/// Which conflicts somebody wants to see.
package struct ConflictFilter: Hashable, Sendable {
    package var table: String?
    /// A site that is a side of it; `hub` for the hub itself.
    package var site: String?
    package var kind: ConflictKind?
    /// A column that it is about.
    package var column: String?
    package var includesSettled: Bool

    package init(
        table: String? = nil, site: String? = nil, kind: ConflictKind? = nil, column: String? = nil,
        includesSettled: Bool = false
    ) {
        self.table = table
        self.site = site
        self.kind = kind
        self.column = column
        self.includesSettled = includesSettled
    }

    /// What can be told without the names of the sites.
    package func fits(_ record: ConflictRecord) -> Bool {
        if let table, !sameName(table, record.table) { return false }
        if let kind, kind != record.kind { return false }
        return true
    }

    package func fits(_ view: ConflictView) -> Bool {
        if let site, !view.sites.contains(where: { $0 == site || ($0.isEmpty && site == "hub") }) { return false }
        if let column, !view.disputedColumns.contains(where: { sameName($0, column) }) { return false }
        return true
    }
}

extension ConflictView {
    /// The columns that the conflict is about: one, a unit, or what the sides of a row wrote.
    package var disputedColumns: [String] {
        if let column = record.column { return [column] }
        let columns = Set(record.life.sides.flatMap { $0.key == nil ? Array(($0.row ?? [:]).keys) : [] })
        return columns.isEmpty
            ? dataColumns : columns.sorted().filter { $0 < dataColumns.count }.map { dataColumns[$0] }
    }
}

extension Views {
    /// - Throws: `.misused` when the filter has a name that this database does not know: nothing found would read as "none
    ///   is open".
    package func conflicts(_ filter: ConflictFilter) throws -> [ConflictView] {
        try check(filter)
        return try conflicts.all(includeSettled: filter.includesSettled).filter { filter.fits($0) }
            .map { try conflict($0) }.filter { filter.fits($0) }
    }

    /// Open and settled ones of the whole database.
    package func conflictCounts() throws -> (open: Int, settled: Int) {
        let all = Int(try connection.firstInteger("SELECT count(*) FROM samband_conflict") ?? 0)
        let open = try conflicts.openCount()
        return (open, all - open)
    }

    private func check(_ filter: ConflictFilter) throws {
        let tables = access.tables.values.filter { $0.number < ConflictTable.conflictNumber }
        if let name = filter.table {
            // Conflicts keep the name that their table had.
            let names = try tables.map(\.name) + conflicts.tableNames()
            try check(name, among: names, "there is no replicated table \(name)")
        }
        if let site = filter.site {
            let known = try ReplicaTable(connection: connection).sites()
            try check(site, among: known + ["hub"], "there is no site \(site)", isExact: true)
        }
        if let column = filter.column {
            let these = tables.filter { table in filter.table.map { sameName($0, table.name) } ?? true }
            let columns = these.flatMap { $0.keyColumns + $0.dataColumns }
            let place = filter.table.map { "table \($0)" } ?? "no replicated table"
            try check(
                column, among: columns, "\(place) has \(filter.table == nil ? "a" : "no") column \(column)")
        }
    }

    private func check(_ name: String, among known: [String], _ why: String, isExact: Bool = false)
        throws(StoreError)
    {
        if known.contains(where: { isExact ? $0 == name : sameName($0, name) }) { return }
        throw StoreError(
            .misused, doing: "listing conflicts", why: why, hint: spellingHint(name, known))
    }
}
