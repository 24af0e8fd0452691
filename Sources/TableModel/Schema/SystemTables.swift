import SQLite

/// Makes the tables that say what is replicated. Safe to run again.
package enum SystemTables {
    package static func create(in database: Connection) throws(SQLiteError) {
        try database.execute(String(decoding: PackageResources.SystemTables_sql, as: UTF8.self))
    }
}
