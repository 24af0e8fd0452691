import Auditing
import Capturing
import Explaining
import JSONText
import OrderedLog
import Replication
import SQLite
import TableModel

/// Creates the hub's database from a schema.
package enum HubCreation {
    /// Runs the SQL files of a schema in the order of their names on a new file, in one transaction, and makes it
    /// a hub's database. On a refusal or failure no file is left behind.
    ///
    /// - Parameter person: who does it, for the audit.
    /// - Throws: `SchemaError`, naming the file or table, the reason and the remedy.
    package static func create(
        path: String, fleet: String, migrations: [(name: String, sql: String)], nowMs: UInt64,
        by person: String = "samband", drawReplica: () -> UInt32 = HubStore.randomReplica
    ) throws(SchemaError) {
        try FleetCreation.createFleetDatabase(
            path: path, migrations: migrations.map { Migration(name: $0.name, sql: $0.sql) }
        ) { connection in
            try connection.registerBitwiseOr()
            let replica = drawReplica()
            try finish(connection, fleet: fleet, replica: replica, nowMs: nowMs)
            try AuditTable(connection: connection).append(
                AuditEntry(
                    who: person, .hubCreated,
                    [
                        "fleet": .string(fleet), "replica": .integer(Int64(replica)),
                        "migrations": .array(
                            migrations.sorted { $0.name < $1.name }.map {
                                ["name": .string($0.name), "sha256": .string(SHA256.digest(Array($0.sql.utf8)).hex)]
                            }),
                    ], atMs: nowMs))
        }
    }

    /// Turns a database in which the migrations have just run into a hub's: its own tables, its replica number,
    /// the rows that the migrations wrote as its first change set, and triggers that refuse local programs'
    /// writes. Runs inside the transaction of its caller.
    ///
    /// The hub's file takes no writes of local programs: it keeps an undo image of all that it deletes or
    /// overwrites, and a program's write would leave none. Programs at the hub's site write their node's file.
    static func finish(
        _ connection: Connection, fleet: String, replica: UInt32, nowMs: UInt64
    ) throws {
        try refuseGeneratedUnique(connection)
        try connection.execute(LogTables.sql)
        try connection.setMeta(.formatVersion, ReplicaFile.formatVersion)
        try connection.setMeta(.fleet, .text(fleet))
        try connection.setMeta(.role, .text("hub"))
        try connection.setMeta(.replica, UInt64(replica))
        try connection.setMeta(.schemaVersion, 1)
        try ReplicaTable(connection: connection).add(replica, site: "")
        try EpochTable(connection: connection).begin(hub: replica, base: 0, nowMs: nowMs)
        try sealMigrations(connection, replica: replica, nowMs: nowMs)
        try Capture.remove(from: connection)
        try makeOwnTables(connection)
    }

    /// What only a hub's file has beside the tables that all have.
    package static func makeOwnTables(_ connection: Connection) throws {
        try connection.execute(OperatorTable.sql)
        try connection.execute(AuditTable.sql)
        try connection.execute(QuarantineTable.sql)
        try HubGuards.install(connection)
        try StatusView.install(connection)
        try DisputeViews.install(connection)
    }

    /// The hub finds out which row stands in the way of another by asking each UNIQUE index about values that are not in
    /// the table, which a generated column does not have.
    private static func refuseGeneratedUnique(_ connection: Connection) throws(SchemaError) {
        for table in try inDatabase({ () throws(SQLiteError) in try ReplicatedTable.readAll(from: connection) }) {
            let columns = table.description.columns
            let generated = Set(columns.indices.filter { columns[$0].generation != .ordinary })
            for index in table.description.uniqueIndexes {
                let named = index.parts.compactMap { if case .column(let column) = $0.value { column } else { nil } }
                guard let column = named.first(where: { generated.contains($0) }) else { continue }
                throw SchemaError.refused(
                    Refusal(
                        doing: "replicate a table", what: "table \(table.name)",
                        why: "its UNIQUE index \(index.name) is over the generated column \(columns[column].name)",
                        hint: "Make the index over the expression itself: CREATE UNIQUE INDEX … ON \(table.name)(…)."))
            }
        }
    }

    private static func sealMigrations(_ connection: Connection, replica: UInt32, nowMs: UInt64) throws {
        let log = ChangeLog(connection: connection)
        let sealer = try Sealer(connection: connection, log: log, tables: try TableLayout.all(connection))
        var clock = HybridClock()
        guard
            let sealed = try sealer.seal(
                replica: replica, clock: &clock, nowMs: nowMs, position: 0, schemaVersion: 1, asideIsEmpty: true)
        else { return }
        try log.setPosition(1, of: sealed.entry.header.dot)
    }
}

/// Triggers that refuse a local program's writes to the replicated tables of the hub's file.
enum HubGuards {
    static func install(_ connection: Connection) throws {
        for table in try ReplicatedTable.readAll(from: connection) {
            for moment in ["INSERT", "UPDATE", "DELETE"] {
                let text = quoteText(
                    "samband: this is the hub's file, which programs do not write; write the file of the site's node")
                try connection.execute(
                    """
                    CREATE TRIGGER \(quote(identifier: "samband_hub_\(table.number)_\(moment.lowercased())"))
                    BEFORE \(moment) ON \(quote(identifier: table.name))
                    BEGIN
                        SELECT RAISE(ABORT, \(text));
                    END
                    """)
            }
        }
    }
}
