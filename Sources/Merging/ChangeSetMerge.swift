import ConflictStore
import OrderedLog
import Replication
import SQLite
import TableModel

/// Takes a change set into the hub's tables: most rows blind, those that meet something carefully, in pieces that bound
/// memory. Rows that depend on each other are merged in one piece; where that shows only on the way (two rows swap a
/// UNIQUE value, a child waits for a parent), all is taken back and begun again with them together. So the outcome is
/// that of merging all rows carefully at once.
package final class ChangeSetMerge {
    private let context: MergeContext
    private let rows: IncomingRows
    private let concurrent: [ConcurrentIndex.Entry]
    private let position: UInt64
    private let nowMs: UInt64
    private let careful: RowGrouping
    private var undo: SegmentSink
    private var findings = Findings()
    private var arbitration: ArbitrationWriter
    private var effective = EffectiveRows()
    private var clock: HybridClock

    /// - Parameters:
    ///   - concurrent: the change sets that the author of these rows had not seen.
    ///   - met: the ordinals of the rows that meet one of them, ascending.
    ///   - clock: the hub's; what comes of it is in the outcome.
    package init(
        _ context: MergeContext, _ rows: IncomingRows, concurrent: [ConcurrentIndex.Entry], met: [UInt32],
        clock: HybridClock, nowMs: UInt64
    ) throws {
        self.context = context
        self.clock = clock
        self.rows = rows
        self.concurrent = concurrent
        self.nowMs = nowMs
        position = rows.entry.id
        careful = try RowGrouping(rows, met: met, access: context.access)
        try careful.tieJoined(disputed: context.disputed)
        if context.pieces.areOne { careful.tieAll() }
        undo = SegmentSink(log: context.log, change: position, variant: .undo)
        let origins = CellProvenance(index: context.index, log: context.log, finder: context.finder)
        arbitration = ArbitrationWriter(access: context.access, origins: origins, change: position + 1)
    }

    /// What came of it.
    package struct Outcome {
        /// The effective variant of the segments was written, for it is not the authored one.
        package let isEffective: Bool
        package let findings: Findings
        package let clock: HybridClock
        /// Holds the rows that the hub adds; what else changes is still to be added.
        package var arbitration: ArbitrationWriter
    }

    /// Merges the change set into the tables, and writes its undo image and what is effective of it to the log.
    package func run() throws -> Outcome {
        for attempt in 0... {
            try context.access.connection.beginSavepoint("merge")
            do {
                try merge()
                let isEffective = try effective.write(rows, to: context.log)
                try undo.finish()
                try context.access.connection.release("merge")
                return Outcome(
                    isEffective: isEffective, findings: findings, clock: clock, arbitration: arbitration)
            } catch let entangled as NeedsGrouping {
                try context.access.connection.rollback(to: "merge")
                try context.access.connection.release("merge")
                begin()
                if attempt >= context.pieces.attempts {
                    careful.tieAll()
                } else {
                    for row in entangled.rows { careful.pull(row) }
                    for (row, other) in entangled.pairs { careful.tie(row, other) }
                }
            }
        }
        preconditionFailure("the last attempt has no other rows to be entangled with")
    }

    private func begin() {
        undo = SegmentSink(log: context.log, change: position, variant: .undo)
        arbitration = ArbitrationWriter(access: context.access, origins: arbitration.origins, change: position + 1)
        effective = EffectiveRows()
        findings = Findings()
    }

    private func merge() throws {
        try careful.close()
        let leaving = careful.all
        try applyBlind(leaving)
        try mergeFree()
        try mergeBound()
        var check = ReferenceCheck(access: context.access, leaving: leaving)
        for segment in rows.segments { try check.check(segment) }
        if !check.refused.isEmpty { throw NeedsGrouping(rows: check.refused) }
    }

    // MARK: blind

    private func applyBlind(_ leaving: [UInt32]) throws {
        var blind = BlindApply(access: context.access, undo: undo, leaving: leaving)
        for segment in rows.segments { try blind.apply(segment) }
        guard blind.refused.isEmpty else { throw try entangled(blind.refused, isHopeless: blind.isHopeless) }
        undo = blind.undo!
    }

    /// Rows that were refused, with those of the change set that stand in their way.
    private func entangled(_ refused: [UInt32], isHopeless: Bool) throws -> NeedsGrouping {
        if isHopeless { return NeedsGrouping(rows: (0..<UInt32(rows.count)).map { $0 }) }
        var entangled = NeedsGrouping(rows: refused)
        for (ordinal, found) in try rows.operations(at: refused) {
            let table = try context.access.table(found.row.table, "merging change set \(rows.entry.header.dot)")
            guard !table.uniqueIndexes.isEmpty, found.operation.operation != .delete,
                var row = found.operation.operation.isWholeRow
                    ? found.operation.values : try context.access.row(table, found.key)
            else { continue }
            for column in found.operation.columns { row[column] = found.operation.value(of: column)! }
            for key in try context.access.blockers(table, found.key, row) {
                for other in rows.ordinals(of: RowID(shape: table.shape, key: key)) {
                    entangled.pairs.append((ordinal, other))
                }
            }
        }
        return entangled
    }

    // MARK: carefully

    private func piece() throws -> ConflictingRows {
        try ConflictingRows(
            rows, careful: careful, concurrent: concurrent, access: context.access, log: context.log,
            finder: context.finder,
            index: context.index, rules: context.rules, policies: context.policies)
    }

    private func mergeFree() throws {
        let free = careful.free
        for start in stride(from: 0, to: free.count, by: context.pieces.rows) {
            let piece = try piece()
            try piece.judge(Array(free[start..<min(start + context.pieces.rows, free.count)]))
            // A row that is not there comes back whole, and then everything about it counts.
            for work in piece.ordered where work.before == nil && work.table.tiesRows {
                piece.leave(work)
                careful.pull(work.ordinal!)
            }
            try place(piece, isFree: true)
        }
    }

    private func mergeBound() throws {
        let units = careful.units()
        var next = 0
        // With what comes back with a row a piece may grow beyond its rows: then the next begins with fewer.
        var room = min(512, context.pieces.rows)
        while next < units.count {
            var end = next
            var ordinals: [UInt32] = []
            repeat {
                ordinals += units[end]
                end += 1
            } while end < units.count && ordinals.count + units[end].count <= room
            let piece = try piece()
            try piece.judge(ordinals.sorted())
            let byOrdinal = Dictionary(uniqueKeysWithValues: piece.works.values.map { ($0.ordinal!, $0) })
            var done = next
            while done < end && (done == next || piece.works.count <= context.pieces.rows) {
                try piece.undoGroups(of: units[done].compactMap { byOrdinal[$0] }.sorted { $0.row < $1.row })
                done += 1
            }
            for unit in units[done..<end] { for ordinal in unit { piece.leave(byOrdinal[ordinal]!) } }
            try place(piece, isFree: false)
            room = done < end ? max(1, ordinals.count / 2) : min(2 * room, context.pieces.rows)
            next = done
        }
    }

    /// Puts judged rows in place and writes down all that follows from them.
    private func place(_ piece: ConflictingRows, isFree: Bool) throws {
        try Placement(piece).run(isFree: isFree)
        let works = piece.ordered
        arbitration.origins = CellProvenance(
            index: context.index, log: context.log, finder: context.finder,
            wanted: works.filter { $0.isPutRight }.map(\.row))
        var register = ConflictRegister(
            conflicts: context.conflicts, policies: context.policies, merge: piece, origins: arbitration.origins,
            position: position, nowMs: nowMs)
        for work in works { try register.register(work) }
        for work in works {
            try keepOld(work)
            effective.note(work)
        }
        try arbitration.tell(
            works.filter { $0.withheld?.joins == nil }, register.ledOn, context.policies, replica: context.replica,
            &clock)
        try findings.add(register, works, context)
    }

    /// What was overwritten: cells of rows that stay, whole rows that went.
    private func keepOld(_ work: MergeRow) throws {
        guard work.target != work.before, let before = work.before else { return }
        if let target = work.target {
            let columns = before.indices.filter { before[$0] != target[$0] }
            let kind = BlockKind(table: work.table.number, operation: .update, columns: columns)
            try undo.add(kind, key: work.key, values: columns.map { before[$0] })
        } else {
            let kind = BlockKind(table: work.table.number, operation: .insert, columns: work.table.allColumns)
            try undo.add(kind, key: work.key, values: before)
        }
    }
}

/// What merges of parts of one change set found, taken together.
package struct Findings {
    package private(set) var changedConflicts: Set<UInt64> = []
    package private(set) var withheldRows: Set<UInt64> = []
    package private(set) var waits: Set<ConflictTable.Wait> = []
    package private(set) var superseded: Set<RowID> = []
    package private(set) var latest: [RowID: [Int: Stamp]] = [:]
    package private(set) var ledOn: [MergedRowRedirect] = []
    /// Rows that the hub has put back.
    package private(set) var putBack: Set<RowID> = []
    /// Rows that go on being withheld: put right at their author only when what was added does not let them in.
    package private(set) var goingOn: [(table: TableLayout, row: RowID, key: [Value])] = []
    /// Whether rows are in dispute now, by the hash of their keys.
    package private(set) var disputed: [(hash: UInt64, isDisputed: Bool)] = []

    /// Adds what the merge of one piece has found.
    package mutating func add(_ register: ConflictRegister, _ works: [MergeRow], _ context: MergeContext) throws {
        changedConflicts.formUnion(register.changedConflicts)
        withheldRows.formUnion(register.withheldRows)
        waits.formUnion(register.waits)
        superseded.formUnion(register.superseded)
        latest.merge(register.latest) { $1 }
        ledOn += register.ledOn
        putBack.formUnion(works.filter { $0.origin == .putBack }.map(\.row))
        for work in works where work.withheld?.joins != nil { goingOn.append((work.table, work.row, work.key)) }
        if register.changedConflicts.isEmpty && register.withheldRows.isEmpty { return }
        for work in works {
            if work.withheld != nil || work.merge?.pairs.isEmpty == false || work.merge?.overflowed.isEmpty == false
                || work.putBackFor != nil || context.disputed.contains(work.row.hash64)
            {
                disputed.append((work.row.hash64, try context.conflicts.isDisputed(work.row)))
            }
        }
        for row in register.remaining { disputed.append((row.hash64, try context.conflicts.isDisputed(row))) }
    }
}
