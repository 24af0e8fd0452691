import Replication
import Testing

@testable import HubDatabase
@testable import TableModel

/// Faults that a careful reading of the code found, each with the history that shows it.
@Suite("What a careful reading found")
struct ReviewedTests {
    @Test("a decision after a restart of the hub stands above what the hub had taken in before")
    func clockOverRestart() throws {
        let fleet = try TestFleet(Schemas.referrals)
        for site in ["n1", "n2", "n3"] { try fleet.join(site) }
        for site in ["n1", "n2"] { try fleet.write(site, "UPDATE referral SET status = '\(site)' WHERE id = 'r-1'") }
        try fleet.push("n1")
        try fleet.push("n2")
        // n3's clock is 40 s fast; its row meets nothing, so the hub writes nothing of its own.
        try fleet.write("n3", "INSERT INTO referral VALUES('r-2', 'fast', NULL)")
        try fleet.nodes["n3"]!.seal(nowMs: fleet.nowMs + 40_000)
        try fleet.push("n3")
        let reopened = try HubStore(path: fleet.folder + "/hub.db")
        let conflict = try #require(try reopened.conflicts(includeSettled: false).first)
        let decided = try reopened.resolve(
            conflict.id, .take(site: "n2"), changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs)
        let stamp = try #require(decided.life.settledBy).hlc
        #expect(HybridClock.milliseconds(stamp) >= fleet.nowMs + 30_000)
    }

    @Test("a stamp below what its author had seen is refused")
    func lowStamp() throws {
        let fleet = try TestFleet(Schemas.referrals)
        for site in ["n1", "n2"] { try fleet.join(site) }
        try fleet.write("n1", "UPDATE referral SET status = 'a' WHERE id = 'r-1'")
        try fleet.meet()
        let n2 = fleet.nodes["n2"]!.replica
        let low = try AdmissionTests().forge(
            n2, hlc: 1, position: fleet.nodes["n2"]!.position(), nowMs: fleet.nowMs)
        #expect(throws: StoreError.self) { try fleet.hub.ingest([low], from: n2, nowMs: fleet.nowMs) }
    }

    @Test("a key in another storage class than its column's is refused: its conflicts would go unseen")
    func keyClass() throws {
        let fleet = try TestFleet(Schemas.referrals)
        for site in ["n1", "n2"] { try fleet.join(site) }
        let n1 = fleet.nodes["n1"]!.replica
        let forged = AdmissionTests().forge(n1, key: [.integer(1)], nowMs: fleet.nowMs + 1000)
        #expect(throws: StoreError.self) { try fleet.hub.ingest([forged], from: n1, nowMs: fleet.nowMs + 1000) }
    }

    @Test("a UNIQUE index over a generated column is refused, with what to do instead")
    func generatedUnique() {
        #expect {
            _ = try TestFleet(
                """
                CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL, email TEXT, low AS (lower(email)) UNIQUE);
                INSERT INTO samband_table(name) VALUES('t');
                """)
        } throws: { error in
            "\(error)".contains("generated column low")
        }
    }

    @Test("a change set of an enormous seq is refused, and the hub goes on")
    func enormousSeq() throws {
        let fleet = try TestFleet(Schemas.referrals)
        try fleet.join("n1")
        let n1 = fleet.nodes["n1"]!.replica
        #expect(try !fleet.hub.stage([[1, 2, 3]], of: Dot(replica: n1, seq: .max), from: 0))
        #expect(try fleet.hub.staged(of: n1) == nil)
        #expect(try fleet.hub.stagedSegments(of: Dot(replica: n1, seq: .max)).isEmpty)
    }
}
