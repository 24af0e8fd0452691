import ConflictStore
import Merging
import OrderedLog
import Replication
import SQLite

extension HubStore {
    /// Takes all that was handed in and waits, in the lost order, each as a new arrival that is judged like any other;
    /// then writes the repair: every row that may stand otherwise at a site, as it stands here. Runs in one transaction.
    func absorb(nowMs: UInt64) throws {
        let handed = RecoveredSets(connection: connection)
        let lost = try LostRecords(handed)
        let settings = try LostSettings(handed)
        let policiesBack = try settings.bringBackPolicies(connection)
        if !policiesBack.isEmpty { policies = try Policies(connection) }
        var absorption = RecoveryReplay(store: self, lost: lost, hubs: try handed.hubs(), nowMs: nowMs)
        let waiting = try handed.waiting()
        var authored: [Dot: [UInt8]] = [:]
        for record in waiting where record.isByAuthor { authored[record.header.dot] = record.digest }
        var taken: [RecoveredSets.Record] = []
        for record in waiting {
            if let digest = authored[record.header.dot], digest != record.digest, !record.isByAuthor {
                try handed.setState(.refused, why: "its author has handed in other content", of: record.id)
            } else {
                taken.append(record)
            }
        }
        try absorption.take(all: taken, handed)
        try absorption.redecide()
        // The log has them now.
        try connection.execute(
            "DELETE FROM samband_handed_segment WHERE handed IN (SELECT id FROM samband_handed WHERE state = 'taken')")
        try dropDeadComponents(absorption.deadSeqs)
        try connection.setMeta(.policiesBack, connection.metaNumber(.policiesBack) + UInt64(policiesBack.count))
        try connection.setMeta(.joinsMissing, UInt64(settings.missingJoins(connection)))
        let repair = try writeRepair(absorption, policies: policiesBack, nowMs: nowMs)
        let update = try connection.prepare(
            "UPDATE samband_replica SET switch_at = ?1 WHERE heard IS NOT NULL AND switch_at IS NULL "
                + "AND state <> 'behind'")
        try update.bind(repair, at: 1)
        try update.run()
        // What was taken is in the log.
        try connection.execute(
            "DELETE FROM samband_handed_segment WHERE handed IN (SELECT id FROM samband_handed WHERE state = 'taken')")
        try lives.set(.serving)
        try connection.setMeta(.hlc, clock.last)
        try reloadDisputed()
    }

    /// Contexts name change sets of lost hubs that are in no log: what any of them names counts as seen.
    /// (Protocol/Merge-Model.md#lost-hub)
    private func dropDeadComponents(_ seqs: [UInt32: UInt64]) throws {
        for (replica, seq) in seqs.sorted(by: { $0.key < $1.key }) { try log.advance(Dot(replica: replica, seq: seq)) }
    }

    fileprivate func siteReplicas() throws -> [UInt32] {
        let statement = try connection.prepare("SELECT replica FROM samband_replica WHERE site <> '' ORDER BY replica")
        var found: [UInt32] = []
        while try statement.step() { found.append(UInt32(statement.integer(0))) }
        return found
    }

    /// - Returns: its position.
    private func writeRepair(_ absorption: RecoveryReplay, policies: Set<UInt64>, nowMs: UInt64) throws -> UInt64 {
        let position = try log.lastPosition() + 1
        let from = UInt64(
            try connection.firstInteger(
                "SELECT coalesce(min(switch_from), 0) FROM samband_replica WHERE heard IS NOT NULL AND switch_at IS NULL"
            ) ?? 0)
        var repair = try Repair(
            store: self, position: position, conflicts: absorption.conflicts, withheld: absorption.withheld,
            policies: policies)
        for entry in try log.entries(after: from, limit: .max) {
            var number = 0
            while let bytes = try log.segment(change: entry.id, variant: .authored, number: number) {
                try repair.add(Segment(bytes))
                number += 1
            }
        }
        let handed = RecoveredSets(connection: connection)
        try handed.each(.noted) { record in
            for bytes in try handed.segments(record.id) { try repair.add(Segment(bytes)) }
        }
        // What could not be taken stands in the tables of those who have it.
        try handed.each(.refused) { record in
            // (What cannot be read nobody has applied.)
            for bytes in try handed.segments(record.id) {
                if let segment = try? Segment(bytes) { try repair.add(segment) }
            }
        }
        let added = try repair.finish()
        // The whole vector clock goes along: who takes the repair has seen all of it.
        try connection.execute("UPDATE samband_vector SET sealed = 0")
        let header = try ownHeader(
            .arbitration, position: position, rowCount: added.rowCount, conflict: 0, digests: added.digests,
            nowMs: nowMs)
        _ = try appendOwn(header, position: position, hashes: added.hashes, endsTransaction: true)
        return position
    }
}

/// The rows that a repair brings: whole, as the hub has them, or not there.
private struct Repair {
    let store: HubStore
    private var writer: ArbitrationWriter
    private var seen: Set<RowID> = []

    init(
        store: HubStore, position: UInt64, conflicts: Set<UInt64>, withheld: Set<UInt64>, policies: Set<UInt64>
    ) throws {
        self.store = store
        writer = ArbitrationWriter(access: store.access, origins: store.origins, change: position)
        let epochs = try EpochTable(connection: store.connection).all()
        for epoch in epochs {
            try writer.system(ConflictTable.epochNumber, id: epoch.number)
            try writer.system(ConflictTable.replicaNumber, id: UInt64(epoch.hub))
        }
        // Whose each replica is and who goes on from whom: the lost hub may have told otherwise.
        for replica in try store.siteReplicas() { try writer.system(ConflictTable.replicaNumber, id: UInt64(replica)) }
        for id in policies.sorted() { try writer.system(ConflictTable.policyNumber, id: id) }
        for id in conflicts.sorted() { try writer.system(ConflictTable.conflictNumber, id: id) }
        for id in withheld.sorted() { try writer.system(ConflictTable.withheldNumber, id: id) }
    }

    mutating func add(_ segment: Segment) throws {
        let span = segment.bytes.span
        for block in segment.blocks {
            guard let table = store.access.tables[block.kind.table],
                table.misfit(of: block, mayLackColumns: table.isOurs) == nil
            else { continue }
            var cursor = RowCursor(block)
            while cursor.nextKey(span) {
                let key = cursor.key.map { $0.value(in: span) }
                let row = RowID(shape: table.shape, key: key)
                guard seen.insert(row).inserted else { continue }
                if table.isOurs {
                    guard case .integer(let id) = key[0], id >= 0 else { continue }
                    try writer.repair(table.number, id: UInt64(bitPattern: id), row)
                } else {
                    try writer.carry(table, row, try store.access.standing(table, key)?.key ?? key)
                }
            }
        }
    }

    mutating func finish() throws -> (digests: [[UInt8]], rowCount: Int, hashes: [UInt64]) {
        guard let added = try writer.finish() else { preconditionFailure("a repair names the epochs") }
        return added
    }
}
