import Replication
import Testing

@testable import HubDatabase
@testable import TableModel

/// Faults that a careful reading found in joining rows, each with the history that shows it.
@Suite("What a careful reading found of joined rows")
struct ReviewedJoinTests {
    static let schema = """
        CREATE TABLE person(id TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, number TEXT UNIQUE, name TEXT, phone TEXT,
          dose INTEGER, unit TEXT, visits INTEGER NOT NULL DEFAULT 0,
          kin TEXT REFERENCES person(id)) STRICT;
        CREATE TABLE referral(id TEXT PRIMARY KEY NOT NULL, person TEXT NOT NULL REFERENCES person(id), note TEXT);
        CREATE TABLE tie(a TEXT NOT NULL REFERENCES person(id), b TEXT NOT NULL REFERENCES person(id), kind TEXT,
          PRIMARY KEY(a, b));
        CREATE INDEX person_kin ON person(kin); CREATE INDEX referral_person ON referral(person);
        CREATE INDEX tie_b ON tie(b);
        INSERT INTO samband_table(name) VALUES('person'), ('referral'), ('tie');
        INSERT INTO samband_policy(table_name, column_name, policy) VALUES('person', 'visits', 'sum');
        INSERT INTO samband_policy(table_name, column_name, policy, unit)
          VALUES('person', 'dose', 'manual', 'row'), ('person', 'unit', 'manual', 'row');
        INSERT INTO person(id, number, name, phone, dose, unit, visits) VALUES
          ('p1', NULL, 'Kari', NULL, 5, NULL, 1), ('p2', '2', 'Kari N', '555', 7, 'mg', 10),
          ('p3', '3', 'K N', '333', NULL, NULL, 100), ('p4', '4', 'Ola', NULL, NULL, NULL, 0);
        """

    func fleet(_ sites: [String] = ["n1", "n2"]) throws -> TestFleet {
        let fleet = try TestFleet(Self.schema)
        for site in sites { try fleet.join(site) }
        return fleet
    }

    @discardableResult
    func join(_ fleet: TestFleet, _ key: String, _ into: String, table: String = "person") throws -> RecordMergeResult {
        try fleet.hub.mergeRecords(
            table: table, key: [.text(key)], into: [.text(into)], by: "kari", reason: nil, nowMs: fleet.nowMs,
            dryRun: false)
    }

    func undo(_ fleet: TestFleet, _ joined: RecordMergeResult) throws {
        _ = try fleet.hub.undoMerge(joined.id, by: "ola", reason: nil, nowMs: fleet.nowMs, dryRun: false)
    }

    func expectEqual(
        _ fleet: TestFleet, _ sql: String, _ rows: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for place in ["hub"] + fleet.nodes.keys.sorted() {
            #expect(try fleet.rows(place, sql) == rows, "\(place)", sourceLocation: sourceLocation)
            #expect(try fleet.rows(place, "PRAGMA foreign_key_check") == [], "\(place)", sourceLocation: sourceLocation)
        }
    }

    @Test("a write of a row that was joined into one that was joined itself reaches the row that remains at last")
    func chain() throws {
        let fleet = try fleet()
        try fleet.write("n1", "UPDATE person SET phone = '777' WHERE id = 'p3'")
        try fleet.write("n2", "INSERT INTO referral VALUES('r1', 'P3', 'late')")
        try join(fleet, "P3", "p2")
        try join(fleet, "p2", "P1")
        try fleet.meet()
        try fleet.meet()
        let open = try fleet.hub.conflicts(includeSettled: false)
        // p2's own phone went to p1, which disagrees with what n1 wrote.
        #expect(open.map(\.column) == ["phone"] && open.first?.key == [.text("p1")])
        #expect(open.first?.life.sides.contains { $0.value == .text("777") } == true)
        try expectEqual(fleet, "SELECT id, person FROM referral", ["r1|p1"])
    }

    @Test("a write of a row that was joined into one that is gone waits for a person")
    func remainingGone() throws {
        let fleet = try fleet(["n1", "n2", "n3"])
        try fleet.write("n1", "UPDATE person SET phone = '777' WHERE id = 'p3'")
        try join(fleet, "p3", "p4")
        try fleet.pull("n2")
        try fleet.write("n2", "DELETE FROM person WHERE id = 'p4'")
        try fleet.push("n2")
        try fleet.meet()
        try fleet.meet()
        let open = try fleet.hub.conflicts(includeSettled: false)
        #expect(open.count == 1)
        #expect(try fleet.hub.withheld().map(\.key) == [[.text("p3")]])
        let id = try #require(open.first).id
        let all: ChosenValues = [
            "number": .null, "name": .text("n"), "phone": .text("777"), "dose": .null, "unit": .null,
            "visits": .integer(1), "kin": .null,
        ]
        _ = try fleet.hub.resolve(id, .set(all), changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs)
        try fleet.meet()
        try expectEqual(fleet, "SELECT phone FROM person WHERE id = 'p3'", ["777"])
    }

    @Test("writes of two rows that went into one, in one change set, both reach it everywhere")
    func twoIntoOne() throws {
        let fleet = try fleet()
        try fleet.write(
            "n1",
            """
            UPDATE person SET phone = '777', visits = visits + 1 WHERE id = 'p2';
            UPDATE person SET kin = 'p1', visits = visits + 2 WHERE id = 'p3';
            """)
        try fleet.seal("n1")
        try join(fleet, "p2", "p4")
        try join(fleet, "p3", "p4")
        try fleet.meet()
        try fleet.meet()
        let hub = try fleet.rows("hub", "SELECT * FROM person ORDER BY id")
        #expect(hub.last == "p4|4|Ola|777|7|mg|3|p1")
        try expectEqual(fleet, "SELECT * FROM person ORDER BY id", hub)
    }

    @Test("what is led on is not withheld as well, though a row that refers to it must wait")
    func ledOnWithChild() throws {
        let fleet = try fleet()
        try fleet.write(
            "n1", "UPDATE person SET phone = '777' WHERE id = 'p2'; INSERT INTO tie VALUES('p2', 'p3', 'x')")
        try fleet.seal("n1")
        try join(fleet, "p2", "p4")
        try fleet.meet()
        try fleet.meet()
        try expectEqual(fleet, "SELECT phone FROM person WHERE id = 'p4'", ["777"])
        #expect(try fleet.hub.withheld().map(\.table) == ["tie"])
        #expect(try fleet.hub.conflicts(includeSettled: false).map(\.table) == ["tie"])
    }

    @Test("a row that waits with another is joined: that other goes on waiting")
    func withheldChild() throws {
        let fleet = try TestFleet.withPersonTwice()
        try fleet.write("snasa", "INSERT INTO referral VALUES('r0', 'p1', 'same')")
        try fleet.meet()
        let open = try fleet.hub.conflicts(includeSettled: false).map(\.id)
        let joined = try join(fleet, "r1", "r0", table: "referral")
        try fleet.meet()
        #expect(try fleet.hub.conflicts(includeSettled: false).map(\.id) == open)
        #expect(try fleet.hub.withheld().map(\.table) == ["person"])
        #expect(try fleet.rows("snasa", "SELECT referral FROM letter") == ["r0"])
        try undo(fleet, joined)
        try fleet.meet()
        #expect(try fleet.hub.conflicts(includeSettled: false).map(\.id) == open)
        #expect(try fleet.hub.withheld().map(\.table).sorted() == ["letter", "person", "referral"])
        #expect(try fleet.rows("snasa", "SELECT count(*) FROM letter") == ["0"])
    }

    @Test("an author who goes on editing a row that went is no party against itself")
    func goesOn() throws {
        let fleet = try fleet()
        try join(fleet, "p2", "p4")
        for phone in ["777", "778", "779"] {
            try fleet.write("n1", "UPDATE person SET phone = '\(phone)' WHERE id = 'p2'")
            try fleet.seal("n1")
        }
        try fleet.meet()
        try fleet.meet()
        #expect(try fleet.hub.conflicts(includeSettled: false).isEmpty)
        try expectEqual(fleet, "SELECT phone FROM person WHERE id = 'p4'", ["779"])
    }

    @Test("a join that gave the remaining row a UNIQUE value is taken back")
    func uniqueGivenBack() throws {
        let fleet = try fleet()
        let joined = try join(fleet, "p2", "p1")
        try fleet.meet()
        try expectEqual(fleet, "SELECT number FROM person WHERE id = 'p1'", ["2"])
        try undo(fleet, joined)
        try fleet.meet()
        try expectEqual(
            fleet, "SELECT id, number FROM person ORDER BY id", ["p1|NULL", "p2|2", "p3|3", "p4|4"])
    }

    @Test("columns that only make sense together are taken together or not at all")
    func unit() throws {
        let fleet = try fleet()
        try join(fleet, "p2", "p1")
        try join(fleet, "p1", "p4")
        try fleet.meet()
        try expectEqual(fleet, "SELECT dose, unit FROM person WHERE id = 'p4'", ["5|NULL"])
    }

    @Test("ties between persons: both ends in the key, to each other and to others; and back")
    func ties() throws {
        let fleet = try fleet()
        try fleet.write(
            "n1", "INSERT INTO tie VALUES('p2', 'p2', 'self'), ('p2', 'p3', 'x'), ('p3', 'p2', 'y'), ('p4', 'p3', 'z')")
        try fleet.meet()
        try fleet.meet()
        let joined = try join(fleet, "p2", "p1")
        try fleet.meet()
        try expectEqual(
            fleet, "SELECT * FROM tie ORDER BY kind", ["p1|p1|self", "p1|p3|x", "p3|p1|y", "p4|p3|z"])
        try undo(fleet, joined)
        try fleet.meet()
        try expectEqual(
            fleet, "SELECT * FROM tie ORDER BY kind", ["p2|p2|self", "p2|p3|x", "p3|p2|y", "p4|p3|z"])
    }

    @Test("a row that refers to itself, and rows in a circle, are joined and parted again")
    func circles() throws {
        let fleet = try fleet()
        try fleet.write(
            "n1",
            "UPDATE person SET kin = 'p2' WHERE id IN ('p2', 'p3'); UPDATE person SET kin = 'p3' WHERE id = 'p4'")
        try fleet.meet()
        try fleet.meet()
        let joined = try join(fleet, "p2", "p4")
        try fleet.meet()
        try expectEqual(fleet, "SELECT id, kin FROM person WHERE kin IS NOT NULL ORDER BY id", ["p3|p4", "p4|p3"])
        try undo(fleet, joined)
        try fleet.meet()
        try expectEqual(
            fleet, "SELECT id, kin FROM person WHERE kin IS NOT NULL ORDER BY id", ["p2|p2", "p3|p2", "p4|p3"])
        let self1 = try join(fleet, "p2", "p1")
        try fleet.meet()
        try expectEqual(
            fleet, "SELECT id, kin FROM person WHERE kin IS NOT NULL ORDER BY id", ["p1|p1", "p3|p1", "p4|p3"])
        try undo(fleet, self1)
        try fleet.meet()
        try expectEqual(
            fleet, "SELECT id, kin FROM person WHERE kin IS NOT NULL ORDER BY id", ["p2|p2", "p3|p2", "p4|p3"])
    }

    @Test("merges of merged records are taken back in order only, and what was added stays exact")
    func undoChain() throws {
        let fleet = try fleet()
        try fleet.write("n2", "INSERT INTO referral VALUES('r3', 'p3', 'a')")
        try fleet.meet()
        try fleet.meet()
        let first = try join(fleet, "p3", "p2")
        let second = try join(fleet, "p2", "p1")
        try fleet.meet()
        try fleet.meet()
        let refused = #expect(throws: StoreError.self) { try undo(fleet, first) }
        #expect(refused?.kind == .refused && refused?.why.contains("into another one since") == true)
        for joined in [second, first] {
            try undo(fleet, joined)
            try fleet.meet()
        }
        try expectEqual(
            fleet, "SELECT id, number, phone, visits FROM person ORDER BY id",
            ["p1|NULL|NULL|1", "p2|2|555|10", "p3|3|333|100", "p4|4|NULL|0"])
        try expectEqual(fleet, "SELECT id, person FROM referral", ["r3|p3"])
        #expect(try fleet.hub.conflicts(includeSettled: false).isEmpty)
    }

    @Test("additions that were led on are with the row that went when the join is taken back, and only there")
    func sumAndBack() throws {
        let fleet = try fleet()
        try fleet.write("n1", "UPDATE person SET visits = visits + 1 WHERE id = 'p2'")
        try fleet.write("n2", "UPDATE person SET visits = visits + 2 WHERE id = 'p2'")
        for site in ["n1", "n2"] { try fleet.seal(site) }
        let joined = try join(fleet, "p2", "p4")
        try fleet.meet()
        try fleet.meet()
        try expectEqual(fleet, "SELECT visits FROM person WHERE id = 'p4'", ["3"])
        try undo(fleet, joined)
        try fleet.meet()
        try expectEqual(fleet, "SELECT id, visits FROM person WHERE id IN ('p2', 'p4') ORDER BY id", ["p2|13", "p4|0"])
    }

    @Test("after a join is taken back, an edit under way of the row that went is an edit like any other")
    func editAfterUndo() throws {
        let fleet = try fleet()
        try fleet.write("n1", "UPDATE person SET phone = '777' WHERE id = 'p2'")
        try fleet.seal("n1")
        let joined = try join(fleet, "p2", "p4")
        try undo(fleet, joined)
        try fleet.meet()
        try fleet.meet()
        try expectEqual(
            fleet, "SELECT id, phone FROM person WHERE id IN ('p2', 'p4') ORDER BY id", ["p2|777", "p4|NULL"])
        #expect(try fleet.hub.conflicts(includeSettled: false).isEmpty)
    }

    @Test("a change set that edits the row that went and the one that remains, where that one is put right")
    func bothEdited() throws {
        let fleet = try fleet(["n1", "n2", "n3"])
        try fleet.write("n2", "UPDATE person SET number = '44' WHERE id = 'p3'")
        try fleet.push("n2")
        try fleet.write(
            "n1",
            "UPDATE person SET phone = '777' WHERE id = 'p2'; UPDATE person SET number = '44' WHERE id = 'p4'")
        try fleet.seal("n1")
        try join(fleet, "p2", "p4")
        try fleet.push("n1")
        try fleet.write("n3", "UPDATE person SET phone = '888' WHERE id = 'p4'")
        try fleet.meet()
        try fleet.meet()
        let hub = try fleet.rows("hub", "SELECT * FROM person ORDER BY id")
        try expectEqual(fleet, "SELECT * FROM person ORDER BY id", hub)
        let phones = try fleet.hub.conflicts(includeSettled: false).filter { $0.column == "phone" }
        #expect(phones.count == 1)
        let values = Set(phones.flatMap { $0.life.sides.compactMap(\.value) })
        #expect(values.isSuperset(of: [.text("777"), .text("888")]))
    }

    @Test("the duplicate that two sites made under one key, and neither stands: undoing the join opens both again")
    func withheldTwice() throws {
        let fleet = try fleet(["n1", "n2", "n3"])
        try fleet.write("n3", "INSERT INTO person(id, number) VALUES('p8', '8')")
        try fleet.write("n1", "INSERT INTO person(id, number, name) VALUES('p9', '8', 'of n1')")
        try fleet.write("n2", "INSERT INTO person(id, number, name) VALUES('p9', '8', 'of n2')")
        try fleet.push("n3")
        try fleet.meet()
        try fleet.meet()
        let before = try fleet.hub.conflicts(includeSettled: false).map(\.id)
        #expect(try fleet.hub.withheld().count == 2)
        let joined = try join(fleet, "p9", "p8")
        try fleet.meet()
        #expect(try fleet.hub.withheld().isEmpty)
        try undo(fleet, joined)
        try fleet.meet()
        #expect(try fleet.hub.withheld().count == 2)
        #expect(try fleet.hub.conflicts(includeSettled: false).map(\.id) == before)
    }
}
