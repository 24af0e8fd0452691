import SQLite

/// The stable numbers of columns, kept in `samband_column`, so that a change set made before a RENAME is
/// understood after it.
///
/// A column that a program adds by itself has no number until `assignNew` runs, and until then it is not
/// shipped. RENAME COLUMN keeps the order of declaration and ADD COLUMN appends; DROP COLUMN fails while
/// capture's triggers name the column. So a known column whose name is gone is the one that now stands at its
/// place in that order.
package enum ColumnNumbering {
    /// Reads the numbers by name in lower case.
    package static func numbers(
        ofTable number: Int64, in database: Connection
    ) throws(SQLiteError) -> [[UInt8]: Int64] {
        var found: [[UInt8]: Int64] = [:]
        for entry in try entries(ofTable: number, in: database) {
            found[lowercasedASCII(entry.name)] = entry.number
        }
        return found
    }

    /// Follows renames and gives every ordinary column without a number the next one. Throws a refusal when
    /// known columns are gone: that is a schema step, not something to guess about.
    package static func assignNew(
        to table: TableDescription, number: Int64, in database: Connection
    ) throws(SchemaError) {
        let stored = try inDatabase { () throws(SQLiteError) in try entries(ofTable: number, in: database) }
        let present = table.columns.filter { $0.generation == .ordinary }.map(\.name)
        let gone = stored.indices.filter { index in !present.contains { sameName($0, stored[index].name) } }
        for index in gone {
            let known = stored.map(\.name)
            guard index < present.count, !known.contains(where: { sameName($0, present[index]) }) else {
                throw SchemaError.refused(
                    Refusal(
                        doing: "number columns", what: "table \(table.name), column \(stored[index].name)",
                        why: "the column is gone and no new one stands in its place",
                        hint: "Bring the column back, or drop it by a schema step."))
            }
            try inDatabase { () throws(SQLiteError) in
                let rename = try database.cached(
                    "UPDATE samband_column SET name = ?3 WHERE table_number = ?1 AND column_number = ?2")
                try rename.bind(at: 1, integer: number)
                try rename.bind(at: 2, integer: stored[index].number)
                try rename.bind(at: 3, text: present[index])
                try rename.run()
                try followRename(of: stored[index].name, to: present[index], in: table, number, database)
            }
        }
        let taken = try inDatabase { () throws(SQLiteError) in try numbers(ofTable: number, in: database) }
        var next = (taken.values.max() ?? 0) + 1
        for name in present where taken[lowercasedASCII(name)] == nil {
            try inDatabase { () throws(SQLiteError) in
                let insert = try database.cached(
                    "INSERT INTO samband_column(table_number, column_number, name) VALUES (?1, ?2, ?3)")
                try insert.bind(at: 1, integer: number)
                try insert.bind(at: 2, integer: next)
                try insert.bind(at: 3, text: name)
                try insert.run()
            }
            next += 1
        }
    }

    /// The scope column and the policies of a renamed column go on under its new name.
    private static func followRename(
        of old: String, to new: String, in table: TableDescription, _ number: Int64, _ database: Connection
    ) throws(SQLiteError) {
        let scope = try database.cached(
            "UPDATE samband_table SET scope_column = ?3 WHERE number = ?1 AND scope_column = ?2")
        try scope.bind(at: 1, integer: number)
        try scope.bind(at: 2, text: old)
        try scope.bind(at: 3, text: new)
        try scope.run()
        let policy = try database.cached(
            "UPDATE samband_policy SET column_name = ?3 WHERE table_name = ?1 AND column_name = ?2")
        try policy.bind(at: 1, text: table.name)
        try policy.bind(at: 2, text: old)
        try policy.bind(at: 3, text: new)
        try policy.run()
    }

    private static func entries(
        ofTable number: Int64, in database: Connection
    ) throws(SQLiteError) -> [(number: Int64, name: String)] {
        let rows = try database.prepare(
            "SELECT column_number, name FROM samband_column WHERE table_number = ?1 ORDER BY column_number")
        try rows.bind(at: 1, integer: number)
        var found: [(number: Int64, name: String)] = []
        while try rows.step() { found.append((rows.integer(0), rows.string(1))) }
        return found
    }
}
