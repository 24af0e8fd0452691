import Replication
import SQLite

/// Two rows that were joined into one, as every site sees it.
package struct RecordMerge: Hashable, Sendable {
    package let id: UInt64
    package let tableNumber: Int
    package let table: String
    /// The row that went, and the one that remains.
    package let key: [Value]
    package let into: [Value]
    /// The place of the join in the hub's order: who had reached it knew of it.
    package let position: UInt64
    /// The conflict that it settled, where the row that went was withheld; else 0.
    package let conflict: UInt64
    package let decision: Decision
    /// By whom it was taken back; nil while it stands.
    package var undone: Decision?

    package init(
        id: UInt64, tableNumber: Int, table: String, key: [Value], into: [Value], position: UInt64, conflict: UInt64,
        decision: Decision, undone: Decision? = nil
    ) {
        self.id = id
        self.tableNumber = tableNumber
        self.table = table
        self.key = key
        self.into = into
        self.position = position
        self.conflict = conflict
        self.decision = decision
        self.undone = undone
    }
}

/// The joins of one database, and at the hub what came in later and was led to the row that remains.
package struct RecordMergeTable {
    package let connection: Connection

    package init(connection: Connection) {
        self.connection = connection
    }
    private static let columns = layout.columnList

    package static let layout = ConflictTable.system(
        ConflictTable.joinNumber, "samband_join",
        [
            "table_number", "table_name", "key", "canonical", "into_key", "position", "conflict", "joined_by",
            "joined_at", "reason", "undone_by", "undone_at", "undone_reason",
        ])

    package func join(id: UInt64) throws -> RecordMerge? {
        let statement = try connection.cached("SELECT \(Self.columns) FROM samband_join WHERE id = ?1")
        try statement.bind(id, at: 1)
        return try read(statement).first
    }

    /// Whether these two rows were ever joined.
    ///
    /// - Parameter into: the key of the one that remains, encoded as the table has it.
    package func holds(tableNumber: Value, canonical: Value, into: Value) throws -> Bool {
        let statement = try connection.cached(
            "SELECT 1 FROM samband_join WHERE table_number = ?1 AND canonical = ?2 AND into_key = ?3")
        try statement.bind([tableNumber, canonical, into])
        defer { statement.reset() }
        return try statement.step()
    }

    package func exist() throws -> Bool {
        try connection.firstInteger("SELECT EXISTS(SELECT 1 FROM samband_join)") == 1
    }

    /// The join that took this row away and stands.
    package func join(of row: RowID) throws -> RecordMerge? {
        let statement = try connection.cached(
            "SELECT \(Self.columns) FROM samband_join WHERE table_number = ?1 AND canonical = ?2 "
                + "AND undone_by IS NULL ORDER BY id")
        try statement.bind(at: 1, integer: Int64(row.table))
        try statement.bind(at: 2, blob: row.canonical)
        return try read(statement).last
    }

    package func all() throws -> [RecordMerge] {
        try read(try connection.cached("SELECT \(Self.columns) FROM samband_join ORDER BY id"))
    }

    /// The key hashes of the rows that went.
    package func hashes() throws -> [UInt64] {
        let statement = try connection.cached(
            "SELECT table_number, canonical FROM samband_join WHERE undone_by IS NULL")
        return try statement.rows { RowID(table: Int($0.integer(0)), canonical: $0.bytes(1)).hash64 }
    }

    private func read(_ statement: Statement) throws -> [RecordMerge] {
        defer { statement.reset() }
        func text(_ column: Int32) -> String? {
            statement.type(column) == .null ? nil : statement.string(column)
        }
        var found: [RecordMerge] = []
        while try statement.step() {
            found.append(
                RecordMerge(
                    id: statement.unsigned(0), tableNumber: Int(statement.integer(1)), table: statement.string(2),
                    key: try ConflictRecord.decodeKey(statement.bytes(3)),
                    into: try ConflictRecord.decodeKey(statement.bytes(5)), position: statement.unsigned(6),
                    conflict: statement.unsigned(7),
                    decision: Decision(
                        by: statement.string(8), atMs: statement.unsigned(9), how: DecidedHow.merge, reason: text(10)),
                    undone: text(11).map {
                        Decision(by: $0, atMs: statement.unsigned(12), how: DecidedHow.unmerge, reason: text(13))
                    }))
        }
        return found
    }

    package func nextID() throws -> UInt64 {
        UInt64(try connection.firstInteger("SELECT coalesce(max(id), 0) + 1 FROM samband_join") ?? 1)
    }

    /// Writes a merge of records, new or taken back.
    package func save(_ join: RecordMerge, canonical: [UInt8]) throws {
        let marks = (1...14).map { "?\($0)" }.joined(separator: ", ")
        let statement = try connection.cached(
            "INSERT OR REPLACE INTO samband_join(\(Self.columns)) VALUES(\(marks))")
        try statement.bind([
            .integer(Int64(join.id)), .integer(Int64(join.tableNumber)), .text(join.table),
            .blob(ConflictRecord.encode(join.key)), .blob(canonical), .blob(ConflictRecord.encode(join.into)),
            .integer(Int64(join.position)), .integer(Int64(join.conflict)), .text(join.decision.by),
            .integer(Int64(join.decision.atMs)), join.decision.reason.map { .text($0) } ?? .null,
            join.undone.map { .text($0.by) } ?? .null, join.undone.map { .integer(Int64($0.atMs)) } ?? .null,
            join.undone?.reason.map { .text($0) } ?? .null,
        ])
        try statement.run()
    }

    // MARK: what came in later

    /// Notes a row whose reference was led on to the row that remains.
    package func noteChild(_ table: Int, _ key: [Value], of join: UInt64) throws {
        let statement = try connection.cached(
            "INSERT INTO samband_led_on(join_id, table_number, key, withheld) VALUES(?1, ?2, ?3, NULL)")
        try statement.bind([
            .integer(Int64(join)), .integer(Int64(table)), .blob(ConflictRecord.encode(key)),
        ])
        try statement.run()
    }

    /// Notes a write of the row that went, kept as withheld under `id`.
    package func noteWrite(_ id: UInt64, of join: UInt64) throws {
        let statement = try connection.cached(
            "INSERT INTO samband_led_on(join_id, table_number, key, withheld) VALUES(?1, 0, x'', ?2)")
        try statement.bind([.integer(Int64(join)), .integer(Int64(id))])
        try statement.run()
    }

    /// The rows whose references a merge of records has led to the row that remains.
    package func children(of join: UInt64) throws -> [(table: Int, key: [Value])] {
        let statement = try connection.cached(
            "SELECT table_number, key FROM samband_led_on WHERE join_id = ?1 AND withheld IS NULL ORDER BY rowid")
        try statement.bind(join, at: 1)
        return try statement.rows { (Int($0.integer(0)), try ConflictRecord.decodeKey($0.bytes(1))) }
    }

    /// The ids of the withheld records that keep later writes of the row that went.
    package func writes(of join: UInt64) throws -> [UInt64] {
        let statement = try connection.cached(
            "SELECT withheld FROM samband_led_on WHERE join_id = ?1 AND withheld IS NOT NULL ORDER BY rowid")
        try statement.bind(join, at: 1)
        return try statement.rows { $0.unsigned(0) }
    }
}
