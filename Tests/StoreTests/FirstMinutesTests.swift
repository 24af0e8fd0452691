import Foundation
import SQLite
import Synchronization
import Testing

@testable import HubDatabase
@testable import NodeDatabase
@testable import TableModel

@Suite("The first minutes of a file: programs are in it before a node is")
struct FirstMinutesTests {
    private static let schema = """
        CREATE TABLE note(id TEXT PRIMARY KEY NOT NULL, text TEXT);
        INSERT INTO samband_table(name) VALUES('note');
        INSERT INTO note VALUES('n-1', 'her');
        """

    /// The file of a site as a snapshot, a copy or a restoration leaves it: without a write-ahead log.
    private func copied() throws -> (fleet: TestFleet, path: String) {
        let fleet = try TestFleet(Self.schema)
        let path = fleet.folder + "/snasa.db"
        try fleet.hub.makeSnapshot(for: fleet.hub.admit(site: "snasa", nowMs: fleet.nowMs), to: path, nowMs: 1)
        #expect(try fleet.rows("snasa", "PRAGMA journal_mode") == ["delete"])
        return (fleet, path)
    }

    @Test("what joining leaves is in WAL mode, with nothing beside it")
    func adopted() throws {
        let (fleet, path) = try copied()
        let replica = try DatabaseFacts(path: path).replica
        try NodeFile.adopt(path, hub: "http://hub", site: "snasa", replica: replica)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: fleet.folder).filter { $0.contains("snasa") } == [
                "snasa.db"
            ])
        #expect(try fleet.rows("snasa", "PRAGMA journal_mode") == ["wal"])
        #expect(try DatabaseFacts(path: path).hub == "http://hub")
    }

    @Test("a program that was killed in mid-write is rolled back by whoever reads the file first")
    func hotJournal() throws {
        let (fleet, path) = try copied()
        let program = try fleet.program(at: "snasa")
        // More than the cache holds: pages of the transaction are in the file, and only the journal knows better.
        try program.execute("PRAGMA cache_size = 5; BEGIN")
        try program.execute(
            """
            WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
            INSERT INTO note SELECT 'k-' || i, hex(randomblob(200)) FROM n; UPDATE note SET text = 'halvt';
            """)
        // The killed program's files.
        for place in ["facts", "copy", "node"] {
            for end in ["", "-journal"] {
                try FileManager.default.copyItem(atPath: path + end, toPath: "\(fleet.folder)/\(place).db\(end)")
            }
        }
        program.rollback()
        program.close()
        #expect(try DatabaseFacts(path: fleet.folder + "/facts.db").site == "snasa")
        try DatabaseCopy.make(of: fleet.folder + "/copy.db", at: fleet.folder + "/whole.db")
        let node = try NodeStore(path: fleet.folder + "/node.db")
        #expect(node.site == "snasa")
        for place in ["facts", "whole", "node"] {
            #expect(try fleet.rows(place, "SELECT id, text FROM note") == ["n-1|her"], "\(place)")
        }
    }

    @Test("a start waits for a program that is writing", arguments: ["IMMEDIATE", "EXCLUSIVE"])
    func waits(how: String) throws {
        let (fleet, path) = try copied()
        let hub = fleet.folder + "/backup.db"
        _ = try BackupFile.make(from: fleet.folder + "/hub.db", to: hub, nowMs: 1)
        for file in [path, hub] {
            let program = Program(try Connection(path: file, mode: .readWrite, busyTimeoutMs: 1000))
            try program.connection.execute("BEGIN \(how)")
            // It writes for a while yet, however long the start has waited by then.
            let thread = Thread {
                usleep(400_000)
                program.end()
            }
            thread.start()
            if file == hub { _ = try HubStore(path: file) } else { _ = try NodeStore(path: file) }
            #expect(program.hasEnded)
        }
        for place in ["snasa", "backup"] { #expect(try fleet.rows(place, "PRAGMA journal_mode") == ["wal"]) }
    }

    /// Used by one thread after the other.
    private final class Program: @unchecked Sendable {
        let connection: Connection
        private let ended = Mutex(false)
        var hasEnded: Bool { ended.withLock { $0 } }

        init(_ connection: Connection) { self.connection = connection }

        func end() {
            // The lock is held until the commit is through: whoever has waited for that sees that it is.
            ended.withLock { ended in
                ended = (try? connection.execute("COMMIT")) != nil
                connection.close()
            }
        }
    }
}
