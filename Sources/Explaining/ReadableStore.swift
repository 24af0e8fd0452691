import RecordViews
import Replication
import SQLite
import TableModel

/// What a hub's and a node's database both can tell people.
package protocol ReadableStore: AnyObject {
    /// Reads its records, on the connection of the database's one owner.
    var views: Views { get }
    /// A conflict with all that stands around it; nil when there is none.
    ///
    /// - Parameter trying: only the choices that would be taken now are offered, as far as this database can try them.
    func conflictDetail(_ id: UInt64, trying: Bool) throws(StoreError) -> ConflictDetail?
    /// The same for a withheld row.
    func withheldDetail(_ id: UInt64) throws(StoreError) -> WithheldDetail?
}

extension ReadableStore {
    package func conflictViews(includeSettled: Bool) throws(StoreError) -> [ConflictView] {
        try storing("listing conflicts") {
            try views.conflicts.all(includeSettled: includeSettled).map { try views.conflict($0) }
        }
    }

    package func conflictView(_ id: UInt64) throws(StoreError) -> ConflictView? {
        try storing("showing conflict \(id)") { try views.conflicts.record(id).map { try views.conflict($0) } }
    }

    /// - Parameter includeSettled: also those that wait no more.
    package func withheldViews(includeSettled: Bool = false) throws(StoreError) -> [WithheldView] {
        try storing("listing withheld rows") {
            try views.conflicts.withheld(includeSettled: includeSettled).map { try views.withheld($0) }
        }
    }

    /// The records that were merged, oldest first, also those that were taken apart again.
    package func mergedRecords() throws(StoreError) -> [MergedRecord] {
        try storing("listing merged records") { try views.mergedRecords() }
    }

    package func logViews(limit: Int) throws(StoreError) -> [LogView] {
        try storing("listing the log") { try views.logView(limit: limit) }
    }

    package func history(table: String, key: [Value]) throws(StoreError) -> [HistoryView] {
        try storing("reading the history of a row of \(table)") { try views.history(table: table, key: key) }
    }

    package func conflictViews(_ filter: ConflictFilter) throws(StoreError) -> [ConflictView] {
        try storing("listing conflicts") { try views.conflicts(filter) }
    }

    package func conflictCounts() throws(StoreError) -> (open: Int, settled: Int) {
        try storing("counting conflicts") { try views.conflictCounts() }
    }

    package func conflictDetail(_ id: UInt64, trying: Bool) throws(StoreError) -> ConflictDetail? {
        try storing("showing conflict \(id)") { try views.conflicts.record(id).map { try views.detail($0) } }
    }

    package func withheldDetail(_ id: UInt64) throws(StoreError) -> WithheldDetail? {
        try storing("showing withheld row \(id)") {
            try views.conflicts.withheld(id: id).map { try views.detail($0) }
        }
    }

    package func explain(table: String, key: [Value]) throws(StoreError) -> Explanation {
        try storing("explaining a row of \(table)") { try Explainer(views).explain(table: table, key: key) }
    }

    package func decisionReport(sinceMs: UInt64) throws(StoreError) -> DecisionReport {
        try storing("counting decisions") { try views.decisionReport(sinceMs: sinceMs) }
    }

    package func rowView(table: String, key: [Value]) throws(StoreError) -> RowView {
        try storing("reading a row of \(table)") { try views.row(table: table, key: key) }
    }

    package func siteOf(_ replica: UInt32) throws(StoreError) -> String {
        try storing("looking up replica \(replica)") { try views.site(of: replica) }
    }

    package func counts() throws(StoreError) -> (conflictsOpen: Int, withheld: Int) {
        try storing("counting conflicts") { (try views.conflicts.openCount(), try views.conflicts.withheldCount()) }
    }
}

extension ReadableStore {
    /// How conflicts settle by themselves, tables before their columns.
    package func policyViews() throws(StoreError) -> [PolicyView] {
        try storing("listing the policies") {
            try ReplicatedTable.policies(in: views.connection).map { declaration in
                PolicyView(
                    table: declaration.table, column: declaration.column, policy: declaration.policy,
                    unit: declaration.unit.flatMap { PolicyUnit(rawValue: $0) } ?? .column, setBy: declaration.setBy,
                    setAtMs: declaration.setAtMs)
            }
        }
    }
}
