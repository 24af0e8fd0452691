import Foundation
import HubDatabase
import Replication
import SQLite
import SimulationKit

/// A fleet's files as they are before its first history, made once for each choice of tables: the hub's database
/// with all sites admitted, and a node's for each. A history starts from copies.
struct StoreTemplate {
    let folder: String
    let replicas: [String: UInt32]
    /// The hub's own.
    let hub: UInt32
    let numbers: [Int]
    /// All tables of the hub's database.
    let tables: Set<String>

    init(_ catalogue: Catalogue, folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        self.folder = folder
        let nowMs: UInt64 = 1_699_999_999_000
        let path = folder + "/hub.db"
        // The same numbers in every run: they order writes of one stamp, and a history must replay exactly.
        let numbers = ReplicaNumbers(seed: 20_111_231)
        try HubCreation.create(
            path: path, fleet: "simulation", migrations: [(name: "001.sql", sql: catalogue.schema)],
            nowMs: nowMs, drawReplica: numbers.draw)
        let hub = try HubStore(path: path, drawReplica: numbers.draw)
        var replicas: [String: UInt32] = [:]
        // Random tables serve a few histories of a few sites: the fewer, the cheaper.
        let sites = catalogue.isJudged ? Scenario.names.prefix(4) : Scenario.names[...]
        for site in ["observer"] + sites { replicas[site] = try hub.admit(site: site, nowMs: nowMs) }
        for site in sites {
            try hub.makeSnapshot(for: replicas[site]!, to: "\(folder)/\(site).db", nowMs: nowMs)
        }
        self.replicas = replicas
        self.hub = hub.replica
        let connection = try Connection(path: path, mode: .readWrite, busyTimeoutMs: 1000)
        defer { connection.close() }
        self.numbers = try catalogue.tables.map { table in
            let statement = try connection.prepare("SELECT number FROM samband_table WHERE name = ?1")
            try statement.bind(at: 1, text: table.name)
            guard try statement.step() else { throw Broken("table \(table.name) is not replicated") }
            return Int(statement.integer(0))
        }
        let names = try connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        var tables: Set<String> = []
        while try names.step() { tables.insert(names.string(0)) }
        self.tables = tables
        try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    }
}

/// Replica numbers in no order of the sites.
final class ReplicaNumbers {
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    func draw() -> UInt32 { UInt32(random.int(1...Int(Int32.max) - 1)) }

    func ticket() -> [UInt8] { (0..<16).map { _ in UInt8(random.int(0...255)) } }
}

extension Catalogue {
    /// The migration that makes these tables and has them replicated.
    var schema: String {
        tables.map { table in
            let ids = table.ids.map { "'\($0)'" } ?? "NULL"
            let scope = table.scopeColumn.map { "'\(table.dataColumns[$0].name)'" } ?? "NULL"
            var text =
                ([table.createSQL] + table.indexes).map { $0 + ";\n" }.joined()
                + "INSERT INTO samband_table(name, ids, scope_column) VALUES ('\(table.name)', \(ids), \(scope));\n"
            for (column, model) in table.dataColumns.enumerated() {
                let policy = table.policies[column].map { "'\($0.rawValue)'" } ?? "NULL"
                let unit = table.unit.contains(column) ? "'row'" : "NULL"
                if policy == unit { continue }
                text +=
                    "INSERT INTO samband_policy(table_name, column_name, policy, unit)"
                    + " VALUES ('\(table.name)', '\(model.name)', \(policy), \(unit));\n"
            }
            return text
        }.joined()
    }
}

/// The folder of one test run, in memory where the machine has such a place, gone when it ends.
final class SimulationFolder {
    let path: String
    private var templates: [String: StoreTemplate] = [:]
    private var lastRandom: String?
    private var count = 0

    init() throws {
        let base =
            FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        path = "\(base)/samband-simulation-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        // What is left is rubbish in a folder for rubbish.
        try? FileManager.default.removeItem(atPath: path)
    }

    func template(_ catalogue: Catalogue) throws -> StoreTemplate {
        let schema = catalogue.schema
        if let known = templates[schema] { return known }
        if catalogue.isJudged {
            if let last = lastRandom, let old = templates.removeValue(forKey: last) {
                try FileManager.default.removeItem(atPath: old.folder)
            }
            lastRandom = schema
        }
        count += 1
        let made = try StoreTemplate(catalogue, folder: "\(path)/template-\(count)")
        templates[schema] = made
        return made
    }

    func newFolder() throws -> String {
        count += 1
        let folder = "\(path)/\(count)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }
}
