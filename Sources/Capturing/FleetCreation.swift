import SQLite
import TableModel

/// Makes the first database of a fleet from the SQL files of its schema.
package enum FleetCreation {
    /// Runs the files in the order of their names in one transaction on a new file, installs capture and marks
    /// the rows that the files inserted into replicated tables as inserts, so that the first seal ships them;
    /// then `finish`, which may add more tables of Samband's own; then guards those. The file appears under its
    /// name complete, in WAL mode and on the disk, or not at all.
    package static func createFleetDatabase(
        path: String, migrations: [Migration], finish: (Connection) throws -> Void = { _ in }
    ) throws(SchemaError) {
        let file = try NewDatabaseFile(path: path)
        do {
            try build(file.buildPath, migrations, finish)
            try file.publish()
        } catch {
            file.abandon()
            throw error
        }
    }

    private static func build(
        _ path: String, _ migrations: [Migration], _ finish: (Connection) throws -> Void
    ) throws(SchemaError) {
        let database = try inDatabase { () throws(SQLiteError) in
            try Connection(path: path, mode: .readWrite, busyTimeoutMs: 0)
        }
        defer { database.close() }
        try inDatabase { () throws(SQLiteError) in
            // The file has no name yet: a crash leaves nothing to roll back, so the journal may be in memory.
            try database.execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
            // References are checked when all rows are there, in whatever order the files bring them.
            try database.execute("PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF")
            try database.begin()
            try SystemTables.create(in: database)
        }
        for migration in migrations.sorted(by: { $0.name < $1.name }) { try migration.run(in: database) }
        try Capture.install(in: database)
        try checkReferences(in: database)
        for table in try inDatabase({ () throws(SQLiteError) in try ReplicatedTable.readAll(from: database) }) {
            try Capture.markAllRows(of: table, in: database)
        }
        try run(finish, database)
        try inDatabase { () throws(SQLiteError) in
            try SystemGuards.install(in: database)
            try database.commit()
            database.clearCache()
            _ = try database.firstString("PRAGMA journal_mode = WAL")
        }
    }

    private static func run(
        _ finish: (Connection) throws -> Void, _ database: Connection
    ) throws(SchemaError) {
        do {
            try finish(database)
        } catch let error as SchemaError {
            throw error
        } catch let error as SQLiteError {
            throw SchemaError.database(error)
        } catch {
            throw SchemaError.refused(
                Refusal(
                    doing: "create a fleet database", what: "its own tables", why: "\(error)",
                    hint: "Nothing was left behind."))
        }
    }

    private static func checkReferences(in database: Connection) throws(SchemaError) {
        let broken = try inDatabase { () throws(SQLiteError) -> (String, String, Int64)? in
            let rows = try database.prepare(
                """
                SELECT "table", "parent", count(*) FROM pragma_foreign_key_check GROUP BY 1, 2 ORDER BY 1, 2
                """)
            return try rows.step() ? (rows.string(0), rows.string(1), rows.integer(2)) : nil
        }
        guard let (child, parent, count) = broken else { return }
        throw SchemaError.refused(
            Refusal(
                doing: "create a fleet database", what: "table \(child)",
                why: "\(count) of its rows reference rows of \(parent) that are not there",
                hint: "Add the missing rows to the schema's files, or leave out those that reference them."))
    }
}
