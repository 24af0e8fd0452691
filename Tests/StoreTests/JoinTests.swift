import Replication
import Testing

@testable import HubDatabase
@testable import TableModel

/// Two rows that mean one person (promises 4, 5 and 6).
@Suite("Joining two rows")
struct JoinTests {
    static let schema = """
        CREATE TABLE person(id TEXT PRIMARY KEY NOT NULL, number TEXT UNIQUE, name TEXT, phone TEXT,
          next_of_kin TEXT REFERENCES person(id));
        CREATE TABLE referral(id TEXT PRIMARY KEY NOT NULL, person TEXT NOT NULL REFERENCES person(id), note TEXT);
        CREATE TABLE membership(person TEXT NOT NULL REFERENCES person(id), team TEXT NOT NULL, role TEXT,
          PRIMARY KEY(person, team));
        CREATE INDEX person_kin ON person(next_of_kin); CREATE INDEX referral_person ON referral(person);
        INSERT INTO samband_table(name) VALUES('person'), ('referral'), ('membership');
        INSERT INTO person VALUES('p1', '010190', 'Kari', NULL, NULL), ('p2', NULL, 'Kari N', '555', NULL),
          ('p3', NULL, 'Ola', NULL, 'p2');
        INSERT INTO referral VALUES('r1', 'p1', 'a'), ('r2', 'p2', 'b');
        INSERT INTO membership VALUES('p1', 'x', NULL), ('p2', 'x', NULL), ('p2', 'y', 'lead');
        """

    private func fleet() throws -> TestFleet {
        let fleet = try TestFleet(Self.schema)
        for site in ["snasa", "verran"] { try fleet.join(site) }
        return fleet
    }

    private func expectEqual(_ fleet: TestFleet, _ sql: String, _ rows: [String]) throws {
        for place in ["hub", "snasa", "verran"] { #expect(try fleet.rows(place, sql) == rows, "\(place): \(sql)") }
    }

    private func join(_ fleet: TestFleet, dryRun: Bool = false) throws -> RecordMergeResult {
        try fleet.hub.mergeRecords(
            table: "person", key: [.text("p2")], into: [.text("p1")], by: "kari", reason: "the same",
            nowMs: fleet.nowMs, dryRun: dryRun)
    }

    @Test("every reference leads to the row that remains, which takes what it lacks; trying it changes nothing")
    func plain() throws {
        let fleet = try fleet()
        let tried = try join(fleet, dryRun: true)
        #expect(
            tried.repointed.map { "\($0.table) \($0.rows)" }.sorted() == ["membership 2", "person 1", "referral 1"])
        #expect(tried.columns.map { "\($0.name) \($0.isTaken)" } == ["number false", "name false", "phone true"])
        #expect(try fleet.rows("hub", "SELECT count(*) FROM person") == ["3"])
        _ = try join(fleet)
        try fleet.meet()
        try expectEqual(fleet, "SELECT id, number, name, phone FROM person WHERE id <> 'p3'", ["p1|010190|Kari|555"])
        try expectEqual(fleet, "SELECT next_of_kin FROM person WHERE id = 'p3'", ["p1"])
        try expectEqual(fleet, "SELECT id, person FROM referral ORDER BY id", ["r1|p1", "r2|p1"])
        try expectEqual(fleet, "SELECT person, team, role FROM membership ORDER BY team", ["p1|x|NULL", "p1|y|lead"])
        #expect(try fleet.hub.history(table: "person", key: [.text("p2")]).map(\.operation).last == .delete)
    }
}
