import Capturing
import SQLite
import Testing

@Suite("Capture: plain writes by other programs", .enabled(if: Writer.areHere))
struct BasicWriteTests {
    static let schema = """
        CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, n INTEGER, note TEXT COLLATE NOCASE, u, r REAL, b BLOB);
        """
    static let rows = "INSERT INTO t VALUES ('a', 1, 'one', 1, 1.5, x'01'), ('b', 2, 'two', 'x', 2.5, x'02');"

    let database: CapturedDatabase

    init() throws { database = try CapturedDatabase(Self.schema, rows: Self.rows) }

    @Test("insert, update and delete ship as such", arguments: Writer.allCases)
    func plain(writer: Writer) throws {
        try database.write(
            """
            INSERT INTO t(k, n) VALUES ('c', 3);
            UPDATE t SET n = 9 WHERE k = 'a';
            DELETE FROM t WHERE k = 'b';
            """, by: writer)
        #expect(try database.pending() == ["delete b", "insert c", "update a: n"])
    }

    @Test("an update that changes nothing leaves no mark", arguments: Writer.allCases)
    func noChange(writer: Writer) throws {
        try database.write("UPDATE t SET n = n, note = 'one', u = 1, k = k WHERE k = 'a'", by: writer)
        #expect(try database.markCount() == 0)
    }

    @Test("a change of type, of case or of bytes alone is a change", arguments: Writer.allCases)
    func subtle(writer: Writer) throws {
        try database.write("UPDATE t SET u = 1.0, note = 'ONE' WHERE k = 'a'", by: writer)
        try database.write("UPDATE t SET u = CAST('x' AS BLOB), n = '2', r = '2.5' WHERE k = 'b'", by: writer)
        #expect(try database.pending() == ["update a: note, u", "update b: u"])
    }

    @Test("the smallest integer and the real of the same value are two values")
    func smallestInteger() throws {
        try database.write("UPDATE t SET n = -9223372036854775808, u = -9223372036854775808")
        try database.forgetMarks()
        try database.write(
            "UPDATE t SET n = -9223372036854775808.0, u = -9223372036854775808.0 WHERE k = 'a'")
        #expect(try database.pending() == ["update a: n, u"])
    }

    @Test("NULL to value and back are changes")
    func nulls() throws {
        try database.write("UPDATE t SET n = NULL, u = NULL WHERE k = 'a'")
        #expect(try database.pending() == ["update a: n, u"])
        try database.forgetMarks()
        try database.write("UPDATE t SET n = 1, u = NULL WHERE k = 'a'")
        #expect(try database.pending() == ["update a: n"])
    }

    @Test("several writes to one row come to one verdict", arguments: Writer.allCases)
    func coalescing(writer: Writer) throws {
        try database.write(
            """
            INSERT INTO t(k) VALUES ('x'); DELETE FROM t WHERE k = 'x';
            INSERT INTO t(k) VALUES ('y'); UPDATE t SET n = 5 WHERE k = 'y';
            INSERT INTO t(k) VALUES ('z'); DELETE FROM t WHERE k = 'z'; INSERT INTO t(k, n) VALUES ('z', 7);
            DELETE FROM t WHERE k = 'a'; INSERT INTO t(k, n) VALUES ('a', 7);
            UPDATE t SET n = 3 WHERE k = 'b'; UPDATE t SET note = 'n' WHERE k = 'b';
            """, by: writer)
        #expect(try database.pending() == ["insert y", "insert z", "replace a", "update b: n, note"])
        try database.forgetMarks()
        try database.write("UPDATE t SET n = 8 WHERE k = 'b'; DELETE FROM t WHERE k = 'b'", by: writer)
        #expect(try database.pending() == ["delete b"])
    }

    @Test("a changed key is a delete and an insert; moved there and back it is a replace")
    func keyChange() throws {
        try database.write("UPDATE t SET k = 'c', n = 5 WHERE k = 'a'")
        #expect(try database.pending() == ["delete a", "insert c"])
        try database.write("UPDATE t SET k = 'a' WHERE k = 'c'")
        #expect(try database.pending() == ["replace a"])
    }

    @Test("DELETE without WHERE deletes every row in sight of capture", arguments: Writer.allCases)
    func deleteAll(writer: Writer) throws {
        try database.write("DELETE FROM t", by: writer)
        #expect(try database.pending() == ["delete a", "delete b"])
    }

    @Test("what is rolled back leaves no mark", arguments: Writer.allCases)
    func rollback(writer: Writer) throws {
        try database.write(
            """
            BEGIN; INSERT INTO t(k) VALUES ('c'); UPDATE t SET n = 7; ROLLBACK;
            BEGIN; UPDATE t SET n = 7 WHERE k = 'a';
            SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; RELEASE s; COMMIT;
            """, by: writer)
        #expect(try database.pending() == ["update a: n"])
        #expect(try database.markCount() == 1)
    }

    @Test("a statement that fails half way leaves no mark", arguments: Writer.allCases)
    func failingStatement(writer: Writer) throws {
        try database.write("INSERT INTO t(k) VALUES ('c'), ('d'), ('a')", by: writer, failing: true)
        #expect(try database.markCount() == 0)
        try database.write("UPDATE t SET k = 'same'", by: writer, failing: true)
        #expect(try database.markCount() == 0)
    }

    @Test("marks survive VACUUM and a switch of the journal mode", arguments: Writer.allCases)
    func vacuum(writer: Writer) throws {
        try database.write(
            """
            UPDATE t SET n = 9 WHERE k = 'a'; INSERT OR REPLACE INTO t VALUES ('b', 9, 'two', 'x', 2.5, x'02');
            VACUUM; PRAGMA journal_mode = DELETE; INSERT INTO t(k) VALUES ('c');
            PRAGMA journal_mode = WAL; DELETE FROM t WHERE k = 'a'; VACUUM;
            """, by: writer)
        #expect(try database.pending() == ["delete a", "insert c", "update b: n"])
    }

    @Test(
        "a writer with trusted_schema off, or with the file attached, is captured", arguments: Writer.allCases
    )
    func attached(writer: Writer) throws {
        try database.write("PRAGMA trusted_schema = OFF; UPDATE t SET n = 9 WHERE k = 'a'", by: writer)
        let other = database.folder.file("other.db")
        try database.write(
            """
            ATTACH \(quoteText(other)) AS other; CREATE TABLE other.t(k TEXT PRIMARY KEY, n);
            INSERT INTO other.t VALUES ('q', 1); DELETE FROM other.t; DELETE FROM main.t WHERE k = 'b';
            """, by: writer)
        #expect(try database.pending() == ["delete b", "update a: n"])
    }

    @Test("minus zero for zero goes unseen: SQLite cannot tell them apart")
    func minusZero() throws {
        try database.write("UPDATE t SET r = 0.0")
        try database.forgetMarks()
        try database.python("db.execute('UPDATE t SET r = ?', (-0.0,))")
        #expect(try database.markCount() == 0)
    }
}
