import Replication
import SQLite

/// Reads and writes single rows of replicated tables on a connection whose triggers and foreign keys are off.
package struct TableAccess {
    package let connection: Connection
    package let tables: [Int: TableLayout]
    private let texts = SQLTexts()

    package init(connection: Connection, tables: [Int: TableLayout]) {
        self.connection = connection
        self.tables = tables
    }

    /// The table of this number, or an error that says who named it.
    package func table(_ number: Int, _ doing: @autoclosure () -> String) throws(StoreError) -> TableLayout {
        guard let table = tables[number] else {
            throw StoreError(
                .refused, doing: doing(), why: "it names table number \(number), which this fleet does not replicate",
                hint: "Look which tables the schema registers in samband_table; nothing was taken.")
        }
        return table
    }

    /// The data columns of a row, nil when it is absent.
    package func row(_ table: TableLayout, _ key: [Value]) throws -> [Value]? {
        try cells(table, key, table.allColumns)
    }

    /// Some data columns of a row, nil when it is absent.
    package func cells(_ table: TableLayout, _ key: [Value], _ columns: [Int]) throws -> [Value]? {
        let text = columns.count == table.dataColumns.count ? table.selectAllSQL : nil
        let statement = try connection.cached(
            text ?? texts.text(.select(table.number, columns)) { table.selectSQL(columns) })
        try statement.bind(key)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        return statement.values(0, columns.count)
    }

    /// The row that stands at a key, with the key as it spells it.
    package func standing(_ table: TableLayout, _ key: [Value]) throws -> (key: [Value], data: [Value])? {
        let statement = try connection.cached(table.selectWholeSQL)
        try statement.bind(key)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        let count = table.keyColumns.count
        return (statement.values(0, count), statement.values(Int32(count), table.dataColumns.count))
    }

    package func exists(_ table: TableLayout, _ key: [Value]) throws -> Bool {
        try cells(table, key, []) != nil
    }

    /// The key as the row that stands there spells it; nil when none does.
    package func spelling(_ table: TableLayout, _ key: [Value]) throws -> [Value]? {
        try rows(table.number, table.keyColumns, key, limit: 1).first
    }

    package func insert(_ table: TableLayout, _ key: [Value], _ data: [Value]) throws {
        let statement = try connection.cached(table.insertSQL)
        try statement.bind(key + data)
        try statement.run()
    }

    /// Writes the whole row over the one that stands at its key; false when none does.
    package func rewrite(_ table: TableLayout, _ key: [Value], _ data: [Value]) throws -> Bool {
        let statement = try connection.cached(table.rewriteSQL)
        try statement.bind(key + data + key)
        try statement.run()
        return connection.changes > 0
    }

    /// Puts the whole row there, whether or not one stands at its key. Clashes with others throw.
    package func put(_ table: TableLayout, _ key: [Value], _ data: [Value]) throws {
        if try !rewrite(table, key, data) { try insert(table, key, data) }
    }

    package func update(_ table: TableLayout, _ key: [Value], _ columns: [Int], _ values: [Value]) throws -> Bool {
        let statement = try connection.cached(
            texts.text(.update(table.number, columns)) { table.updateSQL(columns) })
        try statement.bind(values + key)
        try statement.run()
        return connection.changes > 0
    }

    @discardableResult
    package func delete(_ table: TableLayout, _ key: [Value]) throws -> Bool {
        let statement = try connection.cached(table.deleteSQL)
        try statement.bind(key)
        try statement.run()
        return connection.changes > 0
    }

    // MARK: constraints

    /// True when the row that these values refer to is there, or when they refer to none (a NULL among them).
    /// https://www.sqlite.org/foreignkeys.html#fk_basics
    package func hasParent(_ reference: TableLayout.Reference, _ values: [Value]) throws -> Bool {
        if values.contains(.null) { return true }
        return try !rows(reference.parent, reference.parentColumns, values, limit: 1).isEmpty
    }

    /// The keys of rows that refer to the parent with these values, compared as the parent's columns compare.
    /// https://www.sqlite.org/foreignkeys.html#fk_indexes
    package func children(_ reference: TableLayout.Reference, _ values: [Value], limit: Int) throws -> [[Value]] {
        try rows(
            reference.child, reference.childColumns, values, limit: limit, collations: reference.parentCollations)
    }

    /// The keys of rows of a table whose `columns` hold `values`.
    package func rows(
        _ number: Int, _ columns: [String], _ values: [Value], limit: Int, collations: [String] = []
    ) throws -> [[Value]] {
        guard let table = tables[number] else { return [] }
        let statement = try connection.cached(
            texts.text(.rows(number, columns, collations, limit)) {
                rowsSQL(table, columns, limit: limit, collations: collations)
            })
        try statement.bind(values)
        return try statement.rows { $0.values(0, table.keyColumns.count) }
    }

    /// Selects the keys of rows of a table whose `columns` hold the values bound.
    package func rowsSQL(_ table: TableLayout, _ columns: [String], limit: Int, collations: [String] = []) -> String {
        let match = columns.enumerated().map { place, column in
            // Named only where it matters: a comparison by another collation than the column's uses no index of it.
            let collation = place < collations.count && collations[place] != "BINARY" ? collations[place] : nil
            return "\(quote(identifier: column)) = ?\(place + 1)" + (collation.map { " COLLATE \($0)" } ?? "")
        }.joined(separator: " AND ")
        let keys = table.keyColumns.map { quote(identifier: $0) }.joined(separator: ", ")
        return "SELECT \(keys) FROM \(table.quotedName) WHERE \(match) LIMIT \(limit)"
    }

    /// The keys of the rows that stand in the way of this one in some UNIQUE index. The expression of each term
    /// is evaluated over the new row as over the old ones, so partial and expression indexes need no parsing.
    package func blockers(_ table: TableLayout, _ key: [Value], _ data: [Value]) throws -> [[Value]] {
        let all = table.keyColumns + table.dataColumns
        let new = all.enumerated().map { "?\($0 + 1) AS \(quote(identifier: $1))" }.joined(separator: ", ")
        let keys = table.keyColumns.map { quote(identifier: $0) }.joined(separator: ", ")
        var found: [[Value]] = []
        for index in table.uniqueIndexes {
            var terms = index.terms.map {
                "(\($0.sql)) = (SELECT \($0.sql) FROM (SELECT \(new))) COLLATE \($0.collation)"
            }
            if let predicate = index.predicate {
                terms.append("(\(predicate))")
                terms.append("(SELECT \(predicate) FROM (SELECT \(new)))")
            }
            let statement = try connection.cached(
                "SELECT \(keys) FROM \(table.quotedName) WHERE \(terms.joined(separator: " AND "))")
            try statement.bind(key + data)
            defer { statement.reset() }
            while try statement.step() {
                let other = statement.values(0, table.keyColumns.count)
                if RowID(shape: table.shape, key: other) != RowID(shape: table.shape, key: key), !found.contains(other)
                {
                    found.append(other)
                }
            }
        }
        return found
    }
}

/// SQL texts that depend on the columns asked for, made once each.
private final class SQLTexts {
    enum Key: Hashable {
        case select(Int, [Int])
        case update(Int, [Int])
        case rows(Int, [String], [String], Int)
    }

    private var known: [Key: String] = [:]

    func text(_ key: Key, _ make: () -> String) -> String {
        if let text = known[key] { return text }
        let text = make()
        known[key] = text
        return text
    }
}
