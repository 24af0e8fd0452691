import ConflictStore
import Replication

extension ConflictingRows {
    /// An author adds to a column of the policy `sum` while, unknown to it, an earlier write of its own on the row is
    /// withheld: what its row shows is not what the hub's does. What the new write replaces of the withheld one counts
    /// with it.
    ///
    /// - Returns: the operation with what it replaces added; whether its author's row is another than the hub's.
    func countingOwn(_ operation: LoggedOperation, on row: RowID) throws -> (LoggedOperation, isElsewhere: Bool) {
        if operation.deltas.isEmpty { return (operation, false) }
        var sums = operation.deltas.mapValues { WideSum($0) }
        var isElsewhere = false
        for record in try conflicts.withheld(of: row, onlyOpen: false)
        where operation.isByAuthor(of: record.dot) && !record.deltas.isEmpty {
            guard let position = try log.entry(record.dot)?.position, !operation.hadSeen(position: position) else {
                continue
            }
            isElsewhere = true
            guard record.state == .withheld, record.isReplaced(by: operation, changed: .max, counted: true) else {
                continue
            }
            for (column, delta) in record.deltas { sums[column]?.add(delta) }
        }
        // What is beyond 64 bits counts without the withheld ones.
        let deltas = operation.deltas.merging(sums.compactMapValues(\.value)) { $1 }
        return (
            LoggedOperation(
                dot: operation.dot, hlc: operation.hlc, position: operation.position, seen: operation.seen,
                operation: operation.operation, columns: operation.columns, values: operation.values,
                cellStamps: operation.cellStamps, deltas: deltas, line: operation.line), isElsewhere
        )
    }
}

extension WithheldRecord {
    /// True when a write leaves nothing of it: an insert or delete by the same author, who goes on; and any write of all
    /// its cells by one who goes on or has seen that it is withheld.
    ///
    /// What was added to a sum is added once more or not at all: a write that adds as well leaves it, unless it counts
    /// it. (Protocol/Merge-Model.md#withholding)
    ///
    /// - Parameters:
    ///   - changed: where its conflict last changed.
    ///   - counted: the write holds what was added here (`countingOwn`).
    ///   - policy: the table's; only a column of the policy `sum` adds up.
    func isReplaced(
        by write: LoggedOperation, changed: UInt64, counted: Bool, policy: TablePolicy? = nil
    ) -> Bool {
        let goesOn = write.isByAuthor(of: dot)
        let isWhole = write.operation != .update
        guard operation == .update else { return goesOn && isWhole }
        guard goesOn || write.hadSeen(position: changed) else { return false }
        if !counted && columns.contains(where: { adds($0, policy) && write.deltas[$0] != nil }) { return false }
        return isWhole || columns.allSatisfy { write.index(of: $0) != nil }
    }

    private func adds(_ column: Int, _ policy: TablePolicy?) -> Bool {
        deltas[column] != nil && policy?.policy(of: column) == .sum
    }
}
