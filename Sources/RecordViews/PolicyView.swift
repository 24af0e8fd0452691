import Replication

/// Whether a column ships and settles by itself or with the other columns that say so.
package enum PolicyUnit: String, Hashable, Sendable, CaseIterable {
    case row, column
}

/// One row of `samband_policy`, for people.
package struct PolicyView: Hashable, Sendable {
    package let table: String
    /// Nil: every column without a policy of its own.
    package let column: String?
    /// Nil: as the table has it.
    package let policy: String?
    package let unit: PolicyUnit
    /// Who set it, when not a migration did, and when, in milliseconds since 1970.
    package let setBy: String?
    package let setAtMs: UInt64?

    package init(table: String, column: String?, policy: String?, unit: PolicyUnit, setBy: String?, setAtMs: UInt64?) {
        self.table = table
        self.column = column
        self.policy = policy
        self.unit = unit
        self.setBy = setBy
        self.setAtMs = setAtMs
    }
}
