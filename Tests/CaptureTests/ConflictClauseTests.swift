import SQLite
import Testing

@Suite("Capture: OR REPLACE, OR IGNORE, OR FAIL and UPSERT", .enabled(if: Writer.areHere))
struct ConflictClauseTests {
    static let schema = """
        CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, u TEXT, a INTEGER, b TEXT, g AS (lower(b)));
        CREATE UNIQUE INDEX "by u" ON t(u COLLATE NOCASE);
        """
    static let rows =
        "INSERT INTO t VALUES ('1', 'one', 1, 'x'), ('2', 'two', 2, 'y'), ('3', 'three', 3, 'z');"

    @Test("OR REPLACE of a row ships only the columns that differ", arguments: Writer.allCases)
    func replaceSameKey(writer: Writer) throws {
        let database = try CapturedDatabase(Self.schema, rows: Self.rows)
        try database.write(
            """
            INSERT OR REPLACE INTO t VALUES ('1', 'one', 1, 'X');
            REPLACE INTO t VALUES ('2', 'two', 2, 'y');
            REPLACE INTO t VALUES ('4', 'four', 4, 'w');
            """, by: writer)
        #expect(try database.pending() == ["insert 4", "update 1: b"])
    }

    @Test("two REPLACEs of a row ship what differs from the first on")
    func replaceTwice() throws {
        let database = try CapturedDatabase(Self.schema, rows: Self.rows)
        try database.write(
            """
            REPLACE INTO t VALUES ('1', 'one', 1, 'X'); REPLACE INTO t VALUES ('1', 'one', 7, 'X');
            DELETE FROM t WHERE k = '2'; REPLACE INTO t VALUES ('2', 'two', 2, 'y');
            REPLACE INTO t VALUES ('3', 'three', 9, 'z'); DELETE FROM t WHERE k = '3';
            """)
        #expect(try database.pending() == ["delete 3", "replace 2", "update 1: a, b"])
    }

    @Test("OR REPLACE through another UNIQUE index deletes the other row", arguments: Writer.allCases)
    func replaceOther(writer: Writer) throws {
        let database = try CapturedDatabase(Self.schema, rows: Self.rows)
        try database.write("REPLACE INTO t VALUES ('9', 'ONE', 9, 'q')", by: writer)
        #expect(try database.pending() == ["delete 1", "insert 9"])
        try database.write("REPLACE INTO t VALUES ('2', 'three', 2, 'y')", by: writer)
        #expect(try database.pending() == ["delete 1", "delete 3", "insert 9", "update 2: u"])
    }

    @Test("UPDATE OR REPLACE deletes through the key and through the index", arguments: Writer.allCases)
    func updateReplace(writer: Writer) throws {
        let database = try CapturedDatabase(Self.schema, rows: Self.rows)
        try database.write("UPDATE OR REPLACE t SET u = 'TWO' WHERE k = '1'", by: writer)
        #expect(try database.pending() == ["delete 2", "update 1: u"])
        try database.forgetMarks()
        try database.write("UPDATE OR REPLACE t SET k = '3' WHERE k = '1'", by: writer)
        #expect(try database.pending() == ["delete 1", "replace 3"])
    }

    @Test("OR IGNORE ships nothing of the rows it ignores", arguments: Writer.allCases)
    func ignore(writer: Writer) throws {
        let database = try CapturedDatabase(Self.schema, rows: Self.rows)
        try database.write(
            """
            INSERT OR IGNORE INTO t VALUES ('1', 'other', 9, 'q'), ('7', 'two', 9, 'q'), ('8', 'new', 8, 'v');
            UPDATE OR IGNORE t SET u = 'two' WHERE k = '1';
            """, by: writer)
        #expect(try database.pending() == ["insert 8"])
    }

    @Test("OR FAIL keeps and ships the rows before the failure", arguments: Writer.allCases)
    func fail(writer: Writer) throws {
        let database = try CapturedDatabase(Self.schema, rows: Self.rows)
        try database.write(
            "INSERT OR FAIL INTO t VALUES ('8', 'new', 8, 'v'), ('1', 'x', 9, 'q'), ('9', 'late', 8, 'v')",
            by: writer, failing: true)
        #expect(try database.pending() == ["insert 8"])
    }

    @Test("UPSERT ships the columns that it changed", arguments: Writer.allCases)
    func upsert(writer: Writer) throws {
        let database = try CapturedDatabase(Self.schema, rows: Self.rows)
        try database.write(
            """
            INSERT INTO t VALUES ('1', 'q', 9, 'q') ON CONFLICT(k) DO UPDATE SET a = excluded.a;
            INSERT INTO t VALUES ('2', 'q', 9, 'q') ON CONFLICT(k) DO NOTHING;
            INSERT INTO t VALUES ('5', 'THREE', 5, 'q') ON CONFLICT DO UPDATE SET b = 'upserted';
            INSERT INTO t VALUES ('6', 'six', 6, 'q') ON CONFLICT(k) DO UPDATE SET b = 'no';
            """, by: writer)
        #expect(try database.pending() == ["insert 6", "update 1: a", "update 3: b"])
    }

    @Test("a candidate that was ignored does not lend its columns to a later REPLACE")
    func staleCandidate() throws {
        let database = try CapturedDatabase(Self.schema, rows: Self.rows)
        try database.write(
            """
            INSERT OR IGNORE INTO t VALUES ('1', 'q', 99, 'q');
            REPLACE INTO t VALUES ('1', 'one', 1, 'only b');
            INSERT OR IGNORE INTO t VALUES ('2', 'q', 99, 'q'); DELETE FROM t WHERE k = '2';
            INSERT INTO t VALUES ('2', 'two', 2, 'back');
            """)
        #expect(try database.pending() == ["replace 2", "update 1: b"])
    }

    @Test("a partial index, an expression, a generated column and a rowid lead REPLACE to the other row")
    func otherIndexes() throws {
        let database = try CapturedDatabase(
            """
            CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, bed INT, state TEXT, code TEXT, g AS (code || '!'));
            CREATE UNIQUE INDEX one_active ON t(bed) WHERE state = 'active' AND bed > 0; -- the bed's stay
            CREATE UNIQUE INDEX by_number ON t((code = 7), /* , ) */ (substr(code, 1, 2)));
            CREATE UNIQUE INDEX by_generated ON t(g);
            """,
            rows: """
                INSERT INTO t VALUES ('a', 1, 'active', '07'), ('b', 2, 'active', '7'), ('c', 1, 'ended', 'cc');
                """)
        try database.write("REPLACE INTO t VALUES ('d', 1, 'active', 'dd')")
        #expect(try database.pending() == ["delete a", "insert d"])
        try database.forgetMarks()
        try database.write("REPLACE INTO t VALUES ('e', NULL, 'ended', 7)")
        #expect(try database.pending() == ["delete b", "insert e"])
        try database.forgetMarks()
        try database.write("REPLACE INTO t(rowid, k) SELECT rowid, 'f' FROM t WHERE k = 'c'")
        #expect(try database.pending() == ["delete c", "insert f"])
        try database.forgetMarks()
        try database.write(
            "UPDATE OR REPLACE t SET rowid = (SELECT rowid FROM t WHERE k = 'd') WHERE k = 'f'")
        #expect(try database.pending() == ["delete d"])
        try database.forgetMarks()
        try database.write("UPDATE OR REPLACE t SET bed = 0, code = '7' WHERE k = 'f'")
        #expect(try database.pending() == ["delete e", "update f: bed, code"])
    }

    @Test("UPDATE OR REPLACE through a generated column whose other source stays as it is")
    func generatedFromUnchanged() throws {
        let database = try CapturedDatabase(
            "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, ward TEXT, bed INT, g AS (ward || bed) UNIQUE);",
            rows: "INSERT INTO t VALUES ('a', 'w', 1), ('b', 'w', 2);")
        try database.write("UPDATE OR REPLACE t SET bed = 1 WHERE k = 'b'")
        #expect(try database.pending() == ["delete a", "update b: bed"])
    }

    @Test("OR REPLACE that puts a default for NULL meets the row with the default")
    func defaults() throws {
        let database = try CapturedDatabase(
            """
            CREATE TABLE t(k TEXT NOT NULL DEFAULT 'main' PRIMARY KEY, u TEXT NOT NULL DEFAULT 'it''s' UNIQUE, n);
            """, rows: "INSERT INTO t VALUES ('main', 'u', 1), ('other', 'it''s', 2);")
        try database.write("REPLACE INTO t VALUES (NULL, NULL, 3)")
        #expect(try database.pending() == ["delete other", "update main: u, n"])
        let expression = try CapturedDatabase(
            """
            CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, u TEXT NOT NULL DEFAULT 'x');
            CREATE UNIQUE INDEX i ON t(upper(u));
            """, rows: "INSERT INTO t VALUES ('a', 'X');")
        try expression.write("REPLACE INTO t VALUES ('b', NULL)")
        #expect(try expression.pending() == ["delete a", "insert b"])
    }

    @Test("with recursive_triggers on a REPLACE ships the whole row, and the row it deleted")
    func recursive() throws {
        let database = try CapturedDatabase(Self.schema, rows: Self.rows)
        try database.write("PRAGMA recursive_triggers = ON; REPLACE INTO t VALUES ('1', 'two', 1, 'X')")
        #expect(try database.pending() == ["delete 2", "replace 1"])
    }

    @Test("a REPLACE that changes the key's case ships the row with its new key")
    func keyCase() throws {
        let database = try CapturedDatabase(
            "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL COLLATE NOCASE, n);",
            rows: "INSERT INTO t VALUES ('a', 1);")
        try database.write("REPLACE INTO t VALUES ('A', 1)")
        #expect(try database.pending() == ["replace A"])
        try database.forgetMarks()
        try database.write("UPDATE t SET k = 'a'")
        #expect(try database.pending() == ["replace a"])
    }
}
