import Replication
import Testing

@testable import TableModel

@Suite("Two sites and a hub")
struct MeetingTests {
    static let schema = """
        CREATE TABLE referral(id TEXT PRIMARY KEY NOT NULL, status TEXT, note TEXT) STRICT;
        CREATE TABLE bed_night(id TEXT PRIMARY KEY NOT NULL, bed TEXT NOT NULL, night TEXT NOT NULL, UNIQUE(bed, night));
        CREATE TABLE stay(id TEXT PRIMARY KEY NOT NULL, night TEXT NOT NULL REFERENCES bed_night(id));
        INSERT INTO samband_table(name) VALUES('referral'), ('bed_night'), ('stay');
        INSERT INTO samband_policy(table_name, column_name, policy) VALUES('referral', 'note', 'newest');
        INSERT INTO referral VALUES('r-1', 'new', 'first');
        """

    func fleet() throws -> TestFleet {
        let fleet = try TestFleet(Self.schema)
        try fleet.join("snasa")
        try fleet.join("verran")
        return fleet
    }

    @Test("what a migration wrote is at every site that joins")
    func snapshotCarriesRows() throws {
        let fleet = try fleet()
        #expect(try fleet.rows("snasa", "SELECT * FROM referral") == ["r-1|new|first"])
    }

    @Test("inserts, updates and deletes of one site reach the other")
    func plainWritesMeet() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "INSERT INTO referral VALUES('r-2', 'new', 'Gåasveerie')")
        try fleet.meet()
        #expect(try fleet.rows("verran", "SELECT * FROM referral WHERE id = 'r-2'") == ["r-2|new|Gåasveerie"])
        try fleet.write(
            "verran",
            "UPDATE referral SET status = 'done' WHERE id = 'r-2'; DELETE FROM referral WHERE id = 'r-1'")
        try fleet.meet()
        #expect(try fleet.rows("snasa", "SELECT * FROM referral") == ["r-2|done|Gåasveerie"])
        #expect(try fleet.rows("hub", "SELECT * FROM referral") == ["r-2|done|Gåasveerie"])
        #expect(try fleet.nodes["snasa"]!.inFlightCount() == 0)
    }

    @Test("one referral edited on both sides: the newest shows, both values are in an open conflict")
    func cellConflict() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "UPDATE referral SET status = 'accepted' WHERE id = 'r-1'")
        try fleet.seal("snasa")
        try fleet.write("verran", "UPDATE referral SET status = 'declined' WHERE id = 'r-1'")
        try fleet.meet()
        try fleet.meet()
        for place in ["hub", "snasa", "verran"] {
            #expect(try fleet.rows(place, "SELECT status FROM referral") == ["declined"])
        }
        let conflict = try #require(try fleet.hub.conflicts(includeSettled: false).first)
        #expect(conflict.kind == .cell && conflict.column == "status" && conflict.base == .cell(.text("new")))
        #expect(Set(conflict.life.sides.map(\.value)) == [.text("accepted"), .text("declined")])
        let tried = try fleet.hub.resolve(
            conflict.id, .take(site: "snasa"), changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs, dryRun: true)
        #expect(!tried.life.isOpen, "a trial says how it would end, and changes nothing")
        #expect(try fleet.hub.conflicts(includeSettled: false).map(\.life) == [conflict.life])
        #expect(try fleet.rows("hub", "SELECT status FROM referral") == ["declined"])
        #expect(throws: StoreError.self, "and is refused like the real one") {
            try fleet.hub.resolve(
                conflict.id, .delete, changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs, dryRun: true)
        }
        let settled = try fleet.hub.resolve(
            conflict.id, .take(site: "snasa"), changed: conflict.life.changed, by: "kari", reason: nil,
            nowMs: fleet.nowMs)
        #expect(!settled.life.isOpen)
        try fleet.meet()
        for place in ["hub", "snasa", "verran"] {
            #expect(try fleet.rows(place, "SELECT status FROM referral") == ["accepted"])
            #expect(
                try fleet.rows(place, "SELECT state, decided_by FROM samband_conflict") == ["settled|kari"])
        }
    }

    @Test("two sites take the last bed: one stands, the other is withheld with the stay that refers to it")
    func uniqueClash() throws {
        let fleet = try fleet()
        for site in ["snasa", "verran"] {
            try fleet.write(
                site,
                """
                BEGIN; INSERT INTO bed_night VALUES('n-\(site)', 'B16', '2011-12-31');
                INSERT INTO stay VALUES('s-\(site)', 'n-\(site)'); COMMIT
                """)
        }
        try fleet.meet()
        try fleet.meet()
        for place in ["hub", "snasa", "verran"] {
            #expect(try fleet.rows(place, "SELECT id FROM bed_night") == ["n-snasa"])
            #expect(try fleet.rows(place, "SELECT id FROM stay") == ["s-snasa"])
        }
        let withheld = try fleet.hub.withheld()
        #expect(Set(withheld.map(\.table)) == ["bed_night", "stay"])
        #expect(try fleet.nodes["verran"]!.asideCount() == 0)
        #expect(try fleet.hub.conflicts(includeSettled: false).map(\.kind) == [.unique])
    }

    @Test("a delete against an update: the row is there again at both, and a conflict says so")
    func deleteUpdate() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "DELETE FROM referral WHERE id = 'r-1'")
        try fleet.write("verran", "UPDATE referral SET status = 'seen' WHERE id = 'r-1'")
        try fleet.meet()
        try fleet.meet()
        for place in ["hub", "snasa", "verran"] {
            #expect(try fleet.rows(place, "SELECT * FROM referral") == ["r-1|seen|first"])
        }
        #expect(try fleet.hub.conflicts(includeSettled: false).map(\.kind) == [.deleteUpdate])
    }

    @Test("values of a UNIQUE pair swapped in one change set arrive")
    func swap() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "INSERT INTO bed_night VALUES('a', 'B1', 'x'), ('b', 'B2', 'x')")
        try fleet.meet()
        try fleet.write(
            "snasa",
            """
            BEGIN; UPDATE bed_night SET bed = 'tmp' WHERE id = 'a'; UPDATE bed_night SET bed = 'B1' WHERE id = 'b';
            UPDATE bed_night SET bed = 'B2' WHERE id = 'a'; COMMIT
            """)
        try fleet.meet()
        #expect(try fleet.rows("hub", "SELECT id, bed FROM bed_night ORDER BY id") == ["a|B2", "b|B1"])
        #expect(try fleet.rows("verran", "SELECT id, bed FROM bed_night ORDER BY id") == ["a|B2", "b|B1"])
        #expect(try fleet.hub.conflicts(includeSettled: true).isEmpty)
    }
}
