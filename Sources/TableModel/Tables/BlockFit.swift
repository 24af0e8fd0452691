import Replication

extension TableLayout {
    /// Why a block cannot be rows of this table, whoever sent it; nil when it can. What is applied relies on it.
    package func misfit(of block: Block) -> String? {
        let kind = block.kind
        if block.keySections.count != keyColumns.count {
            return "a key of \(block.keySections.count) columns for table \(name)"
        }
        if (kind.columns.last ?? -1) >= dataColumns.count { return "a column that table \(name) does not have" }
        if kind.operation.isWholeRow && kind.columns.count != dataColumns.count {
            return "an insert into \(name) without all columns"
        }
        if !kind.operation.isWholeRow && !kind.operation.isKeyOnly && kind.columns.isEmpty {
            return "an update of \(name) without columns"
        }
        return kind.scope.isEmpty ? nil : "a scope label, and this fleet has no scopes"
    }
}
