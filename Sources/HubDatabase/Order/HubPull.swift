import Glibc
import OrderedLog
import Replication
import SQLite
import TableModel

extension HubStore {
    private func offer(_ entry: LogEntry, to replica: UInt32) throws -> Offer {
        var delivery = Delivery(position: entry.position!, endsTransaction: entry.endsTransaction)
        delivery.isEcho = entry.header.dot.replica == replica
        if let absorbed = try absorbedRange(replica), absorbed.contains(entry.position!) {
            delivery.isAbsorbed = true
            delivery.endsTransaction = false
        }
        var count = delivery.isEcho ? 0 : entry.header.segmentDigests.count
        if entry.isEffective && !delivery.isEcho {
            delivery.isEffective = true
            delivery.effectiveDigests = try log.segmentDigests(change: entry.id, variant: .effective)
            count = delivery.effectiveDigests.count
        }
        return Offer(change: entry.id, header: entry.header, delivery: delivery, segmentCount: count)
    }

    /// The positions that a replica which followed a lost hub keeps in its log and does not apply.
    private func absorbedRange(_ replica: UInt32) throws -> Range<UInt64>? {
        let statement = try connection.cached(
            "SELECT switch_from, switch_at FROM samband_replica WHERE replica = ?1 AND switch_at IS NOT NULL")
        try statement.bind(UInt64(replica), at: 1)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        return statement.unsigned(0) + 1..<statement.unsigned(1)
    }

    private func segmentBytes(of offer: Offer, number: Int) throws -> [UInt8] {
        let variant: SegmentVariant = offer.delivery.isEffective ? .effective : .authored
        guard let bytes = try log.segment(change: offer.change, variant: variant, number: number) else {
            preconditionFailure("the log holds every segment that its headers name")
        }
        return bytes
    }

    /// A change set that the hub can give out, its segments still in the log.
    package struct Offer: Sendable {
        let change: UInt64
        package let header: ChangeSetHeader
        package let delivery: Delivery
        package let segmentCount: Int
    }

    /// Up to `limit` change sets behind a position, to be sent segment by segment: memory holds one of them.
    /// A replica's own change sets come back as headers alone. Notes how far the replica has been sent the order before
    /// anything leaves, for what it claims to have seen is believed up to there.
    package func offers(to replica: UInt32, after position: UInt64, limit: Int) throws(StoreError) -> [Offer] {
        try givingOut("reading the order behind position \(position)") {
            let offers = try log.entries(after: position, limit: limit).map { try offer($0, to: replica) }
            if let last = offers.last { noteSent(replica, upTo: last.delivery.position) }
            return offers
        }
    }

    /// One segment of an offer, by number from 0.
    package func segment(of offer: Offer, number: Int) throws(StoreError) -> [UInt8] {
        try storing("reading segment \(number) of change set \(offer.header.dot)") {
            try segmentBytes(of: offer, number: number)
        }
    }

    /// Writes a ready database for a node: the rows as they stand, no log, and nothing of what only the hub may
    /// know. The replica is noted as having been sent everything up to there.
    ///
    /// - Parameter path: a file that does not exist yet.
    package func makeSnapshot(for replica: UInt32, to path: String, nowMs: UInt64) throws(StoreError) {
        let doing = "writing a snapshot for replica \(replica)"
        guard let state = try storing(doing, { try replicaState(replica) }), state.state == "active" else {
            throw StoreError(
                .refused, doing: doing, why: "the replica is not active here", hint: "See: samband site list.")
        }
        let position = try SnapshotFile.make(from: connection.path, to: path, site: state.site, replica: replica)
        try noteSnapshot(to: replica, position: position)
    }

    /// Notes that a replica has been given a snapshot that stands at a position.
    package func noteSnapshot(to replica: UInt32, position: UInt64) throws(StoreError) {
        noteSent(replica, upTo: position)
        try writeContacts()
    }
}

/// Turns a copy of the hub's database into that of a node.
package enum SnapshotFile {
    /// Copies the hub's database, on a connection of its own, and makes the copy a node's. The file is readable by its
    /// owner only; on a failure it is for the caller to take away.
    ///
    /// - Returns: the position of the hub's order that the rows stand at.
    package static func make(
        from hub: String, to path: String, site: String, replica: UInt32
    ) throws(StoreError) -> UInt64 {
        try storing("writing a snapshot for replica \(replica)") {
            let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard file >= 0 else {
                throw StoreError(
                    .inputOutput, doing: "writing a snapshot", why: String(cString: strerror(errno)),
                    hint: "Look at the folder of the hub's database, its rights and its space.")
            }
            close(file)
            try DatabaseCopy.make(of: hub, at: path)
            let copy = try Connection(path: path, mode: .readWrite, busyTimeoutMs: 1000)
            defer { copy.close() }
            try ReplicaFile.prepare(copy)
            return try turnIntoNode(copy, site: site, replica: replica)
        }
    }

    /// - Returns: the position of the hub's order that the rows stand at.
    private static func turnIntoNode(_ copy: Connection, site: String, replica: UInt32) throws -> UInt64 {
        let log = ChangeLog(connection: copy)
        let position = try log.lastPosition()
        try copy.transaction {
            try copy.execute(
                """
                DELETE FROM samband_site;
                DROP TABLE samband_operator;
                DROP TABLE samband_audit;
                DROP TABLE samband_quarantine;
                DROP TABLE samband_quarantine_segment;
                -- What Litestream writes into a database that it replicates.
                DROP TABLE IF EXISTS _litestream_seq;
                DROP TABLE IF EXISTS _litestream_lock;
                DELETE FROM samband_segment;
                DELETE FROM samband_change;
                DELETE FROM samband_staged;
                DELETE FROM samband_handed;
                DELETE FROM samband_handed_segment;
                DELETE FROM samband_wait;
                DELETE FROM samband_led_on;
                UPDATE samband_replica SET last_digest = zeroblob(32), sent = 0, acknowledged = 0,
                  acknowledged_sealed = 0, heard = NULL, switch_from = NULL, switch_at = NULL;
                UPDATE samband_vector SET sealed = 0;
                DELETE FROM samband_split;
                UPDATE samband_replica SET last_contact = NULL, clock_offset = NULL, renumbered = 0;
                DELETE FROM samband_meta WHERE name IN ('seq', 'digest', 'epoch', 'restored', 'backup_at',
                  'backup_position', 'backup_vector', 'accepted_ms', 'running_ms', 'audit_key', 'audit_years',
                  'from_nodes', 'policies_back', 'joins_missing');
                """)
            try copy.setMeta(.role, .text("node"))
            try copy.setMeta(.site, .text(site))
            try copy.setMeta(.replica, UInt64(replica))
            try copy.setMeta(.position, position)
            try copy.setMeta(.hlcSeen, copy.metaNumber(.hlc))
            try NodeCapture.install(copy)
        }
        try copy.execute("PRAGMA journal_mode = DELETE; VACUUM;")
        return position
    }
}
