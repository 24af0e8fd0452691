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

    private func join(_ fleet: TestFleet, dryRun: Bool = false) throws -> RecordMerge {
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

    @Test("edits, deletes and new children by sites that do not know of it yet reach the row that remains")
    func unaware() throws {
        let fleet = try fleet()
        try fleet.write(
            "snasa",
            """
            UPDATE person SET phone = '777' WHERE id = 'p2';
            INSERT INTO referral VALUES('r3', 'p2', 'c');
            """)
        try fleet.write("verran", "UPDATE referral SET person = 'p2' WHERE id = 'r1'")
        _ = try join(fleet)
        try fleet.meet()
        try fleet.meet()
        try expectEqual(fleet, "SELECT id, phone FROM person WHERE id <> 'p3'", ["p1|777"])
        try expectEqual(fleet, "SELECT id, person FROM referral ORDER BY id", ["r1|p1", "r2|p1", "r3|p1"])
        #expect(try fleet.hub.conflicts(includeSettled: false).isEmpty)
        for site in ["snasa", "verran"] { #expect(try fleet.nodes[site]!.inFlightCount() == 0) }
    }

    @Test("an edit of the row that went which disagrees with the one that remains is a conflict there")
    func disagrees() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "UPDATE person SET name = 'Kari Nordmann' WHERE id = 'p2'")
        _ = try join(fleet)
        try fleet.meet()
        try fleet.meet()
        let conflict = try #require(try fleet.hub.conflicts(includeSettled: false).first)
        #expect(conflict.key == [.text("p1")] && conflict.column == "name")
        try expectEqual(fleet, "SELECT name FROM person WHERE id = 'p1'", ["Kari"])
        _ = try fleet.hub.resolve(
            conflict.id, .take(site: "snasa"), changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs)
        try fleet.meet()
        try expectEqual(fleet, "SELECT name FROM person WHERE id = 'p1'", ["Kari Nordmann"])
    }

    @Test("a delete of the row that remains, by one who does not know, does not take the joined row away")
    func remainingDeleted() throws {
        let fleet = try fleet()
        try fleet.write(
            "verran",
            "DELETE FROM membership WHERE person = 'p1'; DELETE FROM referral WHERE person = 'p1';"
                + "DELETE FROM person WHERE id = 'p1'")
        _ = try join(fleet)
        try fleet.meet()
        try fleet.meet()
        try expectEqual(fleet, "SELECT id FROM person ORDER BY id", ["p1", "p3"])
        try expectEqual(fleet, "SELECT person FROM referral WHERE id = 'r2'", ["p1"])
        #expect(try fleet.hub.conflicts(includeSettled: false).contains { $0.key == [.text("p1")] })
    }

    @Test(
        "it is taken back: the row stands again with later edits of it, and references lead back unless changed since")
    func undo() throws {
        let fleet = try fleet()
        try fleet.write(
            "snasa",
            "UPDATE person SET name = 'K. N.' WHERE id = 'p2'; INSERT INTO referral VALUES('r3', 'p2', 'c');")
        let joined = try join(fleet)
        try fleet.meet()
        try fleet.meet()
        try fleet.write("verran", "UPDATE referral SET note = 'b2' WHERE id = 'r2'")
        try fleet.meet()
        let back = try fleet.hub.undoMerge(
            joined.id, by: "ola", reason: "two persons", nowMs: fleet.nowMs, dryRun: false)
        #expect(back.id == joined.id)
        try fleet.meet()
        try expectEqual(
            fleet, "SELECT id, name, phone, next_of_kin FROM person ORDER BY id",
            ["p1|Kari|NULL|NULL", "p2|K. N.|555|NULL", "p3|Ola|NULL|p2"])
        try expectEqual(
            fleet, "SELECT id, person, note FROM referral ORDER BY id", ["r1|p1|a", "r2|p2|b2", "r3|p2|c"])
        try expectEqual(
            fleet, "SELECT person, team, role FROM membership ORDER BY person, team",
            ["p1|x|NULL", "p2|x|NULL", "p2|y|lead"])
        #expect(throws: StoreError.self) {
            try fleet.hub.undoMerge(joined.id, by: "ola", reason: nil, nowMs: fleet.nowMs, dryRun: false)
        }
        #expect(try fleet.rows("snasa", "SELECT joined_by, undone_by FROM samband_join") == ["kari|ola"])
    }

    @Test("a link to the row that went, made unaware, waits for a person; taking the join back lets it in")
    func link() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "INSERT INTO membership VALUES('p2', 'z', 'new')")
        let joined = try join(fleet)
        try fleet.meet()
        try fleet.meet()
        try expectEqual(fleet, "SELECT id FROM person ORDER BY id", ["p1", "p3"])
        #expect(try fleet.hub.withheld().map(\.table) == ["membership"])
        _ = try fleet.hub.undoMerge(joined.id, by: "ola", reason: nil, nowMs: fleet.nowMs, dryRun: false)
        try fleet.meet()
        try expectEqual(fleet, "SELECT person, role FROM membership WHERE team = 'z'", ["p2|new"])
        #expect(try fleet.hub.withheld().isEmpty)
        #expect(try fleet.hub.conflicts(includeSettled: false).isEmpty)
    }

    @Test("a withheld duplicate is joined: what waits with it comes in, led on; and that is taken back too")
    func withheld() throws {
        let fleet = try WithheldTests.twice()
        let joined = try fleet.hub.mergeRecords(
            table: "person", key: [.text("p2")], into: [.text("p1")], by: "kari", reason: nil, nowMs: fleet.nowMs,
            dryRun: false)
        try fleet.meet()
        try expectEqual(fleet, "SELECT id FROM person", ["p1"])
        try expectEqual(fleet, "SELECT id, person FROM referral", ["r1|p1"])
        try expectEqual(fleet, "SELECT id FROM letter", ["l1"])
        #expect(try fleet.hub.conflicts(includeSettled: false).isEmpty)
        #expect(try fleet.hub.withheld().isEmpty)
        let id = try #require(try fleet.hub.conflicts(includeSettled: true).first).id
        #expect(throws: StoreError.self) {
            try fleet.hub.undo(id, changed: nil, by: "ola", reason: nil, nowMs: fleet.nowMs)
        }
        _ = try fleet.hub.undoMerge(joined.id, by: "ola", reason: nil, nowMs: fleet.nowMs, dryRun: false)
        try fleet.meet()
        try expectEqual(fleet, "SELECT id FROM referral", [])
        try expectEqual(fleet, "SELECT id FROM letter", [])
        #expect(try fleet.hub.withheld().map(\.table).sorted() == ["letter", "person", "referral"])
        #expect(try fleet.hub.conflicts(includeSettled: false).map(\.id) == [id])
    }

    @Test("what cannot be joined is refused: no such row, one row, a row in dispute, links that differ")
    func refused() throws {
        let fleet = try fleet()
        func attempt(_ key: String, _ into: String) throws {
            _ = try fleet.hub.mergeRecords(
                table: "person", key: [.text(key)], into: [.text(into)], by: "kari", reason: nil,
                nowMs: fleet.nowMs, dryRun: false)
        }
        #expect(throws: StoreError.self) { try attempt("p9", "p1") }
        #expect(throws: StoreError.self) { try attempt("p1", "p9") }
        #expect(throws: StoreError.self) { try attempt("p1", "p1") }
        try fleet.write("snasa", "UPDATE membership SET role = 'z' WHERE person = 'p2' AND team = 'x'")
        try fleet.meet()
        #expect(throws: StoreError.self) { try attempt("p2", "p1") }
        try fleet.write("snasa", "UPDATE person SET name = 'a' WHERE id = 'p3'")
        try fleet.write("verran", "UPDATE person SET name = 'b' WHERE id = 'p3'")
        try fleet.meet()
        #expect(throws: StoreError.self) { try attempt("p3", "p1") }
        #expect(try fleet.rows("hub", "SELECT count(*) FROM person") == ["3"])
    }
}
