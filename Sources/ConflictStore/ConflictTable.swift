import Replication
import SQLite
import TableModel

/// The conflicts and withheld rows of one database, read and written. At a node they only arrive.
package struct ConflictTable {
    package let connection: Connection

    package init(connection: Connection) {
        self.connection = connection
    }
    /// Without the id; in the order in which they are read and written.
    private static let dataColumns = [
        "kind", "table_number", "table_name", "key", "canonical", "column_index", "column_name", "state", "settlement",
        "opened_at", "changed", "base", "sides", "settled_by", "decided_by", "decided_at", "decided_how", "reason",
        "earlier",
    ]
    private static let columns = (["id"] + dataColumns).joined(separator: ", ")

    /// The numbers under which the two tables travel in the hub's own change sets.
    package static let conflictNumber = 1 << 29
    package static let withheldNumber = (1 << 29) + 1
    package static let replicaNumber = (1 << 29) + 2
    package static let policyNumber = (1 << 29) + 3
    package static let joinNumber = (1 << 29) + 4
    package static let epochNumber = (1 << 29) + 5

    /// These tables, and whose incarnation each replica is, as replicated ones: one key, everything else data.
    package static let travelling: [TableLayout] = [
        system(
            replicaNumber, "samband_replica", ["site", "state", "split_from", "split_seq", "split_at"], key: "replica"),
        system(conflictNumber, "samband_conflict", dataColumns + ["shown"]),
        system(
            withheldNumber, "samband_withheld",
            [
                "conflict", "table_number", "table_name", "key", "canonical", "replica", "seq", "state", "operation",
                "row", "shown",
            ]),
        system(
            policyNumber, "samband_policy", ["table_name", "column_name", "policy", "unit", "set_by", "set_at"]),
        RecordMergeTable.layout,
        system(epochNumber, "samband_epoch", ["hub", "base", "began_at"], key: "number"),
    ]

    /// A table of Samband's own as a replicated one: a number, a key of one column, everything else data.
    package static func system(
        _ number: Int, _ name: String, _ columns: [String], key: String = "id"
    ) -> TableLayout {
        TableLayout(
            shape: TableShape(number: number, keyCollations: [.binary], dataColumnCount: columns.count), name: name,
            keyColumns: [key], keyAffinities: [.integer], dataColumns: columns, uniqueIndexes: [], references: [],
            referencedBy: [],
            policy: .manual, constrainedColumns: [])
    }

    package func all(includeSettled: Bool) throws -> [ConflictRecord] {
        let statement = try connection.cached(
            "SELECT \(Self.columns) FROM samband_conflict WHERE state = 'open' OR ?1 ORDER BY id")
        try statement.bind(at: 1, integer: includeSettled ? 1 : 0)
        return try read(statement)
    }

    package func record(_ id: UInt64) throws -> ConflictRecord? {
        let statement = try connection.cached("SELECT \(Self.columns) FROM samband_conflict WHERE id = ?1")
        try statement.bind(id, at: 1)
        return try read(statement).first
    }

    /// Those about one row, oldest first.
    package func records(of row: RowID) throws -> [ConflictRecord] {
        let statement = try connection.cached(
            "SELECT \(Self.columns) FROM samband_conflict WHERE table_number = ?1 AND canonical = ?2 ORDER BY id")
        try statement.bind(at: 1, integer: Int64(row.table))
        try statement.bind(at: 2, blob: row.canonical)
        return try read(statement)
    }

    /// Whether a conflict about the row is open, something is withheld on it, or it was joined into another: then an
    /// operation on it is never applied blind.
    package func isDisputed(_ row: RowID) throws -> Bool {
        let statement = try connection.cached(
            """
            SELECT EXISTS(SELECT 1 FROM samband_conflict WHERE table_number = ?1 AND canonical = ?2 AND state = 'open')
              OR EXISTS(SELECT 1 FROM samband_withheld WHERE table_number = ?1 AND canonical = ?2 AND state = 'withheld')
              OR EXISTS(SELECT 1 FROM samband_join WHERE table_number = ?1 AND canonical = ?2 AND undone_by IS NULL)
            """)
        try statement.bind(at: 1, integer: Int64(row.table))
        try statement.bind(at: 2, blob: row.canonical)
        defer { statement.reset() }
        return try statement.step() && statement.integer(0) == 1
    }

    /// The tables that conflicts are about, by the names that they had.
    package func tableNames() throws -> [String] {
        let statement = try connection.cached("SELECT DISTINCT table_name FROM samband_conflict")
        return try statement.rows { $0.string(0) }
    }

    package func openCount() throws -> Int {
        Int(try connection.firstInteger("SELECT count(*) FROM samband_conflict WHERE state = 'open'") ?? 0)
    }

    package func withheldCount() throws -> Int {
        Int(try connection.firstInteger("SELECT count(*) FROM samband_withheld WHERE state = 'withheld'") ?? 0)
    }

    package func nextConflictID() throws -> UInt64 {
        let statement = try connection.cached("SELECT coalesce(max(id), 0) + 1 FROM samband_conflict")
        defer { statement.reset() }
        return try statement.step() ? statement.unsigned(0) : 1
    }

    /// The rows with an open conflict: an operation on one of them is never applied blind.
    package func openRows() throws -> [RowID] {
        let statement = try connection.cached(
            "SELECT DISTINCT table_number, canonical FROM samband_conflict WHERE state = 'open'")
        return try statement.rows { RowID(table: Int($0.integer(0)), canonical: $0.bytes(1)) }
    }

    private func read(_ statement: Statement) throws -> [ConflictRecord] {
        defer { statement.reset() }
        var records: [ConflictRecord] = []
        while try statement.step() {
            let settlement: Conflict.Settlement? =
                switch statement.type(9) == .null ? "" : statement.string(9) {
                case "policy": .policy
                case "write": .write
                case "person": .person
                default: nil
                }
            let table = Int(statement.integer(2))
            records.append(
                ConflictRecord(
                    id: statement.unsigned(0), kind: ConflictKind(rawValue: statement.string(1)) ?? .invalid,
                    tableNumber: table, table: statement.string(3),
                    key: try ConflictRecord.decodeKey(statement.bytes(4)),
                    row: RowID(table: table, canonical: statement.bytes(5)),
                    columnIndex: statement.type(6) == .null ? nil : Int(statement.integer(6)),
                    column: statement.type(7) == .null ? nil : statement.string(7),
                    openedAtMs: statement.unsigned(10), base: try ConflictRecord.decodeBase(statement.bytes(12)),
                    life: Conflict(
                        sides: try ConflictRecord.decodeSides(statement.bytes(13)), changed: statement.unsigned(11),
                        settlement: settlement,
                        settledBy: statement.type(14) == .null
                            ? nil : try ConflictRecord.decodeSides(statement.bytes(14)).first),
                    decision: statement.type(15) == .null
                        ? nil
                        : Decision(
                            by: statement.string(15), atMs: statement.unsigned(16), how: statement.string(17),
                            reason: statement.type(18) == .null ? nil : statement.string(18)),
                    earlier: try ConflictRecord.decodeDecisions(statement.bytes(19))))
        }
        return records
    }

    private static let saveSQL: String = {
        let marks = (1...dataColumns.count + 1).map { "?\($0)" }.joined(separator: ", ")
        return "INSERT OR REPLACE INTO samband_conflict(\(columns)) VALUES(\(marks))"
    }()

    /// Writes a conflict, new or changed, whole.
    package func save(_ record: ConflictRecord) throws {
        let statement = try connection.cached(Self.saveSQL)
        let life = record.life
        let settlement: Value =
            switch life.settlement {
            case nil: .null
            case .policy: .text("policy")
            case .write: .text("write")
            case .person: .text("person")
            }
        try statement.bind([
            .integer(Int64(record.id)), .text(record.kind.rawValue), .integer(Int64(record.tableNumber)),
            .text(record.table), .blob(ConflictRecord.encode(record.key)), .blob(record.row.canonical),
            record.columnIndex.map { .integer(Int64($0)) } ?? .null, record.column.map { .text($0) } ?? .null,
            .text(life.isOpen ? "open" : "settled"), settlement, .integer(Int64(record.openedAtMs)),
            .integer(Int64(life.changed)), .blob(ConflictRecord.encode(record.base)),
            .blob(ConflictRecord.encode(life.sides)),
            life.settledBy.map { .blob(ConflictRecord.encode([$0])) } ?? .null,
            record.decision.map { .text($0.by) } ?? .null,
            record.decision.map { .integer(Int64($0.atMs)) } ?? .null,
            record.decision.map { .text($0.how) } ?? .null, record.decision?.reason.map { .text($0) } ?? .null,
            .blob(ConflictRecord.encode(record.earlier)),
        ])
        try statement.run()
    }
}

extension TableLayout {
    /// True for the tables of our own that travel.
    package var isOurs: Bool { number >= ConflictTable.conflictNumber }

    /// Its columns as SQL lists them, the key first.
    var columnList: String { (keyColumns + dataColumns).joined(separator: ", ") }
}
