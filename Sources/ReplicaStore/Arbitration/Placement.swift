import Replication
import SQLite

/// Puts the judged rows in place so that every constraint holds, withholding one operation after the other
/// until it does. (The model, part two, "Withholding".)
struct Placement {
    let merge: CarefulMerge
    let concurrent: [ConcurrentIndex.Entry]
    private var access: TableAccess { merge.access }

    init(_ merge: CarefulMerge, concurrent: [ConcurrentIndex.Entry]) {
        self.merge = merge
        self.concurrent = concurrent
    }

    func run() throws {
        // UNIQUE is checked row by row, so values that swap between rows must all be gone before one is written.
        for work in merge.ordered where work.before != nil && work.target != work.before {
            if work.target == nil || work.changesUnique { try access.delete(work.table, work.key) }
        }
        for work in merge.ordered where work.target != nil && (work.target != work.before || work.isRespelt) {
            try place(work)
        }
        while try settleReferences() {}
    }

    /// Writes the row's target, or withholds its operation.
    private func place(_ work: RowWork) throws {
        // An earlier withholding may have taken this one down with it.
        guard work.withheld == nil, merge.works[work.row] === work, let target = work.target else { return }
        guard let failure = try put(work, target) else { return }
        if work.origin == .putBack {
            try dropPutBack(work)
            return
        }
        let blockers =
            failure.isUnique
            ? try access.blockers(work.table, work.key, target).map { RowID(shape: work.table.shape, key: $0) } : []
        let kind: ConflictKind =
            failure.isUnique ? .unique : work.concurrent.isEmpty ? .invalid : .check
        try withhold(work, Withholding(kind: kind, blockers: blockers))
    }

    /// Nil when it went in, else the constraint that refused it.
    private func put(_ work: RowWork, _ data: [Value]) throws -> SQLiteError? {
        do {
            try access.put(work.table, work.key, data)
            return nil
        } catch let error as SQLiteError where error.isConstraint {
            return error
        }
    }

    /// Takes the operation out of the merge: the row stands as it did before.
    private func withhold(_ work: RowWork, _ reason: Withholding) throws {
        work.withheld = reason
        work.merge = nil
        work.rewritten = []
        work.deleteUndone = false
        work.target = work.before
        try restoreBefore(work)
    }

    /// The row stands as it did before this hub transaction. A row of the same change set that has taken a value which
    /// it still needs is withheld in its turn.
    private func restoreBefore(_ work: RowWork) throws {
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
                    throw StoreError(
                        .diverged, doing: "merging change set \(merge.incoming.header.dot)",
                        why: "a row of table \(work.table.name) cannot stand again as it stood before",
                        hint: "Please report this; nothing was taken, and nothing is lost at the site.")
                }
                try access.delete(other.table, other.key)
                if other.origin == .putBack {
                    try dropPutBack(other)
                } else {
                    try withhold(other, Withholding(kind: .unique, blockers: [work.row]))
                }
            }
        }
    }

    /// Gives up putting a row back, or a cell of a row that stands: all as it was before.
    private func dropPutBack(_ work: RowWork) throws {
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

    private func settleParents(of work: RowWork, _ target: [Value]) throws -> Bool {
        for reference in work.table.references {
            let values = work.table.pick(reference.childColumns, key: work.key, data: target)
            if try access.hasParent(reference, values) { continue }
            if try putBackParent(reference, values, for: work) { return true }
            if work.origin == .putBack {
                try dropPutBack(work)
            } else {
                try withhold(work, Withholding(kind: try referenceKind(reference, values)))
            }
            return true
        }
        return false
    }

    /// A parent that was deleted where the author could not see it comes back from the delete's undo image.
    private func putBackParent(
        _ reference: TableLayout.Reference, _ values: [Value], for child: RowWork
    ) throws -> Bool {
        guard let table = access.tables[reference.parent],
            Set(reference.parentColumns) == Set(table.keyColumns)
        else { return false }
        let key = table.keyColumns.map { values[reference.parentColumns.firstIndex(of: $0)!] }
        let row = RowID(shape: table.shape, key: key)
        if let work = merge.works[row] {
            // Deleted by the very change set that brings the child, or withheld in it: nothing to put back.
            guard work.operation == nil else { return false }
        }
        guard !merge.givenUp.contains(row),
            let image = try merge.concurrentDelete(of: row, concurrent: concurrent)
        else { return false }
        let work = merge.putBack(row, table, image.key, image.data, for: child.row)
        if try put(work, image.data) != nil {
            merge.forget(work)
            return false
        }
        return true
    }

    /// Whether a missing parent is the doing of others, or the author's own.
    private func referenceKind(
        _ reference: TableLayout.Reference, _ values: [Value]
    ) throws -> ConflictKind {
        guard let table = access.tables[reference.parent],
            Set(reference.parentColumns) == Set(table.keyColumns)
        else { return .foreignKey }
        let key = table.keyColumns.map { values[reference.parentColumns.firstIndex(of: $0)!] }
        let row = RowID(shape: table.shape, key: key)
        let isWithheld = try !merge.conflicts.withheld(of: row, onlyOpen: true).isEmpty
        let wasThere = try merge.concurrentDelete(of: row, concurrent: concurrent) != nil
        return isWithheld || wasThere || merge.works[row]?.withheld != nil ? .foreignKey : .invalid
    }

    private func settleChildren(of work: RowWork, _ before: [Value]) throws -> Bool {
        for reference in work.table.referencedBy {
            let old = work.table.pick(reference.parentColumns, key: work.key, data: before)
            if let target = work.target,
                work.table.pick(reference.parentColumns, key: work.key, data: target) == old
            {
                continue
            }
            if old.contains(.null) { continue }
            if try !access.rows(reference.parent, reference.parentColumns, old, limit: 1).isEmpty { continue }
            if try access.children(reference, old, limit: 1).isEmpty { continue }
            try withhold(work, Withholding(kind: .foreignKey))
            return true
        }
        return false
    }
}
