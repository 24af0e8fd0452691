import Auditing
import JSONText
import Replication
import Testing

@testable import HubDatabase
@testable import TableModel

/// A dry run changes nothing and forgets nothing; what is decided is recorded with it or not at all (promise 5).
@Suite("Trials and records of decisions")
struct TrialTests {
    /// A fleet with one open conflict, about a cell.
    private func fleet() throws -> (TestFleet, conflict: UInt64) {
        let fleet = try TestFleet(Schemas.wards)
        for site in ["snasa", "verran"] { try fleet.join(site) }
        try fleet.write("snasa", "UPDATE stay SET note = 'a' WHERE id = 's1'")
        try fleet.write("verran", "UPDATE stay SET note = 'b' WHERE id = 's1'")
        try fleet.meet()
        return (fleet, try #require(try fleet.hub.conflicts(includeSettled: false).first).id)
    }

    private func resolve(
        _ fleet: TestFleet, _ id: UInt64, dryRun: Bool = false, changed: UInt64? = nil, _ entry: AuditEntry? = nil
    ) throws {
        _ = try fleet.hub.resolve(
            id, .take(site: "snasa"), changed: changed, by: "kari", reason: nil, nowMs: fleet.nowMs, dryRun: dryRun,
            audit: entry)
    }

    private func entry(_ what: AuditEvent) -> AuditEntry { AuditEntry(who: "kari", what, [:], atMs: 1) }

    private func recorded(_ fleet: TestFleet) throws -> [String] {
        try fleet.rows("hub", "SELECT what FROM samband_audit WHERE who = 'kari'")
    }

    @Test("a dry run keeps what memory knows of the log, and what comes next is as without it")
    func keepsCaches() throws {
        let (fleet, id) = try fleet()
        let hub = fleet.hub
        let (words, disputed, clock) = (hub.index.index.words, hub.disputed, hub.clock)
        let position = try hub.lastPosition()
        #expect(words > 0)
        for _ in 1...3 { try resolve(fleet, id, dryRun: true) }
        #expect(hub.index.index.words == words && hub.disputed == disputed && hub.clock == clock)
        #expect(try hub.lastPosition() == position)
        #expect(try hub.conflicts(includeSettled: false).map(\.id) == [id])
        // What takes the place of what was tried meets what is there, not what was tried.
        try fleet.write(
            "verran", "UPDATE ward SET name = 'x' WHERE id = 'w2'")
        try fleet.write("snasa", "UPDATE ward SET name = 'y' WHERE id = 'w2'")
        try fleet.meet()
        #expect(
            try fleet.rows("hub", "SELECT kind, table_name FROM samband_conflict WHERE state = 'open' ORDER BY id")
                == ["cell|stay", "cell|ward"])
        try resolve(fleet, id)
        try fleet.meet()
        for place in ["hub", "snasa", "verran"] {
            #expect(try fleet.rows(place, "SELECT note FROM stay") == ["a"], "\(place)")
        }
    }

    @Test("what is done or tried is recorded with it; what is refused is not")
    func recordedWithIt() throws {
        let (fleet, id) = try fleet()
        try resolve(fleet, id, dryRun: true, entry(.conflictRead))
        #expect(try recorded(fleet) == ["read.conflict"])
        #expect(throws: StoreError.self) { try resolve(fleet, id, changed: 4711, entry(.conflictResolved)) }
        #expect(try recorded(fleet) == ["read.conflict"])
        try fleet.hub.noteRunning(nowMs: fleet.nowMs)
        #expect(try recorded(fleet) == ["read.conflict"])
        try resolve(fleet, id, entry(.conflictResolved))
        #expect(try recorded(fleet) == ["read.conflict", "conflict.resolve"])
    }

    @Test("what cannot be recorded is not done")
    func notDone() throws {
        let (fleet, id) = try fleet()
        try fleet.hub.connection.execute("ALTER TABLE samband_audit RENAME TO samband_elsewhere")
        #expect(throws: StoreError.self) { try resolve(fleet, id, entry(.conflictResolved)) }
        #expect(throws: StoreError.self) {
            try fleet.hub.addSite("lierne", tokenDigest: [1], expiresMs: .max >> 1, audit: entry(.siteAdded))
        }
        #expect(try fleet.hub.conflicts(includeSettled: false).map(\.id) == [id])
        #expect(try fleet.rows("hub", "SELECT count(*) FROM samband_site WHERE name = 'lierne'") == ["0"])
    }
}
