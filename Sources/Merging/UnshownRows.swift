import Replication

extension ConflictingRows {
    /// The writes that made a row what it is, where a program made it anew that was not shown it; else none.
    ///
    /// At a node a row of another site stands aside while its parent's deletion is on its way: its author has seen it,
    /// as far as its position tells, and inserts all the same. So does who took rows away with triggers off. Such an
    /// insert is no knowing overwrite: those writes are to be judged as concurrent with it. It is known by this: the
    /// row stands, its author had seen all of it, and has written nothing there itself since.
    /// (Protocol/Merge-Model.md#a-row-that-was-not-shown)
    func unshown(to operation: LoggedOperation, on row: RowID, standing: [Value]?) throws -> [LoggedOperation] {
        guard operation.operation == .insert, let standing, standing != operation.values,
            try conflicts.withheld(of: row, onlyOpen: false).isEmpty
        else { return [] }
        var writes: [LoggedOperation] = []
        var isMade = false
        try index.index.descend([row.hash64], log: log) { entry, _ in
            guard let earlier = try self.operation(on: row, in: entry.id) else { return true }
            if earlier.operation == .carried || earlier.operation == .decided { return true }
            // What its author has done itself explains why the row was not there.
            guard operation.hadSeen(position: entry.position), !operation.isByAuthor(of: entry.dot) else {
                return false
            }
            switch earlier.operation {
            case .update:
                writes.append(earlier)
                return true
            case .insert, .replace:
                writes.append(earlier)
                isMade = true
                return false
            case .delete, .evicted, .restored, .carried, .decided: return false
            }
        }
        return isMade ? writes.reversed() : []
    }
}
