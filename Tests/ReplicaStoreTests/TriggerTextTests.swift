import Capturing
import Foundation
import Replication
import SQLite
import TableModel
import Testing

/// The stored triggers are part of the file format: every change of their text shall be seen in review.
/// With RECORD_SNAPSHOTS set, the files are written instead of compared.
@Suite("The text of the capture triggers")
struct TriggerTextTests {
    static let tables: [(name: String, sql: String, sums: [Int])] = [
        (
            "referral",
            """
            CREATE TABLE referral(
                id BLOB PRIMARY KEY NOT NULL, patient BLOB NOT NULL, from_unit TEXT, to_unit TEXT, status TEXT,
                priority INTEGER, received TEXT, note TEXT, weight REAL)
            """, []
        ),
        (
            "bed_night",
            """
            CREATE TABLE bed_night(
                bed INTEGER NOT NULL, night TEXT NOT NULL COLLATE NOCASE, stay ANY, hours INT,
                municipality TEXT NOT NULL DEFAULT 'Steinkjer', label TEXT AS (bed || night),
                PRIMARY KEY (bed, night), UNIQUE (stay, municipality)
            ) STRICT, WITHOUT ROWID;
            CREATE UNIQUE INDEX late ON bed_night(lower(label)) WHERE hours > 12
            """, []
        ),
        (
            "stock",
            """
            CREATE TABLE stock(
                store TEXT NOT NULL, item TEXT NOT NULL COLLATE NOCASE, pieces INTEGER NOT NULL, shelf TEXT,
                reserved INTEGER NOT NULL, PRIMARY KEY (store, item), UNIQUE (store, shelf)
            ) STRICT
            """, [0, 2]
        ),
        ("membership", "CREATE TABLE membership(a TEXT NOT NULL, b TEXT NOT NULL, PRIMARY KEY (a, b))", []),
        (
            "wide",
            """
            CREATE TABLE wide(k INTEGER PRIMARY KEY, \((1...70).map { "c\($0) TEXT" }.joined(separator: ", ")))
            """, []
        ),
    ]

    @Test("is as recorded", arguments: tables.map(\.name))
    func snapshot(name: String) throws {
        let (_, sql, sums) = try #require(Self.tables.first { $0.name == name })
        let database = try Connection(path: ":memory:", mode: .create, busyTimeoutMs: 0)
        try SystemTables.create(in: database)
        try database.execute(sql)
        let plain = try #require(try TableDescription.read(name, from: database))
        try ColumnNumbering.assignNew(to: plain, number: 1, in: database)
        let numbers = try ColumnNumbering.numbers(ofTable: 1, in: database)
        let table = try #require(try TableDescription.read(name, numbers: numbers, from: database))
        let capture = CaptureTriggers(table, number: 1, sums: sums)
        let policy = TablePolicy(columns: Dictionary(uniqueKeysWithValues: sums.map { ($0, .sum) }))
        let pending = PendingRows(table, number: 1, policy: policy)
        let statements = [capture.marks.sql] + capture.all.map(\.sql) + [pending.sql]
        let text = statements.map { $0 + ";\n" }.joined(separator: "\n")
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Snapshots/\(name).sql")
        if ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] != nil {
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == text)
    }
}
