import Capturing
import SQLite
import TableModel
import Testing

@Suite("Capture: what a seal reads is exactly what was written", .enabled(if: Writer.areHere))
struct ValueTests {
    /// Python expressions of values, and the storage class and bytes (or number) that a seal must read.
    static let values: [(python: String, storage: StorageClass, bytes: [UInt8], number: Double)] = [
        ("None", .null, [], 0),
        ("-9223372036854775808", .integer, [], -9.2e18),
        ("9223372036854775807", .integer, [], 9.2e18),
        ("float('inf')", .real, [], .infinity), ("float('-inf')", .real, [], -.infinity),
        ("0.1", .real, [], 0.1), ("1.0", .real, [], 1), ("float('nan')", .null, [], 0),
        ("''", .text, [], 0), ("b''", .blob, [], 0), ("'a\\0b'", .text, [0x61, 0, 0x62], 0),
        ("'Snåsa, Snåase, Stïentje, æøå'", .text, Array("Snåsa, Snåase, Stïentje, æøå".utf8), 0),
        ("'x' * 1048576", .text, [UInt8](repeating: 0x78, count: 1 << 20), 0),
        ("b'\\0' * 1048576", .blob, [UInt8](repeating: 0, count: 1 << 20), 0),
        ("bytes(range(256))", .blob, Array(0...255), 0),
    ]

    @Test("every type, in the data and in the key", arguments: values.indices)
    func exact(index: Int) throws {
        let value = Self.values[index]
        let database = try CapturedDatabase("CREATE TABLE t(k PRIMARY KEY NOT NULL, v);")
        try database.python(
            """
            value = \(value.python)
            key = 'null' if value is None or value != value else value
            db.execute('INSERT INTO t VALUES (?, ?)', (key, value))
            """)
        let (rows, query) = try read(database)
        #expect(query.verdict(of: rows) == .insert)
        check(rows, query.valueColumn(0), value)
        if value.storage != .null { check(rows, query.keyColumn(0), value) }
        // The same key out of the mark, once the row is gone.
        try database.forgetMarks()
        try database.write("DELETE FROM t")
        let (gone, again) = try read(database)
        #expect(again.verdict(of: gone) == .delete)
        if value.storage != .null { check(gone, again.keyColumn(0), value) }
    }

    @Test("text that is no UTF-8 passes unchanged")
    func invalidUTF8() throws {
        let database = try CapturedDatabase(
            "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, v TEXT);",
            rows: "INSERT INTO t VALUES ('\u{41}', 'x');")
        try database.write("UPDATE t SET k = CAST(x'ff00fe' AS TEXT), v = CAST(x'80c3' AS TEXT)")
        let (rows, query) = try read(database, skipping: 1)
        #expect(query.verdict(of: rows) == .insert)
        #expect(rows.type(query.keyColumn(0)) == .text && rows.type(query.valueColumn(0)) == .text)
        #expect(rows.bytes(query.keyColumn(0)) == [0xff, 0, 0xfe])
        #expect(rows.bytes(query.valueColumn(0)) == [0x80, 0xc3])
    }

    @Test("keys that compare equal come to one verdict, with the bytes the row has now")
    func equalKeys() throws {
        let database = try CapturedDatabase(
            "CREATE TABLE t(k NOT NULL COLLATE NOCASE PRIMARY KEY, v);",
            rows: "INSERT INTO t VALUES (1, 'n'), ('a', 't'), ('b ', 'r');")
        try database.write(
            """
            DELETE FROM t WHERE k = 1; INSERT INTO t VALUES (1.0, 'n');
            UPDATE t SET k = 'A' WHERE k = 'a'; DELETE FROM t WHERE k = 'B '; INSERT INTO t VALUES ('B ', 'q');
            DELETE FROM t WHERE k = 'b ';
            """)
        #expect(try database.pending() == ["delete b ", "replace 1.0", "replace A"])
    }

    @Test("the seal's statement uses the key's index and streams", arguments: ["BINARY", "NOCASE", "RTRIM"])
    func plan(collation: String) throws {
        let database = try CapturedDatabase(
            "CREATE TABLE t(k TEXT NOT NULL, n INT NOT NULL, v, PRIMARY KEY (k COLLATE \(collation), n));")
        let connection = try database.open()
        let table = try #require(try ReplicatedTable.readAll(from: connection).first)
        #expect(table.description.key.map(\.collation) == [collation, "BINARY"])
        let plan = try connection.prepare("EXPLAIN QUERY PLAN " + PendingRows(table).sql)
        var steps: [String] = []
        while try plan.step() { steps.append(plan.string(3)) }
        #expect(
            steps == [
                "CO-ROUTINE pending", "SCAN mark",
                "SEARCH before USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN",
                "USE TEMP B-TREE FOR GROUP BY", "SCAN pending",
                "SEARCH row USING INDEX sqlite_autoindex_t_1 (k=? AND n=?) LEFT-JOIN",
            ])
    }

    private func read(_ database: CapturedDatabase, skipping: Int = 0) throws -> (Statement, PendingRows) {
        let connection = try database.open()
        let query = PendingRows(try #require(try ReplicatedTable.readAll(from: connection).first))
        let rows = try connection.prepare(query.sql)
        for _ in 0...skipping { #expect(try rows.step()) }
        return (rows, query)
    }

    private func check(
        _ rows: Statement, _ column: Int32,
        _ value: (python: String, storage: StorageClass, bytes: [UInt8], number: Double)
    ) {
        #expect(rows.type(column) == value.storage)
        switch value.storage {
        case .integer: #expect(rows.integer(column) == Int64(value.python))
        case .real: #expect(rows.real(column) == value.number)
        case .text, .blob: #expect(rows.bytes(column) == value.bytes)
        case .null: break
        }
    }
}
