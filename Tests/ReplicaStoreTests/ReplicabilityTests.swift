import SQLite
import Testing

@testable import TableModel

@Suite("What cannot be replicated is refused with table, reason and remedy")
struct ReplicabilityTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let schema: String
        var declaration = "INSERT INTO samband_table(name) VALUES ('t')"
        let what: String
        let why: String
        let hint: String
        var testDescription: String { why }
    }

    static let good = "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, a, g AS (a))"

    static func policy(_ column: String, _ policy: String, table: String = "t") -> String {
        """
        INSERT INTO samband_table(name) VALUES ('t');
        INSERT INTO samband_policy(table_name, column_name, policy) VALUES ('\(table)', \(column), '\(policy)')
        """
    }

    static let cases: [Case] = [
        Case(schema: "CREATE TABLE t(a)", what: "table t", why: "no primary key", hint: "randomblob(16)"),
        Case(
            schema: "CREATE TABLE t(id INTEGER PRIMARY KEY)", what: "table t, column id",
            why: "INTEGER PRIMARY KEY numbers rows", hint: "ids = 'application'"),
        Case(
            schema: "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)", what: "table t, column id",
            why: "AUTOINCREMENT", hint: "UUIDv7"),
        Case(
            schema: "CREATE VIRTUAL TABLE t USING fts5(x)", what: "table t", why: "virtual",
            hint: "run_triggers"),
        Case(
            schema: "CREATE VIEW t AS SELECT 1 AS k", what: "table t", why: "view",
            hint: "tables that the view"),
        Case(
            schema: "CREATE TABLE t(a TEXT NOT NULL, b TEXT, PRIMARY KEY (a, b))", what: "table t, column b",
            why: "may be NULL", hint: "NOT NULL"),
        Case(schema: "CREATE TABLE x(a)", what: "table t", why: "no such table", hint: "samband_table"),
        Case(
            schema: "CREATE TABLE samband_x(k TEXT PRIMARY KEY NOT NULL)",
            declaration: "INSERT INTO samband_table(name) VALUES ('Samband_x')", what: "table Samband_x",
            why: "belong to Samband", hint: "another name"),
        Case(
            schema: "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID",
            declaration: "INSERT INTO samband_table(name) VALUES ('sqlite_schema')",
            what: "table sqlite_schema",
            why: "SQLite", hint: "another name"),
        Case(
            schema: good, declaration: "INSERT INTO samband_table(name, scope_column) VALUES ('t', 'place')",
            what: "table t, scope column place", why: "no such column", hint: "scope_column"),
        Case(
            schema: good, declaration: "INSERT INTO samband_table(name, scope_column) VALUES ('t', 'g')",
            what: "table t, scope column g", why: "generated", hint: "ordinary column"),
        Case(
            schema: good, declaration: "INSERT INTO samband_table(name, ids) VALUES ('t', 'mine')",
            what: "table t", why: "ids", hint: "'application'"),
        Case(
            schema:
                "CREATE TABLE p(k TEXT PRIMARY KEY NOT NULL); CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, p REFERENCES p)",
            what: "table t", why: "references the table p, which is not replicated", hint: "Replicate p too"),
        Case(
            schema: good, declaration: policy("'none'", "newest"), what: "table t, column none",
            why: "no such column", hint: "samband_policy"),
        Case(
            schema: good, declaration: policy("NULL", "newest", table: "other"), what: "table other",
            why: "not in samband_table", hint: "samband_policy"),
        Case(
            schema: good, declaration: policy("'k'", "newest"), what: "column k", why: "part of the key",
            hint: "out"),
        Case(
            schema: good, declaration: policy("'g'", "newest"), what: "column g", why: "generated",
            hint: "made from"),
        Case(
            schema: good, declaration: policy("'a'", "best"), what: "column a", why: "'best' is unknown",
            hint: "manual, newest, hub, owner, max, min, sum"),
        Case(
            schema: good, declaration: policy("'a'", "owner"), what: "column a", why: "has no scope column",
            hint: "scope_column"),
        Case(
            schema: good, declaration: policy("'a'", "max"), what: "column a", why: "no sensible order",
            hint: "INTEGER, REAL, NUMERIC or TEXT"),
        Case(
            schema: "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, a INT, b BLOB)", declaration: policy("NULL", "min"),
            what: "column b", why: "no sensible order", hint: "'newest'"),
        Case(
            schema: "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, a INTEGER NOT NULL)",
            declaration: policy("'a'", "sum"), what: "column a", why: "only an INTEGER column of a STRICT table",
            hint: "STRICT"),
        Case(
            schema: "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, a REAL NOT NULL) STRICT",
            declaration: policy("'a'", "sum"), what: "column a", why: "only an INTEGER column of a STRICT table",
            hint: "INTEGER NOT NULL"),
        Case(
            schema: "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, a INTEGER) STRICT",
            declaration: policy("'a'", "sum"), what: "column a", why: "nothing can be added to NULL",
            hint: "NOT NULL"),
        Case(
            schema: "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, a INTEGER NOT NULL, b TEXT, UNIQUE (b, a)) STRICT",
            declaration: policy("'a'", "sum"), what: "column a", why: "a UNIQUE index over the column",
            hint: "out of the index"),
        Case(
            schema: """
                CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, a INTEGER NOT NULL, b TEXT) STRICT;
                CREATE UNIQUE INDEX i ON t(b) WHERE "A" > 0
                """,
            declaration: policy("'a'", "sum"), what: "column a", why: "a UNIQUE index over the column",
            hint: "out of the index"),
        Case(
            schema: "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, a, b)",
            declaration: unit("('t', 'a', 'hub', 'row'), ('t', 'b', NULL, 'row')"), what: "column a",
            why: "one of 2 columns that are a unit", hint: "the same policy"),
        Case(
            schema: "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, a, b)",
            declaration: unit("('t', NULL, NULL, 'row'), ('t', 'b', 'newest', NULL)"), what: "column b",
            why: "one of 2 columns that are a unit", hint: "the same policy"),
        Case(
            schema: "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, a INT, b INT)",
            declaration: unit("('t', NULL, 'max', 'row')"), what: "column a", why: "looks at one column by itself",
            hint: "unit = 'column'"),
        Case(
            schema: good, declaration: unit("('t', 'a', NULL, 'pair')"), what: "column a",
            why: "the unit 'pair' is unknown", hint: "'row'"),
        Case(
            schema: good, declaration: unit("('t', 'k', NULL, 'row')"), what: "column k", why: "part of the key",
            hint: "out"),
    ]

    static func unit(_ rows: String) -> String {
        """
        INSERT INTO samband_table(name) VALUES ('t');
        INSERT INTO samband_policy(table_name, column_name, policy, unit) VALUES \(rows)
        """
    }

    func check(_ schema: String, _ declaration: String) throws {
        let database = try Connection(path: ":memory:", mode: .create, busyTimeoutMs: 0)
        try SystemTables.create(in: database)
        try database.execute(schema)
        try database.execute(declaration)
        try Replicability.check(database)
    }

    @Test("each in its words", arguments: cases)
    func refused(one: Case) throws {
        let error = try #require(throws: SchemaError.self) { try check(one.schema, one.declaration) }
        let refusal = try #require(error.refusal)
        #expect(refusal.what.contains(one.what), "\(refusal)")
        #expect(refusal.why.contains(one.why), "\(refusal)")
        #expect(refusal.hint.contains(one.hint), "\(refusal)")
    }

    @Test("what is fine passes")
    func fine() throws {
        try check(Self.good, Self.policy("'A'", "manual"))
        try check(Self.good, Self.policy("NULL", "newest", table: "T"))
        let sum = "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, a INTEGER NOT NULL, b TEXT UNIQUE) STRICT"
        try check(sum, Self.policy("'a'", "sum"))
        try check(sum, Self.policy("NULL", "max"))
        try check(
            "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, place TEXT, a, b)",
            """
            INSERT INTO samband_table(name, scope_column) VALUES ('t', 'place');
            INSERT INTO samband_policy(table_name, column_name, policy, unit) VALUES
              ('t', NULL, 'owner', NULL), ('t', 'a', NULL, 'row'), ('t', 'b', 'owner', 'row'),
              ('t', 'place', 'manual', 'column');
            """)
        try check(
            "CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY) WITHOUT ROWID", Self.cases[0].declaration)
        try check("CREATE TABLE t(k INT PRIMARY KEY, p INT REFERENCES t) STRICT", Self.cases[0].declaration)
        try check(
            "CREATE TABLE t(k INTEGER PRIMARY KEY)",
            "INSERT INTO samband_table(name, ids) VALUES ('t', 'application')")
    }

    @Test("a table has one policy of its own, and a column too")
    func twice() throws {
        for name in ["NULL", "'a'"] {
            #expect(throws: SQLiteError.self) {
                try check(Self.good, Self.policy(name, "newest") + "; " + Self.policy(name, "manual"))
            }
        }
    }

    @Test("a key collation of the application's own is refused")
    func collation() throws {
        // A collation must exist to declare a column with it; a written schema may name one that is not here.
        let database = try Connection(path: ":memory:", mode: .create, busyTimeoutMs: 0)
        try SystemTables.create(in: database)
        try database.execute(
            """
            CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL); INSERT INTO samband_table(name) VALUES ('t');
            PRAGMA writable_schema = ON;
            UPDATE sqlite_schema SET sql = 'CREATE TABLE t(k TEXT COLLATE nynorsk PRIMARY KEY NOT NULL)'
                WHERE name = 't';
            PRAGMA writable_schema = RESET;
            """)
        let error = try #require(throws: SchemaError.self) { try Replicability.check(database) }
        #expect(error.refusal?.why.contains("NYNORSK") == true, "\(error)")
    }

    @Test("a database of UTF-16 is refused")
    func encoding() throws {
        let database = try Connection(path: ":memory:", mode: .create, busyTimeoutMs: 0)
        try database.execute("PRAGMA encoding = 'UTF-16'")
        try SystemTables.create(in: database)
        let error = try #require(throws: SchemaError.self) { try Replicability.check(database) }
        #expect(error.refusal?.why == "its encoding is UTF-16le, not UTF-8")
    }

    static let mounts = """
        21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
        22 21 0:30 / /srv/far rw shared:1 - nfs4 server:/far rw
        23 22 254:1 / /srv/far/disk rw - xfs /dev/vdb rw
        24 21 0:31 / /mnt/a\\040b rw - cifs //server/share rw
        25 21 0:32 / /mnt/over rw - ext4 /dev/vdc rw
        26 21 0:33 / /mnt/over rw - fuse.sshfs host: rw
        """

    @Test(
        "a network file system is known by the mount that holds the folder",
        arguments: [
            ("/srv", nil), ("/srv/far", "nfs4"), ("/srv/far/x/y", "nfs4"), ("/srv/farther", nil),
            ("/srv/far/disk/x", nil), ("/mnt/a b", "cifs"), ("/mnt/over", "fuse.sshfs"),
        ] as [(String, String?)])
    func network(folder: String, type: String?) {
        #expect(FileSystem.networkName(folder: folder, mountInfo: Self.mounts) == type)
    }
}
