import ConflictStore
import OrderedLog
import Replication
import SQLite
import TableModel

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

    package init(entry: LogEntry, site: String, operation: Operation, columns: [String], values: [Value]) {
        self.entry = entry
        self.site = site
        self.operation = operation
        self.columns = columns
        self.values = values
    }
}

/// Reads a database's own records for people. The same at hub and node.
package struct Views {
    package let connection: Connection
    package let log: ChangeLog
    package let access: TableAccess
    package let conflicts: ConflictTable

    package init(connection: Connection, log: ChangeLog, access: TableAccess, conflicts: ConflictTable) {
        self.connection = connection
        self.log = log
        self.access = access
        self.conflicts = conflicts
    }
    package func site(of replica: UInt32) throws -> String {
        try ReplicaTable(connection: connection).site(of: replica) ?? "replica \(replica)"
    }

    /// A conflict with the names of its columns and sites, and the row as it stands.
    package func conflict(_ record: ConflictRecord) throws -> ConflictView {
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

    package func withheld(_ record: WithheldRecord) throws -> WithheldView {
        let table = try access.table(record.tableNumber, "showing a withheld row")
        return WithheldView(
            record: record, keyColumns: table.keyColumns, columns: record.columns.map { table.dataColumns[$0] },
            site: try site(of: record.dot.replica))
    }

    /// The newest change sets of the log, newest first.
    package func logView(limit: Int) throws -> [LogView] {
        try log.newest(limit: limit).map { entry in
            let variant: SegmentVariant =
                entry.isEffective && entry.header.segmentDigests.isEmpty ? .effective : .authored
            return LogView(
                entry: entry, site: try site(of: entry.header.dot.replica),
                bytes: UInt64(try log.size(change: entry.id, variant: variant)))
        }
    }
}
