import ConflictStore
import Merging
import OrderedLog
import Replication
import SQLite
import TableModel

extension HubStore {
    /// Throws when a change set of this header may not come from that replica.
    /// - Returns: false when it is known already; its segments are not needed then.
    package func check(_ header: ChangeSetHeader, from replica: UInt32, nowMs: UInt64) throws(StoreError) -> Bool {
        try storing("taking in change set \(header.dot)") {
            try Admission(store: self, replica: replica, nowMs: nowMs).check(header) != nil
        }
    }

    /// Takes in change sets of a site, in one transaction: they share one fsync. Checks of each that the site
    /// may send it, merges it, and adds the hub's arbitration behind it. (Protocol/Merge-Model.md#hub-ingest)
    ///
    /// - Parameters:
    ///   - replica: the replica whose credential the sender has shown.
    ///   - nowMs: the hub's time, milliseconds since 1970.
    /// - Returns: how many were not known already; what is known changes nothing.
    package func ingest(_ sets: [ChangeSet], from replica: UInt32, nowMs: UInt64) throws(StoreError) -> Int {
        try writing("taking in \(sets.count) change sets of replica \(replica)") {
            var taken = 0
            defer { index.index.trim() }
            for set in sets where try ingestInTransaction(set, from: replica, nowMs: nowMs) { taken += 1 }
            return taken
        }
    }

    private func ingestInTransaction(_ set: ChangeSet, from replica: UInt32, nowMs: UInt64) throws -> Bool {
        let admission = Admission(store: self, replica: replica, nowMs: nowMs)
        guard let seen = try admission.check(set.header) else { return false }
        try takeIn(set.header, set.segments, read: try admission.read(set), seen: seen, admission, nowMs: nowMs)
        try goesOn(replica, nowMs: nowMs)
        return true
    }

    /// Takes in what a site handed in to a restored hub: its own change set or another's.
    func takeHanded(
        _ record: RecoveredSets.Record, _ segments: [[UInt8]], seen: UInt64, nowMs: UInt64
    ) throws {
        let header = record.header
        let admission = Admission(
            store: self, replica: header.dot.replica, nowMs: nowMs, isOfHub: header.kind == .decision)
        let read = try admission.read(header, segments, isWhole: record.isWhole)
        try takeIn(header, segments, read: read, seen: seen, admission, isWhole: record.isWhole, nowMs: nowMs)
    }

    /// Merges a change set that may come in, and adds the hub's arbitration.
    ///
    /// - Parameter isWhole: false when the segments are not all that the author wrote.
    private func takeIn(
        _ header: ChangeSetHeader, _ bytes: [[UInt8]], read segments: [Segment], seen: UInt64, _ admission: Admission,
        isWhole: Bool = true, nowMs: UInt64
    ) throws {
        let replica = header.dot.replica
        let hashes = try keyHashes(
            of: segments, shapes: access.tables.mapValues(\.shape), doing: "reading change set \(header.dot)")
        try admission.checkRowsOnce(hashes, segments, header)
        let position = try log.lastPosition() + 1
        clock.observe(header.hlc)
        let line = try log.lines.line(of: replica)
        let concurrent = try index.index.concurrent(
            seen: seen, author: Author(replica: replica, line: line), log: log)
        for (number, bytes) in bytes.enumerated() {
            let digest = isWhole ? header.segmentDigests[number] : SHA256.digest(bytes)
            try log.appendSegment(bytes, change: position, variant: .authored, number: number, digest: digest)
        }
        let rows = IncomingRows(
            LogEntry(
                id: position, position: position, header: header, seen: seen, isEffective: false, endsTransaction: true,
                line: line),
            segments, hashes: hashes, shapes: access.tables.mapValues(\.shape),
            isRenumbered: try header.dot.seq <= replicaState(replica)?.renumbered ?? 0)
        let met = try ConcurrencyFilter(rows: rows, finder: finder).met(
            concurrent.map { ($0.id, $0.hashes) }, disputed: disputed)
        var merged = try ChangeSetMerge(
            mergeContext, rows, concurrent: concurrent, met: met, clock: clock, nowMs: nowMs
        )
        .run()
        clock = merged.clock
        awaited.insert(merged.findings.waits)
        for (hash, isDisputed) in merged.findings.disputed {
            if isDisputed { disputed.insert(hash) } else { disputed.remove(hash) }
        }
        try release(after: rows, merged.findings, nowMs: nowMs, into: &merged.arbitration)
        for (table, row, key) in merged.findings.goingOn { try merged.arbitration.carry(table, row, key) }
        if !isWhole && !merged.isEffective {
            // The header names other segments than there are: what is there goes out as what is left of it.
            for (number, bytes) in bytes.enumerated() {
                try log.appendSegment(
                    bytes, change: position, variant: .effective, number: number, digest: SHA256.digest(bytes))
            }
        }
        try append(
            rows.entry, hashes, isEffective: merged.isEffective || !isWhole, merged.arbitration.finish(), nowMs: nowMs)
        try log.advance(header.dot)
        try dropStaged(of: replica)
        try connection.setMeta(.hlc, clock.last)
        let statement = try connection.cached("UPDATE samband_replica SET last_digest = ?1 WHERE replica = ?2")
        try statement.bind(at: 1, blob: header.digest)
        try statement.bind(UInt64(replica), at: 2)
        try statement.run()
    }

    /// Puts a change set into the log, and what the hub adds to it behind it, in the same hub transaction.
    private func append(
        _ incoming: LogEntry, _ hashes: [UInt64], isEffective: Bool,
        _ added: (digests: [[UInt8]], rowCount: Int, hashes: [UInt64])?, nowMs: UInt64
    ) throws {
        let header = incoming.header
        let position = incoming.id
        try log.append(
            LogEntry(
                id: position, position: position, header: header, seen: incoming.seen, isEffective: isEffective,
                endsTransaction: added == nil), keyHashes: hashes)
        index.index.append(
            ConcurrentIndex.Entry(position: position, id: position, dot: header.dot, hashes: hashes))
        guard let added else { return }
        try log.advance(header.dot)
        let own = try ownHeader(
            .arbitration, position: position + 1, rowCount: added.rowCount, conflict: 0, digests: added.digests,
            nowMs: nowMs)
        _ = try appendOwn(own, position: position + 1, hashes: added.hashes, endsTransaction: true)
    }

    /// Lets in what waited for something that this change set has brought, and writes the records of all conflicts and
    /// withheld rows that have changed.
    private func release(
        after rows: IncomingRows, _ findings: Findings, nowMs: UInt64, into arbitration: inout ArbitrationWriter
    ) throws {
        let position = rows.entry.id
        let tables = Set(rows.segments.flatMap { $0.blocks.map(\.kind.table) })
        // What the hub puts back makes room like what the site has written.
        let met = awaited.met(by: rows.hashes, on: tables).union(
            awaited.met(by: findings.putBack.map(\.hash64).sorted(), on: Set(findings.putBack.map(\.table))))
        let superseded = findings.superseded
        let origins = CellProvenance(index: index, log: log, finder: finder)
        arbitration.origins = origins
        var release = WithheldRelease(
            conflicts: conflictTable, access: access, origins: origins, policies: policies, position: position + 1,
            nowMs: nowMs)
        release.latest = findings.latest
        let ledOn = findings.ledOn
        if !met.isEmpty || !superseded.isEmpty || !ledOn.isEmpty {
            var undo = SegmentSink(log: log, change: position + 1, variant: .undo)
            for write in MergedRowRedirect.byRow(ledOn) {
                let kind = BlockKind(table: write.table.number, operation: .update, columns: write.columns)
                try undo.add(kind, key: write.key, values: write.before)
                let columns = policies.table(write.table.number).wholeUnits(write.columns)
                try arbitration.update(write.table, write.row, write.key, columns)
            }
            try release.run(met, into: &arbitration, &undo)
            try undo.finish()
            var parted: Set<UInt64> = []
            for row in superseded {
                parted.formUnion(try conflictTable.withheld(of: row, onlyOpen: false).map(\.conflict))
            }
            for id in parted.sorted() { try release.part(id) }
            awaited.insert(release.waits)
        }
        let conflicts = release.changedConflicts.union(findings.changedConflicts)
        for id in conflicts.sorted() { try arbitration.system(ConflictTable.conflictNumber, id: id) }
        for id in release.withheldRows.union(findings.withheldRows).sorted() {
            try arbitration.system(ConflictTable.withheldNumber, id: id)
        }
        try refreshDisputed(release.released)
    }

    private var mergeContext: MergeContext {
        MergeContext(
            access: access, log: log, finder: finder, index: index, rules: rules, policies: policies,
            conflicts: conflictTable, disputed: disputed, pieces: pieces, replica: replica)
    }
}
