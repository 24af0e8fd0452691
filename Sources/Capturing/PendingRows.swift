import Replication
import SQLite
import TableModel

/// What the marks of one key come to, with the row as it is now.
package enum PendingVerdict: Sendable, Equatable {
    /// Nothing to ship: inserted and deleted again, or only looked at, or changed to what it was told to be.
    case nothing
    /// The row is new: all columns.
    case insert
    /// The row was there, was gone in between and is back: all columns, key included.
    case replace
    /// These columns were written.
    case update(ColumnMask)
    /// The row was there and is gone.
    case delete
}

/// A set of data indexes, 62 to the word.
package struct ColumnMask: Sendable, Equatable {
    /// Data indexes 0 to 61, one bit each.
    package let first: UInt64
    /// The words after it; empty for a table of up to 62 data columns.
    package let rest: [UInt64]

    package init(first: UInt64, rest: [UInt64] = []) {
        self.first = first
        self.rest = rest
    }

    package var isEmpty: Bool { first == 0 && rest.allSatisfy { $0 == 0 } }

    package func contains(_ dataIndex: Int) -> Bool {
        let word = dataIndex / MarkTable.bitsPerWord
        let bits = word == 0 ? first : word <= rest.count ? rest[word - 1] : 0
        return bits >> UInt64(dataIndex % MarkTable.bitsPerWord) & 1 == 1
    }

    /// The data indexes in the set, ascending.
    package var indexes: [Int] {
        (0..<(1 + rest.count) * MarkTable.bitsPerWord).filter { contains($0) }
    }
}

/// The one statement that coalesces the marks of a table by key and brings the rows as they are now.
///
///     let pending = PendingRows(table)
///     let rows = try database.cached(pending.sql)        // samband_or must be registered
///     while try rows.step() {
///         switch pending.verdict(of: rows) { … rows.integer(pending.valueColumn(dataIndex)) … }
///     }
///
/// Rows come in key order, one per key, without more memory than SQLite's sorter takes. The key columns hold
/// the key of the row as it is, or, when it is gone, as the first mark has it.
///
/// *Was the row there before?* The first mark that is no update tells: an insert means no, a look or a
/// candidate yes. (Marks of the user's own AFTER INSERT triggers on the new row may precede its insert mark.)
package struct PendingRows: Sendable {
    package let sql: String
    package let maskWords: Int
    package let keyCount: Int
    package let dataCount: Int
    /// What the table's policies ask of a seal: columns that ship together, columns that ship deltas.
    package let policy: TablePolicy

    private static let firstColumn: Int32 = 0
    private static let presentColumn: Int32 = 1
    private static let wordColumn: Int32 = 2

    /// The result column of a key column, counted in key order.
    package func keyColumn(_ index: Int) -> Int32 { PendingRows.wordColumn + Int32(maskWords + index) }
    /// The result column of a data column.
    package func valueColumn(_ dataIndex: Int) -> Int32 { keyColumn(keyCount + dataIndex) }

    /// Those of every replicated table, by its number.
    package static func all(_ connection: Connection) throws -> [Int: PendingRows] {
        Dictionary(
            uniqueKeysWithValues: try ReplicatedTable.readAll(from: connection).map {
                (Int($0.number), PendingRows($0))
            })
    }

    package init(_ table: ReplicatedTable) {
        self.init(table.description, number: table.number, policy: table.policy)
    }

    package init(_ table: TableDescription, number: Int64, policy: TablePolicy = .manual) {
        let marks = MarkTable(table, number: number, sums: policy.sums)
        self.policy = policy
        maskWords = marks.maskColumns.count
        keyCount = table.key.count
        dataCount = table.dataColumns.count
        let key = table.key.map { "row.\(quote(identifier: table.columns[$0.column].name))" }
        let keys = zip(key, marks.keyColumns).map { "iif(\(key[0]) IS NULL, pending.\($1), \($0))" }
        let values = table.dataColumns.map { "row.\(quote(identifier: table.columns[$0].name))" }
        let words = marks.maskColumns.map { "pending.\($0)" }
        let bases = marks.bases.map { "before.\($0.name)" }
        let before = marks.bases.isEmpty ? "" : PendingRows.bases(marks)
        let match = zip(table.key, marks.keyColumns).map { part, mark in
            let column = table.columns[part.column]
            return "row." + comparison(column, "pending.\(mark)", part.collation)
        }
        sql = """
            SELECT pending.first, \(key[0]) IS NOT NULL, \((words + keys + values + bases).joined(separator: ", "))
            FROM (\(PendingRows.coalescing(marks))) AS pending
            LEFT JOIN \(quote(identifier: table.name)) AS row ON \(match.joined(separator: " AND "))\(before)
            """
    }

    /// What the first mark of each key found in the columns whose policy is `sum`. A grouping of its own: a bare column
    /// is of one row, and the other grouping's is that of another mark.
    private static func bases(_ marks: MarkTable) -> String {
        let columns =
            marks.bases.map { "mark.\($0.name) AS \($0.name)" } + marks.keyColumns.map { "mark.\($0) AS \($0)" }
        let group = marks.keyColumns.map { "mark.\($0)" }.joined(separator: ", ")
        let match = marks.keyColumns.map { "before.\($0) = pending.\($0)" }.joined(separator: " AND ")
        return """

            LEFT JOIN (SELECT min(mark.rowid), \(columns.joined(separator: ", "))
                FROM \(marks.name) AS mark GROUP BY \(group)) AS before ON \(match)
            """
    }

    /// By how much the row's writes have raised a data column whose policy is `sum`; nil when that is not known, for the
    /// row was not there, or is more than 64 bits hold.
    package func delta(of column: Int, in row: Statement) -> Int64? {
        guard let place = policy.sums.firstIndex(of: column) else { return nil }
        let base = valueColumn(dataCount) + Int32(place)
        guard row.type(base) == .integer, row.type(valueColumn(column)) == .integer else { return nil }
        let (delta, overflow) = row.integer(valueColumn(column)).subtractingReportingOverflow(row.integer(base))
        return overflow ? nil : delta
    }

    /// One row per key: the first mark that tells of the row's past, and the columns written. A bare column
    /// beside min() comes from the row that has the minimum.
    /// https://www.sqlite.org/lang_select.html#bare_columns_in_an_aggregate_query
    private static func coalescing(_ marks: MarkTable) -> String {
        let candidate = MarkTable.candidateBit
        let otherWords = marks.maskColumns.dropFirst()
        let isUpdate =
            "mark.mask BETWEEN 0 AND \(candidate - 1) AND "
            + (["mark.mask > 0"] + otherWords.map { "mark.\($0) IS NOT NULL" }).joined(separator: " OR ")
            .parenthesised
        let first =
            "samband_or(CASE WHEN mark.mask = -1 THEN ifnull(before.mask, -1) "
            + "WHEN mark.mask < \(candidate) THEN mark.mask END) AS mask"
        let others = otherWords.map { word in
            "samband_or(CASE WHEN mark.mask = -1 THEN before.\(word) "
                + "WHEN mark.mask < \(candidate) THEN mark.\(word) END) AS \(word)"
        }
        let keys = marks.keyColumns.map { "mark.\($0) AS \($0)" }
        let sameKey = marks.keyColumns.map { "before.\($0) = mark.\($0)" }.joined(separator: " AND ")
        let group = marks.keyColumns.map { "mark.\($0)" }.joined(separator: ", ")
        // `before`: the mark next to an insert, when it is the candidate of the same key.
        return """
            SELECT mark.mask AS first, min(CASE WHEN \(isUpdate) THEN NULL ELSE mark.rowid END),
                \(([first] + others + keys).joined(separator: ",\n    "))
            FROM \(marks.name) AS mark
            LEFT JOIN \(marks.name) AS before
                ON before.rowid = CASE WHEN mark.mask = -1 THEN mark.rowid - 1 END
                AND before.mask >= \(candidate) AND \(sameKey)
            GROUP BY \(group)
            """
    }

    /// What the current row of the statement comes to.
    package func verdict(of row: Statement) -> PendingVerdict {
        let wasAbsent = row.integer(PendingRows.firstColumn) == -1
        guard row.integer(PendingRows.presentColumn) != 0 else { return wasAbsent ? .nothing : .delete }
        let first = row.integer(PendingRows.wordColumn)
        if first < 0 { return wasAbsent ? .insert : .replace }
        var rest: [UInt64] = []
        for word in 1..<max(1, maskWords) {
            rest.append(UInt64(bitPattern: row.integer(PendingRows.wordColumn + Int32(word))))
        }
        let mask = ColumnMask(first: UInt64(first & (MarkTable.candidateBit - 1)), rest: rest)
        return mask.isEmpty ? .nothing : .update(mask)
    }
}

extension String {
    fileprivate var parenthesised: String { "(\(self))" }
}
