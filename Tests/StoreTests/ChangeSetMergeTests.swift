import Replication
import SimulationKit
import Testing

/// Change sets of which some rows meet a concurrent write and others do not, and the two depend on each other
/// (promises 4, 5 and 6).
@Suite("Rows that meet something beside rows that do not")
struct ChangeSetMergeTests {
    private func fleet() throws -> TestFleet {
        let fleet = try TestFleet(Schemas.teams)
        for site in ["snasa", "verran"] { try fleet.join(site) }
        return fleet
    }

    /// Both sites write, snasa's changes reach the hub first, everybody meets.
    private func meet(_ fleet: TestFleet, snasa: String, verran: String) throws {
        try fleet.write("snasa", "BEGIN; \(snasa); COMMIT")
        try fleet.seal("snasa")
        try fleet.write("verran", "BEGIN; \(verran); COMMIT")
        for _ in 0..<2 { try fleet.meet() }
    }

    private func expectEqual(_ fleet: TestFleet, _ sql: String, _ rows: [String]) throws {
        for place in ["hub", "snasa", "verran"] { #expect(try fleet.rows(place, sql) == rows, "\(place): \(sql)") }
    }

    @Test("updates of other columns than those written meanwhile go out as they came in, and raise no alarm")
    func otherColumns() throws {
        let fleet = try fleet()
        try meet(
            fleet, snasa: "UPDATE person SET a = 3 WHERE id IN ('p1', 'p2')",
            verran: "UPDATE person SET note = 'v' WHERE id IN ('p1', 'p2', 'p3')")
        try expectEqual(
            fleet, "SELECT id, a, note FROM person ORDER BY id", ["p1|3|v", "p2|3|v", "p3|0|v", "p4|0|NULL"])
        #expect(try fleet.hub.conflicts(includeSettled: true).isEmpty)
        #expect(try fleet.rows("hub", "SELECT count(*) FROM samband_change WHERE effective") == ["0"])
    }
}
