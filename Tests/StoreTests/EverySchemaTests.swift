import Foundation
import SQLite
import Testing

@testable import HubDatabase

@Suite("Whatever schema a hub takes, it is copied whole: backup, restoration, joining, a hub from nodes' files")
struct EverySchemaTests {
    struct Shape: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// Declares `t` with a key `id` and a column `a`, and what else the shape is about.
        let sql: String
        /// Whether `t` is replicated.
        var isReplicated = true

        init(_ name: String, _ sql: String, isReplicated: Bool = true) {
            testDescription = name
            self.sql = sql
            self.isReplicated = isReplicated
        }

        var schema: String {
            sql + ";\n" + (isReplicated ? "INSERT INTO samband_table(name) VALUES('t');" : "")
        }
    }

    private static let key = "id TEXT PRIMARY KEY NOT NULL"

    static let shapes = [
        Shape("CHECK beside a virtual column", "CREATE TABLE t(\(key), a, b, g AS (a||'!'), CHECK(a<=b))"),
        Shape("CHECK beside a stored column", "CREATE TABLE t(\(key), a INT CHECK (a > 0), g AS (a + 1) STORED)"),
        Shape(
            "CHECK of a generated column, STRICT",
            "CREATE TABLE t(\(key), a INTEGER, g INTEGER AS (a + 1) STORED CHECK (g > 1)) STRICT"),
        Shape(
            "CHECK and generated, WITHOUT ROWID",
            "CREATE TABLE t(\(key), a INT, g AS (a * 2), CHECK (a < 100)) WITHOUT ROWID"),
        Shape("generated column first", "CREATE TABLE t(g AS (a + 1), \(key), a INT NOT NULL CHECK (a > 0))"),
        Shape("generated without CHECK", "CREATE TABLE t(\(key), a INT, g AS (a + 1), h AS (g + 1) STORED)"),
        Shape("CHECK without generated", "CREATE TABLE t(\(key), a INT CHECK (a BETWEEN 0 AND 99) DEFAULT 3)"),
        Shape(
            "a local table with both",
            "CREATE TABLE t(\(key), a, g AS (a || 'x'), CHECK (length(a) < 9))", isReplicated: false),
        Shape(
            "index on a generated column, partial and expression indexes",
            """
            CREATE TABLE t(\(key), a INT CHECK (a > 0), g AS (a + 1));
            CREATE INDEX by_g ON t(g); CREATE INDEX some ON t(a) WHERE a > 5; CREATE INDEX worked ON t(abs(a), lower(id))
            """),
        Shape(
            "triggers and views",
            """
            CREATE TABLE t(\(key), a INT CHECK (a > 0), g AS (a + 1));
            CREATE TABLE note(n INTEGER PRIMARY KEY, text TEXT);
            CREATE TRIGGER noted AFTER INSERT ON t BEGIN INSERT INTO note(text) VALUES (NEW.id); END;
            CREATE VIEW seen AS SELECT id, g FROM t;
            CREATE TRIGGER through INSTEAD OF INSERT ON seen BEGIN INSERT INTO t(id, a) VALUES (NEW.id, 1); END
            """),
        Shape(
            "full text search, local",
            """
            CREATE TABLE t(\(key), a TEXT CHECK (a <> ''), g AS (upper(a)));
            CREATE VIRTUAL TABLE found USING fts5(a); CREATE VIRTUAL TABLE old USING fts4(a);
            CREATE VIRTUAL TABLE area USING rtree(id, x0, x1);
            INSERT INTO found VALUES ('henvisning'); INSERT INTO old VALUES ('henvisning')
            """),
        Shape(
            "collations and quoted names",
            """
            CREATE TABLE t(\(key), a TEXT COLLATE NOCASE, "b ""c"" æ" TEXT COLLATE RTRIM CHECK ("b ""c"" æ" <> 'x'),
              [d e] AS (a || '?'), `f` INT DEFAULT (1 + 1), CHECK (a <> 'it''s'))
            """),
        Shape(
            "references with CHECK and generated",
            """
            CREATE TABLE p(\(key), CHECK (id <> ''));
            CREATE TABLE t(\(key), a INT, p TEXT REFERENCES p(id) ON DELETE SET NULL, g AS (a + 1), CHECK (a > 0));
            INSERT INTO samband_table(name) VALUES('p')
            """),
        Shape("AUTOINCREMENT, local", "CREATE TABLE t(\(key), a); CREATE TABLE n(n INTEGER PRIMARY KEY AUTOINCREMENT)"),
    ]

    private static let query = "SELECT * FROM t ORDER BY id"

    private static func schema(_ fleet: TestFleet, _ place: String) throws -> [String] {
        try fleet.rows(
            place,
            """
            SELECT type, name, sql FROM sqlite_schema
            WHERE name NOT LIKE 'samband%' AND name NOT LIKE 'sqlite_%' ORDER BY type, name
            """)
    }

    @Test("rows and schema are those of the hub, wherever they are copied to", arguments: shapes)
    func copied(_ shape: Shape) throws {
        let fleet = try TestFleet(shape.schema)
        let plain = try Self.schema(fleet, "hub")
        try fleet.join("snasa")
        if shape.isReplicated {
            try fleet.write("snasa", "INSERT INTO t(id, a) VALUES('k-1', 7), ('k-2', 8)")
            try fleet.meet()
        }
        let rows = try fleet.rows("hub", Self.query)
        #expect(rows.count == (shape.isReplicated ? 2 : 0))

        let backup = fleet.folder + "/backup.db"
        _ = try BackupFile.make(from: fleet.folder + "/hub.db", to: backup, nowMs: fleet.nowMs)
        try fleet.join("verran")
        for place in ["backup", "verran"] {
            #expect(try fleet.rows(place, Self.query) == rows, "\(place)")
            #expect(try Self.schema(fleet, place) == plain, "\(place)")
        }

        try fleet.restoreHub()
        #expect(try fleet.rows("hub", Self.query) == rows)
        _ = try fleet.buildHub(from: ["snasa"])
        #expect(try fleet.rows("hub", Self.query) == rows)
        #expect(try Self.schema(fleet, "hub") == plain)
    }
}
