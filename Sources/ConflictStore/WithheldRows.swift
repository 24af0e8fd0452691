import OrderedLog
import Replication
import SQLite
import TableModel

/// The rows that are kept out of the tables, and what each of them waits for.
extension ConflictTable {
    private static let withheldColumns =
        "id, conflict, table_number, table_name, key, canonical, replica, seq, operation, row, state"

    /// Whether anything was ever withheld.
    package func hasWithheld() throws -> Bool {
        try connection.firstInteger("SELECT EXISTS(SELECT 1 FROM samband_withheld)") == 1
    }

    /// Whose operations on a row were ever withheld: none of them is in the merge. A row that a decision displaced is kept
    /// under the decision's name, and that it went counts all the same.
    package func withheldDots(of row: RowID) throws -> Set<Dot> {
        let statement = try connection.cached(
            """
            SELECT w.replica, w.seq FROM samband_withheld w LEFT JOIN samband_change c USING (replica, seq)
            WHERE w.table_number = ?1 AND w.canonical = ?2 AND coalesce(c.kind, 1) <> ?3
            """)
        try statement.bind(at: 3, integer: Int64(ChangeSetHeader.Kind.decision.rawValue))
        try statement.bind(at: 1, integer: Int64(row.table))
        try statement.bind(at: 2, blob: row.canonical)
        defer { statement.reset() }
        var dots: Set<Dot> = []
        while try statement.step() {
            dots.insert(Dot(replica: UInt32(statement.integer(0)), seq: statement.unsigned(1)))
        }
        return dots
    }

    /// The key hashes of the rows that are withheld now.
    package func withheldHashes() throws -> [UInt64] {
        let statement = try connection.cached(
            "SELECT table_number, canonical FROM samband_withheld WHERE state = 'withheld'")
        return try statement.rows { RowID(table: Int($0.integer(0)), canonical: $0.bytes(1)).hash64 }
    }

    /// Those withheld now, oldest first.
    ///
    /// - Parameter includeSettled: also those that wait no more.
    package func withheld(includeSettled: Bool = false) throws -> [WithheldRecord] {
        let statement = try connection.cached(
            "SELECT \(Self.withheldColumns) FROM samband_withheld WHERE state = 'withheld' OR ?1 ORDER BY id")
        try statement.bind(at: 1, integer: includeSettled ? 1 : 0)
        return try readWithheld(statement)
    }

    /// Every operation on a row that was ever withheld, superseded ones included: none of them is in the merge.
    package func withheld(of row: RowID, onlyOpen: Bool) throws -> [WithheldRecord] {
        let statement = try connection.cached(
            "SELECT \(Self.withheldColumns) FROM samband_withheld WHERE table_number = ?1 AND canonical = ?2 "
                + "AND (state = 'withheld' OR NOT ?3) ORDER BY id")
        try statement.bind(at: 1, integer: Int64(row.table))
        try statement.bind(at: 2, blob: row.canonical)
        try statement.bind(at: 3, integer: onlyOpen ? 1 : 0)
        return try readWithheld(statement)
    }

    /// Everything that belongs to a conflict, whatever has become of it, oldest first.
    package func withheld(ofConflict id: UInt64) throws -> [WithheldRecord] {
        let statement = try connection.cached(
            "SELECT \(Self.withheldColumns) FROM samband_withheld WHERE conflict = ?1 ORDER BY id")
        try statement.bind(id, at: 1)
        return try readWithheld(statement)
    }

    package func withheld(id: UInt64) throws -> WithheldRecord? {
        let statement = try connection.cached(
            "SELECT \(Self.withheldColumns) FROM samband_withheld WHERE id = ?1")
        try statement.bind(id, at: 1)
        return try readWithheld(statement).first
    }

    private func readWithheld(_ statement: Statement) throws -> [WithheldRecord] {
        defer { statement.reset() }
        var records: [WithheldRecord] = []
        while try statement.step() {
            let (kind, _, values, deltas) = try OperationReader.decodeRow(statement.bytes(9))
            let table = Int(statement.integer(2))
            records.append(
                WithheldRecord(
                    id: statement.unsigned(0), conflict: statement.unsigned(1), tableNumber: table,
                    table: statement.string(3), key: try ConflictRecord.decodeKey(statement.bytes(4)),
                    row: RowID(table: table, canonical: statement.bytes(5)),
                    dot: Dot(replica: UInt32(statement.integer(6)), seq: statement.unsigned(7)),
                    operation: Operation(rawValue: UInt8(statement.integer(8))) ?? kind.operation,
                    columns: kind.columns, values: values,
                    deltas: Dictionary(uniqueKeysWithValues: zip(kind.deltas, deltas)),
                    state: WithheldState(rawValue: statement.string(10)) ?? .withheld))
        }
        return records
    }

    /// Keeps an operation on a row with all its values.
    package func withhold(
        _ operation: LoggedOperation, key: [Value], row: RowID, table: TableLayout, conflict: UInt64,
        waits: [Wait] = []
    ) throws -> UInt64 {
        let id = UInt64(try connection.firstInteger("SELECT coalesce(max(id), 0) + 1 FROM samband_withheld") ?? 1)
        let statement = try connection.cached(
            "INSERT INTO samband_withheld(\(Self.withheldColumns)) "
                + "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'withheld')")
        let added = operation.deltas.sorted { $0.key < $1.key }
        let kind = BlockKind(
            table: row.table, operation: operation.operation, columns: operation.columns, deltas: added.map(\.key))
        let bytes = OperationReader.encode(kind, key: key, values: operation.values, deltas: added.map(\.value))
        try statement.bind([
            .integer(Int64(id)), .integer(Int64(conflict)), .integer(Int64(row.table)), .text(table.name),
            .blob(ConflictRecord.encode(key)), .blob(row.canonical), .integer(Int64(operation.dot.replica)),
            .integer(Int64(operation.dot.seq)), .integer(Int64(operation.operation.rawValue)),
            .blob(bytes),
        ])
        try statement.run()
        try note(waits, of: id)
        return id
    }

    /// Takes a step in the life of a withheld row, unless it is in that state already. One that is withheld no more waits
    /// for nothing.
    /// (Protocol/State-Machines.md#a-withheld-row)
    package func setState(_ next: WithheldState, of id: UInt64) throws {
        guard let record = try withheld(id: id), record.state != next else { return }
        let state = record.state.to(next)
        let statement = try connection.cached("UPDATE samband_withheld SET state = ?2 WHERE id = ?1")
        try statement.bind(id, at: 1)
        try statement.bind(at: 2, text: state.rawValue)
        try statement.run()
        guard state != .withheld else { return }
        let waits = try connection.cached("DELETE FROM samband_wait WHERE withheld = ?1")
        try waits.bind(id, at: 1)
        try waits.run()
    }

    /// Hands a withheld row over to another conflict.
    package func setConflict(_ conflict: UInt64, of id: UInt64) throws {
        let statement = try connection.cached("UPDATE samband_withheld SET conflict = ?2 WHERE id = ?1")
        try statement.bind(id, at: 1)
        try statement.bind(conflict, at: 2)
        try statement.run()
    }

    // MARK: what they wait for

    /// Something that must happen before a withheld row may fit.
    package struct Wait: Hashable {
        package let table: Int
        /// The key hash of the row whose coming or change is waited for; 0 for any row of the table.
        package let hash: UInt64

        package static func row(_ row: RowID) -> Wait { Wait(table: row.table, hash: row.hash64) }
        package static func table(_ table: Int) -> Wait { Wait(table: table, hash: 0) }
    }

    /// Notes what a withheld row waits for.
    package func note(_ waits: [Wait], of id: UInt64) throws {
        for wait in waits {
            let statement = try connection.cached(
                "INSERT OR IGNORE INTO samband_wait(table_number, hash, withheld) VALUES(?1, ?2, ?3)")
            try statement.bind(at: 1, integer: Int64(wait.table))
            try statement.bind(wait.hash, at: 2)
            try statement.bind(id, at: 3)
            try statement.run()
        }
    }

    /// The withheld rows that wait for this, oldest first.
    package func waiting(for wait: Wait) throws -> [UInt64] {
        let statement = try connection.cached(
            "SELECT withheld FROM samband_wait WHERE table_number = ?1 AND hash = ?2 ORDER BY withheld")
        try statement.bind(at: 1, integer: Int64(wait.table))
        try statement.bind(wait.hash, at: 2)
        return try statement.rows { $0.unsigned(0) }
    }

    /// All that is waited for.
    package func waits() throws -> Set<Wait> {
        let statement = try connection.cached("SELECT DISTINCT table_number, hash FROM samband_wait")
        defer { statement.reset() }
        var found: Set<Wait> = []
        while try statement.step() {
            found.insert(Wait(table: Int(statement.integer(0)), hash: statement.unsigned(1)))
        }
        return found
    }
}

/// All that withheld rows wait for, in memory: tells of a change set in passing whether it may make room for one.
package struct WaitIndex {
    private var tableOfHash: [UInt64: Int] = [:]
    private var tables: Set<Int> = []

    package init(_ waits: Set<ConflictTable.Wait> = []) { insert(waits) }

    package mutating func insert(_ waits: some Sequence<ConflictTable.Wait>) {
        for wait in waits {
            if wait.hash == 0 { tables.insert(wait.table) } else { tableOfHash[wait.hash] = wait.table }
        }
    }

    /// What of it a change set with these sorted key hashes, on these tables, may bring.
    package func met(by hashes: [UInt64], on touched: Set<Int>) -> Set<ConflictTable.Wait> {
        var met = Set(tables.intersection(touched).map { ConflictTable.Wait.table($0) })
        if tableOfHash.count < hashes.count {
            for (hash, table) in tableOfHash where KeyHashes.contains(hashes, hash) {
                met.insert(ConflictTable.Wait(table: table, hash: hash))
            }
        } else {
            for hash in hashes {
                if let table = tableOfHash[hash] { met.insert(ConflictTable.Wait(table: table, hash: hash)) }
            }
        }
        return met
    }
}

/// What an author wrote on one row and the hub withholds, taken together: an insert with the updates that followed it
/// unaware, or updates, or a delete.
package struct WithheldWrite {
    package let records: [WithheldRecord]
    package let isWhole: Bool
    package let isDelete: Bool
    package private(set) var cells: [Int: Value]
    /// What of the cells was added to what stood, for columns of the policy `sum`.
    package private(set) var deltas: [Int: Int64] = [:]

    /// - Parameter records: of one row and one author, oldest first; at least one.
    package init(_ records: [WithheldRecord]) {
        self.records = records
        var cells: [Int: Value] = [:]
        var sums: [Int: WideSum] = [:]
        var isWhole = false
        var isDelete = false
        for record in records {
            if record.operation != .update {
                isDelete = record.operation == .delete
                isWhole = !isDelete
                cells = [:]
                sums = [:]
            }
            for (column, value) in zip(record.columns, record.values) {
                let isFirst = cells.updateValue(value, forKey: column) == nil
                guard let delta = record.deltas[column], isFirst || sums[column] != nil else {
                    sums[column] = nil
                    continue
                }
                sums[column, default: WideSum()].add(delta)
            }
        }
        deltas = sums.compactMapValues(\.value)
        self.cells = cells
        self.isWhole = isWhole
        self.isDelete = isDelete
    }

    package var row: RowID { records[0].row }
    package var key: [Value] { records[0].key }
    package var columns: [Int] { cells.keys.sorted() }

    package mutating func set(_ values: [Int: Value]) {
        cells.merge(values) { $1 }
        for column in values.keys { deltas[column] = nil }
    }

    /// What was added counts on what stands now, for columns that sum up; else the values as they were written.
    ///
    /// - Returns: false when a sum is beyond 64 bits.
    package mutating func add(to row: [Value]?, _ policy: TablePolicy) -> Bool {
        var fits = true
        for (column, delta) in deltas where policy.policy(of: column) == .sum {
            guard let row, case .integer(let standing) = row[column] else { continue }
            guard let sum = WideSum(standing, adding: [delta]).value else {
                fits = false
                continue
            }
            cells[column] = .integer(sum)
        }
        return fits
    }

    /// The row with this write in it; nil when it is not whole and there is no row to write on.
    package func over(_ row: [Value]?) -> [Value]? {
        if isDelete { return nil }
        guard var data = row ?? (isWhole ? [] : nil) else { return nil }
        if data.isEmpty { return columns.map { cells[$0]! } }
        for (column, value) in cells { data[column] = value }
        return data
    }
}
