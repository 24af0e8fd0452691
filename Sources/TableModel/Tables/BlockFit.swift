import Replication

extension TableLayout {
    /// Why a block cannot be rows of this table, whoever sent it; nil when it can. What is applied relies on it.
    ///
    /// - Parameter mayLackColumns: a whole row may be of a version that knew fewer columns.
    package func misfit(of block: Block, mayLackColumns: Bool = false) -> String? {
        let kind = block.kind
        if block.keySections.count != keyColumns.count {
            return "a key of \(block.keySections.count) columns for table \(name)"
        }
        if (kind.columns.last ?? -1) >= dataColumns.count { return "a column that table \(name) does not have" }
        if kind.operation.isWholeRow && !mayLackColumns && kind.columns.count != dataColumns.count {
            return "an insert into \(name) without all columns"
        }
        if !kind.operation.isWholeRow && !kind.operation.isKeyOnly && kind.columns.isEmpty {
            return "an update of \(name) without columns"
        }
        return kind.scope.isEmpty ? nil : "a scope label, and this fleet has no scopes"
    }
}
