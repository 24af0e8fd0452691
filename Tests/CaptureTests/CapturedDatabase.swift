import Capturing
import SQLite
import TableModel
import TestKit
import Testing

/// The programs that write: not ours, as they come with the machine.
enum Writer: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case shell
    case python

    var testDescription: String { rawValue }

    static let areHere = ChildProgram.areHere("sqlite3", "python3")
}

/// A replicated database that another program writes, and what capture makes of it.
struct CapturedDatabase {
    let folder: TemporaryFolder
    let path: String

    /// Makes the database from a schema whose `INSERT INTO samband_table` is made from `tables`.
    init(_ schema: String, tables: [String] = ["t"], ids: String? = nil, rows: String = "") throws {
        folder = try TemporaryFolder()
        path = folder.file("site.db")
        let declarations = tables.map { name in
            "INSERT INTO samband_table(name, ids) VALUES (\(quoteText(name)), \(ids.map(quoteText) ?? "NULL"));"
        }
        try FleetCreation.createFleetDatabase(
            path: path,
            migrations: [
                Migration(name: "1.sql", sql: schema), Migration(name: "2.sql", sql: rows),
                Migration(name: "3.sql", sql: declarations.joined(separator: "\n")),
            ])
        try forgetMarks()
    }

    func open() throws -> Connection {
        let database = try Connection(path: path, mode: .readWrite, busyTimeoutMs: 5000)
        try database.registerBitwiseOr()
        return database
    }

    /// As after a seal.
    func forgetMarks() throws {
        let database = try open()
        for table in try ReplicatedTable.readAll(from: database) {
            try database.execute("DELETE FROM samband_mark_\(table.number)")
        }
    }

    /// Lets a program run SQL on the file. `failing` says that it must end in an error.
    func write(_ sql: String, by writer: Writer = .shell, failing: Bool = false) throws {
        let answer: ChildProgram.Answer
        switch writer {
        case .shell:
            answer = try ChildProgram.run("sqlite3", ["-bail", path], input: sql)
        case .python:
            let program = """
                import sqlite3, sys
                connection = sqlite3.connect(sys.argv[1], isolation_level=None)
                connection.executescript(sys.stdin.read())
                """
            answer = try ChildProgram.run("python3", ["-c", program, path], input: sql)
        }
        #expect((answer.status != 0) == failing, "\(answer.errors)")
    }

    /// Runs a Python program with `db` open on the file.
    func python(_ program: String) throws {
        let frame = "import sqlite3, sys, struct\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        let answer = try ChildProgram.run("python3", ["-", path], input: frame + program)
        #expect(answer.status == 0, "\(answer.errors)")
    }

    /// What is pending, one line per key: "insert a", "update a: note, n", "delete a", "replace a". Parts of
    /// a key are joined with "|".
    func pending(_ name: String = "t") throws -> [String] {
        let database = try open()
        let table = try #require(try ReplicatedTable.readAll(from: database).first { $0.name == name })
        let query = PendingRows(table)
        let rows = try database.prepare(query.sql)
        var found: [String] = []
        while try rows.step() {
            let key = (0..<query.keyCount).map { rows.string(query.keyColumn($0)) }.joined(separator: "|")
            switch query.verdict(of: rows) {
            case .nothing: break
            case .insert: found.append("insert \(key)")
            case .replace: found.append("replace \(key)")
            case .delete: found.append("delete \(key)")
            case .update(let mask):
                let columns = table.description.dataColumns
                let names = mask.indexes.map { table.description.columns[columns[$0]].name }
                found.append("update \(key): \(names.joined(separator: ", "))")
            }
        }
        return found.sorted()
    }

    /// By how much each pending row that was there before is changed, one line a row with columns whose policy is `sum`:
    /// "a +5", "b -1 +2".
    func deltas(_ name: String = "t") throws -> [String] {
        let database = try open()
        let table = try #require(try ReplicatedTable.readAll(from: database).first { $0.name == name })
        let query = PendingRows(table)
        let rows = try database.prepare(query.sql)
        var found: [String] = []
        while try rows.step() {
            let columns: [Int]
            switch query.verdict(of: rows) {
            case .update(let mask): columns = table.policy.sums.filter { mask.contains($0) }
            case .replace: columns = table.policy.sums
            case .nothing, .insert, .delete: continue
            }
            let deltas = columns.map { query.delta(of: $0, in: rows).map { $0 < 0 ? "\($0)" : "+\($0)" } ?? "none" }
            if !columns.isEmpty { found.append(([rows.string(query.keyColumn(0))] + deltas).joined(separator: " ")) }
        }
        return found.sorted()
    }

    /// How many marks there are.
    func markCount(_ number: Int = 1) throws -> Int64? {
        try open().firstInteger("SELECT count(*) FROM samband_mark_\(number)")
    }
}
