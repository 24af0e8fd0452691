import Capturing
import OrderedLog
import Replication
import SQLite
import TableModel

/// A node hands in what it knows to a restored hub, and follows the new order from where both agree.
extension NodeStore {
    /// The epochs of the hub that this database knows.
    package func epochs() throws(StoreError) -> [Epoch] {
        try storing("reading the hub's epochs") { try EpochTable(connection: connection).all() }
    }

    /// The digest of what stands at our position; nil when the log does not reach back to it.
    package func digestAtPosition() throws(StoreError) -> [UInt8]? {
        try storing("reading the end of the order") {
            let statement = try connection.cached("SELECT digest FROM samband_change WHERE position = ?1")
            try statement.bind(connection.metaNumber(.position), at: 1)
            defer { statement.reset() }
            return try statement.step() ? statement.bytes(0) : nil
        }
    }

    /// Where this database stands in the hub's order.
    package func place() throws(StoreError) -> OrderPlace {
        try storing("reading where the log begins") {
            let position = try connection.metaNumber(.position)
            let first = try connection.firstInteger("SELECT min(position) FROM samband_change")
            return OrderPlace(
                position: position, logBegins: first.map { UInt64($0) - 1 } ?? position, vector: try log.vector())
        }
    }

    /// Seals all rows as they stand, as if they were written now: what came with the snapshot is in no change set of this
    /// log, and the hub asks for it. Once for each hub.
    ///
    /// - Returns: false when that was done before.
    package func testify(to hub: UInt32, nowMs: UInt64) throws(StoreError) -> Bool {
        try writing("sealing all rows for the hub, which lacks what they came from") {
            guard try connection.metaNumber(.testified) != UInt64(hub) else { return false }
            _ = try sealInTransaction(nowMs: nowMs)
            for table in try ReplicatedTable.readAll(from: connection) {
                try Capture.markAllRows(of: table, in: connection)
            }
            _ = try sealInTransaction(nowMs: nowMs)
            try connection.setMeta(.testified, UInt64(hub))
            return true
        }
    }

    /// What a hub that shares the order up to a position may lack: everything behind it, and our own in flight. Our last
    /// one up to there comes along: a hub that was built from others' files knows by it where we stood.
    package func offers(after position: UInt64) throws(StoreError) -> [OfferedSet] {
        try storing("looking at what a restored hub may lack") {
            let statement = try connection.prepare(
                """
                SELECT replica, seq, digest, position, effective FROM samband_change
                WHERE position > ?1 OR position IS NULL
                  OR position = (SELECT max(position) FROM samband_change WHERE replica = ?2 AND position <= ?1)
                ORDER BY position IS NULL, position, seq
                """)
            try statement.bind(position, at: 1)
            try statement.bind(UInt64(replica), at: 2)
            var offers: [OfferedSet] = []
            while try statement.step() {
                offers.append(
                    OfferedSet(
                        dot: Dot(replica: UInt32(statement.integer(0)), seq: statement.unsigned(1)),
                        digest: statement.bytes(2),
                        place: statement.type(3) == .null ? nil : statement.unsigned(3),
                        isWhole: statement.integer(4) == 0))
            }
            return offers
        }
    }

    /// A change set of the log with its bytes, as they are here; nil when it is not.
    package func handedIn(_ dot: Dot) throws(StoreError) -> DeliveredChangeSet? {
        try storing("reading change set \(dot), which a restored hub wants") {
            guard let entry = try log.entry(dot) else { return nil }
            let variant: SegmentVariant = entry.isEffective ? .effective : .authored
            var segments: [[UInt8]] = []
            while let bytes = try log.segment(change: entry.id, variant: variant, number: segments.count) {
                segments.append(bytes)
            }
            return DeliveredChangeSet(
                header: entry.header,
                delivery: Delivery(
                    position: entry.position ?? 0,
                    effectiveDigests: entry.isEffective
                        ? try log.segmentDigests(change: entry.id, variant: .effective) : nil), segments: segments)
        }
    }

    /// True for a repair alone: nothing came between the place where both agree and it.
    func isSwitch(_ transaction: HubTransaction) throws -> Bool {
        guard transaction.count == 1, let only = transaction.first, !only.delivery.isEcho,
            only.header.kind == .arbitration
        else { return false }
        return try only.header.dot.replica != EpochTable(connection: connection).hub()
    }

    /// Follows the order of a restored hub. What came between the place where both agree and the repair is kept in the
    /// log: its rows, and all others that may differ, come with the repair. Own change sets among it have landed; those
    /// that no hub has been given go on behind it.
    func follow(_ transaction: HubTransaction, nowMs: UInt64) throws {
        guard let repair = transaction.last, !repair.delivery.isAbsorbed else {
            throw StoreError(
                .refused, doing: "following a restored hub", why: "its repair is missing",
                hint: "It is asked for again by itself.")
        }
        let base = transaction[0].delivery.position - 1
        guard try base <= connection.metaNumber(.position) else {
            throw StoreError(
                .missing, doing: "following a restored hub", why: "position \(base) has not come yet",
                hint: "It is asked for again by itself.")
        }
        try leaveOrder(behind: base, in: Set(transaction.map(\.header.dot)))
        var position = base
        for delivered in transaction.dropLast() {
            position += 1
            guard delivered.delivery.position == position, delivered.delivery.isAbsorbed else {
                throw StoreError(
                    .missing, doing: "following a restored hub", why: "position \(position) has not come",
                    hint: "It is asked for again by itself.")
            }
            let header = delivered.header
            if header.dot.replica == replica || inFlight.holds(header.dot) {
                try land(header, position)
            } else {
                try logForeign(delivered, position: position)
            }
            clock.observe(header.hlc)
        }
        try setVector(of: repair.header)
        clock.observe(repair.header.hlc)
        try resealInFlight(behind: base, transaction, nowMs: nowMs)
        var settling = try LocalRebase(store: self)
        _ = try takeForeign(repair, position: position + 1, careful: true, &settling)
        try connection.setMeta(.position, position + 1)
        try connection.setMeta(.hlc, clock.last)
        try connection.setMeta(.hlcSeen, max(connection.metaNumber(.hlcSeen), repair.header.hlc))
        try settling.run()
    }

    /// Takes what stands behind a position out of the former order: change sets of others go, for they come again; our
    /// own are in flight again until they do.
    private func leaveOrder(behind base: UInt64, in order: Set<Dot>) throws {
        for entry in try log.entries(after: base, limit: .max) {
            let dot = entry.header.dot
            guard entry.header.kind == .arbitration || order.contains(dot) || leftOut.contains(dot) else {
                throw StoreError(
                    .diverged, doing: "following a restored hub",
                    why: "it does not have change set \(entry.header.dot), which this database has",
                    hint: "Nothing was changed; it is handed in again by itself.")
            }
            if entry.header.dot.replica == replica { continue }
            for table in ["samband_segment WHERE change", "samband_change WHERE id"] {
                let delete = try connection.prepare("DELETE FROM \(table) = ?1")
                try delete.bind(entry.id, at: 1)
                try delete.run()
            }
        }
        let update = try connection.prepare("UPDATE samband_change SET position = NULL WHERE position > ?1")
        try update.bind(base, at: 1)
        try update.run()
        try reloadInFlight()
    }

    private func land(_ header: ChangeSetHeader, _ position: UInt64) throws {
        guard try log.entry(header.dot)?.header == header else {
            throw StoreError(
                .diverged, doing: "following a restored hub",
                why: "it has change set \(header.dot) otherwise than this database",
                hint: "The file was restored from a backup or copied.")
        }
        try log.setPosition(position, of: header.dot)
    }

    /// We have seen what the restored hub had at its repair, and of our own all.
    private func setVector(of repair: ChangeSetHeader) throws {
        let own = try connection.metaNumber(.seq)
        try connection.execute("DELETE FROM samband_vector")
        for (replica, seq) in repair.contextDelta.entries { try log.advance(Dot(replica: replica, seq: seq)) }
        try log.advance(repair.dot)
        if own > 0 { try log.advance(Dot(replica: replica, seq: own)) }
    }

    /// Own change sets that were sealed after all was handed in, so that nobody else has them: their headers name the
    /// place in the new order up to which their author had seen all, and stamps above it.
    private func resealInFlight(behind base: UInt64, _ transaction: HubTransaction, nowMs: UInt64) throws {
        // What memory knows of the clock is read anew with the rest.
        try connection.setMeta(.hlc, clock.last)
        try reloadInFlight()
        guard let first = inFlight.all.first(where: { $0.entry.header.dot.replica == replica })?.entry.header.dot.seq,
            let vector = transaction.last?.header.contextDelta
        else {
            return
        }
        var context = VectorClock()
        for entry in try log.entries(of: replica, after: 0, limit: .max) where entry.header.dot.seq < first {
            context.merge(entry.header.contextDelta)
        }
        for (entry, _) in inFlight.all where entry.header.dot.replica == replica {
            let old = entry.header
            context.merge(old.contextDelta)
            let position = old.position <= base ? old.position : seen(context, behind: base, transaction)
            let delta = old.contextDelta.entries.map { ($0.replica, min($0.seq, vector[$0.replica])) }
            let previous = try log.entry(Dot(replica: replica, seq: old.dot.seq - 1))?.header.digest
            let header = ChangeSetHeader(
                kind: old.kind, dot: old.dot, hlc: clock.tick(nowMs: nowMs), position: position,
                contextDelta: VectorClock(delta), schemaVersion: old.schemaVersion, rowCount: old.rowCount,
                conflict: old.conflict, previous: previous ?? ChangeSetHeader.firstPrevious,
                segmentDigests: old.segmentDigests)
            try log.rewrite(entry.id, header)
            try connection.setMeta(.digest, .blob(header.digest))
        }
        try connection.setMeta(.hlc, clock.last)
        try reloadInFlight()
    }

    /// The position in the new order up to which a context covers all that others wrote.
    /// (Protocol/Merge-Model.md#lost-hub)
    private func seen(_ context: VectorClock, behind base: UInt64, _ transaction: HubTransaction) -> UInt64 {
        var seen = base
        for delivered in transaction.dropLast() where delivered.header.kind != .arbitration {
            let dot = delivered.header.dot
            if dot.replica == replica { continue }
            guard context.covers(dot) else { return min(seen, delivered.delivery.position - 1) }
            seen = delivered.delivery.position
        }
        return seen
    }
}
