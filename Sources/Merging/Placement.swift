import ConflictStore
import Replication
import SQLite
import TableModel

/// Puts the judged rows in place so that every constraint holds, withholding one operation after the other
/// until it does. (Protocol/Merge-Model.md#withholding)
struct Placement {
    let merge: ConflictingRows
    private var access: TableAccess { merge.access }

    init(_ merge: ConflictingRows) { self.merge = merge }

    /// - Parameter isFree: true for rows that touch no constraint between rows.
    func run(isFree: Bool) throws {
        // UNIQUE is checked row by row, so values that swap between rows must all be gone before one is written.
        for work in merge.ordered where work.before != nil && work.target != work.before {
            if work.target == nil || work.changesUnique { try access.delete(work.table, work.key) }
        }
        for work in merge.ordered where work.target != nil && (work.target != work.before || work.isRespelt) {
            try place(work, isUntouched: true)
        }
        if isFree { return }
        while try settleReferences() {}
    }

    /// Writes the row's target, or withholds its operation.
    ///
    /// - Parameter isUntouched: true while the row, if it was there, stands as before.
    private func place(_ work: MergeRow, isUntouched: Bool = false) throws {
        // An earlier withholding may have taken this one down with it.
        guard work.withheld == nil, merge.works[work.row] === work, let target = work.target else { return }
        guard let failure = try isUntouched ? move(work, to: target) : put(work, target) else { return }
        let blockers =
            failure.isUnique
            ? try access.blockers(work.table, work.key, target).map { RowID(shape: work.table.shape, key: $0) } : []
        let others = blockers.filter { merge.isElsewhere($0) }
        if !others.isEmpty { throw merge.entangled(work, others) }
        if work.origin == .putBack {
            try dropPutBack(work)
            return
        }
        let kind: ConflictKind =
            failure.isUnique ? .unique : work.concurrent.isEmpty ? .invalid : .check
        try withhold(
            work, Withholding(kind: kind, blockers: blockers, waits: blockers.map { .row($0) }))
    }

    /// The same as `put` for a row that was not taken out: writes only the cells that change.
    private func move(_ work: MergeRow, to target: [Value]) throws -> SQLiteError? {
        guard let before = work.before, !work.isRespelt, !work.changesUnique else { return try put(work, target) }
        let columns = target.indices.filter { target[$0] != before[$0] }
        do {
            if try access.update(work.table, work.key, columns, columns.map { target[$0] }) { return nil }
        } catch let error as SQLiteError where error.isOfRow {
            return error
        }
        return try put(work, target)
    }

    /// Nil when it went in, else the constraint that refused it.
    private func put(_ work: MergeRow, _ data: [Value]) throws -> SQLiteError? {
        do {
            try access.put(work.table, work.key, data)
            return nil
        } catch let error as SQLiteError where error.isOfRow {
            return error
        }
    }

    /// Takes the operation out of the merge: the row stands as it did before.
    private func withhold(_ work: MergeRow, _ reason: Withholding) throws {
        work.withheld = reason
        work.merge = nil
        work.rewritten = []
        work.deleteUndone = false
        work.target = work.before
        try restoreBefore(work)
    }

    /// The row stands as it did before this hub transaction. A row of the same change set that has taken a value which
    /// it still needs is withheld in its turn.
    private func restoreBefore(_ work: MergeRow) throws {
        guard let before = work.before else {
            try access.delete(work.table, work.key)
            return
        }
        while let failure = try put(work, before) {
            let blockers = failure.isUnique ? try access.blockers(work.table, work.key, before) : []
            guard !blockers.isEmpty else { throw failure }
            for key in blockers {
                let row = RowID(shape: work.table.shape, key: key)
                guard let other = merge.works[row] else {
                    if merge.isElsewhere(row) { throw merge.entangled(work, [row]) }
                    throw StoreError(
                        .diverged, doing: "merging change set \(merge.incoming.header.dot)",
                        why: "a row of table \(work.table.name) cannot stand again as it stood before",
                        hint: "Please report this; nothing was taken, and nothing is lost at the site.")
                }
                try access.delete(other.table, other.key)
                if other.origin == .putBack {
                    try dropPutBack(other)
                } else {
                    try withhold(other, Withholding(kind: .unique, blockers: [work.row], waits: [.row(work.row)]))
                }
            }
        }
    }

    /// Gives up putting a row back, or a cell of a row that stands: all as it was before.
    private func dropPutBack(_ work: MergeRow) throws {
        merge.forget(work)
        try restoreBefore(work)
    }

    // MARK: references

    /// One pass over the rows touched; true when something had to be withheld or put back.
    private func settleReferences() throws -> Bool {
        var changed = false
        for work in merge.ordered where merge.works[work.row] === work {
            if let target = work.target, target != work.before || work.origin == .putBack {
                changed = try settleParents(of: work, target) || changed
            }
            if let before = work.before, work.target != before {
                changed = try settleChildren(of: work, before) || changed
            }
        }
        return changed
    }

    private func settleParents(of work: MergeRow, _ target: [Value]) throws -> Bool {
        for reference in work.table.references {
            let values = work.table.pick(reference.childColumns, key: work.key, data: target)
            if try access.hasParent(reference, values) { continue }
            if let table = access.tables[reference.parent], let parent = reference.parentRow(values, table),
                merge.isUnsettledElsewhere(parent)
            {
                throw merge.entangled(work, [parent])
            }
            if try leadOn(work, target, reference, values) { return true }
            if try putBackParent(reference, values, for: work) { return true }
            if work.origin == .putBack {
                try dropPutBack(work)
            } else {
                try withhold(work, missingParent(reference, values, of: work))
            }
            return true
        }
        return false
    }

    /// A reference to a row that was joined into another leads to that one, where the author could not know of it.
    private func leadOn(
        _ work: MergeRow, _ target: [Value], _ reference: TableLayout.Reference, _ values: [Value]
    ) throws -> Bool {
        guard let operation = work.operation, let table = access.tables[reference.parent],
            let gone = reference.parentRow(values, table), let join = try merge.joins.join(of: gone),
            !operation.hadSeen(position: join.position), let end = try merge.end(of: join, table, seen: operation.seen),
            let remaining = try access.row(table, end)
        else { return false }
        let ends = table.pick(reference.parentColumns, key: end, data: remaining)
        var led = target
        var columns: [Int] = []
        for (name, value) in zip(reference.childColumns, ends) {
            // A reference within the key is another row: for that the child is withheld, and a person decides.
            guard let column = work.table.dataColumns.firstIndex(of: name) else { return false }
            led[column] = value
            columns.append(column)
        }
        if try put(work, led) != nil { return false }
        work.target = led
        work.ledOn.append(join.id)
        if !operation.operation.isWholeRow { work.rewritten += columns }
        return true
    }

    /// A parent that was deleted where the author could not see it comes back from the delete's undo image, with what
    /// went with the same delete.
    private func putBackParent(
        _ reference: TableLayout.Reference, _ values: [Value], for child: MergeRow
    ) throws -> Bool {
        guard let table = access.tables[reference.parent],
            let (row, image) = try deletedParent(reference, values, table), !merge.givenUp.contains(row),
            // One that was joined into another comes back only when that is taken back.
            try merge.joins.join(of: row) == nil
        else { return false }
        if let work = merge.works[row] {
            // Deleted by the very change set that brings the child, or withheld in it: nothing to put back.
            guard work.operation == nil else { return false }
        }
        if merge.isElsewhere(row) { return false }
        // It may be there again with other values than those referred to: those are not given up for it.
        guard try !access.exists(table, image.key) else { return false }
        let work = merge.putBack(row, table, image.key, image.data, for: child.row)
        if try put(work, image.data) != nil {
            merge.forget(work)
            return false
        }
        let companions = try merge.restoreGroup(of: work, row: image.data, deletedAt: image.position)
        for companion in companions.sorted(by: { $0.row < $1.row }) { try place(companion) }
        return true
    }

    /// The row that these values refer to, as a delete that the author had not seen found it.
    private func deletedParent(
        _ reference: TableLayout.Reference, _ values: [Value], _ table: TableLayout
    ) throws -> (row: RowID, image: ConflictingRows.DeletedRow)? {
        if let row = reference.parentRow(values, table) {
            return try merge.concurrentDelete(of: row).map { (row, $0) }
        }
        return try merge.inLog.deletedParent(reference, in: table, values)
    }

    /// Why a row whose parent is missing is withheld: whether that is the doing of others or the author's own, with
    /// which withheld row it goes, and what it waits for.
    private func missingParent(
        _ reference: TableLayout.Reference, _ values: [Value], of work: MergeRow
    ) throws -> Withholding {
        guard let table = access.tables[reference.parent] else { return Withholding(kind: .foreignKey) }
        let row = reference.parentRow(values, table)
        let waits = [access.wait(for: reference, values)]
        if let parent = try withheldParent(reference, values, table, row) {
            return Withholding(kind: .foreignKey, parent: parent, waits: waits)
        }
        let wasThere =
            try deletedParent(reference, values, table) != nil
            || merge.inLog.wasOverwritten(reference, in: table, values)
            // Another has written a part of the reference: together they lead nowhere.
            || reference.childColumns.contains { column in
                guard let index = work.table.dataColumns.firstIndex(of: column) else { return false }
                return work.concurrent.contains { $0.operation.isUserWrite && $0.index(of: index) != nil }
            }
        return Withholding(kind: wasThere ? .foreignKey : .invalid, waits: waits)
    }

    /// The withheld row that these values refer to, of this change set or of an earlier one.
    private func withheldParent(
        _ reference: TableLayout.Reference, _ values: [Value], _ table: TableLayout, _ row: RowID?
    ) throws -> RowID? {
        if let row {
            // What is led on to the row that remains is not withheld: nothing comes in with it.
            if let withheld = merge.works[row]?.withheld { return withheld.ledOnBy == nil ? row : nil }
            return try merge.conflicts.withheld(of: row, onlyOpen: true).isEmpty ? nil : row
        }
        func refers(_ key: [Value], _ write: LoggedOperation?) -> Bool {
            guard let write, write.operation.isWholeRow else { return false }
            return reference.refers(
                values, to: table.pick(reference.parentColumns, key: key, data: write.values))
        }
        for work in merge.ordered where work.withheld != nil && work.table.number == table.number {
            if refers(work.key, work.operation) { return work.row }
        }
        for record in try merge.conflicts.withheld() where record.tableNumber == table.number {
            guard record.operation.isWholeRow else { continue }
            let found = table.pick(reference.parentColumns, key: record.key, data: record.values)
            if reference.refers(values, to: found) { return record.row }
        }
        return nil
    }

    private func settleChildren(of work: MergeRow, _ before: [Value]) throws -> Bool {
        for reference in work.table.referencedBy {
            let old = work.table.pick(reference.parentColumns, key: work.key, data: before)
            if let target = work.target,
                work.table.pick(reference.parentColumns, key: work.key, data: target) == old
            {
                continue
            }
            if old.contains(.null) { continue }
            if try !access.rows(reference.parent, reference.parentColumns, old, limit: 1).isEmpty { continue }
            guard let child = try access.children(reference, old, limit: 1).first else { continue }
            let table = try access.table(reference.child, "looking for rows that refer to a deleted one")
            let row = RowID(shape: table.shape, key: child)
            if merge.isUnsettledElsewhere(row) { throw merge.entangled(work, [row]) }
            // What went with the delete stays too.
            let kept = merge.keepGroup(of: work, row: before)
            // The child's own delete may not stand either: then both wait for one decision.
            let isWithheldToo =
                merge.works[row].map { $0.withheld != nil && $0.operation?.operation == .delete } ?? false
            try withhold(work, Withholding(kind: .foreignKey, parent: isWithheldToo ? row : nil))
            for companion in kept { try place(companion) }
            return true
        }
        return false
    }
}
