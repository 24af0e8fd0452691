import Replication
import SQLite

/// What joining two rows does, or would do.
package struct RecordMerge: Hashable, Sendable {
    /// By which it is undone.
    package let id: UInt64
    package let table: String
    package let key: [Value]
    package let into: [Value]
    /// The references that lead to the row that remains now: table, its columns, how many rows.
    package let repointed: [Repointed]
    /// Columns in which the two rows differ: the name, and whether the remaining row took the other's value.
    package let columns: [(name: String, isTaken: Bool)]

    package struct Repointed: Hashable, Sendable {
        package let table: String
        package let columns: [String]
        package let rows: Int
    }

    package static func == (a: RecordMerge, b: RecordMerge) -> Bool { a.id == b.id }
    package func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

extension HubStore {
    /// Joins two rows that mean one person or thing: every reference to `key` leads to `into` from then on, the row `key`
    /// goes and stays in the history. Later writes of sites that do not know it yet go to the row that remains.
    ///
    /// - Throws: `.notFound` for a table or row that is not there; `.refused` when a constraint would break.
    package func mergeRecords(
        table: String, key: [Value], into: [Value], by: String, reason: String?, nowMs: UInt64, dryRun: Bool
    ) throws(StoreError) -> RecordMerge {
        throw StoreError(.refused, doing: "joining two rows of \(table)", why: "it is not in this version", hint: "")
    }

    /// Takes a join of two rows back.
    package func undoMerge(
        _ id: UInt64, by: String, reason: String?, nowMs: UInt64, dryRun: Bool
    ) throws(StoreError) -> RecordMerge {
        throw StoreError(.refused, doing: "undoing join \(id)", why: "it is not in this version", hint: "")
    }
}
