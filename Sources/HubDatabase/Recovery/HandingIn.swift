import OrderedLog
import Replication
import SQLite
import TableModel

/// Who may hand in, and what: the hub has lost what it knew, but does not believe everything.
extension HubStore {
    /// The position up to which a replica that follows these epochs means the same by positions, never beyond the end of
    /// the order here; nil when it follows this hub.
    package func sharedPosition(with epochs: [Epoch]) throws -> UInt64? {
        let own = try EpochTable(connection: connection).all()
        let isExtended = epochs.count > own.count && zip(own, epochs).allSatisfy { $0.hub == $1.hub }
        guard own.first?.hub == epochs.first?.hub, !isExtended else {
            throw StoreError(
                .diverged, doing: "comparing the hubs that were followed",
                why: isExtended
                    ? "a later hub than this one was followed" : "a hub was followed that is not of this fleet",
                hint: "Was the hub's file put back? At the hub: samband recover begin, then start it again.")
        }
        return try own.sharedPosition(with: epochs).map { min($0, try log.lastPosition()) }
    }

    /// The position up to which all epochs that either knows share the order.
    func floor(_ epochs: [Epoch]) throws -> UInt64 {
        let own = try EpochTable(connection: connection).all()
        let bases = (own + epochs).filter { $0.number > 0 }.map(\.base)
        return min(bases.min() ?? 0, try sharedPosition(with: epochs) ?? .max)
    }

    /// The same, for who is about to send it.
    package func mayHandIn(_ replica: UInt32, epochs: [Epoch]) throws(StoreError) {
        try storing("looking at what replica \(replica) hands in") { try checkHandsIn(replica, epochs) }
    }

    /// Throws when a replica has nothing to hand in, for it follows this hub. Else it could at any time write in the name
    /// of others.
    func checkHandsIn(_ replica: UInt32, _ epochs: [Epoch]) throws {
        let base = try EpochTable(connection: connection).all().last?.base ?? 0
        guard try sharedPosition(with: epochs) != nil, try replicaState(replica)?.acknowledged ?? 0 <= base else {
            throw StoreError(
                .refused, doing: "looking at what replica \(replica) hands in", why: "it follows this hub already",
                hint: "A site hands in what it knows before it follows a restored hub, and pushes its own afterwards.")
        }
    }

    /// Throws when a change set cannot be what it is handed in as.
    func checkHanded(_ set: DeliveredChangeSet, from replica: UInt32) throws {
        let header = set.header
        func refuse(_ why: String) -> StoreError {
            StoreError(
                .refused, doing: "taking in change set \(header.dot), which replica \(replica) hands in", why: why,
                hint: "Nothing of it was kept; the site's file is damaged, or its bytes were made up.")
        }
        let digests = set.delivery.isEffective ? set.delivery.effectiveDigests : header.segmentDigests
        guard set.segments.map({ SHA256.digest($0) }) == digests else {
            throw refuse("a segment's digest does not fit")
        }
        guard header.dot.replica != self.replica else { throw refuse("this hub has not written it") }
        if header.dot.replica != replica { try checkChain(header, refuse) }
        let counts = [header.dot.seq, header.position, header.conflict, set.delivery.position]
        guard (counts + header.contextDelta.entries.map(\.seq)).allSatisfy({ $0 < UInt64(Int64.max) }) else {
            throw refuse("a number is above the limit")
        }
        if header.kind == .local {
            guard header.conflict == 0 else { throw refuse("a site settles no conflict") }
            return
        }
        guard try replicaState(header.dot.replica)?.site.isEmpty != false else {
            throw refuse("only a hub decides or arbitrates")
        }
        guard !set.delivery.isEffective else { throw refuse("a hub's own change sets go out whole") }
        if header.kind == .arbitration { try checkArbitration(set.segments, refuse) }
    }

    /// What another wrote, or a lost hub, follows what is known to have come before it, and what came after follows it: so
    /// nobody puts something of his own in between.
    private func checkChain(_ header: ChangeSetHeader, _ refuse: (String) -> StoreError) throws {
        let handed = RecoveredSets(connection: connection)
        let (replica, seq) = (header.dot.replica, header.dot.seq)
        let before =
            seq > 1 ? try handed.digests(of: Dot(replica: replica, seq: seq - 1)) : [ChangeSetHeader.firstPrevious]
        guard before.isEmpty || before.contains(header.previous) else {
            throw refuse("it does not follow what its author wrote before it")
        }
        let after = seq < .max ? try handed.previous(of: Dot(replica: replica, seq: seq + 1)) : []
        guard after.isEmpty || after.contains(header.digest) else {
            throw refuse("what its author wrote next does not follow it")
        }
    }

    /// An arbitration is not taken, but the rows that it names are looked up.
    private func checkArbitration(_ segments: [[UInt8]], _ refuse: (String) -> StoreError) throws {
        for bytes in segments {
            let segment = try Segment(bytes)
            let span = segment.bytes.span
            for block in segment.blocks {
                guard let table = access.tables[block.kind.table] else { continue }
                if let why = table.misfit(of: block, mayLackColumns: table.isOurs) { throw refuse(why) }
                guard table.isOurs else { continue }
                var cursor = RowCursor(block)
                while cursor.nextKey(span) {
                    guard case .integer(let id) = cursor.key[0].value(in: span), id >= 0 else {
                        throw refuse("a record with a number that the hub does not give")
                    }
                }
            }
        }
    }
}
