import SQLite
import TableModel

/// How captured columns are compared, as SQL text.

/// A column of the row before the change.
func old(_ column: TableDescription.Column) -> String { "OLD.\(quote(identifier: column.name))" }

/// True when NEW's value is another one than `source`'s, in any byte or in type. `IS NOT` alone would follow
/// the column's collation, and would take 1 and 1.0 for the same where the column's affinity lets both stand.
/// -0.0 and 0.0 cannot be told apart. https://www.sqlite.org/datatype3.html#comparison_expressions
func differs(_ column: TableDescription.Column, _ source: (TableDescription.Column) -> String) -> String {
    let new = "NEW.\(quote(identifier: column.name))"
    let collation = column.collation == "BINARY" ? "" : " COLLATE BINARY"
    let byValue = "\(source(column)) IS NOT \(new)\(collation)"
    guard let check = typeCheck(column, source) else { return byValue }
    return "(\(byValue) OR \(check) AND typeof(\(source(column))) <> typeof(\(new)))"
}

/// When equal values may still be of two types, the condition under which that is possible, cheaper than
/// asking for the types each time; nil when the column fixes the type.
func typeCheck(
    _ column: TableDescription.Column, _ source: (TableDescription.Column) -> String
) -> String? {
    switch column.affinity {
    // Numbers sort before all text, and only numbers are equal across types.
    case .none: column.isStrictlyTyped ? nil : "\(source(column)) < ''"
    // A real that is whole is stored as an integer, except this one, whose negation does not fit.
    case .integer, .numeric: column.isStrictlyTyped ? nil : "\(source(column)) = -9223372036854775808"
    case .text, .real: nil
    }
}

/// `column = value` under a collation, in the form that an index with that collation can serve.
func comparison(_ column: TableDescription.Column, _ value: String, _ collation: String) -> String {
    let suffix = collation == column.collation ? "" : " COLLATE \(quote(identifier: collation))"
    return "\(quote(identifier: column.name)) = \(value)\(suffix)"
}

/// NEW's value as it will be stored: OR REPLACE puts the default in the place of a NULL that NOT NULL forbids,
/// after the BEFORE triggers. Only defaults that are literals are foreseen, and not that a generated column of
/// a UNIQUE index is made from such a NULL: that one row of a REPLACE would go unseen, until `verify`.
/// https://www.sqlite.org/lang_conflict.html
func newValue(_ column: TableDescription.Column) -> String {
    let new = "NEW.\(quote(identifier: column.name))"
    guard column.isNotNull, let text = column.defaultText, isLiteral(text) else { return new }
    return "coalesce(\(new), \(text))"
}

private func isLiteral(_ text: String) -> Bool {
    let parsed = SQLTokens(text)
    guard parsed.text(0..<parsed.tokens.count) == text else { return false }
    let isNumber = { (index: Int) -> Bool in
        parsed.tokens[index].kind == .word
            && (0x30...0x39).contains(parsed.bytes[parsed.tokens[index].range.lowerBound])
    }
    switch parsed.tokens.count {
    case 1: return parsed.tokens[0].kind == .text || isNumber(0)
    case 2:
        return parsed.isMark(0, "-") && isNumber(1) || parsed.isWord(0, "X") && parsed.tokens[1].kind == .text
    default: return false
    }
}

/// How the rows are found that OR REPLACE would delete through one UNIQUE index.
struct UniqueGuard {
    /// The condition on the table's rows under which NEW takes their place in the index.
    package let match: String
    /// The columns that the index is made of; nil when that cannot be told from its parts alone: a partial
    /// index, an expression, a generated column.
    package let columns: [Int]?

    init(_ table: TableDescription, _ index: TableDescription.UniqueIndex) {
        var conditions: [String] = []
        var plain: [Int]? = []
        for part in index.parts {
            switch part.value {
            case .column(let place):
                let column = table.columns[place]
                conditions.append(comparison(column, newValue(column), part.collation))
                if column.generation == .ordinary { plain?.append(place) } else { plain = nil }
            case .expression(let text):
                plain = nil
                let collation = " COLLATE \(quote(identifier: part.collation))"
                conditions.append(
                    "(\(text)) = (SELECT \(text) FROM \(UniqueGuard.newRow(table)))\(collation)")
            case .rowid:
                plain = nil
                if let rowid = table.rowidName { conditions.append("\(rowid) = NEW.\(rowid)") }
            }
        }
        if let condition = index.condition {
            plain = nil
            // Also what makes SQLite use the partial index. https://www.sqlite.org/partialindex.html
            conditions.append("(\(condition))")
        }
        match = conditions.joined(separator: " AND ")
        columns = plain
    }

    /// NEW as a row of a table with the same name and columns, so that an expression can be read on it
    /// unchanged. NEW's columns have no affinity; the empty first half lends them the table's.
    private static func newRow(_ table: TableDescription) -> String {
        let names = table.columns.map { quote(identifier: $0.name) }
        let name = quote(identifier: table.name)
        let new = table.columns.map { newValue($0) }.joined(separator: ", ")
        return
            "(SELECT \(names.joined(separator: ", ")) FROM \(name) WHERE 0 UNION ALL SELECT \(new)) AS \(name)"
    }
}
