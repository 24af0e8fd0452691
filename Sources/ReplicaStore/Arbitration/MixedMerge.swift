import Replication
import SQLite

/// Takes a change set into the hub's tables: most rows blind, those that meet something carefully, in pieces that bound
/// memory. Rows that depend on each other are merged in one piece; where that shows only on the way (two rows swap a
/// UNIQUE value, a child waits for a parent), all is taken back and begun again with them together. So the outcome is
/// that of merging all rows carefully at once.
final class MixedMerge {
    private let store: HubStore
    private let rows: IncomingRows
    private let concurrent: [ConcurrentIndex.Entry]
    private let position: UInt64
    private let nowMs: UInt64
    private let careful: CarefulRows
    private var undo: SegmentSink
    private var findings = Findings()
    private var arbitration: ArbitrationWriter
    private var effective = EffectiveRows()

    init(
        _ store: HubStore, _ rows: IncomingRows, concurrent: [ConcurrentIndex.Entry], met: [UInt32], nowMs: UInt64
    ) throws {
        self.store = store
        self.rows = rows
        self.concurrent = concurrent
        self.nowMs = nowMs
        position = rows.entry.id
        careful = try CarefulRows(rows, met: met, access: store.access)
        try careful.tieJoined(disputed: store.disputed)
        if store.pieces.areOne { careful.tieAll() }
        undo = SegmentSink(log: store.log, change: position, variant: .undo)
        let origins = Origins(index: store.index, log: store.log, finder: store.finder)
        arbitration = ArbitrationWriter(access: store.access, origins: origins, change: position + 1)
    }

    /// What came of it.
    struct Outcome {
        /// The effective variant of the segments was written, for it is not the authored one.
        let isEffective: Bool
        let findings: Findings
        /// Holds the rows that the hub adds; what else changes is still to be added.
        var arbitration: ArbitrationWriter
    }

    func run() throws -> Outcome {
        for attempt in 0... {
            try store.connection.beginSavepoint("merge")
            do {
                try merge()
                let isEffective = try effective.write(rows, to: store.log)
                try undo.finish()
                try store.connection.release("merge")
                return Outcome(isEffective: isEffective, findings: findings, arbitration: arbitration)
            } catch let entangled as Entangled {
                try store.connection.rollback(to: "merge")
                try store.connection.release("merge")
                begin()
                if attempt >= store.pieces.attempts {
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
        undo = SegmentSink(log: store.log, change: position, variant: .undo)
        arbitration = ArbitrationWriter(access: store.access, origins: arbitration.origins, change: position + 1)
        effective = EffectiveRows()
        findings = Findings()
    }

    private func merge() throws {
        try careful.close()
        let leaving = careful.all
        try applyBlind(leaving)
        try mergeFree()
        try mergeBound()
        var check = ReferenceCheck(access: store.access, leaving: leaving)
        for segment in rows.segments { try check.check(segment) }
        if !check.refused.isEmpty { throw Entangled(rows: check.refused) }
    }

    // MARK: blind

    private func applyBlind(_ leaving: [UInt32]) throws {
        var blind = BlindApply(access: store.access, undo: undo, leaving: leaving)
        for segment in rows.segments { try blind.apply(segment) }
        guard blind.refused.isEmpty else { throw try entangled(blind.refused, isHopeless: blind.isHopeless) }
        undo = blind.undo!
    }

    /// Rows that were refused, with those of the change set that stand in their way.
    private func entangled(_ refused: [UInt32], isHopeless: Bool) throws -> Entangled {
        if isHopeless { return Entangled(rows: (0..<UInt32(rows.count)).map { $0 }) }
        var entangled = Entangled(rows: refused)
        for (ordinal, found) in try rows.operations(at: refused) {
            let table = try store.access.table(found.row.table, "merging change set \(rows.entry.header.dot)")
            guard !table.uniqueIndexes.isEmpty, found.operation.operation != .delete,
                var row = found.operation.operation.isWholeRow
                    ? found.operation.values : try store.access.row(table, found.key)
            else { continue }
            for column in found.operation.columns { row[column] = found.operation.value(of: column)! }
            for key in try store.access.blockers(table, found.key, row) {
                for other in rows.ordinals(of: RowID(shape: table.shape, key: key)) {
                    entangled.pairs.append((ordinal, other))
                }
            }
        }
        return entangled
    }

    // MARK: carefully

    private func piece() throws -> CarefulMerge {
        try CarefulMerge(
            rows, careful: careful, concurrent: concurrent, access: store.access, log: store.log, finder: store.finder,
            index: store.index, rules: store.rules, policies: store.policies)
    }

    private func mergeFree() throws {
        let free = careful.free
        for start in stride(from: 0, to: free.count, by: store.pieces.rows) {
            let piece = try piece()
            try piece.judge(Array(free[start..<min(start + store.pieces.rows, free.count)]))
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
        var room = min(512, store.pieces.rows)
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
            while done < end && (done == next || piece.works.count <= store.pieces.rows) {
                try piece.undoGroups(of: units[done].compactMap { byOrdinal[$0] }.sorted { $0.row < $1.row })
                done += 1
            }
            for unit in units[done..<end] { for ordinal in unit { piece.leave(byOrdinal[ordinal]!) } }
            try place(piece, isFree: false)
            room = done < end ? max(1, ordinals.count / 2) : min(2 * room, store.pieces.rows)
            next = done
        }
    }

    /// Puts judged rows in place and writes down all that follows from them.
    private func place(_ piece: CarefulMerge, isFree: Bool) throws {
        try Placement(piece).run(isFree: isFree)
        let works = piece.ordered
        arbitration.origins = Origins(
            index: store.index, log: store.log, finder: store.finder,
            wanted: works.filter { $0.isPutRight }.map(\.row))
        var register = ConflictRegister(
            conflicts: store.conflictTable, policies: store.policies, merge: piece, origins: arbitration.origins,
            position: position, nowMs: nowMs)
        for work in works { try register.register(work) }
        for work in works {
            try keepOld(work)
            effective.note(work)
        }
        try store.arbitrate(works.filter { $0.withheld?.joins == nil }, register.ledOn, &arbitration)
        try findings.add(register, works, store)
    }

    /// What was overwritten: cells of rows that stay, whole rows that went.
    private func keepOld(_ work: RowWork) throws {
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

/// How large the pieces are that a change set is taken apart into.
struct MergePieces {
    /// Rows looked at together.
    var rows = 4096
    /// Attempts before all rows are merged as one.
    var attempts = 8
    /// All rows are one piece from the start: what the outcome must always be as of.
    var areOne = false
}

/// What merges of parts of one change set found, taken together.
struct Findings {
    private(set) var changedConflicts: Set<UInt64> = []
    private(set) var withheldRows: Set<UInt64> = []
    private(set) var waits: Set<ConflictTable.Wait> = []
    private(set) var superseded: Set<RowID> = []
    private(set) var latest: [RowID: [Int: Stamp]] = [:]
    private(set) var ledOn: [LedOn] = []
    /// Rows that the hub has put back.
    private(set) var putBack: Set<RowID> = []
    /// Rows that go on being withheld: put right at their author only when what was added does not let them in.
    private(set) var goingOn: [(table: TableLayout, row: RowID, key: [Value])] = []
    /// Whether rows are in dispute now, by the hash of their keys.
    private(set) var disputed: [(hash: UInt64, isDisputed: Bool)] = []

    mutating func add(_ register: ConflictRegister, _ works: [RowWork], _ store: HubStore) throws {
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
                || work.putBackFor != nil || store.disputed.contains(work.row.hash64)
            {
                disputed.append((work.row.hash64, try store.conflictTable.isDisputed(work.row)))
            }
        }
        for row in register.remaining { disputed.append((row.hash64, try store.conflictTable.isDisputed(row))) }
    }
}
