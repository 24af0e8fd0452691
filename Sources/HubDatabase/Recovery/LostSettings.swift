import ConflictStore
import Replication
import SQLite
import TableModel

/// What lost hubs told the sites beside rows and conflicts, as their arbitrations have it: policies that were set, and
/// records that were joined.
struct LostSettings {
    private struct Name: Hashable {
        let table: String
        let column: String?
    }

    private struct SetPolicy {
        let id: Int64
        let cells: [Value]
        let atMs: Int64
    }

    /// In the order in which they are written.
    private static let policyColumns = ["table_name", "column_name", "policy", "unit", "set_by", "set_at"]
    private var policies: [Name: SetPolicy] = [:]
    private var joins: Set<[Value]> = []

    init(_ handed: RecoveredSets) throws {
        try handed.eachTold { table, row in
            switch table {
            case ConflictTable.policyNumber: note(policy: row)
            case ConflictTable.joinNumber: note(join: row)
            default: break
            }
        }
    }

    private mutating func note(policy row: ToldRow) {
        guard case .integer(let id) = row.key.first, case .text(let table) = row["table_name"],
            case .integer(let atMs) = row["set_at"]
        else { return }
        var column: String?
        if case .text(let bytes) = row["column_name"] { column = String(decoding: bytes, as: UTF8.self).lowercased() }
        let name = Name(table: String(decoding: table, as: UTF8.self).lowercased(), column: column)
        if let known = policies[name], known.atMs > atMs { return }
        policies[name] = SetPolicy(id: id, cells: Self.policyColumns.map { row[$0] }, atMs: atMs)
    }

    private mutating func note(join row: ToldRow) {
        guard row["undone_by"] == .null, row["canonical"] != .null else { return }
        // (By its number another hub may have joined others.)
        joins.insert(["table_number", "canonical", "into_key"].map { row[$0] })
    }

    /// Policies that were set later than what is here hold again, before anything is merged by them. One that does not fit
    /// is left out.
    /// - Returns: the ids of the rows written.
    func bringBackPolicies(_ connection: Connection) throws -> Set<UInt64> {
        var changed: Set<UInt64> = []
        for (_, lost) in policies.sorted(by: { ($0.value.atMs, $0.value.id) < ($1.value.atMs, $1.value.id) }) {
            let find = try connection.cached(
                "SELECT id, coalesce(set_at, 0) FROM samband_policy WHERE table_name = ?1 AND column_name IS ?2")
            try find.bind([lost.cells[0], lost.cells[1]])
            let known = try find.step() ? (id: find.integer(0), atMs: find.integer(1)) : nil
            find.reset()
            if let known, known.atMs >= lost.atMs { continue }
            try connection.beginSavepoint("policy")
            let id = try write(lost, known?.id, connection)
            if try fits(lost, connection) {
                changed.insert(UInt64(bitPattern: id))
            } else {
                try connection.rollback(to: "policy")
            }
            try connection.release("policy")
        }
        return changed
    }

    private func write(_ lost: SetPolicy, _ known: Int64?, _ connection: Connection) throws -> Int64 {
        let taken = try connection.cached("SELECT 1 FROM samband_policy WHERE id = ?1")
        try taken.bind(at: 1, integer: lost.id)
        let isTaken = try taken.step()
        taken.reset()
        let statement = try connection.cached(
            """
            INSERT INTO samband_policy(id, table_name, column_name, policy, unit, set_by, set_at)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT(id) DO UPDATE SET policy = excluded.policy, unit = excluded.unit, set_by = excluded.set_by,
              set_at = excluded.set_at
            """)
        let id: Value = known.map { .integer($0) } ?? (isTaken ? .null : .integer(lost.id))
        try statement.bind([id] + lost.cells)
        try statement.run()
        return known ?? connection.lastInsertRowid
    }

    private func fits(_ lost: SetPolicy, _ connection: Connection) throws -> Bool {
        guard case .text(let bytes) = lost.cells[0] else { return false }
        let name = String(decoding: bytes, as: UTF8.self)
        guard let table = try ReplicatedTable.readAll(from: connection).first(where: { sameName($0.name, name) }) else {
            return false
        }
        do throws(SchemaError) {
            let declarations = try inDatabase { () throws(SQLiteError) in
                try ReplicatedTable.policies(in: connection)
            }
            try PolicyFit(table.description, scopeColumn: table.scopeColumn, declarations).check()
            return true
        } catch {
            guard error.refusal != nil else { throw error }
            return false
        }
    }

    /// Joins of records that a lost hub told of and that are not here: what they wrote comes back, but not that the two
    /// are one.
    func missingJoins(_ connection: Connection) throws -> Int {
        let known = RecordMergeTable(connection: connection)
        return try joins.count(where: { try !known.holds(tableNumber: $0[0], canonical: $0[1], into: $0[2]) })
    }
}
