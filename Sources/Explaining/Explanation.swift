import ConflictStore
import RecordViews
import Replication

/// How a row came to be what it is, as far as the log of this database reaches.
package struct Explanation: Sendable {
    /// The row as it stands.
    package let row: RowView
    /// One a data column; empty when the row is absent.
    package let columns: [ColumnStory]
    /// What happened to the row, oldest first.
    package let events: [RowEvent]
    /// Every conflict that it was party to, oldest first, with how each was settled.
    package let conflicts: [ConflictView]
    package let withheld: [WithheldView]
    /// Joins of two rows that it was one of, or whose references were led on by.
    package let joins: [JoinView]
    /// Where the log of this database begins; nil when it is empty.
    package let logBegins: LogBegin?
    /// True when the row was made within the log: nothing of it lies before.
    package let isWhole: Bool

    /// A join with the names of its key.
    package struct JoinView: Sendable {
        package let join: RecordMerge
        package let keyColumns: [String]
    }

    /// The oldest change set that is still there.
    package struct LogBegin: Sendable {
        package let position: UInt64?
        package let hlc: UInt64
    }
}

/// Whose value a column has.
package struct ColumnStory: Sendable {
    package let column: String
    package let value: Value
    /// The write that it comes from; nil when the log does not reach back to it.
    package let writer: Writer?
    /// What it wrote over; nil when the row was made with it, or when that is not known.
    package let over: Value?
    /// The conflicts about the column, or about the row as a whole, by number.
    package let conflicts: [UInt64]

    /// The change set that wrote it.
    package struct Writer: Sendable {
        package let site: String
        package let dot: Dot
        package let hlc: UInt64
        package let position: UInt64?
        package let what: RowEvent.What
    }
}

/// What one change set did to the row.
package struct RowEvent: Sendable {
    /// A user's write by its operation, or what the hub did.
    package enum What: String, Sendable {
        case insert, update, replace, delete
        /// A person at the hub decided.
        case decision
        /// A policy decided.
        case policy
        /// The hub sent the row as it stands to those who may have lost it.
        case carried
        /// The hub brought back what a delete had taken.
        case restored
        /// The hub let in what had been withheld, for nothing stood in its way any more.
        case released
        /// The hub took the row off at its author: it is withheld.
        case evicted
    }

    /// What became of it in the merge.
    package enum Outcome: String, Sendable {
        case applied
        /// Some of its columns lost to concurrent writes.
        case partly
        /// All of its columns lost.
        case lost
        /// A delete that did not stand.
        case undone
        case withheld
        /// The hub has not answered yet.
        case inFlight = "in_flight"
    }

    package let what: What
    package let outcome: Outcome
    package let site: String
    package let dot: Dot
    package let hlc: UInt64
    /// Nil while it is in flight.
    package let position: UInt64?
    package let columns: [String]
    package let values: [Value]
    /// Columns that it wrote and that did not stand.
    package let lost: [String]
    /// The conflict that a person's decision was about.
    package let conflict: UInt64?
    /// The withheld row that it became.
    package let withheld: UInt64?
    /// The join of two rows that a person's decision was.
    package let join: UInt64?
}
