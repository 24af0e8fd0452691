import Auditing
import OrderedLog
import Replication
import SQLite
import TableModel

/// A restored hub takes in what its sites know, before it gives anything out. (Protocol/Merge-Model.md#lost-hub)
extension HubStore {
    func recovering(_ doing: String) -> StoreError {
        StoreError(
            .busy, doing: doing, why: "this hub was restored and still gathers what its sites know",
            hint: "See what it waits for: samband recover status.")
    }

    /// What a replica is to do that follows these epochs; nil when it follows this hub already.
    ///
    /// - Parameters:
    ///   - sealed: its last own seq.
    ///   - place: where it stands; nil when it does not say.
    package func recoveryStep(
        of replica: UInt32, epochs: [Epoch], sealed: UInt64, place: OrderPlace? = nil
    ) throws(StoreError) -> RecoveryStep? {
        try storing("greeting replica \(replica), which follows another hub") {
            guard let shared = try sharedPosition(with: epochs) else { return nil }
            let statement = try connection.cached(
                "SELECT heard, switch_from, switch_at, state FROM samband_replica WHERE replica = ?1")
            try statement.bind(UInt64(replica), at: 1)
            defer { statement.reset() }
            guard try statement.step() else { return .handIn(after: shared) }
            let isHeard = statement.type(0) != .null && statement.unsigned(0) >= sealed
            let isBehind = statement.string(3) == ReplicaLife.behind.rawValue
            if isHeard, !isRecovering, let place {
                let testifies = try holdsMore(place, epochs, shared: shared)
                if try testifies || endsBefore(place, shared: shared) {
                    return .rejoin(after: shared, testify: testifies)
                }
                // What was missing others have brought since.
                if isBehind { return .handIn(after: shared) }
            }
            if statement.type(2) != .null, !isRecovering {
                return .follow(from: statement.unsigned(1), at: statement.unsigned(2))
            }
            return isHeard && isRecovering ? .wait(after: shared) : .handIn(after: shared)
        }
    }

    /// Which of these change sets the hub wants to be handed in.
    package func wanted(
        _ offers: [OfferedSet], from replica: UInt32, epochs: [Epoch]
    ) throws(StoreError) -> [Dot] {
        try writing("looking at what replica \(replica) has", whileRecovering: true) {
            try checkHandsIn(replica, epochs)
            let shared = try sharedPosition(with: epochs)
            let handed = RecoveredSets(connection: connection)
            let floor = try floor(epochs)
            var wanted: [Dot] = []
            for offer in offers {
                if offer.dot.replica == replica { try noteEnd(offer) }
                // Up to there all that it has is here, in the tables if not in the log.
                if let place = offer.place, let shared, place <= shared { continue }
                let known = try handed.find(offer.dot, offer.digest)
                if let entry = try log.entry(offer.dot), entry.header.digest == offer.digest {
                    // What came in part from others may come whole.
                    if let known, !known.isWhole, offer.isWhole { wanted.append(offer.dot) }
                    continue
                }
                guard let known else {
                    wanted.append(offer.dot)
                    continue
                }
                if !known.isWhole && offer.isWhole {
                    wanted.append(offer.dot)
                } else if offer.dot.replica == replica {
                    try handed.setSender(known.id, replica)
                    try handed.tryAgain(known.id)
                }
                if let place = offer.place, !known.hasPlace || known.epoch < UInt64(epochs.count) {
                    try handed.setPlace(known.id, place, epoch: UInt64(epochs.count), floor: floor)
                }
            }
            return wanted
        }
    }

    /// A hub that was built from the files of others may not know what the last change set of a replica is, of those that
    /// it has: its author tells.
    private func noteEnd(_ offer: OfferedSet) throws {
        guard let place = offer.place, place <= (try EpochTable(connection: connection).all().last?.base ?? 0),
            try log.entry(offer.dot) == nil, try log.vector()[offer.dot.replica] == offer.dot.seq
        else { return }
        let statement = try connection.cached(
            "UPDATE samband_replica SET last_digest = ?1 WHERE replica = ?2 AND last_digest = zeroblob(32)")
        try statement.bind(at: 1, blob: offer.digest)
        try statement.bind(UInt64(offer.dot.replica), at: 2)
        try statement.run()
    }

    /// Keeps change sets that a replica hands in. Nothing of them is applied yet.
    package func keepHanded(
        _ sets: [DeliveredChangeSet], from replica: UInt32, epochs: [Epoch]
    ) throws(StoreError) {
        try writing("keeping what replica \(replica) hands in", whileRecovering: true) {
            try checkHandsIn(replica, epochs)
            let floor = try floor(epochs)
            let kept = try RecoveredSets(connection: connection).size(of: replica)
            guard kept.sets < Limits.handedSets, kept.bytes < handedBytesLimit else {
                throw StoreError(
                    .refused, doing: "keeping what replica \(replica) hands in",
                    why: "\(kept.sets) change sets of \(kept.bytes >> 20) MiB that it handed in wait already",
                    hint: "Go on with what there is: samband recover accept. Then it hands in the rest.")
            }
            for set in sets {
                try checkHanded(set, from: replica)
                try RecoveredSets(connection: connection).keep(
                    set.header, set.segments, isWhole: !set.delivery.isEffective,
                    place: set.delivery.position == 0 ? nil : set.delivery.position, sender: replica,
                    epoch: UInt64(epochs.count), floor: floor)
            }
        }
    }

    /// What sites had got from the lost hub and could not be taken in: who follows does without it, and gets the rows as
    /// they stand.
    package func leftOut() throws(StoreError) -> [Dot] {
        try storing("looking up what could not be taken in") {
            let statement = try connection.cached(
                """
                SELECT replica, seq FROM samband_handed h WHERE state = 'refused' AND place IS NOT NULL
                  AND NOT EXISTS(SELECT 1 FROM samband_change c WHERE c.replica = h.replica AND c.seq = h.seq)
                ORDER BY replica, seq LIMIT 10000
                """)
            defer { statement.reset() }
            var dots: [Dot] = []
            while try statement.step() {
                dots.append(Dot(replica: UInt32(statement.integer(0)), seq: statement.unsigned(1)))
            }
            return dots
        }
    }

    /// A replica has handed in all it knows. When every active one has, or the hub gives out already, what was handed
    /// in is taken now.
    ///
    /// - Parameters:
    ///   - sealed: its last own seq.
    ///   - place: where it stands; nil when it does not say.
    package func noteHeard(
        _ replica: UInt32, epochs: [Epoch], sealed: UInt64, place: OrderPlace? = nil, nowMs: UInt64
    ) throws(StoreError) {
        // Read before the commit: behind it nothing may fail, or the hub would gather on for ever.
        isRecovering = try writing("noting that replica \(replica) has handed in all it knows", whileRecovering: true) {
            guard let shared = try sharedPosition(with: epochs) else { return isRecovering }
            try checkHandsIn(replica, epochs)
            // A word that is said again, and has brought nothing, makes no other repair.
            if try !isRecovering && !isToAbsorb(replica, nowMs: nowMs) { return isRecovering }
            let isBehind =
                try place.map { try endsBefore($0, shared: shared) || holdsMore($0, epochs, shared: shared) } ?? false
            // Of a hub that was built from nodes' files nobody may know any more what of a change set had stood: who is
            // before its end takes what lies between for its log alone, and the rows come with the repair.
            let isBuilt = try connection.meta(.fromNodes) != nil
            let from = isBuilt ? min(shared, place?.position ?? shared) : shared
            let statement = try connection.cached(
                "UPDATE samband_replica SET heard = ?1, switch_from = ?2, switch_at = NULL WHERE replica = ?3")
            try statement.bind([
                .integer(Int64(bitPattern: sealed)), .integer(Int64(from)), .integer(Int64(replica)),
            ])
            try statement.run()
            if let life = try lives.replica(replica), [.active, .behind].contains(life) {
                try lives.set(isBehind ? .behind : .active, of: replica)
            }
            let unheard = try connection.firstInteger(
                "SELECT count(*) FROM samband_replica WHERE site <> '' AND state = 'active' AND heard IS NULL")
            if !isRecovering || unheard == 0 { try absorb(nowMs: nowMs) }
            return try connection.metaNumber(.recovering) == 1
        }
    }

    /// Whether a replica ends before the log here begins: nothing that it has is missing here, but it cannot follow.
    private func endsBefore(_ place: OrderPlace, shared: UInt64) throws -> Bool {
        let first = try connection.firstInteger("SELECT min(position) FROM samband_change")
        return try min(place.position, shared) + 1 < first.map { UInt64($0) } ?? log.lastPosition() + 1
    }

    /// Whether a replica's own log begins behind what both share, and not all that it had seen there has been handed in by
    /// others: its rows would stay as they are, and nothing would say so.
    private func holdsMore(_ place: OrderPlace, _ epochs: [Epoch], shared: UInt64) throws -> Bool {
        guard place.logBegins > shared else { return false }
        let own = try EpochTable(connection: connection).all()
        let common = zip(own, epochs).prefix { $0.hub == $1.hub }.count
        // What hubs of before have added lies before what both share, or was left behind with them.
        let hubs = Set(epochs.dropFirst(max(0, common - 1)).map(\.hub))
        for (replica, seq) in place.vector.entries {
            let isHub = try (own + epochs).contains { $0.hub == replica } || replicaState(replica)?.site.isEmpty == true
            if isHub && !hubs.contains(replica) { continue }
            if try !knowsAll(of: replica, upTo: seq, behind: shared) { return true }
        }
        return false
    }

    /// Whether all change sets of a replica up to a seq are here, or have been handed in.
    private func knowsAll(of replica: UInt32, upTo seq: UInt64, behind shared: UInt64) throws -> Bool {
        let statement = try connection.cached(
            """
            WITH known(seq) AS (
              SELECT seq FROM samband_change WHERE replica = ?1
              UNION SELECT seq FROM samband_handed WHERE replica = ?1 AND state <> 'refused'),
            start(seq) AS (SELECT coalesce(
              (SELECT max(seq) FROM samband_change WHERE replica = ?1 AND position <= ?3),
              CASE WHEN ?4 THEN coalesce((SELECT min(seq) - 1 FROM known),
                (SELECT seq FROM samband_vector WHERE replica = ?1)) END, 0))
            SELECT (SELECT count(*) FROM known WHERE seq > start.seq AND seq <= ?2) >= ?2 - start.seq FROM start
            """)
        let isBuilt = try connection.meta(.fromNodes) != nil
        try statement.bind([
            .integer(Int64(replica)), .integer(Int64(clamping: seq)), .integer(Int64(clamping: shared)),
            .integer(isBuilt ? 1 : 0),
        ])
        defer { statement.reset() }
        return try statement.step() && statement.integer(0) == 1
    }

    /// Whether the hub, which gives out already, has something to take in when a replica says that it has handed in all.
    private func isToAbsorb(_ replica: UInt32, nowMs: UInt64) throws -> Bool {
        let statement = try connection.cached(
            """
            SELECT switch_at < (SELECT coalesce(max(c.position), 0) FROM samband_change c JOIN samband_handed h
              ON h.replica = c.replica AND h.seq = c.seq WHERE h.state = 'taken')
            FROM samband_replica WHERE replica = ?1 AND switch_at IS NOT NULL
            """)
        try statement.bind(UInt64(replica), at: 1)
        defer { statement.reset() }
        // Behind the repair that it was told of others have brought what it may know, too: it needs a newer one.
        guard try statement.step(), statement.integer(0) == 0 else { return true }
        let limit = try stampLimitMs(nowMs: nowMs)
        return try RecoveredSets(connection: connection).waiting().contains {
            HybridClock.milliseconds($0.header.hlc) <= limit
        }
    }

    /// An operator accepts that some sites were not heard: takes what has been handed in and goes on without them. What
    /// they know comes in when they make contact.
    package func acceptRecovery(nowMs: UInt64, audit entry: AuditEntry? = nil) throws(StoreError) {
        guard isRecovering else {
            throw StoreError(
                .refused, doing: "accepting the recovery", why: "this hub does not wait for anybody",
                hint: "See: samband recover status.")
        }
        try writing("accepting the recovery", whileRecovering: true, audit: entry) { try absorb(nowMs: nowMs) }
        isRecovering = false
    }

    /// An operator says that the file was put back some time ago, which nothing told: the next start begins an epoch in
    /// which all that the sites know is compared with all that is here.
    package func markRestored(audit entry: AuditEntry? = nil) throws(StoreError) {
        try writing("marking the hub's file as restored", whileRecovering: true, audit: entry) {
            try connection.setMeta(.restored, Restoration.unnoticedMark)
        }
    }

    /// Refuses a replica that has got more of this hub's order than there is, or another: the file was put back, and
    /// nothing had told so.
    ///
    /// - Parameter digest: of what the replica has at its position; nil when it has nothing there.
    package func checkOrder(of replica: UInt32, position: UInt64, digest: [UInt8]?) throws(StoreError) {
        let doing = "comparing the order with what replica \(replica) has of it"
        let fits = try storing(doing) {
            if try position > log.lastPosition() { return false }
            guard let digest, let entry = try log.entry(id: position) else { return true }
            return entry.header.digest == digest
        }
        guard fits else {
            throw StoreError(
                .diverged, doing: doing, why: "its position \(position) is not of this hub's order",
                hint: "The hub's file was put back. At the hub: samband recover begin, then start it again.")
        }
    }
}
