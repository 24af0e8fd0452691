import SQLite
import Testing

@testable import Explaining
@testable import HubDatabase
@testable import TableModel

@Suite("Choices are tried before they are offered")
struct OfferedChoiceTests {
    private static let schema = """
        CREATE TABLE ward(id TEXT PRIMARY KEY NOT NULL, name TEXT);
        CREATE TABLE stay(
          id TEXT PRIMARY KEY NOT NULL, ward TEXT REFERENCES ward(id), low INTEGER NOT NULL DEFAULT 0,
          high INTEGER NOT NULL DEFAULT 9, "room no" INTEGER, day TEXT, free INTEGER UNIQUE,
          CONSTRAINT "in order" CHECK (low <= high /* ) */ AND (low >= 0)), UNIQUE ("room no", day));
        INSERT INTO samband_table(name) VALUES('ward'), ('stay');
        INSERT INTO ward VALUES('w-1', 'A'), ('w-2', 'B');
        INSERT INTO stay(id) VALUES('s-0');
        """

    /// What two sites wrote apart from each other, snasa's first at the hub.
    private func apart(_ snasa: String, _ verran: String) throws -> TestFleet {
        let fleet = try TestFleet(Self.schema)
        for site in ["snasa", "verran"] { try fleet.join(site) }
        try fleet.meet()
        try fleet.write("snasa", snasa)
        try fleet.write("verran", verran)
        try fleet.meet()
        try fleet.meet()
        return fleet
    }

    /// The detail of the one conflict of a kind, whose choices are each as they were tried.
    private func detail(_ fleet: TestFleet, _ kind: String) throws -> ConflictDetail {
        let views = try fleet.hub.conflictViews(ConflictFilter()).filter { $0.record.kind.rawValue == kind }
        let view = try #require(views.count == 1 ? views[0] : nil, "\(kind): \(views.map(\.record.kind))")
        let before = try fleet.rows("hub", "SELECT * FROM stay ORDER BY id") + fleet.rows("hub", "SELECT * FROM ward")
        let position = try fleet.hub.lastPosition()
        let detail = try #require(try fleet.hub.conflictDetail(view.record.id, trying: true))
        // Looking changes nothing.
        #expect(try fleet.hub.lastPosition() == position)
        let after = try fleet.rows("hub", "SELECT * FROM stay ORDER BY id") + fleet.rows("hub", "SELECT * FROM ward")
        #expect(after == before)
        for choice in detail.choices {
            guard let whole = choice.whole else { continue }
            _ = try fleet.hub.resolve(
                view.record.id, whole, changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs, dryRun: true)
        }
        for refused in detail.refused {
            let whole = try #require(refused.choice.whole)
            #expect(throws: StoreError.self) {
                try fleet.hub.resolve(
                    view.record.id, whole, changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs, dryRun: true)
            }
        }
        return detail
    }

    @Test("a named CHECK is quoted with its text, a UNIQUE with its columns, and no value with either")
    func rules() throws {
        let fleet = try apart(
            """
            UPDATE stay SET low = 8 WHERE id = 's-0';
            INSERT INTO stay(id, "room no", day) VALUES('s-1', 4711, 'secret');
            """,
            """
            UPDATE stay SET high = 5 WHERE id = 's-0';
            INSERT INTO stay(id, "room no", day) VALUES('s-2', 4711, 'secret');
            """)
        let check = try detail(fleet, "check")
        #expect(check.refused.map(\.choice.how) == [.admit])
        #expect(
            check.refused.first?.why.contains("CHECK (low <= high /* ) */ AND (low >= 0))") == true, "\(check.refused)")
        let unique = try detail(fleet, "unique")
        #expect(unique.refused.map(\.choice.how) == [.admit])
        #expect(unique.refused.first?.why.contains("UNIQUE (room no, day)") == true, "\(unique.refused)")
        for refused in check.refused + unique.refused {
            #expect(!refused.why.contains("4711") && !refused.why.contains("secret"))
        }
        #expect(unique.choices.contains { $0.how == .discard } && unique.choices.contains { $0.how == .take })
    }

    @Test("where nothing can be tried, what fits is offered untried")
    func gathering() throws {
        let fleet = try apart("UPDATE stay SET low = 8 WHERE id = 's-0'", "UPDATE stay SET high = 5 WHERE id = 's-0'")
        let id = try #require(try fleet.hub.conflictViews(ConflictFilter()).first?.record.id)
        fleet.hub.isRecovering = true
        let detail = try #require(try fleet.hub.conflictDetail(id, trying: true))
        #expect(detail.choices.map(\.how) == [.admit, .set, .discard] && detail.refused.isEmpty)
    }
}
