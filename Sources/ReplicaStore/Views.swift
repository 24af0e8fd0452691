import Replication
import SQLite

/// A conflict with what a reader needs to judge it.
package struct ConflictView: Sendable {
    package let record: ConflictRecord
    package let keyColumns: [String]
    package let dataColumns: [String]
    /// The site of each side, in the order of the sides; empty for the hub itself.
    package let sites: [String]
    /// The names under which each side's row is read: of a parent that was put back, one side is the child.
    package let sideNames: [RowNames]
    /// The site whose write settled it; nil when none did, empty for the hub itself.
    package let settledBySite: String?
    /// The row as it stands, data columns; nil when it is absent.
    package let now: [Value]?
}

/// What a row's table and columns are called.
package struct RowNames: Hashable, Sendable {
    package let table: String
    package let keyColumns: [String]
    package let dataColumns: [String]
}

/// A withheld row with its names.
package struct WithheldView: Sendable {
    package let record: WithheldRecord
    package let keyColumns: [String]
    package let columns: [String]
    package let site: String
}

/// One line of the log.
package struct LogView: Sendable {
    package let entry: LogEntry
    package let site: String
    package let bytes: UInt64
}

/// What one change set did to a row.
package struct HistoryView: Sendable {
    package let entry: LogEntry
    package let site: String
    package let operation: Operation
    package let columns: [String]
    package let values: [Value]
}

/// Reads a database's own records for people. The same at hub and node.
struct Views {
    let connection: Connection
    let log: ChangeLog
    let access: TableAccess
    let conflicts: ConflictTable

    func site(of replica: UInt32) throws -> String {
        let statement = try connection.cached("SELECT site FROM samband_replica WHERE replica = ?1")
        try statement.bind(UInt64(replica), at: 1)
        defer { statement.reset() }
        return try statement.step() ? statement.string(0) : "replica \(replica)"
    }

    func conflict(_ record: ConflictRecord) throws -> ConflictView {
        let table = try access.table(record.tableNumber, "showing conflict \(record.id)")
        return ConflictView(
            record: record, keyColumns: table.keyColumns, dataColumns: table.dataColumns,
            sites: try record.life.sides.map { try site(of: $0.dot.replica) },
            sideNames: record.life.sides.map { names(of: $0, table) },
            settledBySite: try record.life.settledBy.map { try site(of: $0.dot.replica) },
            now: try access.row(table, record.key))
    }

    /// The names of a side's row. Where a deleted parent was put back for a child, the child is the other side, with a
    /// key and a table of its own.
    private func names(of side: ConflictSide, _ table: TableLayout) -> RowNames {
        let its = side.table.flatMap { access.tables[$0] } ?? table
        return RowNames(table: its.name, keyColumns: its.keyColumns, dataColumns: its.dataColumns)
    }

    func withheld(_ record: WithheldRecord) throws -> WithheldView {
        let table = try access.table(record.tableNumber, "showing a withheld row")
        return WithheldView(
            record: record, keyColumns: table.keyColumns, columns: record.columns.map { table.dataColumns[$0] },
            site: try site(of: record.dot.replica))
    }

    func logView(limit: Int) throws -> [LogView] {
        try log.newest(limit: limit).map { entry in
            let variant: SegmentVariant =
                entry.isEffective && entry.header.segmentDigests.isEmpty ? .effective : .authored
            let statement = try connection.cached(
                "SELECT coalesce(sum(length(bytes)), 0) FROM samband_segment WHERE change = ?1 AND variant = ?2")
            try statement.bind(entry.id, at: 1)
            try statement.bind(at: 2, integer: variant.rawValue)
            defer { statement.reset() }
            _ = try statement.step()
            return LogView(entry: entry, site: try site(of: entry.header.dot.replica), bytes: statement.unsigned(0))
        }
    }

    /// What the log holds about one row, oldest first.
    func history(table name: String, key: [Value]) throws -> [HistoryView] {
        let doing = "reading the history of a row of \(name)"
        let table = try replicated(name, key, doing)
        let row = RowID(shape: table.shape, key: key)
        let hash = row.hash64
        let reader = OperationReader(log: log, shapes: access.tables.mapValues(\.shape))
        let statement = try connection.prepare("SELECT id, key_hashes FROM samband_change ORDER BY id")
        var ids: [UInt64] = []
        while try statement.step() {
            if KeyHashes.contains(KeyHashes.decode(statement.bytes(1)), hash) { ids.append(statement.unsigned(0)) }
        }
        var found: [HistoryView] = []
        for id in ids {
            guard let entry = try log.entry(id: id) else { continue }
            let hasAuthored = try log.segment(change: id, variant: .authored, number: 0) != nil
            for (other, _, operation) in try reader.operations(
                of: entry, variant: hasAuthored ? .authored : .effective, wanted: [hash]) where other == row
            {
                found.append(
                    HistoryView(
                        entry: entry, site: try site(of: entry.header.dot.replica), operation: operation.operation,
                        columns: operation.columns.map { table.dataColumns[$0] }, values: operation.values))
            }
        }
        return found
    }

}

/// What a hub's and a node's database both can tell people.
package protocol ReadableStore: AnyObject {
    func conflictViews(includeSettled: Bool) throws(StoreError) -> [ConflictView]
    func conflictView(_ id: UInt64) throws(StoreError) -> ConflictView?
    func withheldViews() throws(StoreError) -> [WithheldView]
    func logViews(limit: Int) throws(StoreError) -> [LogView]
    func history(table: String, key: [Value]) throws(StoreError) -> [HistoryView]
    func conflictViews(_ filter: ConflictFilter) throws(StoreError) -> [ConflictView]
    /// All conflicts that this database knows.
    func conflictCounts() throws(StoreError) -> (open: Int, settled: Int)
    func conflictDetail(_ id: UInt64) throws(StoreError) -> ConflictDetail?
    func withheldDetail(_ id: UInt64) throws(StoreError) -> WithheldDetail?
    func explain(table: String, key: [Value]) throws(StoreError) -> Explanation
    func decisionReport(sinceMs: UInt64) throws(StoreError) -> DecisionReport
    func rowView(table: String, key: [Value]) throws(StoreError) -> RowView
    func siteOf(_ replica: UInt32) throws(StoreError) -> String
    func counts() throws(StoreError) -> (conflictsOpen: Int, withheld: Int)
    /// How conflicts settle by themselves, as far as that was set.
    func policyViews() throws(StoreError) -> [PolicyView]
}

protocol ViewSource: ReadableStore {
    var connection: Connection { get }
    var log: ChangeLog { get }
    var access: TableAccess { get }
    var conflictTable: ConflictTable { get }
}

extension ViewSource {
    var views: Views {
        Views(connection: connection, log: log, access: access, conflicts: conflictTable)
    }

    package func conflictViews(includeSettled: Bool) throws(StoreError) -> [ConflictView] {
        try storing("listing conflicts") {
            try conflictTable.all(includeSettled: includeSettled).map { try views.conflict($0) }
        }
    }

    package func conflictView(_ id: UInt64) throws(StoreError) -> ConflictView? {
        try storing("showing conflict \(id)") { try conflictTable.record(id).map { try views.conflict($0) } }
    }

    package func withheldViews() throws(StoreError) -> [WithheldView] {
        try storing("listing withheld rows") { try conflictTable.withheld().map { try views.withheld($0) } }
    }

    package func logViews(limit: Int) throws(StoreError) -> [LogView] {
        try storing("listing the log") { try views.logView(limit: limit) }
    }

    package func history(table: String, key: [Value]) throws(StoreError) -> [HistoryView] {
        try storing("reading the history of a row of \(table)") { try views.history(table: table, key: key) }
    }

    package func conflictViews(_ filter: ConflictFilter) throws(StoreError) -> [ConflictView] {
        try storing("listing conflicts") { try views.conflicts(filter) }
    }

    package func conflictCounts() throws(StoreError) -> (open: Int, settled: Int) {
        try storing("counting conflicts") { try views.conflictCounts() }
    }

    package func conflictDetail(_ id: UInt64) throws(StoreError) -> ConflictDetail? {
        try storing("showing conflict \(id)") { try conflictTable.record(id).map { try views.detail($0) } }
    }

    package func withheldDetail(_ id: UInt64) throws(StoreError) -> WithheldDetail? {
        try storing("showing withheld row \(id)") {
            try conflictTable.withheld(id: id).map { try views.detail($0) }
        }
    }

    package func explain(table: String, key: [Value]) throws(StoreError) -> Explanation {
        try storing("explaining a row of \(table)") { try Explainer(views).explain(table: table, key: key) }
    }

    package func decisionReport(sinceMs: UInt64) throws(StoreError) -> DecisionReport {
        try storing("counting decisions") { try views.decisionReport(sinceMs: sinceMs) }
    }

    package func rowView(table: String, key: [Value]) throws(StoreError) -> RowView {
        try storing("reading a row of \(table)") { try views.row(table: table, key: key) }
    }

    package func siteOf(_ replica: UInt32) throws(StoreError) -> String {
        try storing("looking up replica \(replica)") { try views.site(of: replica) }
    }

    package func counts() throws(StoreError) -> (conflictsOpen: Int, withheld: Int) {
        try storing("counting conflicts") { (try conflictTable.openCount(), try conflictTable.withheldCount()) }
    }
}

extension HubStore: ViewSource {}
extension NodeStore: ViewSource {}
