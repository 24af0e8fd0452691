import Replication
import SimulationKit
import Testing

/// Change sets of which some rows meet a concurrent write and others do not, and the two depend on each other
/// (promises 4, 5 and 6).
@Suite("Rows that meet something beside rows that do not")
struct MixedMergeTests {
    static let schema = """
        CREATE TABLE team(id TEXT PRIMARY KEY NOT NULL, name TEXT UNIQUE, note TEXT, size INTEGER, CHECK(size < 100));
        CREATE TABLE person(id TEXT PRIMARY KEY NOT NULL COLLATE NOCASE, code TEXT UNIQUE, note TEXT,
          team TEXT REFERENCES team(id) ON DELETE CASCADE, lead TEXT REFERENCES person(id) ON DELETE SET NULL,
          a INTEGER DEFAULT 0, b INTEGER DEFAULT 0, CHECK(a + b < 12));
        CREATE INDEX person_team ON person(team); CREATE INDEX person_lead ON person(lead);
        CREATE TABLE shift(id TEXT PRIMARY KEY NOT NULL, person TEXT NOT NULL REFERENCES person(id) ON DELETE CASCADE,
          team TEXT REFERENCES team(name), note TEXT);
        CREATE INDEX shift_person ON shift(person); CREATE INDEX shift_team ON shift(team);
        INSERT INTO samband_table(name) VALUES('team'), ('person'), ('shift');
        INSERT INTO team VALUES('t1', 'North', NULL, 1), ('t2', 'South', NULL, 2);
        INSERT INTO person(id, code, team) VALUES('p1', 'A', 't1'), ('p2', 'B', 't1'), ('p3', 'C', 't1'), ('p4', 'D', 't2');
        INSERT INTO shift VALUES('s1', 'p1', NULL, NULL), ('s2', 'p2', NULL, NULL);
        """

    private func fleet() throws -> TestFleet {
        let fleet = try TestFleet(Self.schema)
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

    @Test("UNIQUE values that a row which meets something swaps with one that does not")
    func swap() throws {
        let fleet = try fleet()
        try meet(
            fleet, snasa: "UPDATE person SET note = 'home' WHERE id = 'p1'",
            verran: """
                UPDATE person SET code = 'x' WHERE id = 'p1'; UPDATE person SET code = 'A' WHERE id = 'p2';
                UPDATE person SET code = 'B', note = 'away' WHERE id = 'p1'; UPDATE person SET note = 'c' WHERE id = 'p3'
                """)
        try expectEqual(
            fleet, "SELECT id, code, note FROM person ORDER BY id",
            ["p1|B|away", "p2|A|NULL", "p3|C|c", "p4|D|NULL"])
        let conflicts = try fleet.hub.conflicts(includeSettled: true)
        #expect(conflicts.map(\.column) == ["note"])
        #expect(try fleet.hub.withheld().isEmpty)
    }

    @Test("UNIQUE values that two rows swap when neither meets anything, beside one that does")
    func swapBeside() throws {
        let fleet = try fleet()
        try meet(
            fleet, snasa: "UPDATE person SET note = 'home' WHERE id = 'p3'",
            verran: """
                UPDATE person SET code = 'x' WHERE id = 'p1'; UPDATE person SET code = 'A' WHERE id = 'p2';
                UPDATE person SET code = 'B' WHERE id = 'p1'; UPDATE person SET note = 'away' WHERE id = 'p3'
                """)
        try expectEqual(
            fleet, "SELECT id, code, note FROM person ORDER BY id",
            ["p1|B|NULL", "p2|A|NULL", "p3|C|away", "p4|D|NULL"])
        #expect(try fleet.hub.conflicts(includeSettled: true).map(\.kind) == [.cell])
    }

    @Test("a child that meets nothing is withheld with its parent that clashes")
    func childOfWithheld() throws {
        let fleet = try fleet()
        try meet(
            fleet, snasa: "INSERT INTO person(id, code) VALUES('p8', 'E'); UPDATE team SET note = 'n' WHERE id = 't1'",
            verran: """
                INSERT INTO person(id, code) VALUES('p9', 'E'); INSERT INTO shift VALUES('s9', 'p9', NULL, NULL);
                UPDATE team SET note = 'v' WHERE id = 't1'
                """)
        try expectEqual(fleet, "SELECT id FROM person WHERE id >= 'p8'", ["p8"])
        try expectEqual(fleet, "SELECT id FROM shift ORDER BY id", ["s1", "s2"])
        #expect(Set(try fleet.hub.withheld().map(\.key)) == [[.text("p9")], [.text("s9")]])
        #expect(Set(try fleet.hub.conflicts(includeSettled: false).map(\.kind)) == [.unique, .cell])
    }

    @Test("a delete that does not stand keeps what went with it, though nobody else touched that")
    func cascadeHalfMet() throws {
        let fleet = try fleet()
        try meet(
            fleet, snasa: "UPDATE team SET note = 'kept' WHERE id = 't1'",
            verran: "DELETE FROM team WHERE id = 't1'; DELETE FROM person WHERE id = 'p4'")
        try expectEqual(fleet, "SELECT id, note FROM team ORDER BY id", ["t1|kept", "t2|NULL"])
        try expectEqual(fleet, "SELECT id FROM person ORDER BY id", ["p1", "p2", "p3"])
        try expectEqual(fleet, "SELECT id FROM shift ORDER BY id", ["s1", "s2"])
        #expect(try fleet.hub.conflicts(includeSettled: true).map(\.kind) == [.deleteUpdate])
    }

    @Test(
        "what a change set deleted blind comes back, with what it deleted carefully, for a write that had not seen it")
    func imagesOfBoth() throws {
        let fleet = try fleet()
        try fleet.join("mosvik")
        try fleet.write("mosvik", "UPDATE team SET size = 50 WHERE id = 't1'")
        try fleet.seal("mosvik")
        try fleet.write("snasa", "UPDATE person SET note = 'home' WHERE id = 'p4'")
        try fleet.write(
            "verran", "BEGIN; UPDATE person SET note = 'away' WHERE id = 'p4'; DELETE FROM team WHERE id = 't1'; COMMIT"
        )
        try fleet.push("snasa")
        try fleet.push("verran")
        #expect(try fleet.rows("hub", "SELECT id FROM person ORDER BY id") == ["p4"])
        for _ in 0..<2 { try fleet.meet() }
        try expectEqual(fleet, "SELECT id, size FROM team ORDER BY id", ["t1|50", "t2|2"])
        try expectEqual(fleet, "SELECT id FROM person ORDER BY id", ["p1", "p2", "p3", "p4"])
        try expectEqual(fleet, "SELECT id, note FROM shift ORDER BY id", ["s1|NULL", "s2|NULL"])
        #expect(Set(try fleet.hub.conflicts(includeSettled: true).map(\.kind)) == [.cell, .deleteUpdate])
    }

    @Test("at a site, a swap between a row of its own in flight and another leaves nothing aside")
    func swapAtSite() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "UPDATE person SET note = 'mine' WHERE id = 'p1'")
        try fleet.seal("snasa")
        try fleet.write(
            "verran",
            """
            BEGIN; UPDATE person SET code = 'x' WHERE id = 'p1'; UPDATE person SET code = 'A' WHERE id = 'p2';
            UPDATE person SET code = 'B', note = 'theirs' WHERE id = 'p1'; COMMIT
            """)
        try fleet.push("verran")
        try fleet.pull("snasa")
        #expect(try fleet.rows("snasa", "SELECT code FROM person WHERE id < 'p3' ORDER BY id") == ["B", "A"])
        #expect(try fleet.nodes["snasa"]!.asideCount() == 0)
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

    @Test("a CHECK that two updates break only together withholds the later one, not the rows beside it")
    func checkOfBoth() throws {
        let fleet = try fleet()
        try meet(
            fleet, snasa: "UPDATE person SET a = 8 WHERE id = 'p1'",
            verran: "UPDATE person SET b = 8 WHERE id = 'p1'; UPDATE person SET b = 8 WHERE id = 'p2'")
        try expectEqual(fleet, "SELECT id, a, b FROM person WHERE id < 'p3' ORDER BY id", ["p1|8|0", "p2|0|8"])
        #expect(try fleet.hub.conflicts(includeSettled: true).map(\.kind) == [.check])
    }
}
