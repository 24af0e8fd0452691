import Replication
import SQLite
import TableModel

/// How far the replicas have come and when they were here last: too frequent for a commit of its own each time. It is
/// kept in memory, counts from there, and goes to the disk with the next commit. What is lost of it with the machine's
/// power the sites say again, and `positionAtOpening` covers what they were sent.
struct SiteProgress {
    /// By replica: the position up to which it has been given the order.
    fileprivate(set) var sent: [UInt32: UInt64] = [:]
    /// By replica: the position that it has said it reached, and its last own seq then.
    fileprivate(set) var reached: [UInt32: (position: UInt64, sealed: UInt64)] = [:]
    /// By replica: when it was here last, in milliseconds since 1970, its site, and how far its clock is off the hub's.
    fileprivate(set) var seen: [UInt32: (ms: UInt64, site: String, clockOffsetMs: Int64?)] = [:]

    var isEmpty: Bool { sent.isEmpty && reached.isEmpty && seen.isEmpty }
}

extension HubStore {
    func noteSent(_ replica: UInt32, upTo position: UInt64) {
        contacts.sent[replica] = max(contacts.sent[replica] ?? 0, position)
    }

    /// Remembers that a replica has reached a position, and that its last own change set then was `sealed`. It
    /// counts once the hub holds that one. (Protocol/Merge-Model.md#acknowledgement)
    package func acknowledge(
        _ replica: UInt32, position: UInt64, sealed: UInt64, clockOffsetMs: Int64? = nil, nowMs: UInt64
    ) throws(StoreError) {
        let doing = "noting how far replica \(replica) has come"
        if try givingOut(doing, { try replicaState(replica)?.state == .replaced }) {
            try writing(doing) { try goesOn(replica, nowMs: nowMs) }
        }
        try givingOut(doing) {
            guard let known = try replicaState(replica), position <= known.sent else { return }
            if try log.vector()[replica] >= sealed {
                contacts.reached[replica] = (max(known.acknowledged, position), sealed)
            }
            contacts.seen[replica] = (nowMs, known.site, clockOffsetMs ?? contacts.seen[replica]?.clockOffsetMs)
        }
    }

    /// Reads what a site is given; a hub that still gathers what its sites know gives nothing out.
    func givingOut<T>(_ doing: @autoclosure () -> String, _ body: () throws -> T) throws(StoreError) -> T {
        if isRecovering { throw recovering(doing()) }
        return try storing(doing(), body)
    }

    /// Writes what is noted, where nothing else has taken it along.
    package func writeContacts() throws(StoreError) {
        if !contacts.isEmpty { try writing("noting how far the sites have come", whileRecovering: true) {} }
    }

    func write(_ contacts: SiteProgress) throws {
        for (replica, position) in contacts.sent {
            let statement = try connection.cached(
                "UPDATE samband_replica SET sent = ?1 WHERE replica = ?2 AND sent < ?1")
            try statement.bind(position, at: 1)
            try statement.bind(UInt64(replica), at: 2)
            try statement.run()
        }
        for (replica, reached) in contacts.reached {
            let statement = try connection.cached(
                """
                UPDATE samband_replica SET acknowledged = max(acknowledged, ?1), acknowledged_sealed = ?2
                WHERE replica = ?3
                """)
            try statement.bind([
                .integer(Int64(reached.position)), .integer(Int64(reached.sealed)), .integer(Int64(replica)),
            ])
            try statement.run()
        }
        for (replica, seen) in contacts.seen {
            let ofSite = try connection.cached(
                "UPDATE samband_site SET last_contact = ?1 WHERE name = ?2 AND coalesce(last_contact, 0) < ?1")
            try ofSite.bind([.integer(Int64(seen.ms)), .text(seen.site)])
            try ofSite.run()
            let ofReplica = try connection.cached(
                "UPDATE samband_replica SET last_contact = ?1, clock_offset = coalesce(?2, clock_offset) "
                    + "WHERE replica = ?3")
            try ofReplica.bind([
                .integer(Int64(seen.ms)), seen.clockOffsetMs.map { .integer($0) } ?? .null, .integer(Int64(replica)),
            ])
            try ofReplica.run()
        }
    }
}
