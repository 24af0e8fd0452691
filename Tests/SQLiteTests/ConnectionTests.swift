import SQLite
import TestKit
import Testing

@Suite("A connection")
struct ConnectionTests {
    let folder: TemporaryFolder
    let database: Connection

    init() throws {
        folder = try TemporaryFolder()
        database = try Connection(path: folder.file("a.db"), mode: .create, busyTimeoutMs: 0)
        try database.execute(
            "CREATE TABLE t(k TEXT PRIMARY KEY, v) ; -- and a row\nINSERT INTO t VALUES ('a', 1);")
    }

    func count() throws -> Int64? { try database.firstInteger("SELECT count(*) FROM t") }

    @Test("a missing file is made only when asked for")
    func missing() throws {
        #expect(throws: SQLiteError.self) {
            try Connection(path: folder.file("missing.db"), mode: .readWrite, busyTimeoutMs: 0)
        }
        let reader = try Connection(path: folder.file("a.db"), mode: .readOnly, busyTimeoutMs: 0)
        #expect(throws: SQLiteError.self) { try reader.execute("DELETE FROM t") }
    }

    @Test("an error carries the extended code, SQLite's words and the statement")
    func errors() throws {
        let error = try #require(throws: SQLiteError.self) {
            try database.execute("INSERT INTO t VALUES ('a', 2)")
        }
        #expect(error.code == 1555)
        #expect(error.isUnique)
        #expect(error.message == "UNIQUE constraint failed: t.k")
        #expect(error.doing == "INSERT INTO t VALUES ('a', 2)")
        #expect(throws: SQLiteError.self) { try database.prepare("SELEKT") }
        #expect(throws: SQLiteError.self) { try database.prepare("-- nothing") }
    }

    @Test("a transaction that throws leaves nothing")
    func transactions() throws {
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try database.transaction {
                try database.execute("INSERT INTO t VALUES ('b', 1)")
                throw Stop()
            }
        }
        #expect(try count() == 1)
        #expect(!database.isInTransaction)
        let answer = try database.transaction {
            try database.execute("INSERT INTO t VALUES ('b', 1)")
            return 42
        }
        #expect(answer == 42)
        #expect(try count() == 2)
    }

    @Test("a COMMIT that fails rolls back")
    func failingCommit() throws {
        try database.execute(
            """
            PRAGMA foreign_keys=ON;
            CREATE TABLE c(p TEXT REFERENCES t(k) DEFERRABLE INITIALLY DEFERRED)
            """)
        #expect(throws: SQLiteError.self) {
            try database.transaction { try database.execute("INSERT INTO c VALUES ('nobody')") }
        }
        #expect(!database.isInTransaction)
        #expect(try database.firstInteger("SELECT count(*) FROM c") == 0)
    }

    @Test("a savepoint that throws takes back only its own part, also when its name needs quotes")
    func savepoints() throws {
        struct Stop: Error {}
        try database.transaction {
            try database.execute("INSERT INTO t VALUES ('b', 1)")
            #expect(throws: Stop.self) {
                try database.savepoint("inner \"one\"") {
                    try database.execute("INSERT INTO t VALUES ('c', 1)")
                    throw Stop()
                }
            }
            try database.beginSavepoint("x")
            try database.execute("INSERT INTO t VALUES ('d', 1)")
            try database.rollback(to: "x")
            try database.release("x")
        }
        #expect(try count() == 2)
    }

    @Test("with triggers off none fires, and on again they do")
    func triggers() throws {
        try database.execute(
            "CREATE TRIGGER double AFTER INSERT ON t BEGIN INSERT INTO t VALUES(NEW.k||NEW.k,0); END")
        try database.setTriggersEnabled(false)
        try database.execute("INSERT INTO t VALUES ('b', 1)")
        #expect(try count() == 2)
        try database.setTriggersEnabled(true)
        try database.execute("INSERT INTO t VALUES ('c', 1)")
        #expect(try count() == 4)
        #expect(database.changes == 1)
        #expect(database.totalChanges == 4)
    }

    @Test("data_version changes when somebody else commits, and only then")
    func dataVersion() throws {
        let before = try database.dataVersion()
        try database.execute("INSERT INTO t VALUES ('mine', 1)")
        #expect(try database.dataVersion() == before)
        let other = try Connection(path: folder.file("a.db"), mode: .readWrite, busyTimeoutMs: 0)
        try other.execute("INSERT INTO t VALUES ('theirs', 1)")
        #expect(try database.dataVersion() != before)
    }

    @Test("a second writer is busy, and the error says so")
    func busy() throws {
        let other = try Connection(path: folder.file("a.db"), mode: .readWrite, busyTimeoutMs: 0)
        try database.transaction {
            let error = try #require(throws: SQLiteError.self) { try other.begin() }
            #expect(error.isBusy)
        }
        try other.begin()
        other.rollback()
    }

    @Test("quoting survives every name")
    func quoting() throws {
        #expect(quote(identifier: "a\"b") == "\"a\"\"b\"")
        #expect(quote(identifier: "") == "\"\"")
        #expect(quoteText("it's") == "'it''s'")
        for name in ["select", "a b", "a\"b", "a'b", "æøå", "a;--", "[x]"] {
            try database.execute("CREATE TABLE \(quote(identifier: name))(x)")
            let found = try database.firstString(
                "SELECT name FROM sqlite_schema WHERE name = \(quoteText(name)) AND type = 'table'")
            #expect(found == name)
        }
    }

    @Test("the statements of a text come one by one with their places")
    func walk() throws {
        var offsets: [Int] = []
        let sql = "INSERT INTO t VALUES('b',';');\n-- x;\n/* ; */ DELETE FROM t WHERE k='a';\n"
        try database.forEachStatement(in: sql) { statement, offset in
            try statement.run()
            offsets.append(offset)
        }
        #expect(offsets == [0, 30])
        #expect(try count() == 1)
        let failure = try #require(throws: StatementFailure.self) {
            try database.forEachStatement(in: "SELECT 1; SELEKT 2") { _, _ in }
        }
        #expect(failure.offset == 9)
        #expect(throws: SQLiteError.self) { try database.forEachStatement(in: "SELECT 1;\0") { _, _ in } }
    }

    @Test("interrupt ends a long statement from another thread, and is harmless after close")
    func interrupt() async throws {
        let handle = database.interruptHandle
        let stopper = Task.detached {
            while !Task.isCancelled {
                handle.interrupt()
                await Task.yield()
            }
        }
        let error = try #require(throws: SQLiteError.self) {
            try database.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")
        }
        #expect(error.primaryCode == 9)
        stopper.cancel()
        await stopper.value
        database.close()
        database.close()
        handle.interrupt()
    }
}
