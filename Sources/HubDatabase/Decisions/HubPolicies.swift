import Auditing
import ConflictStore
import RecordViews
import Replication
import SQLite
import TableModel

extension HubStore {
    /// Sets how conflicts of a table or a column settle. At the hub it holds from here on; the sites get it with their
    /// next pull. What they had sealed before they knew counts as it was sealed: a sum's delta begins then.
    ///
    /// A unit settles as one, so the policy set on one of its columns is set on all of them.
    ///
    /// - Parameters:
    ///   - column: nil for every column without a policy of its own.
    ///   - policy: nil to take it back: the column is as the table has it, the table `manual`.
    ///   - unit: nil leaves it as it is.
    ///   - by: who sets it.
    /// - Throws: `.notFound` when there is no such table; `.refused` when the policy does not fit.
    package func setPolicy(
        table: String, column: String?, policy: Policy?, unit: PolicyUnit?, by: String, nowMs: UInt64,
        audit entry: AuditEntry? = nil
    ) throws(StoreError) {
        let doing = "setting the policy of \(([table] + [column].compactMap { $0 }).joined(separator: "."))"
        try writing(doing, audit: entry) {
            var setter = PolicySetter(connection: connection, by: by, nowMs: nowMs, doing: doing)
            try setter.set(table: table, column: column, policy: policy, unit: unit)
            policies = try Policies(connection)
            try publish(
                setter.changed.sorted().map { (ConflictTable.policyNumber, $0) }, at: log.lastPosition() + 1,
                nowMs: nowMs)
        }
    }
}

/// Writes rows of `samband_policy` inside a transaction of its caller, and checks that all still fit.
private struct PolicySetter {
    let connection: Connection
    let by: String
    let nowMs: UInt64
    let doing: String
    /// The ids of the rows written.
    private(set) var changed: Set<UInt64> = []

    init(connection: Connection, by: String, nowMs: UInt64, doing: String) {
        self.connection = connection
        self.by = by
        self.nowMs = nowMs
        self.doing = doing
    }

    mutating func set(table name: String, column: String?, policy: Policy?, unit: PolicyUnit?) throws {
        let table = try find(name)
        let declared: String? =
            if let column {
                table.description.columnIndex(column).map { table.description.columns[$0].name } ?? column
            } else { nil }
        try write(table.name, declared, policy: policy?.rawValue, unit: unit?.rawValue)
        let data = table.description.dataColumns.map { table.description.columns[$0].name }
        let together = try find(name).policy.unit.map { data[$0] }
        if let declared, together.contains(where: { sameName($0, declared) }) {
            for other in together where !sameName(other, declared) {
                try write(table.name, other, policy: policy?.rawValue, unit: nil)
            }
        }
        try check(table)
    }

    private func find(_ name: String) throws -> ReplicatedTable {
        guard let table = try ReplicatedTable.readAll(from: connection).first(where: { sameName($0.name, name) })
        else {
            throw StoreError(
                .notFound, doing: doing, why: "the fleet replicates no such table",
                hint: "Its tables are those of samband_table.")
        }
        return table
    }

    private mutating func write(_ table: String, _ column: String?, policy: String?, unit: String?) throws {
        let find = try connection.cached(
            "SELECT id FROM samband_policy WHERE table_name = ?1 AND column_name IS ?2")
        try find.bind([.text(table), column.map { .text($0) } ?? .null])
        let known = try find.step() ? find.integer(0) : nil
        find.reset()
        // A row is never taken away, for its id names it at the sites: one that says nothing counts for nothing.
        let statement = try connection.cached(
            """
            INSERT INTO samband_policy(id, table_name, column_name, policy, unit, set_by, set_at)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT(id) DO UPDATE SET policy = excluded.policy, unit = coalesce(excluded.unit, unit),
              set_by = excluded.set_by, set_at = excluded.set_at
            """)
        try statement.bind([
            known.map { .integer($0) } ?? .null, .text(table), column.map { .text($0) } ?? .null,
            policy.map { .text($0) } ?? .null, unit.map { .text($0) } ?? .null, .text(by), .integer(Int64(nowMs)),
        ])
        try statement.run()
        changed.insert(UInt64(known ?? connection.lastInsertRowid))
    }

    private func check(_ table: ReplicatedTable) throws {
        let declarations = try ReplicatedTable.policies(in: connection)
        do {
            try PolicyFit(table.description, scopeColumn: table.scopeColumn, declarations).check()
        } catch {
            guard let refusal = error.refusal else { throw error }
            throw StoreError(.refused, doing: doing, why: "\(refusal.what): \(refusal.why)", hint: refusal.hint)
        }
    }
}
