import OrderedLog
import Replication
import Snapshots
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
        guard let state = try storing(doing, { try replicaState(replica) }), state.state == .active else {
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
