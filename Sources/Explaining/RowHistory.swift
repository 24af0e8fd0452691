import OrderedLog
import RecordViews
import Replication
import SQLite

extension Views {
    /// What the log holds about one row, oldest first.
    package func history(table name: String, key: [Value]) throws -> [HistoryView] {
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
