import Capturing
import SQLite
import TableModel
import Testing

@Suite("Capture: cascades, the user's triggers and views", .enabled(if: Writer.areHere))
struct SideEffectTests {
    static let family = """
        CREATE TABLE parent(k TEXT PRIMARY KEY NOT NULL, n);
        CREATE TABLE child(k TEXT PRIMARY KEY NOT NULL,
            p TEXT REFERENCES parent(k) ON DELETE CASCADE ON UPDATE CASCADE,
            q TEXT REFERENCES parent ON DELETE SET NULL, up TEXT REFERENCES child ON DELETE CASCADE);
        """
    static let familyRows = """
        INSERT INTO parent VALUES ('a', 1), ('b', 2), ('c', 3);
        INSERT INTO child VALUES ('1', 'a', 'b', NULL), ('2', 'a', NULL, '1'), ('3', 'b', 'c', '1'),
            ('4', 'b', NULL, '3');
        """

    func makeFamily() throws -> CapturedDatabase {
        try CapturedDatabase(Self.family, tables: ["parent", "child"], rows: Self.familyRows)
    }

    @Test("ON DELETE CASCADE and SET NULL are captured", arguments: Writer.allCases)
    func cascades(writer: Writer) throws {
        let database = try makeFamily()
        try database.write("PRAGMA foreign_keys = ON; DELETE FROM parent WHERE k = 'c'", by: writer)
        #expect(try database.pending("parent") == ["delete c"])
        #expect(try database.pending("child") == ["update 3: q"])
        try database.write("PRAGMA foreign_keys = ON; DELETE FROM parent WHERE k = 'a'", by: writer)
        #expect(try database.pending("parent") == ["delete a", "delete c"])
        #expect(try database.pending("child") == ["delete 1", "delete 2", "delete 3", "delete 4"])
    }

    @Test("ON UPDATE CASCADE is captured", arguments: Writer.allCases)
    func updateCascade(writer: Writer) throws {
        let database = try makeFamily()
        try database.write("PRAGMA foreign_keys = ON; UPDATE parent SET k = 'aa' WHERE k = 'a'", by: writer)
        #expect(try database.pending("parent") == ["delete a", "insert aa"])
        #expect(try database.pending("child") == ["update 1: p", "update 2: p"])
    }

    @Test(
        "a REPLACE fires the cascades of the row it deletes, and they are captured",
        arguments: Writer.allCases)
    func replaceParent(writer: Writer) throws {
        let database = try makeFamily()
        try database.write("PRAGMA foreign_keys = ON; REPLACE INTO parent VALUES ('a', 9)", by: writer)
        #expect(try database.pending("parent") == ["update a: n"])
        #expect(try database.pending("child") == ["delete 1", "delete 2", "delete 3", "delete 4"])
    }

    @Test("references are read, incoming ones too, and implied parent columns are found")
    func references() throws {
        let database = try makeFamily()
        let tables = try ReplicatedTable.readAll(from: database.open())
        let child = try #require(tables.last?.description)
        #expect(child.foreignKeys.map(\.columns) == [["p"], ["q"], ["up"]])
        #expect(child.foreignKeys.map(\.parentColumns) == [["k"], ["k"], ["k"]])
        #expect(child.foreignKeys.map(\.onDelete) == ["CASCADE", "SET NULL", "CASCADE"])
        #expect(tables[0].incomingReferences.map(\.childTable) == [2, 2])
        #expect(tables[1].incomingReferences.map(\.foreignKey.columns) == [["up"]])
    }

    @Test("writes through an INSTEAD OF view are captured", arguments: Writer.allCases)
    func views(writer: Writer) throws {
        let database = try CapturedDatabase(
            """
            CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, n);
            CREATE VIEW v AS SELECT k, n * 10 AS tens FROM t;
            CREATE TRIGGER vi INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES (NEW.k, NEW.tens / 10); END;
            CREATE TRIGGER vu INSTEAD OF UPDATE ON v BEGIN
                UPDATE t SET n = NEW.tens / 10 WHERE k = OLD.k;
            END;
            CREATE TRIGGER vd INSTEAD OF DELETE ON v BEGIN DELETE FROM t WHERE k = OLD.k; END;
            """, rows: "INSERT INTO t VALUES ('a', 1), ('b', 2);")
        try database.write(
            "INSERT INTO v VALUES ('c', 30); UPDATE v SET tens = 90 WHERE k = 'a'; DELETE FROM v WHERE k = 'b'",
            by: writer)
        #expect(try database.pending() == ["delete b", "insert c", "update a: n"])
    }

    static let stamping = """
        CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, n, stamp INT);
        CREATE TRIGGER stamp_insert AFTER INSERT ON t BEGIN UPDATE t SET stamp = 1 WHERE k = NEW.k; END;
        CREATE TRIGGER stamp_update AFTER UPDATE OF n ON t BEGIN
            UPDATE t SET stamp = stamp + 1 WHERE k = NEW.k;
        END;
        CREATE TRIGGER twin BEFORE DELETE ON t WHEN OLD.n = 7 BEGIN INSERT INTO t VALUES ('twin', 0, 0); END;
        """

    @Test(
        "what the user's triggers write is captured, whichever trigger runs first", arguments: [false, true])
    func userTriggers(createdAfterCapture: Bool) throws {
        let table = "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, n, stamp INT);"
        let database = try CapturedDatabase(
            createdAfterCapture ? table : Self.stamping,
            rows: "INSERT INTO t VALUES ('a', 1, 0), ('b', 7, 0);")
        if createdAfterCapture { try database.write(String(Self.stamping.dropFirst(table.count))) }
        try database.write(
            """
            INSERT INTO t VALUES ('c', 1, 0); UPDATE t SET n = 2 WHERE k = 'a'; DELETE FROM t WHERE k = 'b';
            INSERT INTO t VALUES ('d', 1, 0); DELETE FROM t WHERE k = 'd';
            """)
        #expect(try database.pending() == ["delete b", "insert c", "insert twin", "update a: n, stamp"])
    }

    @Test("recursive_triggers on changes no verdict of plain writes", arguments: Writer.allCases)
    func recursive(writer: Writer) throws {
        let database = try CapturedDatabase(
            Self.stamping, rows: "INSERT INTO t VALUES ('a', 1, 0), ('b', 2, 0);")
        try database.write(
            """
            PRAGMA recursive_triggers = ON; INSERT INTO t VALUES ('c', 1, 0); DELETE FROM t WHERE k = 'b';
            UPDATE t SET n = 2 WHERE k = 'a';
            """, by: writer)
        #expect(try database.pending() == ["delete b", "insert c", "update a: n, stamp"])
    }

    @Test("a local program cannot write Samband's own tables, by any verb", arguments: Writer.allCases)
    func guards(writer: Writer) throws {
        let database = try CapturedDatabase(
            "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL);", rows: "INSERT INTO t VALUES ('a');")
        for statement in [
            "INSERT INTO samband_table(name) VALUES ('x')", "DELETE FROM samband_column",
            "UPDATE samband_table SET name = 'y'", "INSERT OR IGNORE INTO samband_meta VALUES ('fleet', 1)",
            "REPLACE INTO samband_policy(table_name, policy) VALUES ('t', 'newest')",
        ] { try database.write(statement, by: writer, failing: true) }
        let local = try database.open()
        let error = try #require(throws: SQLiteError.self) { try local.execute("DELETE FROM samband_table") }
        #expect(error.message.hasPrefix("samband: samband_table is written by samband alone"))
        let own = try database.open()
        try own.setTriggersEnabled(false)
        try own.execute("INSERT INTO samband_meta VALUES ('fleet', 'x')")
        // The user's own writes go on.
        try database.write("DELETE FROM t", by: writer)
        #expect(try database.pending() == ["delete a"])
    }

    @Test("installing twice changes nothing; removing leaves the marks and nothing else of capture")
    func install() throws {
        let database = try CapturedDatabase(Self.stamping, rows: "INSERT INTO t VALUES ('a', 1, 0);")
        let connection = try database.open()
        let list =
            "SELECT group_concat(name || sql, char(10)) FROM (SELECT * FROM sqlite_schema ORDER BY name)"
        let before = try connection.firstString(list)
        try connection.transaction { try Capture.install(in: connection) }
        #expect(try connection.firstString(list) == before)
        try database.write("UPDATE t SET n = 5")
        try connection.transaction { try Capture.remove(from: connection) }
        try database.write("UPDATE t SET n = 6; ALTER TABLE t DROP COLUMN stamp", failing: true)
        try database.write(
            "DROP TRIGGER stamp_insert; DROP TRIGGER stamp_update; ALTER TABLE t DROP COLUMN stamp")
        #expect(try database.markCount() == 2)
        let count = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'samband_[0-9]*'"
        #expect(try connection.firstInteger(count) == 0)
    }

    @Test("a table dropped and made anew is found to be uncaptured, and captured again on request")
    func dropped() throws {
        let database = try CapturedDatabase(Self.stamping, rows: "INSERT INTO t VALUES ('a', 1, 0);")
        let connection = try database.open()
        #expect(try Capture.uncapturedTables(in: connection) == [])
        try database.write("DROP TABLE t; CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, n, stamp INT)")
        #expect(try Capture.uncapturedTables(in: connection) == ["t"])
        try connection.transaction { try Capture.install(in: connection) }
        #expect(try Capture.uncapturedTables(in: connection) == [])
        try database.write("INSERT INTO t VALUES ('b', 1, 0)")
        #expect(try database.pending() == ["insert b"])
    }
}
