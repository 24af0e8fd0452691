import SQLite
import Testing

@testable import TableModel

@Suite("The description of a table")
struct TableDescriptionTests {
    let database: Connection

    init() throws { database = try Connection(path: ":memory:", mode: .create, busyTimeoutMs: 0) }

    func describe(_ sql: String) throws -> TableDescription {
        try database.execute(sql)
        return try #require(try TableDescription.read("t", from: database))
    }

    @Test("affinities follow SQLite's rules")
    func affinities() {
        let rules: [(String, Affinity)] = [
            ("INT", .integer), ("bigint", .integer), ("FLOATING POINT", .integer), ("CHARINT", .integer),
            ("VARCHAR(10)", .text), ("CLOB", .text), ("TEXT", .text), ("", .none), ("BLOB", .none),
            ("REAL", .real), ("DOUBLE", .real), ("FLOAT", .real), ("NUMERIC", .numeric), ("DATE", .numeric),
            ("ANY", .numeric), ("STRING", .numeric),
        ]
        for (type, affinity) in rules {
            #expect(Affinity(declaredType: type, isStrict: false) == affinity, "\(type)")
        }
        #expect(Affinity(declaredType: "any", isStrict: true) == .none)
    }

    @Test("columns, key in key order, collations, defaults, STRICT and WITHOUT ROWID")
    func columns() throws {
        let table = try describe(
            """
            CREATE TABLE t(a TEXT COLLATE NOCASE DEFAULT 'x', b INTEGER NOT NULL, c ANY, d INT AS (b + 1),
                e INT AS (b + 2) STORED, PRIMARY KEY (b, a COLLATE RTRIM)) STRICT, WITHOUT ROWID
            """)
        #expect(table.isStrict && table.isWithoutRowid && !table.keyIsRowid)
        #expect(table.columns.map(\.name) == ["a", "b", "c", "d", "e"])
        #expect(table.columns.map(\.generation).suffix(2) == [.generatedVirtual, .generatedStored])
        #expect(table.columns[0].defaultText == "'x'")
        #expect(table.columns[0].collation == "NOCASE")
        #expect(table.columns.map(\.isNotNull) == [true, true, false, false, false])
        #expect(table.key.map(\.column) == [1, 0])
        #expect(table.key.map(\.collation) == ["BINARY", "RTRIM"])
        #expect(table.rowidName == nil)
        #expect(table.uniqueIndexes.isEmpty)
    }

    @Test("INTEGER PRIMARY KEY is the rowid, unless it is declared DESC")
    func rowidKeys() throws {
        let plain = try describe("CREATE TABLE t(id INTEGER PRIMARY KEY)")
        #expect(plain.keyIsRowid && !plain.isAutoincrement)
        let counted = try describe("DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)")
        #expect(counted.keyIsRowid && counted.isAutoincrement)
        let descending = try describe("DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY DESC)")
        #expect(!descending.keyIsRowid)
        let int = try describe("DROP TABLE t; CREATE TABLE t(id INT PRIMARY KEY)")
        #expect(!int.keyIsRowid)
    }

    @Test("references with several columns, and to a parent that is not there")
    func references() throws {
        let table = try describe(
            """
            CREATE TABLE p(x NOT NULL, y NOT NULL, PRIMARY KEY (y, x));
            CREATE TABLE t(a, b, c REFERENCES nowhere, FOREIGN KEY (a, b) REFERENCES p ON UPDATE RESTRICT,
                FOREIGN KEY (b, a) REFERENCES p(x, y) ON DELETE SET DEFAULT)
            """)
        #expect(table.foreignKeys.map(\.columns) == [["c"], ["a", "b"], ["b", "a"]])
        #expect(table.foreignKeys.map(\.parentColumns) == [[], ["y", "x"], ["x", "y"]])
        #expect(table.foreignKeys.map(\.onDelete) == ["NO ACTION", "NO ACTION", "SET DEFAULT"])
        #expect(table.foreignKeys[1].onUpdate == "RESTRICT")
    }

    @Test("a view, a virtual table and a missing one have no description")
    func kinds() throws {
        try database.execute("CREATE VIEW v AS SELECT 1; CREATE VIRTUAL TABLE f USING fts5(x)")
        #expect(try TableDescription.read("v", from: database) == nil)
        #expect(try TableDescription.kind(of: "V", in: database)?.kind == .view)
        #expect(try TableDescription.kind(of: "f", in: database)?.kind == .virtual)
        #expect(try TableDescription.kind(of: "f_data", in: database)?.kind == .shadow)
        #expect(try TableDescription.kind(of: "none", in: database) == nil)
    }

    @Test("columns get numbers once and for ever; new ones the next, lost ones a refusal")
    func numbering() throws {
        try SystemTables.create(in: database)
        var table = try describe("CREATE TABLE t(a, g AS (a), b, c)")
        try ColumnNumbering.assignNew(to: table, number: 4, in: database)
        try database.execute("ALTER TABLE t RENAME COLUMN b TO b2; ALTER TABLE t ADD COLUMN d")
        table = try #require(try TableDescription.read("t", from: database))
        try ColumnNumbering.assignNew(to: table, number: 4, in: database)
        let numbers = try ColumnNumbering.numbers(ofTable: 4, in: database)
        #expect(numbers == [Array("a".utf8): 1, Array("b2".utf8): 2, Array("c".utf8): 3, Array("d".utf8): 4])
        try database.execute("ALTER TABLE t DROP COLUMN c")
        let cut = try #require(try TableDescription.read("t", from: database))
        #expect(throws: SchemaError.self) { try ColumnNumbering.assignNew(to: cut, number: 4, in: database) }
    }
}
