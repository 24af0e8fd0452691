import ConflictStore
import OrderedLog
import Replication
import SQLite
import TableModel

/// What the merge of a change set at the hub reads and writes: the tables, the log, and the rules.
package struct MergeContext {
    package let access: TableAccess
    package let log: ChangeLog
    package let finder: RowFinder
    package let index: ConcurrentIndexBox
    package let rules: MergeRules
    package let policies: Policies
    package let conflicts: ConflictTable
    /// Key hashes of rows with an open conflict: an operation on one is never applied blind.
    package let disputed: Set<UInt64>
    package let pieces: MergePieces
    /// The hub's own replica number.
    package let replica: UInt32

    package init(
        access: TableAccess, log: ChangeLog, finder: RowFinder, index: ConcurrentIndexBox, rules: MergeRules,
        policies: Policies, conflicts: ConflictTable, disputed: Set<UInt64>, pieces: MergePieces, replica: UInt32
    ) {
        self.access = access
        self.log = log
        self.finder = finder
        self.index = index
        self.rules = rules
        self.policies = policies
        self.conflicts = conflicts
        self.disputed = disputed
        self.pieces = pieces
        self.replica = replica
    }
}

/// How large the pieces are that a change set is taken apart into.
package struct MergePieces {
    /// Rows looked at together.
    package var rows = 4096
    /// Attempts before all rows are merged as one.
    package var attempts = 8
    /// All rows are one piece from the start: what the outcome must always be as of.
    var areOne = false

    package init(rows: Int = 4096, attempts: Int = 8, areOne: Bool = false) {
        self.rows = rows
        self.attempts = attempts
        self.areOne = areOne
    }
}
