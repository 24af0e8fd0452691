import ConflictStore
import JSONText
import RecordViews
import TableModel

/// Two records that were merged, with the names of their key's columns.
package struct MergedRecord: Sendable {
    package let merge: RecordMerge
    let keyColumns: [String]

    package var json: JSON {
        [
            "id": .integer(Int64(merge.id)), "table": .string(merge.table),
            "key": namedValues(keyColumns, merge.key), "into": namedValues(keyColumns, merge.into),
            "conflict": merge.conflict == 0 ? .null : .integer(Int64(merge.conflict)),
            "merged": merge.decision.json, "unmerged": merge.undone?.json ?? .null,
        ]
    }
}

extension Views {
    func mergedRecords() throws -> [MergedRecord] {
        try RecordMergeTable(connection: connection).all().map { merge in
            let table = try access.table(merge.tableNumber, "listing merged records")
            return MergedRecord(merge: merge, keyColumns: table.keyColumns)
        }
    }
}
