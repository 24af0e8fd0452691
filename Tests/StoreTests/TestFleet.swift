import Foundation
import ReplicaStore
import Replication
import SQLite

/// A hub and its nodes on temporary files, driven by hand: programs write through plain connections.
final class TestFleet {
    let folder: String
    let hub: HubStore
    private(set) var nodes: [String: NodeStore] = [:]
    private(set) var programs: [String: Connection] = [:]
    var nowMs: UInt64 = 1_700_000_000_000

    init(_ schema: String) throws {
        folder = NSTemporaryDirectory() + "samband-store-\(UInt64.random(in: 0...UInt64.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try HubCreation.create(
            path: folder + "/hub.db", fleet: "test", migrations: [(name: "001.sql", sql: schema)],
            nowMs: nowMs)
        hub = try HubStore(path: folder + "/hub.db")
    }

    deinit {
        for program in programs.values { program.close() }
        // Left-overs of a test are only rubbish in the temporary folder.
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Adds a site and joins it.
    func join(_ site: String) throws {
        let replica = try hub.admit(site: site, nowMs: nowMs)
        let path = "\(folder)/\(site).db"
        try hub.makeSnapshot(for: replica, to: path, nowMs: nowMs)
        nodes[site] = try NodeStore(path: path)
        let program = try Connection(path: path, mode: .readWrite, busyTimeoutMs: 5000)
        try program.execute("PRAGMA foreign_keys = ON")
        programs[site] = program
    }

    /// A program at the site writes.
    func write(_ site: String, _ sql: String) throws { try programs[site]!.execute(sql) }

    @discardableResult
    func seal(_ site: String) throws -> Dot? {
        nowMs += 10
        return try nodes[site]!.seal(nowMs: nowMs)
    }

    func push(_ site: String) throws {
        try seal(site)
        let node = nodes[site]!
        let known = try hub.vector()[node.replica]
        for set in try node.outgoing(after: known, maxBytes: 1 << 20) {
            nowMs += 1
            _ = try hub.ingest(set, from: node.replica, nowMs: nowMs)
        }
    }

    func pull(_ site: String) throws {
        let node = nodes[site]!
        while true {
            let order = try hub.pull(for: node.replica, after: node.position(), maxBytes: 1 << 16)
            if order.isEmpty { return }
            try node.take(order, nowMs: nowMs)
        }
    }

    /// Everybody pushes all and pulls all.
    func meet() throws {
        for site in nodes.keys.sorted() { try push(site) }
        for site in nodes.keys.sorted() { try pull(site) }
    }

    /// The rows of a query as text, at a site or at the hub.
    func rows(_ place: String, _ sql: String) throws -> [String] {
        let path = "\(folder)/\(place).db"
        let reader = try Connection(path: path, mode: .readOnly, busyTimeoutMs: 1000)
        defer { reader.close() }
        let statement = try reader.prepare(sql)
        var found: [String] = []
        while try statement.step() {
            found.append(
                (0..<statement.columnCount).map {
                    statement.type($0) == .null ? "NULL" : statement.string($0)
                }
                .joined(separator: "|"))
        }
        return found
    }
}

extension TestFleet {
    /// A connection as any program opens one.
    func program(at place: String) throws -> Connection {
        try Connection(path: "\(folder)/\(place).db", mode: .readWrite, busyTimeoutMs: 1000)
    }
}
