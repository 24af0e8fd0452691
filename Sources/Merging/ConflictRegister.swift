import ConflictStore
import Replication

/// Feeds what a merge found into the conflicts of its rows: opens, joins, settles, opens again; and says which
/// records changed, so that they travel with the arbitration.
package struct ConflictRegister {
    let conflicts: ConflictTable
    let policies: Policies
    let merge: ConflictingRows
    let origins: CellProvenance
    /// Where the change set stands, and the hub's time.
    let position: UInt64
    let nowMs: UInt64
    var changedConflicts: [UInt64] = []
    var withheldRows: [UInt64] = []
    /// What writes of rows that were joined into others have written there.
    var ledOn: [MergedRowRedirect] = []
    /// The rows that remain of joins and were to take such a write.
    var remaining: Set<RowID> = []
    /// What the withheld rows of this change set wait for.
    var waits: [ConflictTable.Wait] = []
    /// Rows on which something withheld has been replaced.
    var superseded: Set<RowID> = []
    /// The stamps of what the change set wrote on rows with something withheld.
    var latest: [RowID: [Int: Stamp]] = [:]
    /// The conflict of each row withheld here; nil while it is being found.
    var conflictOfWithheld: [RowID: UInt64?] = [:]

    init(
        conflicts: ConflictTable, policies: Policies, merge: ConflictingRows, origins: CellProvenance, position: UInt64,
        nowMs: UInt64
    ) {
        self.conflicts = conflicts
        self.policies = policies
        self.merge = merge
        self.origins = origins
        self.position = position
        self.nowMs = nowMs
    }

    mutating func register(_ work: MergeRow) throws {
        for join in work.ledOn { try merge.joins.noteChild(work.row.table, work.key, of: join) }
        if let withholding = work.withheld {
            if let join = withholding.ledOnBy, try leadOn(work, join) { return }
            // The row that remained is gone as well: what was written of it waits for a person.
            let isLost = withholding.ledOnBy != nil
            _ = try registerWithheld(work, isLost ? Withholding(kind: .invalid) : withholding)
            return
        }
        guard let operation = work.operation else {
            if let child = work.putBackFor, work.operation == nil, work.before == nil {
                try registerParent(work, child)
            }
            return
        }
        let existing = try conflicts.records(of: work.row)
        let pairs = work.merge?.pairs ?? []
        try supersede(work, operation)
        // Who spells the key otherwise, and leaves the row as it is, decides nothing about it.
        if work.isRespelt && operation.values == work.before { return }
        if pairs.isEmpty && existing.isEmpty && work.merge?.overflowed.isEmpty ?? true { return }
        try registerInsert(work, operation, pairs, existing)
        try registerDelete(work, operation, pairs, existing)
        try registerCells(work, operation, pairs, existing)
        try closeParents(work, operation, existing)
    }

    // MARK: about the whole row

    private mutating func registerInsert(
        _ work: MergeRow, _ operation: LoggedOperation, _ pairs: [HubMerge.Pair], _ existing: [ConflictRecord]
    ) throws {
        let others = pairs.compactMap { if case .insert(let other) = $0 { other } else { nil } }
        let record = existing.last { $0.kind == .insert }
        let isWhole = operation.operation == .insert || operation.operation == .replace
        if let record, others.isEmpty {
            if isWhole || operation.operation == .delete {
                // It is about what was inserted: an author who deletes that again is in a conflict about the row.
                let isBeside = operation.operation == .delete && !operation.hadSeen(position: record.life.changed)
                if record.life.isOpen && isBeside { return }
                try onWrite(record, rowSide(operation, work), seen: operation.seen, [])
            } else if record.life.isOpen, !operation.hadSeen(position: record.life.changed) {
                // An author who does not know of the dispute goes on editing its own row: its side moves along.
                let earlier = record.life.sides.first { operation.isByAuthor(of: $0.dot) }?.row ?? [:]
                try onWrite(record, rowSide(operation, work, over: earlier), seen: operation.seen, [])
            }
            return
        }
        guard !others.isEmpty else { return }
        let sides = others.map { latestSide($0, work) }
        // What no column's policy leaves to a person needs none.
        let differing = operation.columns.filter { column in
            others.contains { $0.value(of: column) != operation.value(of: column) }
        }
        try openOrJoin(
            record, .insert, work, column: nil, base: .row(nil), rowSide(operation, work), sides,
            seen: operation.seen, policy: policies.settling(work.row.table, columns: differing))
    }

    private mutating func registerDelete(
        _ work: MergeRow, _ operation: LoggedOperation, _ pairs: [HubMerge.Pair], _ existing: [ConflictRecord]
    ) throws {
        let others = pairs.compactMap { if case .deleteUpdate(let other) = $0 { other } else { nil } }
        let record = existing.last { $0.kind == .deleteUpdate }
        if others.isEmpty {
            guard let record, record.life.isOpen else { return }
            let decides = operation.operation != .update
            if decides || !operation.hadSeen(position: record.life.changed) {
                let earlier = record.life.sides.first { operation.isByAuthor(of: $0.dot) }?.row ?? [:]
                try onWrite(
                    record, rowSide(operation, work, over: decides ? [:] : earlier), seen: operation.seen, [])
            }
            let isMoot =
                try isGone(work) || conflicts.record(record.id)?.life.sides.allSatisfy { $0.row != nil } == true
            if isMoot { try closeAsMoot(record.id, rowSide(operation, work)) }
            return
        }
        // An author who goes on editing stands for all that it wrote there.
        let isOpen = record?.life.isOpen == true && operation.operation == .update
        let earlier = isOpen ? record!.life.sides.first { operation.isByAuthor(of: $0.dot) }?.row : nil
        try openOrJoin(
            record, .deleteUpdate, work, column: nil, base: .row(rowBase(work, operation, others)),
            rowSide(operation, work, over: earlier ?? [:]), others.map { wholeSide($0, work) }, seen: operation.seen,
            policy: nil)
    }

    /// The side of an author in the log: the operation over what the same author had written on the row before, none of
    /// which the other had seen.
    private func wholeSide(_ operation: LoggedOperation, _ work: MergeRow) -> ConflictSide {
        let own = work.concurrent.filter { $0.dot.replica == operation.dot.replica && $0.dot.seq < operation.dot.seq }
        let cells = own.sorted { $0.dot.seq < $1.dot.seq }.reduce(into: [Int: Value]()) { cells, earlier in
            if earlier.operation != .update { cells = [:] }
            for (column, value) in zip(earlier.columns, earlier.values) { cells[column] = value }
        }
        return rowSide(operation, work, over: operation.operation == .update ? cells : [:])
    }

    /// True when a delete has taken the row, and nothing that it went with brings it back.
    func isGone(_ work: MergeRow) -> Bool { work.merge?.target == .remove && work.target == nil }

    /// A delete that took effect leaves nothing to decide about a parent that had been put back. A dispute about cells
    /// stays: the row may come back.
    private mutating func closeParents(
        _ work: MergeRow, _ operation: LoggedOperation, _ existing: [ConflictRecord]
    ) throws {
        guard isGone(work) else { return }
        for record in existing where record.life.isOpen && record.kind.withholds {
            let held = try conflicts.withheld(ofConflict: record.id)
            if held.contains(where: { $0.state == .withheld }) { continue }
            try closeAsMoot(record.id, rowSide(operation, work))
        }
    }

    /// A delete that took effect leaves nothing to dispute about the row being there; nor does one whose author has
    /// written the row anew, when nobody else wants it gone.
    private mutating func closeAsMoot(_ id: UInt64, _ side: ConflictSide) throws {
        guard var record = try conflicts.record(id), record.life.isOpen else { return }
        record.life.settle(by: side, .write, at: position)
        try save(record)
    }

    /// The row as it was before a delete and the writes beside it: cells that all had seen, else those that the delete's
    /// author had.
    private func rowBase(
        _ work: MergeRow, _ operation: LoggedOperation, _ others: [LoggedOperation]
    ) throws -> [Value]? {
        guard var row = try work.before ?? merge.image(work.row, work.concurrent) ?? work.target else { return nil }
        let all = others + [operation]
        let beside = work.concurrent.filter { $0.operation.isUserWrite } + all
        for column in Set(beside.flatMap(\.columns)) {
            let known =
                try sharedBase(work, operation, column)
                ?? all.first { $0.operation == .delete }.flatMap { try newestSeen(work, column, by: [$0]) }
            if let known { row[column] = known }
        }
        return row
    }

    /// What an author's write of a row says, laid over what it wrote there before; no cells for a delete.
    func rowSide(
        _ operation: LoggedOperation, _ work: MergeRow, over earlier: [Int: Value] = [:]
    ) -> ConflictSide {
        var cells = earlier
        for (column, value) in zip(operation.columns, operation.values) { cells[column] = value }
        return ConflictSide(
            dot: operation.dot, hlc: operation.hlc, position: min(operation.position, position), value: nil,
            row: operation.operation == .delete ? nil : cells)
    }

    /// The side of an author in the log: the operation with what the same author wrote on the row since.
    func latestSide(_ operation: LoggedOperation, _ work: MergeRow) -> ConflictSide {
        let later = work.concurrent.filter {
            $0.operation.isUserWrite && $0.operation != .delete && $0.isByAuthor(of: operation.dot)
                && $0.covers(operation)
        }
        // A row written anew leaves nothing of what stood before.
        return later.reduce(rowSide(operation, work)) { side, next in
            rowSide(next, work, over: next.operation == .update ? side.row ?? [:] : [:])
        }
    }

    // MARK: about a cell

    private mutating func registerCells(
        _ work: MergeRow, _ operation: LoggedOperation, _ pairs: [HubMerge.Pair], _ existing: [ConflictRecord]
    ) throws {
        var byColumn: [Int: [LoggedOperation]] = [:]
        for case .cell(let column, let other) in pairs { byColumn[column, default: []].append(other) }
        let hasInsert = existing.contains { $0.kind == .insert } || pairs.contains { $0.isInsert }
        let inserts =
            hasInsert ? try conflicts.records(of: work.row).filter { $0.kind == .insert && $0.life.isOpen } : []
        func isSide(_ dot: Dot) -> Bool {
            inserts.contains { $0.life.sides.contains { $0.dot.replica == dot.replica && $0.dot.seq >= dot.seq } }
        }
        let unit = policies.table(work.row.table).unit
        try registerUnit(work, operation, unit, byColumn, existing, isSide)
        for column in operation.columns where !unit.contains(column) {
            let record = existing.last { $0.kind == .cell && $0.columnIndex == column }
            var others = byColumn[column] ?? []
            let isOverflow = work.merge?.overflowed.contains(column) ?? false
            if isOverflow {
                others = work.concurrent.filter { $0.operation.isUserWrite && $0.index(of: column) != nil }
            }
            // While two inserts of the row are in dispute, their authors' cells are part of that dispute.
            if record == nil && isSide(operation.dot) { others.removeAll { isSide($0.dot) } }
            if record == nil && others.isEmpty && !isOverflow { continue }
            let value = operation.value(of: column)!
            // Who spells the key otherwise has not written the other cells.
            if work.isRespelt && others.isEmpty && value == work.before?[column] { continue }
            let side = ConflictSide(
                dot: operation.dot, hlc: operation.hlc, position: position, value: value, row: nil)
            let sides = others.map {
                ConflictSide(
                    dot: $0.dot, hlc: $0.hlc, position: $0.position, value: $0.value(of: column), row: nil)
            }
            let base = record == nil ? try cellBase(work, operation, column) : .null
            try openOrJoin(
                record, .cell, work, column: column, base: .cell(base), side, sides, seen: operation.seen,
                policy: isOverflow ? nil : policies.settling(work.row.table, columns: [column]),
                evenAlone: isOverflow)
        }
    }

    /// The columns of a unit are disputed together: one conflict, whose sides are what each wrote in all of them.
    private mutating func registerUnit(
        _ work: MergeRow, _ operation: LoggedOperation, _ unit: [Int], _ byColumn: [Int: [LoggedOperation]],
        _ existing: [ConflictRecord], _ isPartOfInserts: (Dot) -> Bool
    ) throws {
        let written = unit.filter { operation.index(of: $0) != nil }
        guard !written.isEmpty else { return }
        let record = existing.last { $0.kind == .cell && $0.columnIndex == nil }
        var others: [LoggedOperation] = []
        for other in written.flatMap({ byColumn[$0] ?? [] }) where !others.contains(where: { $0.dot == other.dot }) {
            others.append(other)
        }
        if record == nil && isPartOfInserts(operation.dot) { others.removeAll { isPartOfInserts($0.dot) } }
        if record == nil && others.isEmpty { return }
        func side(_ operation: LoggedOperation) -> ConflictSide {
            let cells = unit.compactMap { column in operation.value(of: column).map { (column, $0) } }
            return ConflictSide(
                dot: operation.dot, hlc: operation.hlc, position: min(operation.position, position), value: nil,
                row: Dictionary(uniqueKeysWithValues: cells))
        }
        var base = work.before ?? work.target
        if record == nil {
            for column in written { base?[column] = try cellBase(work, operation, column) }
        }
        try openOrJoin(
            record, .cell, work, column: nil, base: .row(base), side(operation), others.map(side),
            seen: operation.seen, policy: policies.settling(work.row.table, columns: unit))
    }

    /// The value before: the newest write that both had seen, the author and those who wrote the cell beside it; else what
    /// the first concurrent write overwrote; else what stands. (Protocol/Merge-Model.md#base-value)
    func cellBase(_ work: MergeRow, _ operation: LoggedOperation, _ column: Int) throws -> Value {
        try sharedBase(work, operation, column) ?? work.before?[column] ?? .null
    }

    /// The same; nil where the row was made by one of those writes.
    private func sharedBase(_ work: MergeRow, _ operation: LoggedOperation, _ column: Int) throws -> Value? {
        if let base = try overwritten(work, operation, column) { return base }
        let beside = work.concurrent.filter { $0.operation.isUserWrite && $0.index(of: column) != nil }
        if let base = try newestSeen(work, column, by: [operation] + beside) { return base }
        for other in work.concurrent where other.index(of: column) != nil {
            if let undo = try merge.inLog.image(of: work.row, at: other.position)?.operation.value(of: column) {
                return undo
            }
        }
        return nil
    }

    /// The newest write of a cell that all these had seen.
    private func newestSeen(_ work: MergeRow, _ column: Int, by writes: [LoggedOperation]) throws -> Value? {
        var best: (stamp: Stamp, value: Value)?
        try merge.index.index.descend([work.row.hash64], log: merge.log) { entry, _ in
            guard writes.allSatisfy({ $0.hadSeen(entry.dot, at: entry.position) }) else { return true }
            guard let found = try merge.operation(on: work.row, in: entry.id), found.operation.isUserWrite,
                let stamp = found.stamp(of: column), let value = found.value(of: column), stamp > best?.stamp ?? .zero
            else { return true }
            best = (stamp, value)
            return true
        }
        return best?.value
    }

    /// The value that the first concurrent write or delete of the cell overwrote: what its author had seen, unless it has
    /// written there itself since. Nil when that does not say.
    private func overwritten(_ work: MergeRow, _ operation: LoggedOperation, _ column: Int) throws -> Value? {
        if merge.inLog.hasOwn(on: work.row) { return nil }
        for other in work.concurrent where other.operation == .delete || other.index(of: column) != nil {
            if let undo = try merge.inLog.image(of: work.row, at: other.position)?.operation.value(of: column) {
                return undo
            }
            // The row was absent: what the author saw was deleted where this does not show.
            if other.operation == .insert || other.operation == .restored { return nil }
        }
        return work.before?[column]
    }

    // MARK: the life of one record

    private mutating func openOrJoin(
        _ record: ConflictRecord?, _ kind: ConflictKind, _ work: MergeRow, column: Int?, base: ConflictBase,
        _ side: ConflictSide, _ others: [ConflictSide], seen: UInt64, policy: String?, evenAlone: Bool = false
    ) throws {
        if let record, record.life.isOpen || !sawSettlement(record, seen, others) {
            try onWrite(record, side, seen: seen, others, policy: policy, unsettled: evenAlone)
            return
        }
        guard !others.isEmpty || evenAlone else { return }
        try save(
            ConflictRecord(
                id: try conflicts.nextConflictID(), kind: kind, tableNumber: work.row.table, table: work.table.name,
                key: work.key, row: work.row, columnIndex: column, column: column.map { work.table.dataColumns[$0] },
                openedAtMs: nowMs, base: base,
                life: Conflict(opening: side, against: others, at: position, policy: policy != nil),
                decision: policy.map { Decision(by: Decision.policy, atMs: nowMs, how: $0, reason: nil) }))
    }

    /// True when everyone in a new dispute had seen how the old one was settled: then it is a new conflict.
    private func sawSettlement(_ record: ConflictRecord, _ seen: UInt64, _ others: [ConflictSide]) -> Bool {
        hadSeen(record.life.changed, upTo: seen) && others.allSatisfy { $0.position > record.life.changed }
    }

    private mutating func onWrite(
        _ record: ConflictRecord, _ side: ConflictSide, seen: UInt64, _ others: [ConflictSide], policy: String? = nil,
        unsettled: Bool = false
    ) throws {
        var changed = record
        let wasOpen = record.life.isOpen
        guard
            changed.life.onWrite(
                side, seen: seen, others: others, at: position, policy: policy != nil, unsettled: unsettled)
        else { return }
        if changed.life.settlement == .policy, let policy {
            changed.decision = Decision(by: Decision.policy, atMs: nowMs, how: policy, reason: nil)
        }
        if !wasOpen && changed.life.isOpen { changed.decision = nil }
        try save(changed)
    }

    mutating func save(_ record: ConflictRecord) throws {
        try conflicts.save(record)
        changedConflicts.append(record.id)
    }

    mutating func note(withheld id: UInt64) { withheldRows.append(id) }
}
