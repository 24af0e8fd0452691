import Replication
import SQLite

extension HubStore {
    /// Takes in one change set of a site: checks that it is what the site may send, merges it, and adds the
    /// hub's arbitration in the same transaction. (DESIGN, sections 4, 6 and 7 "What the hub believes".)
    ///
    /// - Parameters:
    ///   - replica: the replica whose credential the sender has shown.
    ///   - nowMs: the hub's time, milliseconds since 1970.
    /// - Returns: false when it was known already; nothing changes then.
    package func ingest(_ set: ChangeSet, from replica: UInt32, nowMs: UInt64) throws(StoreError) -> Bool {
        try writing("taking in change set \(set.header.dot)") {
            defer { index.index.trim() }
            return try ingestInTransaction(set, from: replica, nowMs: nowMs)
        }
    }

    /// Whether a change set of this header may come from that replica; one that is known already may.
    package func check(_ header: ChangeSetHeader, from replica: UInt32, nowMs: UInt64) throws(StoreError) {
        try storing("taking in change set \(header.dot)") {
            _ = try Admission(store: self, replica: replica, nowMs: nowMs).check(header)
        }
    }

    /// The same for several, in one transaction: pushes share one fsync.
    package func ingest(_ sets: [ChangeSet], from replica: UInt32, nowMs: UInt64) throws(StoreError) -> Int {
        try writing("taking in \(sets.count) change sets of replica \(replica)") {
            var taken = 0
            defer { index.index.trim() }
            for set in sets where try ingestInTransaction(set, from: replica, nowMs: nowMs) { taken += 1 }
            return taken
        }
    }

    private func ingestInTransaction(_ set: ChangeSet, from replica: UInt32, nowMs: UInt64) throws -> Bool {
        let header = set.header
        let admission = Admission(store: self, replica: replica, nowMs: nowMs)
        guard let seen = try admission.check(header) else { return false }
        let segments = try admission.read(set)
        let hashes = try keyHashes(
            of: segments, shapes: access.tables.mapValues(\.shape), doing: "reading change set \(header.dot)")
        try admission.checkRowsOnce(hashes, segments, header)
        let position = try log.lastPosition() + 1
        clock.observe(header.hlc)
        let concurrent = try index.index.concurrent(seen: seen, author: replica, log: log)
        for (number, bytes) in set.segments.enumerated() {
            try log.appendSegment(
                bytes, change: position, variant: .authored, number: number, digest: header.segmentDigests[number])
        }
        let meets =
            concurrent.contains { !KeyHashes.shared($0.hashes, hashes).isEmpty }
            || (!disputed.isEmpty && hashes.contains { disputed.contains($0) })
        if try meets || !applyBlind(segments, position: position) {
            try ingestCarefully(
                header, segments, seen: seen, position: position, hashes: hashes, concurrent: concurrent, nowMs: nowMs)
        } else {
            let incoming = LogEntry(
                id: position, position: position, header: header, seen: seen, isEffective: false, endsTransaction: true)
            let origins = Origins(index: index, log: log, reader: reader)
            var arbitration = ArbitrationWriter(access: access, origins: origins, change: position + 1)
            try release(after: segments, hashes, origins, nil, position: position, nowMs: nowMs, into: &arbitration)
            try append(incoming, hashes, isEffective: false, arbitration.finish(), nowMs: nowMs)
        }
        try log.advance(header.dot)
        try dropStaged(of: replica)
        try connection.setMeta(.hlc, clock.last)
        let statement = try connection.cached("UPDATE samband_replica SET last_digest = ?1 WHERE replica = ?2")
        try statement.bind(at: 1, blob: header.digest)
        try statement.bind(UInt64(replica), at: 2)
        try statement.run()
        return true
    }

    /// False when some row or constraint was not as a blind apply needs it; the tables are as before then.
    func applyBlind(_ segments: [Segment], position: UInt64) throws -> Bool {
        try connection.beginSavepoint("blind")
        var blind = BlindApply(
            access: access, undo: SegmentSink(log: log, change: position, variant: .undo))
        let check = ReferenceCheck(access: access)
        var holds = true
        for segment in segments where holds { holds = try blind.apply(segment) }
        for segment in segments where holds { holds = try check.holds(segment) }
        if holds {
            try blind.undo!.finish()
            try connection.release("blind")
        } else {
            try connection.rollback(to: "blind")
            try connection.release("blind")
        }
        return holds
    }

    private func ingestCarefully(
        _ header: ChangeSetHeader, _ segments: [Segment], seen: UInt64, position: UInt64, hashes: [UInt64],
        concurrent: [ConcurrentIndex.Entry], nowMs: UInt64
    ) throws {
        let incoming = LogEntry(
            id: position, position: position, header: header, seen: seen, isEffective: false, endsTransaction: true)
        let merge = try CarefulMerge(
            access: access, log: log, incoming: incoming, keyHashes: hashes, index: index, rules: rules,
            policies: policies)
        try merge.judge(segments, concurrent: concurrent)
        try Placement(merge, concurrent: concurrent).run()
        let origins = Origins(
            index: index, log: log, reader: merge.reader, wanted: Set(merge.works.keys.map(\.hash64)))
        var register = ConflictRegister(
            conflicts: conflictTable, policies: policies, merge: merge, origins: origins, position: position,
            nowMs: nowMs)
        let works = merge.ordered
        for work in works { try register.register(work) }
        try writeUndo(works, position: position)
        let isEffective = try writeEffective(works, position: position)
        var arbitration = ArbitrationWriter(access: access, origins: origins, change: position + 1)
        try arbitrate(works, register.ledOn, &arbitration)
        awaited.insert(register.waits)
        try release(
            after: segments, hashes, origins, register, position: position, nowMs: nowMs, into: &arbitration)
        try append(incoming, hashes, isEffective: isEffective, arbitration.finish(), nowMs: nowMs)
        try refreshDisputed(works.map(\.row))
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
            ConcurrentIndex.Entry(position: position, id: position, replica: header.dot.replica, hashes: hashes))
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
        after segments: [Segment], _ hashes: [UInt64], _ origins: Origins, _ register: ConflictRegister?,
        position: UInt64, nowMs: UInt64, into arbitration: inout ArbitrationWriter
    ) throws {
        let tables = Set(segments.flatMap { $0.blocks.map(\.kind.table) })
        let met = awaited.met(by: hashes, on: tables)
        let superseded = register?.superseded ?? []
        var release = Release(
            conflicts: conflictTable, access: access, origins: origins, position: position + 1, nowMs: nowMs)
        release.latest = register?.latest ?? [:]
        let ledOn = register?.ledOn ?? []
        if !met.isEmpty || !superseded.isEmpty || !ledOn.isEmpty {
            var undo = SegmentSink(log: log, change: position + 1, variant: .undo)
            for write in ledOn {
                let kind = BlockKind(table: write.table.number, operation: .update, columns: write.columns)
                try undo.add(kind, key: write.key, values: write.before)
                let columns = policies.table(write.table.number).wholeUnits(write.columns)
                try arbitration.update(write.table, write.row, write.key, columns)
            }
            try release.run(met, into: &arbitration, &undo)
            try undo.finish()
            for row in superseded.sorted() {
                for id in Set(try conflictTable.withheld(of: row, onlyOpen: false).map(\.conflict)).sorted() {
                    try release.part(from: row, conflict: id)
                }
            }
            awaited.insert(release.waits)
        }
        let conflicts = release.changedConflicts.union(register?.changedConflicts ?? [])
        for id in conflicts.sorted() { try arbitration.system(ConflictTable.conflictNumber, id: id) }
        for id in release.withheldRows.union(register?.withheldRows ?? []).sorted() {
            try arbitration.system(ConflictTable.withheldNumber, id: id)
        }
        try refreshDisputed(release.released)
    }

    private func arbitrate(_ works: [RowWork], _ ledOn: [LedOn], _ arbitration: inout ArbitrationWriter) throws {
        for work in works {
            // What a join has led to the row goes out with what else the hub says of it.
            let led = ledOn.filter { $0.row == work.row }.flatMap(\.columns)
            if work.withheld != nil {
                // Its author has the row as it wrote it: put it right.
                try arbitration.carry(work.table, work.row, work.key)
            } else if work.carries {
                try arbitration.carry(work.table, work.row, work.key, latest: work.latest)
            } else if work.deleteUndone || (work.origin == .putBack && work.before == nil) {
                try arbitration.carry(work.table, work.row, work.key, as: .restored)
            } else {
                try writeCells(of: work, led, &arbitration)
            }
        }
    }

    /// Cells that the hub writes in a row which is not carried whole: those that a delete which did not stand had
    /// cleared, those that a join has led there, and those that a policy decides.
    private func writeCells(of work: RowWork, _ led: [Int], _ arbitration: inout ArbitrationWriter) throws {
        // A unit is written as one, by the hub too.
        let written = policies.table(work.table.number).wholeUnits(Set(work.rewritten + led).sorted())
        var decided = work.decided
        if decided.isEmpty {
            if !written.isEmpty { try arbitration.update(work.table, work.row, work.key, written) }
            return
        }
        if !written.isEmpty, let values = try access.cells(work.table, work.key, written) {
            // A row occurs in a change set once: these come along, with a stamp above all that is known.
            let stamp = Stamp(hlc: clock.tick(nowMs: 0), replica: replica, seq: 0)
            for (column, value) in zip(written, values) { decided[column] = DecidedCell(value: value, stamp: stamp) }
        }
        try arbitration.decide(work.table, work.row, work.key, decided)
    }

    /// What was overwritten: cells of rows that stay, whole rows that went.
    private func writeUndo(_ works: [RowWork], position: UInt64) throws {
        var sink = SegmentSink(log: log, change: position, variant: .undo)
        for work in works where work.target != work.before && work.before != nil {
            let before = work.before!
            if let target = work.target {
                let columns = before.indices.filter { before[$0] != target[$0] }
                let kind = BlockKind(table: work.table.number, operation: .update, columns: columns)
                try sink.add(kind, key: work.key, values: columns.map { before[$0] })
            } else {
                let kind = BlockKind(
                    table: work.table.number, operation: .insert, columns: work.table.allColumns)
                try sink.add(kind, key: work.key, values: before)
            }
        }
        try sink.finish()
    }

    /// Writes what is left of the change set for the others, when that is not all of it.
    private func writeEffective(_ works: [RowWork], position: UInt64) throws -> Bool {
        let incoming = works.filter { $0.operation != nil }
        if incoming.allSatisfy({ $0.effectiveColumns == $0.operation!.columns }) { return false }
        var sink = SegmentSink(log: log, change: position, variant: .effective)
        for work in incoming {
            guard let columns = work.effectiveColumns, let operation = work.operation else { continue }
            let isWhole = columns.count == operation.columns.count
            let kind = BlockKind(
                table: work.table.number, operation: isWhole ? operation.operation : .update, columns: columns)
            try sink.add(kind, key: work.key, values: columns.map { operation.value(of: $0)! })
        }
        try sink.finish()
        return true
    }
}
