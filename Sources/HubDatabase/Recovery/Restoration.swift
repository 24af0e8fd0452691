import Auditing
import JSONText
import OrderedLog
import Replication
import SQLite
import TableModel

/// That a hub's file was put back, and what is known of it.
package enum Restoration: Sendable {
    /// It is a former state of the hub: all that it holds, it had given out.
    case fromBackup
    /// It was put back some time ago and has gone on since, so that nothing tells from where on its order is another.
    case unnoticed

    /// Opens a hub's file; one that was restored begins a new epoch under a new replica number before anything else.
    /// (Protocol/Merge-Model.md#lost-hub)
    static func open(
        _ path: String, seat: HubHighWaterMark?, known: Restoration?, drawReplica: () -> UInt32, nowMs: UInt64
    ) throws -> ReplicaFile.Opened {
        let opened = try ReplicaFile.open(path, role: "hub")
        guard let restoration = try known ?? detect(opened, seat) else { return opened }
        let log = ChangeLog(connection: opened.connection)
        let base: UInt64 = restoration == .unnoticed ? 0 : try log.lastPosition()
        try opened.connection.transaction {
            try begin(opened.connection, base: base, after: opened.replica, drawReplica: drawReplica, nowMs: nowMs)
        }
        opened.connection.close()
        return try ReplicaFile.open(path, role: "hub")
    }

    /// The mark in the file by which an operator says that it was put back some time ago.
    static let unnoticedMark: UInt64 = 2

    private static func detect(_ opened: ReplicaFile.Opened, _ seat: HubHighWaterMark?) throws -> Restoration? {
        switch try opened.connection.metaNumber(.restored) {
        case 0: break
        case unnoticedMark: return .unnoticed
        default: return .fromBackup
        }
        guard let seat else { return nil }
        guard let noted = try seat.read() else {
            // A hub that has given nothing out to anybody is simply new.
            let isNew = try opened.connection.firstInteger(
                "SELECT NOT EXISTS(SELECT 1 FROM samband_replica WHERE site <> '')")
            return isNew == 1 ? nil : .fromBackup
        }
        let last = try ChangeLog(connection: opened.connection).lastPosition()
        return noted.replica == opened.replica && noted.position <= last ? nil : .fromBackup
    }

    private static func begin(
        _ connection: Connection, base: UInt64, after former: UInt32, drawReplica: () -> UInt32, nowMs: UInt64
    ) throws {
        var number: UInt32
        let taken = try connection.prepare("SELECT 1 FROM samband_replica WHERE replica = ?1")
        var isTaken: Bool
        repeat {
            number = drawReplica()
            try taken.bind(UInt64(number), at: 1)
            isTaken = try taken.step()
            taken.reset()
        } while isTaken
        let lives = LifeTable(connection: connection)
        try lives.set(.retired, of: former)
        try ReplicaTable(connection: connection).add(number, site: "")
        try EpochTable(connection: connection).begin(hub: number, base: base, nowMs: nowMs)
        try AuditTable(connection: connection).append(
            AuditEntry(
                who: "samband", .hubRestored,
                [
                    "replica": .integer(Int64(number)), "former": .integer(Int64(former)),
                    "position": .integer(Int64(base)),
                ], atMs: nowMs))
        try connection.execute(
            """
            DELETE FROM samband_meta WHERE name IN ('seq', 'digest', 'restored', 'policies_back', 'joins_missing');
            DELETE FROM samband_staged;
            UPDATE samband_replica SET heard = NULL, switch_from = NULL, switch_at = NULL;
            UPDATE samband_replica SET acknowledged = min(acknowledged, \(base));
            UPDATE samband_vector SET sealed = 0;
            """)
        try connection.setMeta(.replica, UInt64(number))
        try RecoveredSets(connection: connection).tryAllAgain()
        try lives.set(.gathering)
    }
}
