import Replication
import Testing

@testable import TableModel

/// What becomes of rows that the hub withholds (promises 4, 5, 6 and 10).
@Suite("The life of withheld rows")
struct WithheldTests {
    /// Persons with a number of their own, their referrals and the letters of those.
    static let schema = """
        CREATE TABLE person(id TEXT PRIMARY KEY NOT NULL, number TEXT UNIQUE, name TEXT);
        CREATE TABLE referral(id TEXT PRIMARY KEY NOT NULL, person TEXT NOT NULL REFERENCES person(id), note TEXT);
        CREATE TABLE letter(id TEXT PRIMARY KEY NOT NULL,
          referral TEXT NOT NULL REFERENCES referral(id) ON DELETE CASCADE, body TEXT);
        CREATE INDEX referral_person ON referral(person);
        CREATE INDEX letter_referral ON letter(referral);
        INSERT INTO samband_table(name) VALUES('person'), ('referral'), ('letter');
        """

    /// Two sites register one person, one of them with a referral and a letter; that one comes second.
    static func twice() throws -> TestFleet {
        let fleet = try TestFleet(schema)
        for site in ["snasa", "verran"] { try fleet.join(site) }
        try fleet.write("snasa", "INSERT INTO person VALUES('p1', '010190', 'Kari')")
        try fleet.write(
            "verran",
            """
            INSERT INTO person VALUES('p2', '010190', 'Kari N');
            INSERT INTO referral VALUES('r1', 'p2', 'urgent');
            INSERT INTO letter VALUES('l1', 'r1', 'text');
            """)
        try fleet.push("snasa")
        try fleet.push("verran")
        for site in ["snasa", "verran"] { try fleet.pull(site) }
        return fleet
    }

    private func expectEqual(_ fleet: TestFleet, _ sql: String, _ rows: [String]) throws {
        for place in ["hub", "snasa", "verran"] { #expect(try fleet.rows(place, sql) == rows, "\(place)") }
    }

    private func states(_ fleet: TestFleet, _ place: String = "hub") throws -> [String] {
        try fleet.rows(place, "SELECT table_name || ' ' || state FROM samband_withheld ORDER BY table_name, id")
    }

    @Test("rows that refer to a withheld row wait with it, in one conflict")
    func together() throws {
        let fleet = try Self.twice()
        let conflict = try #require(try fleet.hub.conflicts(includeSettled: true).first)
        #expect(try fleet.hub.conflicts(includeSettled: true).count == 1)
        #expect(conflict.kind == .unique)
        #expect(try fleet.hub.withheld().map(\.table).sorted() == ["letter", "person", "referral"])
        #expect(try fleet.hub.withheld().allSatisfy { $0.conflict == conflict.id })
        try expectEqual(fleet, "SELECT id FROM person", ["p1"])
        try expectEqual(fleet, "SELECT id FROM referral", [])
    }

    @Test("a row withheld for a UNIQUE value comes in by itself when the value is free, with all that refer to it")
    func blockerGoes() throws {
        let fleet = try Self.twice()
        try fleet.write("snasa", "UPDATE person SET number = '020290' WHERE id = 'p1'")
        try fleet.meet()
        try fleet.meet()
        try expectEqual(fleet, "SELECT id, number FROM person ORDER BY id", ["p1|020290", "p2|010190"])
        try expectEqual(fleet, "SELECT id, note FROM referral", ["r1|urgent"])
        try expectEqual(fleet, "SELECT id, body FROM letter", ["l1|text"])
        let conflict = try #require(try fleet.hub.conflicts(includeSettled: true).first)
        #expect(!conflict.life.isOpen)
        #expect(conflict.decision?.how == "release" && conflict.decision?.by == "policy")
        #expect(try states(fleet, "verran") == ["letter released", "person released", "referral released"])
    }

    @Test("the same when the row in the way is deleted")
    func blockerIsDeleted() throws {
        let fleet = try Self.twice()
        try fleet.write("snasa", "DELETE FROM person WHERE id = 'p1'")
        try fleet.meet()
        try fleet.meet()
        try expectEqual(fleet, "SELECT id FROM person", ["p2"])
        try expectEqual(fleet, "SELECT id FROM letter", ["l1"])
    }

    @Test(
        "admitting is refused while the value is taken, and says why; with another value it comes in with its children")
    func admit() throws {
        let fleet = try Self.twice()
        let id = try #require(try fleet.hub.conflicts(includeSettled: false).first).id
        do {
            _ = try fleet.hub.resolve(id, .admit, changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs)
            Issue.record("it was let in beside the other")
        } catch {
            #expect(error.kind == .refused && "\(error)".contains("person.number"), "\(error)")
            #expect(!"\(error)".contains("010190"), "no value of a row")
        }
        let settled = try fleet.hub.resolve(
            id, .set(["number": .text("030390")]), changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs)
        #expect(!settled.life.isOpen && settled.decision?.how == "set")
        try fleet.meet()
        try expectEqual(fleet, "SELECT id, number FROM person ORDER BY id", ["p1|010190", "p2|030390"])
        try expectEqual(fleet, "SELECT id FROM letter", ["l1"])
        #expect(try states(fleet, "snasa") == ["letter released", "person admitted", "referral released"])
    }

    @Test("discarding one row leaves what refers to it waiting under conflicts of its own, which another value settles")
    func discard() throws {
        let fleet = try Self.twice()
        let id = try #require(try fleet.hub.conflicts(includeSettled: false).first).id
        _ = try fleet.hub.resolve(id, .discard, changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs)
        let left = try fleet.hub.conflicts(includeSettled: false)
        #expect(left.map(\.kind) == [.foreignKey, .foreignKey])
        #expect(try fleet.hub.withheld().map(\.table).sorted() == ["letter", "referral"])
        let referral = try #require(left.first { $0.table == "referral" })
        _ = try fleet.hub.resolve(
            referral.id, .set(["person": .text("p1")]), changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs)
        try fleet.meet()
        try expectEqual(fleet, "SELECT id, person FROM referral", ["r1|p1"])
        try expectEqual(fleet, "SELECT id FROM letter", ["l1"])
        #expect(try fleet.hub.conflicts(includeSettled: false).isEmpty)
        #expect(try states(fleet) == ["letter released", "person discarded", "referral admitted"])
    }

    @Test("taking the withheld side displaces the row that stood, which is kept; undo puts both back")
    func exchange() throws {
        let fleet = try Self.twice()
        let id = try #require(try fleet.hub.conflicts(includeSettled: false).first).id
        _ = try fleet.hub.resolve(
            id, .take(site: "verran"), changed: nil, by: "kari", reason: "the newer one", nowMs: fleet.nowMs)
        try fleet.meet()
        try expectEqual(fleet, "SELECT id FROM person", ["p2"])
        try expectEqual(fleet, "SELECT id FROM letter", ["l1"])
        #expect(try states(fleet).contains("person discarded"))
        let open = try fleet.hub.undo(id, changed: nil, by: "ola", reason: "mistaken", nowMs: fleet.nowMs)
        #expect(open.life.isOpen && open.decision == nil)
        #expect(open.earlier.map(\.how) == ["take", "undo"] && open.earlier.map(\.by) == ["kari", "ola"])
        try fleet.meet()
        try expectEqual(fleet, "SELECT id, name FROM person", ["p1|Kari"])
        try expectEqual(fleet, "SELECT id FROM letter", [])
        #expect(try fleet.hub.withheld().map(\.table).sorted() == ["letter", "person", "referral"])
        // And once more the other way.
        _ = try fleet.hub.resolve(
            id, .take(site: "snasa"), changed: open.life.changed, by: "ola", reason: nil, nowMs: fleet.nowMs)
        #expect(try states(fleet).contains("person discarded"))
    }

    @Test("taking the withheld side is refused when rows refer to the one that stands")
    func exchangeRefused() throws {
        let fleet = try Self.twice()
        try fleet.write("snasa", "INSERT INTO referral VALUES('r9', 'p1', NULL)")
        try fleet.meet()
        let id = try #require(try fleet.hub.conflicts(includeSettled: false).first).id
        #expect(throws: StoreError.self) {
            try fleet.hub.resolve(
                id, .take(site: "verran"), changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs)
        }
        try expectEqual(fleet, "SELECT id FROM person", ["p1"])
        #expect(try fleet.hub.withheld().count == 3)
    }

    @Test("a child that came before its parent's return is let in when the parent arrives")
    func parentArrives() throws {
        let fleet = try Self.twice()
        // Verran gives its person another number: the insert that was withheld is replaced by a new one.
        try fleet.write("verran", "INSERT INTO person VALUES('p2', '040490', 'Kari N')")
        try fleet.meet()
        try fleet.meet()
        try expectEqual(fleet, "SELECT id, number FROM person ORDER BY id", ["p1|010190", "p2|040490"])
        try expectEqual(fleet, "SELECT id FROM referral", ["r1"])
        try expectEqual(fleet, "SELECT id FROM letter", ["l1"])
        #expect(try fleet.hub.conflicts(includeSettled: false).isEmpty)
    }
}
