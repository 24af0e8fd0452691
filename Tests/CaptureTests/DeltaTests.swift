import SQLite
import Testing

/// The delta of a column whose policy is `sum`: its value at the seal less its value before the first write since the
/// last one, however the row was written in between.
@Suite("Capture: by how much a sum was raised", .enabled(if: Writer.areHere))
struct DeltaTests {
    static let schema = """
        CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL COLLATE NOCASE, n INTEGER NOT NULL, u TEXT UNIQUE,
            m INTEGER NOT NULL DEFAULT 0, note TEXT) STRICT;
        """
    static let rows = """
        INSERT INTO t VALUES ('a', 10, 'x', 0, ''), ('b', 20, 'y', 0, ''), ('c', 30, 'z', 0, '');
        INSERT INTO samband_policy(table_name, column_name, policy) VALUES ('t', 'n', 'sum'), ('T', 'M', 'sum');
        """

    let database: CapturedDatabase

    init() throws { database = try CapturedDatabase(Self.schema, rows: Self.rows) }

    @Test("several updates come to one delta, and other columns have none", arguments: Writer.allCases)
    func updates(writer: Writer) throws {
        try database.write(
            """
            UPDATE t SET n = n + 1; UPDATE t SET n = n + 5 WHERE k = 'a'; UPDATE t SET m = 7, note = 'q' WHERE k = 'b';
            UPDATE t SET n = n - 1, note = 'r' WHERE k = 'c'; UPDATE t SET note = 's' WHERE k = 'c';
            """, by: writer)
        #expect(try database.pending() == ["update a: n", "update b: n, m, note", "update c: n, note"])
        #expect(try database.deltas() == ["a +6", "b +1 +7", "c +0"])
    }

    @Test("UPSERT and OR REPLACE of a row that is there ship what they raised", arguments: Writer.allCases)
    func conflictClauses(writer: Writer) throws {
        try database.write(
            """
            INSERT INTO t(k, n) VALUES ('a', 4) ON CONFLICT (k) DO UPDATE SET n = n + excluded.n;
            REPLACE INTO t VALUES ('b', 15, 'y', 0, '');
            REPLACE INTO t VALUES ('c', 31, 'z', 0, ''); REPLACE INTO t VALUES ('c', 33, 'z', 0, '');
            INSERT OR IGNORE INTO t(k, n) VALUES ('a', 99);
            REPLACE INTO t VALUES ('d', 5, 'w', 0, ''); UPDATE t SET n = 6 WHERE k = 'd';
            """, by: writer)
        #expect(try database.pending() == ["insert d", "update a: n", "update b: n", "update c: n"])
        #expect(try database.deltas() == ["a +4", "b -5", "c +3"])
    }

    @Test("a row deleted and inserted again is reckoned from before the delete", arguments: Writer.allCases)
    func again(writer: Writer) throws {
        try database.write(
            """
            UPDATE t SET n = 11 WHERE k = 'a'; DELETE FROM t WHERE k = 'a'; INSERT INTO t VALUES ('a', 100, 'x', 3, '');
            DELETE FROM t WHERE k = 'b'; INSERT INTO t VALUES ('B', 0, 'y', 0, ''); UPDATE t SET n = 2 WHERE k = 'b';
            INSERT INTO t(k, n) VALUES ('e', 1); DELETE FROM t WHERE k = 'e'; INSERT INTO t(k, n) VALUES ('e', 2);
            """, by: writer)
        #expect(try database.pending() == ["insert e", "replace B", "replace a"])
        #expect(try database.deltas() == ["B -18 +0", "a +90 +3"])
    }

    @Test("a row that REPLACE took through another index and that is written anew is the same row")
    func throughAnotherIndex() throws {
        try database.write(
            """
            REPLACE INTO t VALUES ('a', 12, 'y', 0, '');
            INSERT INTO t VALUES ('b', 21, 'v', 0, '');
            UPDATE OR REPLACE t SET u = 'v' WHERE k = 'c'; INSERT INTO t(k, n) VALUES ('b', 25);
            """)
        #expect(try database.pending() == ["replace b", "update a: n, u", "update c: u"])
        #expect(try database.deltas() == ["a +2", "b +5 +0"])
    }

    @Test("a changed key is a new row without a delta, and where one stood it is raised", arguments: Writer.allCases)
    func keys(writer: Writer) throws {
        try database.write(
            """
            UPDATE t SET k = 'q', n = 77 WHERE k = 'a'; UPDATE OR REPLACE t SET k = 'c', n = n + 1 WHERE k = 'b';
            """, by: writer)
        #expect(try database.pending() == ["delete a", "delete b", "insert q", "replace c"])
        #expect(try database.deltas() == ["c -9 +0"])
    }

    @Test("what triggers and cascades write counts, with recursive_triggers on or off", arguments: ["ON", "OFF"])
    func triggers(recursive: String) throws {
        try database.write(
            """
            CREATE TRIGGER raise AFTER UPDATE OF n ON t WHEN NEW.k = 'a' BEGIN
                UPDATE t SET m = m + 1, n = n + 100 WHERE k = 'b'; END;
            CREATE TRIGGER fresh AFTER INSERT ON t WHEN NEW.k = 'd' BEGIN
                UPDATE t SET n = n + 1 WHERE k = 'd'; UPDATE t SET n = n + 1 WHERE k = 'c'; END;
            CREATE TRIGGER gone AFTER DELETE ON t BEGIN UPDATE t SET m = m + 10 WHERE k = 'c'; END;
            PRAGMA recursive_triggers = \(recursive);
            UPDATE t SET n = n + 1 WHERE k = 'a'; INSERT INTO t(k, n) VALUES ('d', 1);
            REPLACE INTO t VALUES ('b', 0, 'y', 0, '');
            """)
        let replaced = recursive == "ON" ? "c +1 +10" : "c +1"
        #expect(try database.deltas() == ["a +1", "b -20 +0", replaced])
        #expect(try database.pending().contains("insert d"))
    }

    @Test("a write that is taken back leaves no delta behind, and one in a savepoint counts")
    func takenBack() throws {
        try database.write(
            """
            BEGIN; UPDATE t SET n = 99 WHERE k = 'a'; ROLLBACK;
            BEGIN; SAVEPOINT s; UPDATE t SET n = 50; ROLLBACK TO s; UPDATE t SET n = n + 2 WHERE k = 'b'; COMMIT;
            UPDATE OR IGNORE t SET n = 40, u = 'x' WHERE k = 'c';
            """)
        #expect(try database.deltas() == ["b +2"])
    }

    @Test("a raise beyond 64 bits is not known, and the write is absolute")
    func overflow() throws {
        try database.write("UPDATE t SET n = 9223372036854775807 WHERE k = 'a'; UPDATE t SET n = -5 WHERE k = 'b'")
        try database.forgetMarks()
        try database.write("UPDATE t SET n = -2 WHERE k = 'a'; UPDATE t SET n = 9223372036854775807 WHERE k = 'b'")
        #expect(try database.deltas() == ["a none", "b none"])
    }

    @Test("after a seal the delta begins anew")
    func begins() throws {
        try database.write("UPDATE t SET n = 11 WHERE k = 'a'")
        try database.forgetMarks()
        try database.write("UPDATE t SET n = 12 WHERE k = 'a'")
        #expect(try database.deltas() == ["a +1"])
    }
}
