import Replication
import Testing

@testable import ConflictStore
@testable import HubDatabase
@testable import TableModel

/// What people decide at the hub, and how it is taken back (promises 4, 5 and 6).
@Suite("Decisions")
struct DecisionTests {
    static let schema = """
        CREATE TABLE ward(id TEXT PRIMARY KEY NOT NULL, name TEXT);
        CREATE TABLE stay(id TEXT PRIMARY KEY NOT NULL, ward TEXT REFERENCES ward(id) ON DELETE CASCADE,
          first INTEGER, last INTEGER, note TEXT, CHECK (first <= last));
        CREATE TABLE remark(id TEXT PRIMARY KEY NOT NULL, ward TEXT REFERENCES ward(id) ON DELETE SET NULL);
        CREATE INDEX stay_ward ON stay(ward); CREATE INDEX remark_ward ON remark(ward);
        INSERT INTO samband_table(name) VALUES('ward'), ('stay'), ('remark');
        INSERT INTO ward VALUES('w1', 'A'), ('w2', 'B');
        INSERT INTO stay VALUES('s1', 'w1', 3, 5, NULL);
        INSERT INTO remark VALUES('m1', 'w1');
        """

    private func fleet() throws -> TestFleet {
        let fleet = try TestFleet(Self.schema)
        for site in ["snasa", "verran"] { try fleet.join(site) }
        return fleet
    }

    private func expectEqual(_ fleet: TestFleet, _ sql: String, _ rows: [String]) throws {
        for place in ["hub", "snasa", "verran"] { #expect(try fleet.rows(place, sql) == rows, "\(place)") }
    }

    @discardableResult
    private func resolve(_ fleet: TestFleet, _ id: UInt64, _ choice: Choice) throws -> ConflictRecord {
        try fleet.hub.resolve(id, choice, changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs)
    }

    private func undo(_ fleet: TestFleet, _ id: UInt64) throws {
        _ = try fleet.hub.undo(id, changed: nil, by: "ola", reason: nil, nowMs: fleet.nowMs)
    }

    @Test("a cell decided and undone shows its former value again; an edit since keeps the decision from being undone")
    func cell() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "UPDATE stay SET note = 'a' WHERE id = 's1'")
        try fleet.write("verran", "UPDATE stay SET note = 'b' WHERE id = 's1'")
        try fleet.meet()
        let id = try #require(try fleet.hub.conflicts(includeSettled: false).first).id
        let shown = try fleet.rows("hub", "SELECT note FROM stay")
        try resolve(fleet, id, .set(["note": .text("c")]))
        try fleet.meet()
        try expectEqual(fleet, "SELECT note FROM stay", ["c"])
        try undo(fleet, id)
        try fleet.meet()
        try expectEqual(fleet, "SELECT note FROM stay", shown)
        #expect(try fleet.hub.conflicts(includeSettled: false).map(\.id) == [id])
        try resolve(fleet, id, .take(site: "snasa"))
        try fleet.meet()
        try fleet.write("verran", "UPDATE stay SET note = 'd' WHERE id = 's1'")
        try fleet.meet()
        #expect(throws: StoreError.self) { try undo(fleet, id) }
        try expectEqual(fleet, "SELECT note FROM stay", ["d"])
    }

    @Test(
        "a merge that breaks a CHECK withholds the whole operation; it comes in with other values, and that is undone")
    func check() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "UPDATE stay SET first = 5, last = 6 WHERE id = 's1'")
        try fleet.push("snasa")
        try fleet.write("verran", "UPDATE stay SET first = 1, last = 2, note = 'x' WHERE id = 's1'")
        try fleet.push("verran")
        try fleet.meet()
        // Both columns went together: the newer pair stands, and no row that nobody wrote.
        try expectEqual(fleet, "SELECT first, last FROM stay", ["1|2"])
        try fleet.write("snasa", "UPDATE stay SET last = 1 WHERE id = 's1'")
        try fleet.push("snasa")
        try fleet.write("verran", "UPDATE stay SET first = 2, note = 'y' WHERE id = 's1'")
        try fleet.push("verran")
        try fleet.meet()
        try fleet.meet()
        try expectEqual(fleet, "SELECT first, last, note FROM stay", ["1|1|x"])
        let conflict = try #require(try fleet.hub.conflicts(includeSettled: false).first { $0.kind == .check })
        #expect(throws: StoreError.self) { try resolve(fleet, conflict.id, .admit) }
        try resolve(fleet, conflict.id, .set(["first": .integer(1)]))
        try fleet.meet()
        try expectEqual(fleet, "SELECT first, last, note FROM stay", ["1|1|y"])
        try undo(fleet, conflict.id)
        try fleet.meet()
        try expectEqual(fleet, "SELECT first, last, note FROM stay", ["1|1|x"])
        #expect(try fleet.hub.withheld().count == 1)
        try resolve(fleet, conflict.id, .discard)
        #expect(try fleet.hub.withheld().isEmpty)
    }

    @Test("an author who has seen that its update is withheld and writes those cells anew settles it")
    func awareWrite() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "UPDATE stay SET last = 3 WHERE id = 's1'")
        try fleet.write("verran", "UPDATE stay SET first = 4 WHERE id = 's1'")
        try fleet.push("snasa")
        try fleet.push("verran")
        try fleet.meet()
        #expect(try fleet.hub.withheld().count == 1)
        try fleet.write("verran", "UPDATE stay SET first = 2 WHERE id = 's1'")
        try fleet.meet()
        try fleet.meet()
        try expectEqual(fleet, "SELECT first, last FROM stay", ["2|3"])
        #expect(try fleet.hub.withheld().isEmpty)
        #expect(try fleet.hub.conflicts(includeSettled: false).isEmpty)
    }

    @Test("a parent deleted while a child was added comes back with all that went with it; deleting it is refused")
    func parent() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "DELETE FROM ward WHERE id = 'w1'")
        try fleet.write("verran", "INSERT INTO stay VALUES('s2', 'w1', 1, 2, NULL)")
        try fleet.push("snasa")
        try fleet.push("verran")
        try fleet.meet()
        try fleet.meet()
        try expectEqual(fleet, "SELECT id FROM ward ORDER BY id", ["w1", "w2"])
        try expectEqual(fleet, "SELECT id, ward FROM stay ORDER BY id", ["s1|w1", "s2|w1"])
        try expectEqual(fleet, "SELECT id, ward FROM remark", ["m1|w1"])
        let conflict = try #require(try fleet.hub.conflicts(includeSettled: false).first)
        #expect(conflict.kind == .foreignKey && conflict.table == "ward")
        #expect(throws: StoreError.self) { try resolve(fleet, conflict.id, .delete) }
        try resolve(fleet, conflict.id, .restore)
        #expect(try fleet.hub.conflicts(includeSettled: false).isEmpty)
        try undo(fleet, conflict.id)
        #expect(try fleet.hub.conflicts(includeSettled: false).map(\.id) == [conflict.id])
    }

    @Test("the same in the other order: the delete is withheld, and what went with it stays")
    func parentOtherOrder() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "DELETE FROM ward WHERE id = 'w1'")
        try fleet.write("verran", "INSERT INTO stay VALUES('s2', 'w1', 1, 2, NULL)")
        try fleet.push("verran")
        try fleet.push("snasa")
        try fleet.meet()
        try fleet.meet()
        try expectEqual(fleet, "SELECT id FROM ward ORDER BY id", ["w1", "w2"])
        try expectEqual(fleet, "SELECT id, ward FROM stay ORDER BY id", ["s1|w1", "s2|w1"])
        try expectEqual(fleet, "SELECT id, ward FROM remark", ["m1|w1"])
        let conflict = try #require(try fleet.hub.conflicts(includeSettled: false).first { $0.table == "ward" })
        #expect(conflict.kind == .foreignKey)
        #expect(throws: StoreError.self) { try resolve(fleet, conflict.id, .admit) }
        try fleet.write("verran", "DELETE FROM stay; DELETE FROM remark")
        try fleet.meet()
        try resolve(fleet, conflict.id, .admit)
        try fleet.meet()
        try expectEqual(fleet, "SELECT id FROM ward", ["w2"])
        try undo(fleet, conflict.id)
        try fleet.meet()
        try expectEqual(fleet, "SELECT id FROM ward ORDER BY id", ["w1", "w2"])
    }

    @Test("a deleted row that an edit kept: deciding for the delete, and undoing that, lets an edit under way count")
    func deleteDecided() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "DELETE FROM stay WHERE id = 's1'")
        try fleet.write("verran", "UPDATE stay SET note = 'x' WHERE id = 's1'")
        try fleet.meet()
        try fleet.meet()
        let conflict = try #require(try fleet.hub.conflicts(includeSettled: false).first)
        try resolve(fleet, conflict.id, .delete)
        try fleet.write("verran", "UPDATE stay SET last = 9 WHERE id = 's1'")
        try fleet.seal("verran")
        try fleet.pull("snasa")
        try expectRows(fleet, "snasa", [])
        try undo(fleet, conflict.id)
        try fleet.meet()
        try fleet.meet()
        try expectEqual(fleet, "SELECT id, last, note FROM stay", ["s1|9|x"])
    }

    private func expectRows(_ fleet: TestFleet, _ place: String, _ rows: [String]) throws {
        #expect(try fleet.rows(place, "SELECT id FROM stay") == rows)
    }

    @Test("a decision tried leaves no trace, and undo of what is open or settled by a site is refused")
    func trying() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "UPDATE stay SET note = 'a' WHERE id = 's1'")
        try fleet.write("verran", "UPDATE stay SET note = 'b' WHERE id = 's1'")
        try fleet.meet()
        let id = try #require(try fleet.hub.conflicts(includeSettled: false).first).id
        #expect(throws: StoreError.self) { try undo(fleet, id) }
        _ = try fleet.hub.resolve(
            id, .take(site: "snasa"), changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs, dryRun: true)
        #expect(try fleet.hub.conflicts(includeSettled: false).map(\.id) == [id])
        try resolve(fleet, id, .take(site: "snasa"))
        _ = try fleet.hub.undo(id, changed: nil, by: "ola", reason: nil, nowMs: fleet.nowMs, dryRun: true)
        #expect(try fleet.hub.conflicts(includeSettled: false).isEmpty)
        try undo(fleet, id)
        try fleet.meet()
        try fleet.write("snasa", "UPDATE stay SET note = 'together' WHERE id = 's1'")
        try fleet.meet()
        #expect(try fleet.hub.conflicts(includeSettled: false).isEmpty)
        #expect(throws: StoreError.self) { try undo(fleet, id) }
    }
}
