import Replication
import SQLite

/// The time from one restoration of the hub to the next. Each has its own replica number of the hub and its own order
/// behind `base`; up to there positions mean what they meant in the epoch before. (Protocol/Merge-Model.md#lost-hub)
package struct Epoch: Hashable, Sendable {
    /// 0 for the first hub, one more with each restoration.
    package let number: UInt64
    /// The hub's replica number in it.
    package let hub: UInt32
    package let base: UInt64

    package init(number: UInt64, hub: UInt32, base: UInt64) {
        self.number = number
        self.hub = hub
        self.base = base
    }
}

extension [Epoch] {
    /// The position up to which two databases mean the same by positions: where the first epoch begins that only one of
    /// them knows. Nil when both know the same epochs; 0 when they never shared one.
    package func sharedPosition(with other: [Epoch]) -> UInt64? {
        for index in 0..<Swift.max(count, other.count) {
            guard index < count, index < other.count else {
                return index == 0 ? 0 : index < count ? self[index].base : other[index].base
            }
            if self[index].hub != other[index].hub {
                return index == 0 ? 0 : Swift.min(self[index].base, other[index].base)
            }
        }
        return nil
    }
}

/// The epochs that a database knows, oldest first.
struct EpochTable {
    let connection: Connection

    func all() throws -> [Epoch] {
        let statement = try connection.cached("SELECT number, hub, base FROM samband_epoch ORDER BY number")
        defer { statement.reset() }
        var epochs: [Epoch] = []
        while try statement.step() {
            epochs.append(
                Epoch(number: statement.unsigned(0), hub: UInt32(statement.integer(1)), base: statement.unsigned(2)))
        }
        return epochs
    }

    /// Begins the next epoch.
    func begin(hub: UInt32, base: UInt64, nowMs: UInt64) throws {
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
    func number() throws -> UInt64 {
        UInt64(try connection.firstInteger("SELECT coalesce(max(number), 0) FROM samband_epoch") ?? 0)
    }

    /// The hub's replica number in the newest epoch.
    func hub() throws -> UInt32 {
        UInt32(try connection.firstInteger("SELECT hub FROM samband_epoch ORDER BY number DESC LIMIT 1") ?? 0)
    }
}
