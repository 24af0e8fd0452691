import Foundation
import Replication
import SQLite
import Testing

@testable import HubDatabase
@testable import TableModel

@Suite("Backups of the hub")
struct BackupTests {
    static let schema = """
        CREATE TABLE ward(id TEXT PRIMARY KEY NOT NULL, beds INTEGER CHECK (beds >= 0)) STRICT;
        CREATE TABLE stay(
          id TEXT PRIMARY KEY NOT NULL, ward TEXT NOT NULL REFERENCES ward(id), note TEXT) STRICT;
        INSERT INTO samband_table(name) VALUES('ward'), ('stay');
        INSERT INTO ward VALUES('w-1', 4);
        """

    /// A hub with change sets of two sites, a conflict and a withheld row.
    private func fleet() throws -> TestFleet {
        let fleet = try TestFleet(Self.schema)
        for site in ["snasa", "verran"] { try fleet.join(site) }
        try fleet.write("snasa", "INSERT INTO stay VALUES('s-1', 'w-1', 'ro'), ('s-2', 'w-1', NULL)")
        try fleet.meet()
        try fleet.meet()
        try fleet.write("snasa", "UPDATE stay SET note = 'uro' WHERE id = 's-1'")
        try fleet.write("verran", "UPDATE stay SET note = 'hvile' WHERE id = 's-1'; INSERT INTO ward VALUES('w-2', 1)")
        try fleet.meet()
        try fleet.meet()
        #expect(try fleet.hub.conflicts(includeSettled: false).count == 1)
        return fleet
    }

    private func names(_ fleet: TestFleet) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: fleet.folder).filter { $0.contains("backup") }.sorted()
    }

    private func back(_ fleet: TestFleet, onConnection: BackupFile.OnConnection = { _ in }) throws -> BackupRecord {
        try BackupFile.make(
            from: fleet.folder + "/hub.db", to: fleet.folder + "/backup.db", nowMs: 77, onConnection: onConnection
        ).record
    }

    @Test("a backup is one whole file that only its owner may read, and a hub that opens on it has the same rows")
    func whole() throws {
        let fleet = try fleet()
        let made = try BackupFile.make(from: fleet.folder + "/hub.db", to: fleet.folder + "/backup.db", nowMs: 77)
        #expect(try names(fleet) == ["backup.db"])
        let facts = try FileManager.default.attributesOfItem(atPath: fleet.folder + "/backup.db")
        #expect(facts[.posixPermissions] as? Int == 0o600)
        #expect(facts[.size] as? Int == Int(made.bytes))
        #expect(made.record.position == (try fleet.hub.lastPosition()))
        #expect(made.record.vector == (try fleet.hub.vector()))
        #expect(try fleet.rows("backup", "PRAGMA journal_mode") == ["delete"])
        let hub = try HubStore(path: fleet.folder + "/backup.db")
        #expect(try hub.vector() == fleet.hub.vector())
        #expect(try hub.conflicts(includeSettled: true) == fleet.hub.conflicts(includeSettled: true))
        #expect(try fleet.rows("backup", "PRAGMA journal_mode") == ["wal"])
        for query in ["SELECT * FROM ward ORDER BY id", "SELECT * FROM stay ORDER BY id"] {
            #expect(try fleet.rows("backup", query) == fleet.rows("hub", query))
        }
    }

    @Test("the copy says that it is one, the hub's own file does not; the hub remembers the newest")
    func marked() throws {
        let fleet = try fleet()
        let query = "SELECT name, value FROM samband_meta WHERE name IN ('restored', 'backup_at') ORDER BY name"
        #expect(try fleet.hub.newestBackup() == nil)
        let record = try back(fleet)
        #expect(try fleet.rows("backup", query) == ["backup_at|77", "restored|77"])
        #expect(try fleet.rows("hub", query) == [])
        try fleet.hub.noteBackup(record)
        #expect(try fleet.hub.newestBackup() == record)
        #expect(try HubStore(path: fleet.folder + "/backup.db").newestBackup() == record)
        // One that was begun before and ends after it is not the newest.
        try fleet.hub.noteBackup(BackupRecord(atMs: 70, position: 1, vector: VectorClock()))
        #expect(try fleet.hub.newestBackup() == record)
        // A node is told nothing of it.
        try fleet.join("mosvik")
        #expect(try fleet.rows("mosvik", query) == [])
    }

    @Test("a hub that Litestream replicates gives no site Litestream's tables, and ends without waiting for it")
    func litestream() throws {
        let fleet = try fleet()
        let litestream = try fleet.program(at: "hub")
        defer { litestream.close() }
        try litestream.execute("CREATE TABLE _litestream_seq(id INTEGER PRIMARY KEY, seq INTEGER)")
        try litestream.execute("CREATE TABLE _litestream_lock(id INTEGER); BEGIN; SELECT count(*) FROM _litestream_seq")
        try fleet.write("snasa", "INSERT INTO ward VALUES('w-5', 5)")
        try fleet.meet()
        try fleet.join("mosvik")
        #expect(try fleet.rows("mosvik", "SELECT name FROM sqlite_schema WHERE name GLOB '_litestream*'") == [])
        fleet.hub.writeBack()
        #expect(try fleet.hub.connection.firstInteger("PRAGMA busy_timeout") == Int64(ReplicaFile.busyTimeoutMs))
        #expect(try fleet.rows("hub", "SELECT beds FROM ward WHERE id = 'w-5'") == ["5"])
    }

    @Test("the hub goes on meanwhile: what comes after the copy began is not in it")
    func online() throws {
        let fleet = try fleet()
        var connections = 0
        let record = try back(fleet) { _ in
            connections += 1
            do {
                try fleet.write("snasa", "UPDATE ward SET beds = \(connections + 10)")
                try fleet.push("snasa")
            } catch { Issue.record("\(error)") }
        }
        #expect(connections == 2)
        let now = try fleet.hub.vector()
        let snasa = try #require(fleet.nodes["snasa"]).replica
        #expect(record.vector[snasa] + 1 == now[snasa], "the first write came before the copy, the second after it")
        #expect(try fleet.rows("backup", "SELECT beds FROM ward WHERE id = 'w-1'") == ["11"])
    }

    @Test("a file that is there is left as it is; a folder that is not there is said")
    func refused() throws {
        let fleet = try fleet()
        try Data([1, 2]).write(to: URL(fileURLWithPath: fleet.folder + "/backup.db"))
        let there = try #require(throws: StoreError.self) { try back(fleet) }
        #expect(there.kind == .misused && there.why.contains("already there"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: fleet.folder + "/backup.db")) == Data([1, 2]))
        let none = try #require(throws: StoreError.self) {
            try BackupFile.make(from: fleet.folder + "/hub.db", to: fleet.folder + "/none/backup.db", nowMs: 1)
        }
        #expect(none.kind == .inputOutput)
    }

    struct Ended: Error {}

    @Test("ended in the middle it leaves nothing, and the next one to that name is made")
    func ended() throws {
        let fleet = try fleet()
        for place in 1...2 {
            var connections = 0
            #expect(throws: StoreError.self) {
                try back(fleet) { _ throws(StoreError) in
                    connections += 1
                    if connections == place { throw StoreError(.busy, doing: "", why: "", hint: "") }
                }
            }
            #expect(try names(fleet) == [])
        }
        // What a process that was killed has left is taken over.
        try Data([1, 2]).write(to: URL(fileURLWithPath: fleet.folder + "/.backup.db.samband-new"))
        _ = try back(fleet)
        #expect(try names(fleet) == ["backup.db"])
    }

    @Test(
        "damage in the hub's file is found and named, without a value of a row, and no backup is left",
        arguments: [
            (
                "UPDATE samband_segment SET bytes = zeroblob(length(bytes)) WHERE change = 3 AND variant = 0",
                "the bytes of change set"
            ),
            (
                "UPDATE samband_segment SET bytes = CAST(bytes || x'00' AS BLOB) WHERE variant = 2",
                "the bytes of change set"
            ),
            (
                "UPDATE samband_segment SET bytes = CAST(bytes || x'00' AS BLOB) WHERE variant = 1",
                "the bytes of change set"
            ),
            ("DELETE FROM samband_segment WHERE change = 3 AND variant = 0", "not those that its header names"),
            (
                "UPDATE samband_change SET header = CAST(substr(header, 1, 20) || x'ff' || substr(header, 22) AS BLOB) "
                    + "WHERE position = 3", "the header of change set"
            ),
            ("UPDATE samband_change SET digest = zeroblob(32) WHERE position = 2", "the header of change set"),
            ("DELETE FROM samband_change WHERE position = 2", "a position of the hub's order is missing"),
            (
                "DELETE FROM samband_change WHERE position = (SELECT max(position) FROM samband_change)",
                "the newest change set of replica"
            ),
            ("UPDATE samband_replica SET last_digest = zeroblob(32)", "the newest change set of replica"),
            ("UPDATE samband_meta SET value = zeroblob(32) WHERE name = 'digest'", "the hub's own newest change set"),
            (
                "INSERT INTO samband_staged VALUES(5, 1, 0, zeroblob(32), x'00')",
                "what is kept of replica 5's unfinished push"
            ),
            ("DELETE FROM ward WHERE id = 'w-1'", "a row of table stay refers to a row of ward"),
            (
                "PRAGMA ignore_check_constraints = ON; UPDATE ward SET beds = -1; "
                    + "PRAGMA ignore_check_constraints = OFF", "SQLite finds it damaged"
            ),
        ])
    func damaged(_ damage: String, _ said: String) throws {
        let fleet = try fleet()
        // Something of every variant, so that each of them can be damaged.
        try fleet.write("snasa", "UPDATE stay SET note = 'sen' WHERE id = 's-2'; UPDATE ward SET beds = 5")
        try fleet.seal("snasa")
        try fleet.write("verran", "UPDATE stay SET note = 'tidlig' WHERE id = 's-2'")
        try fleet.push("verran")
        try fleet.push("snasa")
        #expect(try fleet.rows("hub", "SELECT DISTINCT variant FROM samband_segment ORDER BY 1") == ["0", "1", "2"])
        _ = try back(fleet)
        try FileManager.default.removeItem(atPath: fleet.folder + "/backup.db")
        let program = try fleet.program(at: "hub")
        defer { program.close() }
        try program.setTriggersEnabled(false)
        try program.execute(damage)
        let error = try #require(throws: StoreError.self) { try back(fleet) }
        #expect(error.why.contains(said), "\(error)")
        for value in ["w-1", "s-2", "uro"] { #expect(!"\(error)".contains(value)) }
        #expect(try names(fleet) == [])
    }

    @Test("every byte that the disk bends while the copy is written is found, or is of no page in use")
    func bent() throws {
        let fleet = try fleet()
        _ = try back(fleet)
        let whole = try Data(contentsOf: URL(fileURLWithPath: fleet.folder + "/backup.db"))
        try FileManager.default.removeItem(atPath: fleet.folder + "/backup.db")
        // The bytes of a segment, and of a header: what SQLite itself does not check.
        for (column, table) in [("bytes", "samband_segment"), ("header", "samband_change")] {
            let hex = try fleet.rows("hub", "SELECT hex(\(column)) FROM \(table) ORDER BY length(\(column)) LIMIT 1")
            let bytes = stride(from: 0, to: hex[0].count, by: 2).map {
                UInt8(hex[0].dropFirst($0).prefix(2), radix: 16)!
            }
            let place = try #require(whole.range(of: Data(bytes))).lowerBound
            for offset in stride(from: 0, to: bytes.count, by: 7) {
                var connections = 0
                #expect(throws: StoreError.self, "\(table) byte \(offset)") {
                    try back(fleet) { _ in
                        connections += 1
                        if connections == 2 { flip(fleet.folder + "/.backup.db.samband-new", at: place + offset) }
                    }
                }
                #expect(try names(fleet) == [])
            }
        }
    }

    private func flip(_ path: String, at offset: Int) {
        do {
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
            try file.seek(toOffset: UInt64(offset))
            let byte = try #require(try file.read(upToCount: 1)?.first)
            try file.seek(toOffset: UInt64(offset))
            try file.write(contentsOf: [byte ^ 0x10])
            try file.close()
        } catch { Issue.record("\(error)") }
    }
}
