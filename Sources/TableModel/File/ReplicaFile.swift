import Glibc
import Replication
import SQLite

/// Opens a Samband database as the store needs it: triggers and foreign keys off for this connection alone,
/// every commit on disk before it is acknowledged.
package enum ReplicaFile {
    package struct Opened {
        package let connection: Connection
        package let tables: [TableLayout]
        package let replica: UInt32
        package let fleet: String
        package let hlc: UInt64
    }

    /// The format of the `samband_` tables that this version reads and writes.
    package static let formatVersion: UInt64 = 1

    /// While it waits for another program's transaction nothing else is answered; what waits is tried again anyway.
    package static let busyTimeoutMs: Int32 = 3_000

    /// A start waits as long for a program that writes, or is about to end.
    package static let startPatienceMs: Int32 = 10_000

    /// Opens the database of a hub or a node and reads what it says of itself. Refuses any other file, with the reason.
    package static func open(_ path: String, role: String) throws -> Opened {
        let connection = try Connection(path: path, mode: .readWrite, busyTimeoutMs: startPatienceMs)
        try prepare(connection)
        guard try connection.firstInteger("SELECT count(*) FROM sqlite_schema WHERE name = 'samband_meta'") == 1 else {
            throw StoreError(
                .misused, doing: "opening \(path)", why: "it is not a Samband database",
                hint: "Make one with: samband hub init, or samband node join.")
        }
        let format = try connection.metaNumber(.formatVersion)
        guard format == formatVersion else {
            throw StoreError(
                .refused, doing: "opening \(path)", why: "its format is \(format), this version reads \(formatVersion)",
                hint: "Use the version of samband that made it.")
        }
        let found = try connection.metaText(.role) ?? ""
        guard found == role else {
            throw StoreError(
                .misused, doing: "opening \(path)", why: "it is the database of a \(found), not of a \(role)",
                hint: "Name the right file with --db.")
        }
        return Opened(
            connection: connection, tables: try TableLayout.all(connection),
            replica: UInt32(try connection.metaNumber(.replica)), fleet: try connection.metaText(.fleet) ?? "",
            hlc: try connection.metaNumber(.hlc))
    }

    /// Puts the file into WAL mode, in which programs read while another writes. A file that was copied or restored is not
    /// in it, and SQLite does not wait for those who are in the file at that moment: this does.
    /// https://www.sqlite.org/pragma.html#pragma_journal_mode
    package static func enterWriteAheadLog(_ connection: Connection) throws {
        var leftMs = startPatienceMs
        while true {
            do {
                let mode = try connection.firstString("PRAGMA journal_mode = WAL") ?? ""
                guard mode == "wal" else {
                    throw StoreError(
                        .inputOutput, doing: "opening \(connection.path)", why: "it stays in the journal mode \(mode)",
                        hint: "Keep it on a local disk, and let SQLite have memory there that processes share.")
                }
                // From here on others wait for this process.
                return try connection.execute("PRAGMA busy_timeout = \(busyTimeoutMs)")
            } catch let error as SQLiteError {
                guard error.isBusy, leftMs > 0 else { throw error }
                leftMs -= 1
                usleep(1000)
            }
        }
    }

    /// Sets up a connection: triggers and foreign keys off for it alone, every commit on disk.
    package static func prepare(_ connection: Connection) throws {
        try connection.setTriggersEnabled(false)
        try connection.registerBitwiseOr()
        // foreign_keys: SQLite would cascade unseen. cell_size_check, trusted_schema: the file is everybody's.
        try connection.execute(
            """
            PRAGMA foreign_keys = OFF;
            PRAGMA synchronous = FULL;
            PRAGMA wal_autocheckpoint = 4000;
            PRAGMA journal_size_limit = 67108864;
            PRAGMA cache_size = -8000;
            """)
    }
}
