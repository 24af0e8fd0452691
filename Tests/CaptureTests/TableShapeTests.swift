import Capturing
import SQLite
import TableModel
import Testing

@Suite("Capture: tables of every shape", .enabled(if: Writer.areHere))
struct TableShapeTests {
    @Test(
        "composite keys, also WITHOUT ROWID",
        arguments: ["", " WITHOUT ROWID", " STRICT", " STRICT, WITHOUT ROWID"])
    func composite(options: String) throws {
        let database = try CapturedDatabase(
            """
            CREATE TABLE t(note TEXT, night TEXT NOT NULL, bed INTEGER NOT NULL, stay TEXT,
                PRIMARY KEY (bed, night))\(options);
            """,
            rows:
                "INSERT INTO t VALUES ('n', '06-01', 1, 's'), ('n', '06-02', 1, 's'), ('n', '06-01', 2, 's');"
        )
        try database.write(
            """
            UPDATE t SET stay = 'x' WHERE bed = 1 AND night = '06-01';
            UPDATE t SET bed = 3 WHERE bed = 2;
            DELETE FROM t WHERE bed = 1 AND night = '06-02';
            REPLACE INTO t VALUES ('m', '06-01', 1, 'x');
            INSERT INTO t VALUES ('m', '06-02', 1, 'back');
            """)
        #expect(
            try database.pending() == [
                "delete 2|06-01", "insert 3|06-01", "replace 1|06-02", "update 1|06-01: note, stay",
            ])
    }

    @Test("a table of nothing but its key", arguments: ["", " WITHOUT ROWID"])
    func keyOnly(options: String) throws {
        let database = try CapturedDatabase(
            "CREATE TABLE t(a TEXT NOT NULL, b TEXT NOT NULL, PRIMARY KEY (a, b))\(options);",
            rows: "INSERT INTO t VALUES ('1', '1'), ('2', '2');")
        try database.write(
            """
            INSERT INTO t VALUES ('3', '3'); UPDATE t SET b = '9' WHERE a = '1';
            DELETE FROM t WHERE a = '2'; REPLACE INTO t VALUES ('3', '3');
            """)
        #expect(try database.pending() == ["delete 1|1", "delete 2|2", "insert 1|9", "insert 3|3"])
        try database.forgetMarks()
        try database.write("REPLACE INTO t VALUES ('3', '3'); UPDATE t SET a = a")
        #expect(try database.pending() == [])
    }

    @Test("an INTEGER PRIMARY KEY that the application numbers")
    func applicationIDs() throws {
        let database = try CapturedDatabase(
            "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, n);", ids: "application",
            rows: "INSERT INTO t VALUES (7, 1), (-1, 1);")
        try database.write(
            "INSERT INTO t(n) VALUES (2); REPLACE INTO t VALUES (7, 3); UPDATE t SET id = 70 WHERE id = 8")
        #expect(try database.pending() == ["insert 70", "update 7: n"])
    }

    @Test("generated columns are neither marked nor shipped, what they are made of is")
    func generated() throws {
        let database = try CapturedDatabase(
            """
            CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, g1 AS (a + 1), a INT, g2 AS (a * 2) STORED UNIQUE, b INT);
            """, rows: "INSERT INTO t(k, a, b) VALUES ('1', 1, 1), ('2', 2, 2);")
        let table = try #require(try ReplicatedTable.readAll(from: database.open()).first).description
        #expect(table.dataColumns.map { table.columns[$0].name } == ["a", "b"])
        #expect(table.columns.map(\.number) == [1, nil, 2, nil, 3])
        try database.write("UPDATE t SET b = 5 WHERE k = '1'; UPDATE OR REPLACE t SET a = 1 WHERE k = '2'")
        #expect(try database.pending() == ["delete 1", "update 2: a"])
    }

    @Test("STRICT tables with ANY keep 1 and 1.0 apart")
    func strictAny() throws {
        let database = try CapturedDatabase(
            "CREATE TABLE t(k ANY PRIMARY KEY NOT NULL, v ANY, i INTEGER) STRICT;",
            rows: "INSERT INTO t VALUES (1, 1, 1), ('1', 1, 1);")
        try database.write("UPDATE t SET v = 1.0, i = 1.0 WHERE k = 1; UPDATE t SET v = '1' WHERE k = '1'")
        #expect(try database.pending() == ["update 1: v", "update 1: v"])
        try database.forgetMarks()
        try database.write("UPDATE t SET k = 1.0 WHERE k = 1")
        #expect(try database.pending() == ["replace 1.0"])
    }

    @Test("70 and 130 columns, each with its bit", arguments: [62, 63, 70, 124, 130])
    func wide(count: Int) throws {
        let names = (1...count).map { "c\($0)" }
        let database = try CapturedDatabase(
            "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, \(names.joined(separator: ", ")));",
            rows: "INSERT INTO t(k) VALUES ('a'), ('b'), ('c'), ('d'), ('e');")
        let last = names[count - 1]
        try database.write(
            """
            UPDATE t SET \(last) = 1 WHERE k = 'a'; UPDATE t SET c1 = 1 WHERE k = 'a';
            UPDATE t SET c62 = 1 WHERE k = 'b';
            REPLACE INTO t(k, c5, \(last)) VALUES ('c', 5, 6);
            INSERT OR IGNORE INTO t(k, c5, \(last)) VALUES ('d', 5, 6);
            REPLACE INTO t(k, \(names.joined(separator: ", "))) VALUES ('e'\(String(repeating: ", 1", count: count)));
            INSERT INTO t(k) VALUES ('f');
            """)
        #expect(
            try database.pending() == [
                "insert f", "update a: c1, \(last)", "update b: c62", "update c: c5, \(last)",
                "update e: \(names.joined(separator: ", "))",
            ])
        for name in names {
            try database.forgetMarks()
            try database.write("UPDATE t SET \(name) = 'x' WHERE k = 'd'")
            #expect(try database.pending() == ["update d: \(name)"])
            if count > 70 { break }
        }
    }

    @Test("more columns than one expression may be deep")
    func veryWide() throws {
        let names = (1...1200).map { "c\($0)" }
        let database = try CapturedDatabase(
            "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, \(names.joined(separator: ", ")));",
            rows: "INSERT INTO t(k) VALUES ('a');")
        try database.write(
            "UPDATE t SET c1200 = 1, c600 = 2; REPLACE INTO t(k, c600, c700) VALUES ('a', 2, 3);")
        #expect(try database.pending() == ["update a: c600, c700, c1200"])
    }

    static let names = [
        "select", "to og to", "a\"b", "it's", "æøå", "x;--", "[y]", "NEW", "row", "mask", "k1",
    ]

    @Test("names that need quotes, of tables and of columns", arguments: names)
    func quotedNames(name: String) throws {
        let quoted = quote(identifier: name)
        let key = quote(identifier: name + "-key")
        let database = try CapturedDatabase(
            """
            CREATE TABLE \(quoted)(\(key) TEXT PRIMARY KEY NOT NULL, \(quoted) TEXT UNIQUE, "order" INT);
            CREATE UNIQUE INDEX \(quote(identifier: "i-" + name)) ON \(quoted)(upper(\(quoted)), "order")
                WHERE \(quoted) IS NOT NULL;
            """, tables: [name], rows: "INSERT INTO \(quoted) VALUES ('a', 'x', 1), ('b', 'y', 2);")
        try database.write(
            """
            UPDATE \(quoted) SET \(quoted) = 'z' WHERE \(key) = 'a';
            REPLACE INTO \(quoted) VALUES ('c', 'Y', 2);
            """)
        #expect(try database.pending(name) == ["delete b", "insert c", "update a: \(name)"])
    }

    @Test("a column named rowid does not lead to the wrong row")
    func rowidColumn() throws {
        let database = try CapturedDatabase(
            "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, rowid TEXT, oid TEXT);",
            rows: "INSERT INTO t VALUES ('a', 'x', 'x');")
        try database.write("REPLACE INTO t(_rowid_, k) VALUES (1, 'b'); UPDATE t SET rowid = 'q'")
        #expect(try database.pending() == ["delete a", "insert b"])
    }

    @Test("a column that a user adds is not shipped until capture is installed again")
    func addColumn() throws {
        let database = try CapturedDatabase(
            "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, a);", rows: "INSERT INTO t VALUES ('1', 1);")
        try database.write("ALTER TABLE t ADD COLUMN b; UPDATE t SET b = 2")
        #expect(try database.pending() == [])
        let connection = try database.open()
        try connection.setTriggersEnabled(false)
        try connection.transaction { try Capture.install(in: connection) }
        try database.write("UPDATE t SET b = 3")
        #expect(try database.pending() == ["update 1: b"])
    }

    @Test("renamed tables and columns stay captured, and their numbers stay")
    func renames() throws {
        let database = try CapturedDatabase(
            """
            CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, a, label TEXT, u UNIQUE);
            INSERT INTO samband_policy(table_name, column_name, policy) VALUES ('t', 'a', 'newest');
            """, rows: "INSERT INTO t VALUES ('1', 1, 's', 1), ('2', 2, 's', 2);")
        let connection = try database.open()
        try connection.setTriggersEnabled(false)
        try connection.execute("UPDATE samband_table SET scope_column = 'label'")
        try database.write(
            """
            ALTER TABLE t RENAME TO t2; ALTER TABLE t2 RENAME COLUMN a TO a2; ALTER TABLE t2 RENAME COLUMN k TO k2;
            ALTER TABLE t2 RENAME COLUMN label TO label2;
            UPDATE t2 SET a2 = 5 WHERE k2 = '1'; REPLACE INTO t2 VALUES ('3', 3, 's', 2);
            """)
        try connection.transaction { try Capture.install(in: connection) }
        #expect(try database.pending("t2") == ["delete 2", "insert 3", "update 1: a2"])
        try database.write("UPDATE t2 SET a2 = 6, label2 = 'x' WHERE k2 = '3'; DELETE FROM t2 WHERE k2 = '1'")
        #expect(try database.pending("t2") == ["delete 1", "delete 2", "insert 3"])
        let table = try #require(try ReplicatedTable.readAll(from: connection).first)
        #expect(table.number == 1)
        #expect(table.scopeColumn == "label2")
        #expect(table.description.columns.map(\.name) == ["k2", "a2", "label2", "u"])
        #expect(table.description.columns.map(\.number) == [1, 2, 3, 4])
        let policies = try ReplicatedTable.policies(in: connection)
        #expect(policies.map(\.table) == ["t2"] && policies.map(\.column) == ["a2"])
    }
}
