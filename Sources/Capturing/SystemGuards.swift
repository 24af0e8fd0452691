import SQLite

/// Triggers that refuse a local program's writes to Samband's own tables. Samband's connection has its
/// triggers off, so it passes.
package enum SystemGuards {
    /// The tables that are guarded: every `samband_` table but the marks, which the user's writes fill.
    package static func guardedTables(in database: Connection) throws(SQLiteError) -> [String] {
        let rows = try database.prepare(
            """
            SELECT name FROM sqlite_schema
            WHERE type = 'table' AND name GLOB 'samband_*' AND name NOT GLOB 'samband_mark_*' ORDER BY name
            """)
        var names: [String] = []
        while try rows.step() { names.append(rows.string(0)) }
        return names
    }

    /// Makes the guards of all these tables. Running it again changes nothing.
    package static func install(in database: Connection) throws(SQLiteError) {
        for table in try guardedTables(in: database) { try install(on: table, in: database) }
    }

    /// Makes the three guards of one table.
    package static func install(on table: String, in database: Connection) throws(SQLiteError) {
        for moment in ["INSERT", "UPDATE", "DELETE"] {
            let name = quote(identifier: "samband_guard_\(table)_\(moment.lowercased())")
            let text = quoteText(
                "samband: \(table) is written by samband alone; use the samband command line tool")
            try database.execute(
                """
                CREATE TRIGGER IF NOT EXISTS \(name) BEFORE \(moment) ON \(quote(identifier: table))
                BEGIN
                    SELECT RAISE(ABORT, \(text));
                END
                """)
        }
    }

    /// Drops the guards of every table, before a schema step or when Samband leaves the file.
    package static func remove(from database: Connection) throws(SQLiteError) {
        let rows = try database.prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'samband_guard_*'")
        var names: [String] = []
        while try rows.step() { names.append(rows.string(0)) }
        for name in names { try database.execute("DROP TRIGGER \(quote(identifier: name))") }
    }
}
