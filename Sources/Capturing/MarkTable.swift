import SQLite
import TableModel

/// The capture log of one replicated table: an append-only table whose rows, the *marks*, say which keys were
/// written and which of their columns.
///
/// `samband_mark_<number>(mask, mask2 …, k1, k2 …)`: words of 62 bits, then the key. Bit b of word w stands for
/// the data index 62·w + b (`TableDescription.dataColumns`). A word that is NULL counts as 0. The first word
/// also says what kind of mark it is:
///
///     -1              insert: the row is new, or new again; all columns
///     0, others NULL  look: this key may be gone
///     0 … 2^62 - 1    update: these columns differ from what they were
///     2^62 and above  candidate: a look at a row that an INSERT met under its own key, with the columns that
///                     the INSERT would change. When the next mark is the insert of the same key, a REPLACE has
///                     happened, and only these columns were written
///
/// `b_<column number>`, for each column whose policy is `sum`: its value before the write that made the mark; NULL in
/// the mark of an insert. That of a key's first mark is what the delta is reckoned from.
///
/// There is no NOT NULL on `mask`: a constraint in the log would make SQLite open a statement journal for
/// every UPDATE that could do without.
package struct MarkTable: Sendable {
    package static let candidateBit: Int64 = 1 << 62
    package static let bitsPerWord = 62

    package let number: Int64
    package let name: String
    /// `mask`, `mask2` …
    package let maskColumns: [String]
    /// `k1`, `k2` … in key order.
    package let keyColumns: [String]
    /// `b_3` …, one a column whose policy is `sum`, and that column.
    package let bases: [(name: String, column: TableDescription.Column)]
    /// The statement that creates it.
    package let sql: String

    /// - Parameter sums: the data indexes of the columns whose policy is `sum`.
    package init(_ table: TableDescription, number: Int64, sums: [Int] = []) {
        self.number = number
        name = "samband_mark_\(number)"
        let words = max(1, (table.dataColumns.count + MarkTable.bitsPerWord - 1) / MarkTable.bitsPerWord)
        maskColumns = (1...words).map { $0 == 1 ? "mask" : "mask\($0)" }
        keyColumns = (1...max(1, table.key.count)).map { "k\($0)" }
        let masks = maskColumns.map { "\($0) INTEGER" }
        // No type, so that a key is stored just as it is; the key's collation, so that marks group as keys do.
        let keys = zip(keyColumns, table.key).map { name, part in
            part.collation == "BINARY" ? name : "\(name) COLLATE \(part.collation)"
        }
        let data = table.dataColumns
        bases = sums.map { index in
            let column = table.columns[data[index]]
            return ("b_\(column.number ?? 0)", column)
        }
        sql = "CREATE TABLE \(name)(\((masks + keys + bases.map { "\($0.name) INTEGER" }).joined(separator: ", ")))"
    }
}
