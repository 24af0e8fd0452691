import Replication
import SQLite
import TestKit
import Testing

@testable import OrderedLog

@Suite("What goes with the next commit")
struct ContactTests {
    @Test("a pull and its acknowledgement cost no commit, count at once, and are written with the next one")
    func contacts() throws {
        let fleet = try TestFleet(Schemas.referrals)
        try fleet.join("n1")
        let n1 = fleet.nodes["n1"]!.replica
        let watch = try Connection(path: fleet.hub.connection.path, mode: .readOnly, busyTimeoutMs: 1000)
        defer { watch.close() }
        try fleet.hub.writeContacts()
        let before = try watch.dataVersion()
        let last = try fleet.hub.lastPosition()
        _ = try fleet.hub.offers(to: n1, after: 0, limit: 100)
        try fleet.hub.acknowledge(n1, position: last, sealed: 0, nowMs: 77)
        #expect(try watch.dataVersion() == before)
        let site = try #require(try fleet.hub.sites().first { $0.replica == n1 })
        #expect(site.acknowledged == last && site.lastContactMs == 77)
        try fleet.hub.writeContacts()
        #expect(try watch.dataVersion() != before)
        #expect(
            try watch.firstInteger("SELECT acknowledged FROM samband_replica WHERE replica = \(n1)") == Int64(last))
        #expect(try watch.firstInteger("SELECT last_contact FROM samband_site WHERE name = 'n1'") == 77)
    }

    @Test("a write-ahead log that a reader keeps is found, and shrinks when the reader is done")
    func heldLog() throws {
        let fleet = try TestFleet(Schemas.referrals)
        let connection = fleet.hub.connection
        let reader = try Connection(path: connection.path, mode: .readOnly, busyTimeoutMs: 1000)
        defer { reader.close() }
        let log = WriteAheadLog(connection: connection)
        try connection.execute("CREATE TABLE ballast(b)")
        try reader.execute("BEGIN; SELECT count(*) FROM sqlite_schema")
        for _ in 0..<4 { try connection.execute("INSERT INTO ballast VALUES(zeroblob(1000000))") }
        let held = try log.heldBytes(from: 1 << 20)
        #expect((held ?? 0) > 4_000_000)
        #expect(try log.heldBytes() == nil, "it is not large enough to be told")
        try reader.execute("COMMIT")
        #expect(try log.heldBytes(from: 1 << 20) == nil)
        #expect(try log.heldBytes(from: 0) == nil)
    }

    @Test("staged segments are kept in order, each once, and only of the change set that comes next")
    func staging() throws {
        let fleet = try TestFleet(Schemas.referrals)
        try fleet.join("n1")
        let n1 = fleet.nodes["n1"]!.replica
        let dot = Dot(replica: n1, seq: 1)
        #expect(try fleet.hub.stage([[1], [2]], of: dot, from: 0))
        // Sent again from the first on: what is there stays.
        #expect(try fleet.hub.stage([[2], [3]], of: dot, from: 1))
        #expect(try fleet.hub.stagedSegments(of: dot) == [[1], [2], [3]])
        #expect(try fleet.hub.stagedSegments(of: dot, count: 2) == [[1], [2]])
        #expect(try !fleet.hub.stage([[9]], of: dot, from: 5), "what comes before it is not here")
        #expect(try !fleet.hub.stage([[9]], of: Dot(replica: n1, seq: 2), from: 0))
        #expect(try fleet.hub.staged(of: n1)?.segments == 3)
    }
}
