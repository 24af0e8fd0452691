import Replication
import SQLite

/// The epochs that a database knows, oldest first.
package struct EpochTable {
    package let connection: Connection

    package init(connection: Connection) {
        self.connection = connection
    }

    /// All epochs, oldest first.
    package func all() throws -> [Epoch] {
        let statement = try connection.cached("SELECT number, hub, base FROM samband_epoch ORDER BY number")
        return try statement.rows { Epoch(number: $0.unsigned(0), hub: UInt32($0.integer(1)), base: $0.unsigned(2)) }
    }

    /// Begins the next epoch.
    package func begin(hub: UInt32, base: UInt64, nowMs: UInt64) throws {
        let statement = try connection.cached(
            """
            INSERT INTO samband_epoch(number, hub, base, began_at)
            VALUES((SELECT coalesce(max(number) + 1, 0) FROM samband_epoch), ?1, ?2, ?3)
            """)
        try statement.bind(UInt64(hub), at: 1)
        try statement.bind(base, at: 2)
        try statement.bind(nowMs, at: 3)
        try statement.run()
    }

    /// How often the hub was restored.
    package func number() throws -> UInt64 {
        UInt64(try connection.firstInteger("SELECT coalesce(max(number), 0) FROM samband_epoch") ?? 0)
    }

    /// When the newest epoch began, in milliseconds since 1970.
    package func beganMs() throws -> UInt64 {
        UInt64(try connection.firstInteger("SELECT began_at FROM samband_epoch ORDER BY number DESC LIMIT 1") ?? 0)
    }

    /// The hub's replica number in the newest epoch.
    package func hub() throws -> UInt32 {
        UInt32(try connection.firstInteger("SELECT hub FROM samband_epoch ORDER BY number DESC LIMIT 1") ?? 0)
    }
}
