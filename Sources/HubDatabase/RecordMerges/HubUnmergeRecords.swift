import Auditing
import ConflictStore
import Replication
import SQLite
import TableModel

extension HubStore {
    /// Takes a join of two rows back: the row that went stands again with the stamps of its writes, those that sites made
    /// unaware of the join included; references that the join led on lead back, unless they were changed since. What the
    /// remaining row took it gives back, unless written since.
    ///
    /// - Throws: `.notFound`; `.changed` when it was taken back already; `.refused` when a constraint would break.
    package func undoMerge(
        _ id: UInt64, by: String, reason: String?, nowMs: UInt64, dryRun: Bool, audit entry: AuditEntry? = nil
    ) throws(StoreError) -> RecordMergeResult {
        let doing = "undoing join \(id)"
        return try trying(doing, dryRun: dryRun, audit: entry) {
            guard var join = try joins.join(id: id) else {
                throw StoreError(
                    .notFound, doing: doing, why: "there is none of that number",
                    hint: "See: samband record list.")
            }
            guard join.undone == nil else {
                throw StoreError(
                    .changed, doing: doing, why: "it was taken back already", hint: "See: samband explain.")
            }
            try checkStands(join, doing)
            join.undone = Decision(by: by, atMs: nowMs, how: DecidedHow.unmerge, reason: reason)
            return try takeBack(join, nowMs: nowMs, doing)
        }
    }

    /// Refuses while the row that remained of a merge is merged into a third: what belongs to the first row could not be
    /// told from what belongs to that one.
    private func checkStands(_ join: RecordMerge, _ doing: String) throws {
        let table = try access.table(join.tableNumber, doing)
        guard let later = try joins.join(of: RowID(shape: table.shape, key: join.into)) else { return }
        throw StoreError(
            .refused, doing: doing,
            why: "the row that remained of it was merged into another one since, by merge \(later.id)",
            hint: "Take that back first: samband record unmerge \(later.id).")
    }

    /// The two rows of a join, the one that went first; none for a number that no join has.
    package func rowsOfJoin(_ id: UInt64) throws(StoreError) -> (table: String, keys: [[Value]]) {
        try storing("looking up join \(id)") {
            guard let join = try joins.join(id: id) else { return ("", []) }
            return (join.table, [join.key, join.into])
        }
    }

    private func takeBack(_ join: RecordMerge, nowMs: UInt64, _ doing: String) throws -> RecordMergeResult {
        let table = try access.table(join.tableNumber, doing)
        let row = RowID(shape: table.shape, key: join.key)
        var back = try RecordUnmergePlan(store: self, join: join, table: table, row: row, doing: doing)
        try back.gather()
        let position = try log.lastPosition() + 1
        let next = back.rows.isEmpty ? position : position + 1
        if !back.rows.isEmpty {
            _ = try write(back.rows, conflict: join.conflict, position: position, nowMs: nowMs, doing)
        }
        try joins.save(join, canonical: row.canonical)
        let takenOut = Set(back.rows.filter { $0.operation == .delete }.map(\.row))
        var withheld: Set<UInt64> = []
        var reopened: Set<UInt64> = []
        for var record in try conflicts(of: join) {
            let isSettledByIt = record.decision?.how == DecidedHow.merge && record.life.changed == join.position
            for other in try conflictTable.withheld(ofConflict: record.id) where other.waitsAgain(takenOut) {
                guard isSettledByIt || other.row == row || takenOut.contains(other.row) else { continue }
                try conflictTable.setState(.withheld, of: other.id)
                try conflictTable.note(waits(of: other, in: record), of: other.id)
                withheld.insert(other.id)
            }
            if isSettledByIt {
                record.earlier += [record.decision, join.undone].compactMap { $0 }
                record.decision = nil
                record.life.reopen(at: position)
            } else {
                record.life.touch(at: position)
            }
            try conflictTable.save(record)
            reopened.insert(record.id)
        }
        reopened.formUnion(try settleRedirected(back, join, at: position))
        try publish(
            at: next, nowMs: nowMs, conflicts: reopened, withheld: withheld,
            releasing: Set(back.rows.flatMap { [.row($0.row), .table($0.table.number)] }),
            adding: { try $0.system(ConflictTable.joinNumber, id: join.id) },
            parting: { for id in reopened.sorted() { try $0.part(id) } })
        try reloadDisputed()
        return RecordMergeResult(
            id: join.id, table: join.table, key: join.key, into: join.into, repointed: back.repointed, columns: [])
    }

    /// What was written of the row that stands again is disputed no more on the one that remained.
    private func settleRedirected(_ back: RecordUnmergePlan, _ join: RecordMerge, at position: UInt64) throws
        -> [UInt64]
    {
        var changed: [UInt64] = []
        for var record in try conflictTable.records(of: RowID(shape: back.table.shape, key: join.into))
        where record.kind == .cell && record.life.isOpen {
            let own = record.life.sides.filter { side in back.redirected.contains(side.dot) }
            if own.isEmpty { continue }
            if record.life.sides.count - own.count < 2 {
                record.life.settle(by: nil, .person, at: position)
                record.decision = join.undone
            } else {
                record.life.leave(Set(own.map(\.dot)), at: position)
            }
            try conflictTable.save(record)
            changed.append(record.id)
        }
        return changed
    }

    /// The conflicts about what was withheld and the join let in or gave up: those it settled, and the one that its row
    /// waited in.
    func conflicts(of join: RecordMerge) throws -> [ConflictRecord] {
        if join.conflict == 0 { return [] }
        return try conflictTable.all(includeSettled: true).filter {
            $0.id == join.conflict || ($0.decision?.how == DecidedHow.merge && $0.life.changed == join.position)
        }
    }
}
