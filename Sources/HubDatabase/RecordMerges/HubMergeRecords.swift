import Auditing
import ConflictStore
import Explaining
import Replication
import SQLite
import TableModel

/// What joining two rows does, or would do.
package struct RecordMergeResult: Sendable {
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
}

extension HubStore {
    /// Joins two rows that mean one person or thing: every reference to `key` leads to `into` from then on, what `into`
    /// lacks it takes from `key`, and the row `key` goes and stays in the history. It may also be a row that is withheld:
    /// then what waits with it comes in, led on. Later writes of sites that do not know it yet go to the row that remains.
    ///
    /// - Throws: `.notFound` for a table or row that is not there; `.refused` when a constraint would break, or one of the
    ///   rows is in dispute.
    package func mergeRecords(
        table: String, key: [Value], into: [Value], by: String, reason: String?, nowMs: UInt64, dryRun: Bool,
        audit entry: AuditEntry? = nil
    ) throws(StoreError) -> RecordMergeResult {
        let doing = "joining two rows of \(table)"
        return try trying(doing, dryRun: dryRun, audit: entry) {
            let plan = try plan(table, key, into, doing)
            return try carryOut(
                plan, Decision(by: by, atMs: nowMs, how: DecidedHow.merge, reason: reason), nowMs: nowMs)
        }
    }

    private func plan(_ name: String, _ key: [Value], _ into: [Value], _ doing: String) throws -> RecordMergePlan {
        func missing(_ why: String) -> StoreError {
            StoreError(.notFound, doing: doing, why: why, hint: "Check the spelling of table and keys.")
        }
        guard let table = tables.first(where: { sameName($0.name, name) }) else {
            throw StoreError(
                .notFound, doing: doing, why: "there is no replicated table \(name)",
                hint: spellingHint(name, tables.map(\.name)))
        }
        guard key.count == table.keyColumns.count, into.count == key.count else {
            throw StoreError(
                .misused, doing: doing, why: "its key has \(table.keyColumns.count) columns",
                hint: "Give each key as \(table.keyColumns.joined(separator: ", ")).")
        }
        let row = RowID(shape: table.shape, key: key)
        guard row != RowID(shape: table.shape, key: into) else {
            throw StoreError(.misused, doing: doing, why: "both keys name one row", hint: "Name two rows.")
        }
        guard let remaining = try access.row(table, into), let intoKey = try access.spelling(table, into) else {
            throw missing("the row that is to remain is not there")
        }
        let standing = try access.row(table, key)
        let withheld = try conflictTable.withheld(of: row, onlyOpen: true)
        let disputes = try conflictTable.records(of: row).filter { record in
            record.life.isOpen && !withheld.contains { $0.conflict == record.id }
        }
        guard disputes.isEmpty, standing == nil || withheld.isEmpty else {
            throw StoreError(
                .refused, doing: doing, why: "the row that is to go is in dispute",
                hint: "Settle that first: samband conflict list --table \(table.name).")
        }
        let data = standing ?? (withheld.isEmpty ? nil : WithheldWrite(withheld).over(nil))
        guard let data else { throw missing("the row that is to go is not there, nor withheld") }
        return try RecordMergePlan(
            self, table, key: try access.spelling(table, key) ?? withheld.first?.key ?? key, into: intoKey,
            data: data, isWithheld: standing == nil, remaining: remaining, doing)
    }

    private func carryOut(_ plan: RecordMergePlan, _ decision: Decision, nowMs: UInt64) throws -> RecordMergeResult {
        let row = RowID(shape: plan.table.shape, key: plan.key)
        let own = plan.isWithheld ? try conflictTable.withheld(of: row, onlyOpen: true) : []
        let position = try log.lastPosition() + 1
        let conflict = own.first?.conflict ?? 0
        _ = try write(plan.rows, conflict: conflict, position: position, nowMs: nowMs, plan.doing)
        let join = RecordMerge(
            id: try joins.nextID(), tableNumber: row.table, table: plan.table.name, key: plan.key, into: plan.into,
            position: position, conflict: conflict, decision: decision)
        try joins.save(join, canonical: row.canonical)
        var states: Set<UInt64> = []
        for record in own { try conflictTable.setState(.discarded, of: record.id) }
        for record in plan.withheld { try conflictTable.setState(.admitted, of: record.id) }
        states.formUnion((own + plan.withheld).map(\.id))
        let concerned = Set((own + plan.withheld).map(\.conflict))
        for id in concerned {
            guard var record = try conflictTable.record(id), record.life.isOpen else { continue }
            if try conflictTable.withheld(of: record.row, onlyOpen: true).contains(where: { $0.conflict == id }) {
                // It is about another row, which goes on waiting.
                record.life.touch(at: position)
            } else {
                record.life.settle(by: nil, .person, at: position)
                record.decision = decision
            }
            try conflictTable.save(record)
        }
        let waits = plan.rows.flatMap { [ConflictTable.Wait.row($0.row), .table($0.table.number)] }
        try publish(
            at: position + 1, nowMs: nowMs, conflicts: concerned, withheld: states, releasing: Set(waits),
            adding: { try $0.system(ConflictTable.joinNumber, id: join.id) },
            parting: { for id in concerned.sorted() { try $0.part(id) } })
        try reloadDisputed()
        return RecordMergeResult(
            id: join.id, table: plan.table.name, key: plan.key, into: plan.into, repointed: plan.repointed,
            columns: plan.columns)
    }

    /// The joins of this database, oldest first, those taken back included.
    package func recordJoins() throws(StoreError) -> [RecordMerge] {
        try storing("listing joined rows") { try joins.all() }
    }
}

extension HubStore {
    /// A row that is to be joined to another; it may be one that is withheld.
    package func rowToJoin(table: String, key: [Value]) throws(StoreError) -> RowView {
        try storing("reading a row of \(table)") { try views.rowOrWithheld(table: table, key: key) }
    }
}
