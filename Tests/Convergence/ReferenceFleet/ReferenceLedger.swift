import Replication
import SimulationKit

/// The hub's conflicts, kept by the life that the pure rules give them.
struct ReferenceLedger {
    struct Key: Hashable {
        let row: RowID
        let kind: SeenConflict.Kind
        let column: Int?
    }

    struct Record {
        let id: UInt64
        var life: Conflict
    }

    var records: [Key: Record] = [:]

    /// Takes in one operation and what the merge found it to disagree with.
    mutating func judge(
        _ incoming: LoggedOperation, _ merge: HubMerge, row: RowID, policy: TablePolicy,
        seen: (Bool) -> UInt64, covers: (Dot) -> Bool
    ) {
        var inserts: [LoggedOperation] = []
        var deletes: [LoggedOperation] = []
        var cells: [Int: [LoggedOperation]] = [:]
        for pair in merge.pairs {
            switch pair {
            case .insert(let other): inserts.append(other)
            case .deleteUpdate(let other): deletes.append(other)
            case .cell(let column, let other): cells[column, default: []].append(other)
            }
        }
        let isWhole = incoming.operation != .update
        let whole = rowSide(incoming)
        // A delete by one who had not seen two inserts dispute is no side of theirs: it disputes the row itself.
        let insert = Key(row: row, kind: .insert, column: nil)
        if incoming.operation != .delete || (records[insert].map { seen(false) >= $0.life.changed } ?? false) {
            if isWhole || !inserts.isEmpty {
                let settles = incoming.columns.allSatisfy { column in
                    policy.policy(of: column).settles
                        || inserts.allSatisfy { $0.value(of: column) == incoming.value(of: column) }
                }
                touch(insert, whole, inserts.map(rowSide), incoming, policy: settles, seen, covers)
            }
        }
        if isWhole || !deletes.isEmpty {
            touch(
                Key(row: row, kind: .deleteUpdate, column: nil), whole, deletes.map(rowSide), incoming,
                policy: false, seen, covers)
        }
        let unit = policy.unit.filter { incoming.index(of: $0) != nil }
        if !unit.isEmpty {
            let others = unit.flatMap { cells[$0] ?? [] }
            touch(
                Key(row: row, kind: .cell, column: nil), unitSide(incoming, unit),
                Set(others).sorted { $0.dot < $1.dot }.map { unitSide($0, unit) }, incoming,
                policy: policy.policy(of: unit[0]).settles, seen, covers)
        }
        for column in incoming.columns where !unit.contains(column) {
            touch(
                Key(row: row, kind: .cell, column: column), cellSide(incoming, column),
                (cells[column] ?? []).map { cellSide($0, column) }, incoming,
                policy: policy.policy(of: column).settles, seen, covers)
        }
        let dispute = Key(row: row, kind: .deleteUpdate, column: nil)
        // Its author has written the row anew: nobody wants it gone any more.
        let isGivenUp = isWhole && deletes.isEmpty && records[dispute]?.life.sides.allSatisfy { $0.row != nil } == true
        if merge.target == .remove || isGivenUp { moot(dispute, whole) }
    }

    private mutating func touch(
        _ key: Key, _ side: ConflictSide, _ others: [ConflictSide], _ incoming: LoggedOperation, policy: Bool,
        _ seen: (Bool) -> UInt64, _ covers: (Dot) -> Bool
    ) {
        if let record = records[key] {
            let coversSides = record.life.sides.allSatisfy {
                $0.dot.replica == side.dot.replica || covers($0.dot)
            }
            _ = records[key]!.life.onWrite(
                side, seen: seen(coversSides), others: others, at: incoming.position, policy: policy)
        } else if !others.isEmpty {
            let id = UInt64(records.count) + 1
            records[key] = Record(
                id: id, life: Conflict(opening: side, against: others, at: incoming.position, policy: policy))
        }
    }

    /// A delete that took effect leaves nothing to dispute about the row being there.
    private mutating func moot(_ key: Key, _ side: ConflictSide) {
        guard let record = records[key], record.life.isOpen else { return }
        records[key]!.life.settle(by: side, .write, at: side.position)
    }

    private func cellSide(_ operation: LoggedOperation, _ column: Int) -> ConflictSide {
        ConflictSide(
            dot: operation.dot, hlc: operation.hlc, position: operation.position,
            value: operation.value(of: column),
            row: nil)
    }

    private func unitSide(_ operation: LoggedOperation, _ unit: [Int]) -> ConflictSide {
        let cells = unit.map { ($0, operation.value(of: $0)!) }
        return ConflictSide(
            dot: operation.dot, hlc: operation.hlc, position: operation.position, value: nil,
            row: Dictionary(uniqueKeysWithValues: cells))
    }

    private func rowSide(_ operation: LoggedOperation) -> ConflictSide {
        let cells = Dictionary(uniqueKeysWithValues: zip(operation.columns, operation.values))
        return ConflictSide(
            dot: operation.dot, hlc: operation.hlc, position: operation.position, value: nil,
            row: operation.operation == .delete ? nil : cells)
    }
}
