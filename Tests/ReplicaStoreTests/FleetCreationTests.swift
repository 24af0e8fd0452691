import Foundation
import SQLite
import TestKit
import Testing

@testable import Capturing
@testable import TableModel

@Suite("The first database of a fleet")
struct FleetCreationTests {
    let folder: TemporaryFolder
    let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.file("hub.db")
    }

    static let schema = Migration(
        name: "001.sql",
        sql: """
            CREATE TABLE child(k TEXT PRIMARY KEY NOT NULL, p TEXT NOT NULL REFERENCES parent(k));
            CREATE TABLE parent(k TEXT PRIMARY KEY NOT NULL, n INT);
            INSERT INTO samband_table(name) VALUES ('parent'), ('child');
            """)

    func create(_ migrations: [Migration]) throws(SchemaError) {
        try FleetCreation.createFleetDatabase(path: path, migrations: migrations)
    }

    func refusal(_ migrations: [Migration]) throws -> Refusal {
        let error = try #require(throws: SchemaError.self) { try create(migrations) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
        return try #require(error.refusal)
    }

    @Test("runs the files in name order, whatever order its rows refer in, and ships the rows it began with")
    func creates() throws {
        try create([
            Migration(
                name: "002.sql",
                sql: "INSERT INTO child VALUES ('c', 'p'); INSERT INTO parent VALUES ('p', 1)"),
            Self.schema,
        ])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["hub.db"])
        let database = try Connection(path: path, mode: .readWrite, busyTimeoutMs: 0)
        try database.registerBitwiseOr()
        #expect(try database.firstString("PRAGMA journal_mode") == "wal")
        for table in try ReplicatedTable.readAll(from: database) {
            let query = PendingRows(table)
            let rows = try database.prepare(query.sql)
            #expect(try rows.step())
            #expect(query.verdict(of: rows) == .insert)
            #expect(try !rows.step())
        }
    }

    @Test("lets its caller add tables, and guards those too")
    func finish() throws {
        try FleetCreation.createFleetDatabase(path: path, migrations: [Self.schema]) {
            database throws(SQLiteError) in
            try database.execute("CREATE TABLE samband_log(x)")
        }
        let database = try Connection(path: path, mode: .readWrite, busyTimeoutMs: 0)
        #expect(throws: SQLiteError.self) { try database.execute("INSERT INTO samband_log VALUES (1)") }
    }

    @Test("takes no place that is taken", arguments: ["", "-wal", "-journal"])
    func taken(suffix: String) throws {
        _ = FileManager.default.createFile(atPath: path + suffix, contents: Data("x".utf8))
        let error = try #require(throws: SchemaError.self) { try create([Self.schema]) }
        #expect(error.refusal?.why == "the file is already there")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["hub.db" + suffix])
    }

    @Test("takes over what a crash left, and gives way to a living maker")
    func leftovers() throws {
        let build = folder.file(".hub.db.samband-new")
        for suffix in ["", "-wal", "-journal"] {
            _ = FileManager.default.createFile(atPath: build + suffix, contents: Data("remains".utf8))
        }
        let maker = open(build, O_RDWR)
        #expect(flock(maker, LOCK_EX) == 0)
        let error = try #require(throws: SchemaError.self) { try create([Self.schema]) }
        #expect(error.refusal?.why.contains("another process") == true)
        close(maker)
        try create([Self.schema])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["hub.db"])
    }

    @Test("a folder that is not there is named")
    func noFolder() throws {
        let error = try #require(throws: SchemaError.self) {
            try FleetCreation.createFleetDatabase(path: folder.file("no/hub.db"), migrations: [])
        }
        #expect(error.refusal?.hint.contains("Create the folder") == true)
    }

    static let forbidden = [
        "BEGIN", "begin immediate", "COMMIT", "END", "ROLLBACK", "SAVEPOINT a", "RELEASE a",
        "ATTACH 'x' AS y", "DETACH y", "VACUUM", "PRAGMA journal_mode = DELETE", "PRAGMA foreign_keys = ON",
    ]

    @Test("statements that reach beyond the transaction are refused", arguments: forbidden)
    func statements(statement: String) throws {
        let refusal = try refusal([
            Self.schema, Migration(name: "002.sql", sql: "SELECT 1;\n-- COMMIT\n /* x */ \(statement);"),
        ])
        #expect(refusal.what == "002.sql, line 3 (statement 2)")
        #expect(refusal.why.contains("is not allowed here"))
    }

    @Test("a failing statement is named by file, line and number, without values")
    func failures() throws {
        let cases: [(sql: String, what: String, why: String)] = [
            (
                "INSERT INTO parent VALUES ('Kari Olsen', 1);\n\nINSERT INTO parent\nVALUES ('Kari Olsen', 2);",
                "002.sql, line 3 (statement 2)", "UNIQUE constraint failed: parent.k"
            ),
            ("INSERT INTO parent VALUES ('a', 1)\nOlsen;", "002.sql, line 2 (statement 1)", "syntax error"),
            (
                "SELECT 1;\nINSERT INTO parent VALUES (Olsen, 1);", "002.sql, line 2 (statement 2)",
                "no such column"
            ),
            ("INSERT INTO parent VALUES ('Kari", "002.sql, line 1 (statement 1)", "unrecognized token"),
            ("CREATE TABLE x(a;", "002.sql, line 1 (statement 1)", "near \";\": syntax error"),
            ("SELECT 1;\n\nDROP TABLE y", "002.sql, line 3 (statement 2)", "no such table: y"),
        ]
        for one in cases {
            let refusal = try refusal([Self.schema, Migration(name: "002.sql", sql: one.sql)])
            #expect(refusal.what == one.what)
            #expect(refusal.why == one.why)
            #expect(!refusal.description.contains("Olsen") && !refusal.description.contains("Kari"))
        }
    }

    @Test("rows that reference nothing are refused by count, not by value")
    func danglingRows() throws {
        let refusal = try refusal([
            Self.schema,
            Migration(name: "002.sql", sql: "INSERT INTO child VALUES ('c', 'secret'), ('d', 'x')"),
        ])
        #expect(refusal.what == "table child")
        #expect(refusal.why == "2 of its rows reference rows of parent that are not there")
    }

    @Test("a table that cannot be replicated is refused and leaves nothing")
    func unfit() throws {
        let refusal = try refusal([
            Migration(name: "1", sql: "CREATE TABLE t(a); INSERT INTO samband_table(name) VALUES ('t')")
        ])
        #expect(
            refusal.description
                == "cannot replicate a table: table t: it has no primary key, so its rows have no name that other "
                + "sites know. Declare one, for instance: id BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16))."
        )
    }
}
