import Replication
import SQLite

/// A conflict with what a reader needs to judge it.
package struct ConflictView: Sendable {
    package let record: ConflictRecord
    package let keyColumns: [String]
    package let dataColumns: [String]
    /// The site of each side, in the order of the sides; empty for the hub itself.
    package let sites: [String]
    /// The row as it stands, data columns; nil when it is absent.
    package let now: [Value]?
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
            sites: try record.life.sides.map { try site(of: $0.dot.replica) }, now: try access.row(table, record.key))
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
        guard
            let table = access.tables.values.first(where: {
                sameName($0.name, name) && $0.number < ConflictTable.conflictNumber
            })
        else {
            throw StoreError(
                .notFound, doing: doing, why: "there is no replicated table of that name", hint: "Check its spelling.")
        }
        guard key.count == table.keyColumns.count else {
            throw StoreError(
                .refused, doing: doing, why: "its key has \(table.keyColumns.count) columns, not \(key.count)",
                hint: "Give the key as \(table.keyColumns.joined(separator: ", ")).")
        }
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
    func siteOf(_ replica: UInt32) throws(StoreError) -> String
    func counts() throws(StoreError) -> (conflictsOpen: Int, withheld: Int)
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

    package func siteOf(_ replica: UInt32) throws(StoreError) -> String {
        try storing("looking up replica \(replica)") { try views.site(of: replica) }
    }

    package func counts() throws(StoreError) -> (conflictsOpen: Int, withheld: Int) {
        try storing("counting conflicts") { (try conflictTable.openCount(), try conflictTable.withheldCount()) }
    }
}

extension HubStore: ViewSource {}
extension NodeStore: ViewSource {}
