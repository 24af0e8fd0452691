import ConflictStore
import Replication
import TableModel

/// What the register does about rows that are withheld, and about parents that came back for a child.
extension ConflictRegister {
    /// - Returns: the conflict that the withheld row belongs to; nil where references lead in a circle.
    mutating func registerWithheld(_ work: MergeRow, _ withholding: Withholding) throws -> UInt64? {
        if let known = conflictOfWithheld[work.row] { return known }
        conflictOfWithheld[work.row] = .some(nil)
        let operation = work.operation!
        let id: UInt64
        if var record = try joined(work, operation, withholding) {
            let earlier = record.life.sides.first { operation.isByAuthor(of: $0.dot) }?.row ?? [:]
            let isUpdate = operation.operation == .update
            record.life.join(unaware: rowSide(operation, work, over: isUpdate ? earlier : [:]), at: position)
            try save(record)
            id = record.id
        } else if let joined = try conflict(ofParent: withholding.parent), var record = try conflicts.record(joined) {
            // It waits with the row that it refers to: one decision for both.
            record.life.touch(at: position)
            try save(record)
            id = joined
        } else {
            id = try openWithheld(work, operation, withholding)
        }
        let row = try conflicts.withhold(
            operation, key: work.key, row: work.row, table: work.table, conflict: id, waits: withholding.waits)
        withheldRows.append(row)
        try supersede(work, operation, by: row)
        waits += withholding.waits
        conflictOfWithheld[work.row] = id
        return id
    }

    /// The open conflict about what the same author has withheld on the row already: however often one who knows nothing
    /// of it writes, it is one conflict.
    private func joined(
        _ work: MergeRow, _ operation: LoggedOperation, _ withholding: Withholding
    ) throws -> ConflictRecord? {
        var id = withholding.joins
        if id == nil {
            id = try conflicts.withheld(of: work.row, onlyOpen: true)
                .last { operation.isByAuthor(of: $0.dot) }?.conflict
        }
        guard let id, let record = try conflicts.record(id), record.life.isOpen, record.row == work.row else {
            return nil
        }
        return record
    }

    private mutating func openWithheld(
        _ work: MergeRow, _ operation: LoggedOperation, _ withholding: Withholding
    ) throws -> UInt64 {
        let id = try conflicts.nextConflictID()
        let sides = try opponents(of: work, operation, withholding)
        try save(
            ConflictRecord(
                id: id, kind: withholding.kind, tableNumber: work.row.table, table: work.table.name, key: work.key,
                row: work.row, columnIndex: nil, column: nil, openedAtMs: nowMs,
                base: .row(try withheldBase(work, operation)),
                life: Conflict(opening: rowSide(operation, work), against: sides, at: position, policy: false),
                decision: nil))
        return id
    }

    /// The open conflict of a withheld row that others refer to.
    private mutating func conflict(ofParent row: RowID?) throws -> UInt64? {
        guard let row else { return nil }
        if let work = merge.works[row], let withholding = work.withheld {
            return try registerWithheld(work, withholding)
        }
        return try conflicts.withheld(of: row, onlyOpen: true).last?.conflict
    }

    mutating func registerParent(_ work: MergeRow, _ child: RowID) throws {
        guard let needing = merge.works[child], needing.origin == .incoming, let operation = needing.operation,
            needing.table.number != work.table.number || needing.merge?.carries != true,
            work.table.referencedBy.contains(where: { $0.child == child.table }),
            let delete = try merge.lastDelete(of: work.row)
        else { return }
        let side = ConflictSide(
            dot: operation.dot, hlc: operation.hlc, position: position, value: nil,
            row: Dictionary(uniqueKeysWithValues: zip(operation.columns, operation.values)), key: needing.key,
            table: needing.table.number == work.table.number ? nil : needing.table.number)
        try save(
            ConflictRecord(
                id: try conflicts.nextConflictID(), kind: .foreignKey, tableNumber: work.row.table,
                table: work.table.name, key: work.key, row: work.row, columnIndex: nil, column: nil,
                openedAtMs: nowMs, base: .row(work.target),
                life: Conflict(
                    opening: side,
                    against: [
                        ConflictSide(
                            dot: delete.dot, hlc: delete.hlc, position: delete.position, value: nil, row: nil)
                    ], at: position, policy: false),
                decision: nil))
    }

    /// True when the author of a write had seen the withheld one at the hub, and so knows that it does not stand.
    private func isAware(_ operation: LoggedOperation, of record: WithheldRecord) throws -> Bool {
        guard let position = try merge.log.entry(record.dot)?.position else { return true }
        return operation.hadSeen(position: position)
    }

    /// A write that leaves nothing of what is withheld on its row takes its place; and what wanted the row away has that
    /// when somebody else has taken it.
    mutating func supersede(_ work: MergeRow, _ operation: LoggedOperation, by id: UInt64? = nil) throws {
        for record in try conflicts.withheld(of: work.row, onlyOpen: true) where record.id != id {
            if id == nil { latest[work.row] = work.latest }
            guard let conflict = try conflicts.record(record.conflict) else { continue }
            let counted = try operation.isByAuthor(of: record.dot) && !isAware(operation, of: record)
            guard
                record.isReplaced(
                    by: operation, changed: conflict.life.changed, counted: counted,
                    policy: policies.table(work.row.table))
                    || (record.operation == .delete && isGone(work))
            else { continue }
            try conflicts.setState(.superseded, of: record.id)
            withheldRows.append(record.id)
            superseded.insert(work.row)
            let left = try conflicts.withheld(ofConflict: conflict.id).filter { $0.state == .withheld }
            if conflict.life.isOpen, !left.contains(where: { $0.row == conflict.row }) {
                var settled = conflict
                settled.life.settle(by: rowSide(operation, work), .write, at: position)
                try save(settled)
            }
        }
    }
}
