import Foundation
import HubDatabase
import NodeDatabase
import Replication
import SQLite

/// The table of the measurements: a key of 16 bytes, about 173 bytes a row.
enum Workload {
    static let table = """
        CREATE TABLE referral(
          id BLOB PRIMARY KEY NOT NULL, municipality TEXT NOT NULL, patient BLOB NOT NULL, status TEXT NOT NULL,
          priority INTEGER NOT NULL, received TEXT NOT NULL, note TEXT)
        """
    static let registered = table + "; INSERT INTO samband_table(name) VALUES('referral');"

    static func key(_ number: Int) -> [UInt8] {
        // Spread over the key space like random identifiers, and the same in every run.
        var state = UInt64(number) &* 0x9e37_79b9_7f4a_7c15
        var bytes: [UInt8] = []
        for _ in 0..<2 {
            state = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
            for shift in stride(from: 0, to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: state >> UInt64(shift)))
            }
        }
        return bytes
    }

    /// Inserts rows in transactions of `perTransaction`.
    static func insert(_ connection: Connection, _ numbers: Range<Int>, perTransaction: Int) throws {
        let statement = try connection.cached(
            "INSERT INTO referral VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)")
        let note = String(repeating: "Pasienten ønsker time. ", count: 4)
        try inTransactions(connection, numbers, perTransaction) { number in
            try statement.bind(at: 1, blob: key(number))
            try statement.bind(at: 2, text: "1736")
            try statement.bind(at: 3, blob: key(number / 3))
            try statement.bind(at: 4, text: "received")
            try statement.bind(at: 5, integer: Int64(number % 5))
            try statement.bind(at: 6, text: "2011-12-27T10:00")
            try statement.bind(at: 7, text: note)
            try statement.run()
        }
    }

    /// Parents and children that go with them.
    static let families = """
        CREATE TABLE episode(id BLOB PRIMARY KEY NOT NULL, municipality TEXT NOT NULL, status TEXT NOT NULL, note TEXT);
        CREATE TABLE contact(
          id BLOB PRIMARY KEY NOT NULL, episode BLOB NOT NULL REFERENCES episode(id) ON DELETE CASCADE,
          status TEXT NOT NULL, note TEXT);
        CREATE INDEX contact_episode ON contact(episode);
        INSERT INTO samband_table(name) VALUES('episode'), ('contact');
        """

    /// Writes another value into one column of as many rows as `numbers` has, scattered over the `rows` of the file as
    /// those of a working day are.
    static func update(
        _ connection: Connection, _ numbers: Range<Int>, of rows: Int, perTransaction: Int,
        status: String = "accepted"
    ) throws {
        let statement = try connection.cached("UPDATE referral SET status = ?2 WHERE id = ?1")
        try inTransactions(connection, numbers, perTransaction) { number in
            try statement.bind(at: 1, blob: key(number * 7919 % rows))
            try statement.bind(at: 2, text: status)
            try statement.run()
        }
    }

    static func inTransactions(
        _ connection: Connection, _ numbers: Range<Int>, _ perTransaction: Int, _ body: (Int) throws -> Void
    ) throws {
        var start = numbers.lowerBound
        while start < numbers.upperBound {
            let end = min(start + perTransaction, numbers.upperBound)
            try connection.transaction { for number in start..<end { try body(number) } }
            start = end
        }
    }
}

/// Files of one round, gone at the end.
final class BenchFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "samband-bench-\(UInt64.random(in: 0...UInt64.max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A plain database with the same table.
    func plain(_ name: String = "plain.db", synchronous: String = "NORMAL") throws -> Connection {
        let connection = try Connection(path: "\(path)/\(name)", mode: .create, busyTimeoutMs: 1000)
        try connection.execute(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 4000; PRAGMA synchronous = \(synchronous); "
                + Workload.table)
        return connection
    }

    /// A program's connection to a database.
    func program(_ name: String) throws -> Connection {
        let connection = try Connection(path: "\(path)/\(name)", mode: .readWrite, busyTimeoutMs: 5000)
        try connection.execute("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000;")
        return connection
    }

    /// Empties the write-ahead log of a database: what was written before the clock starts is not paid for within.
    func settle(_ name: String) throws {
        let connection = try program(name)
        defer { connection.close() }
        try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    /// A hub and the files of its nodes, ready.
    func fleet(
        _ sites: [String], schema: String = Workload.registered
    ) throws -> (hub: HubStore, nodes: [NodeStore]) {
        try HubCreation.create(
            path: path + "/hub.db", fleet: "bench", migrations: [(name: "001.sql", sql: schema)], nowMs: nowMs())
        let hub = try HubStore(path: path + "/hub.db")
        var nodes: [NodeStore] = []
        for site in sites {
            let replica = try hub.admit(site: site, nowMs: nowMs())
            try hub.makeSnapshot(for: replica, to: "\(path)/\(site).db", nowMs: nowMs())
            nodes.append(try NodeStore(path: "\(path)/\(site).db"))
        }
        return (hub, nodes)
    }
}

func nowMs() -> UInt64 { UInt64(Date().timeIntervalSince1970 * 1000) }
