import Replication
import SimulationKit
import Testing

@testable import HubDatabase
@testable import Explaining
@testable import RecordViews
@testable import TableModel

/// What is explained and what is offered, over random histories: three sites write, decide and take back.
@Suite("Explanations and offers")
struct ExplanationTests {
    static let schema = """
        CREATE TABLE ward(id TEXT PRIMARY KEY NOT NULL, name TEXT, beds INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE stay(id TEXT PRIMARY KEY NOT NULL, ward TEXT REFERENCES ward(id) ON DELETE CASCADE,
          bed INTEGER UNIQUE, first INTEGER NOT NULL, last INTEGER NOT NULL, note TEXT, CHECK (first <= last));
        CREATE INDEX stay_ward ON stay(ward);
        INSERT INTO samband_table(name) VALUES('ward'), ('stay');
        INSERT INTO samband_policy(table_name, column_name, policy)
          VALUES('ward', 'beds', 'max'), ('stay', 'note', 'newest');
        """
    static let sites = ["mosvik", "snasa", "verran"]

    @Test(
        "each value is explained by a write of it, everywhere; what is offered and needs no other value is taken",
        arguments: SeedOfRun.seeds(from: 1, count: 40))
    func random(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let fleet = try TestFleet(Self.schema)
        for site in Self.sites { try fleet.join(site) }
        for _ in 0..<40 {
            let site = random.pick(Self.sites)
            switch random.int(0...9) {
            case 0...5: Self.write(&random, fleet, site)
            case 6: try fleet.push(site)
            case 7:
                try fleet.seal(site)
                try fleet.pull(site)
            case 8: try Self.decide(&random, fleet, seed)
            default: try Self.undo(&random, fleet)
            }
        }
        try fleet.meet()
        try fleet.meet()
        for place in ["hub"] + Self.sites {
            let store: any ReadableStore = place == "hub" ? fleet.hub : fleet.nodes[place]!
            for (table, keys) in [("ward", ["w1", "w2"]), ("stay", ["s1", "s2", "s3"])] {
                for key in keys { try Self.check(store, table, .text(key), "seed \(seed), \(place), \(table) \(key)") }
            }
            let report = try store.decisionReport(sinceMs: 0)
            let counts = try store.conflictCounts()
            #expect(report.settled == counts.settled && report.open == counts.open, "seed \(seed), \(place)")
            for record in try store.conflictViews(ConflictFilter(includesSettled: true)) {
                _ = try store.conflictDetail(record.record.id, trying: true)
            }
        }
    }

    /// Every value comes from a write of it that the log has, and so does every event.
    private static func check(_ store: any ReadableStore, _ table: String, _ key: Value, _ label: String) throws {
        let explained = try store.explain(table: table, key: [key])
        let history = try store.history(table: table, key: [key])
        #expect(explained.events.count == history.count, "\(label)")
        #expect((explained.row.data == nil) == explained.columns.isEmpty, "\(label)")
        for column in explained.columns {
            guard let writer = column.writer else {
                Issue.record("\(label): nobody wrote \(column.column)")
                continue
            }
            let writes = history.filter { $0.columns.contains(column.column) }
            let own = writes.first { $0.entry.header.dot == writer.dot }
            // A row that was withheld and let in reaches the other sites from the hub: its own write is not in their log.
            let shown = own.map { [$0] } ?? writes.filter { $0.entry.header.kind == .arbitration }
            #expect(
                shown.contains { $0.values[$0.columns.firstIndex(of: column.column)!] == column.value },
                "\(label): \(column.column) by \(writer.dot)")
        }
    }

    private static func write(_ random: inout SeededRandom, _ fleet: TestFleet, _ site: String) {
        let ward = "w\(random.int(1...2))"
        let stay = "s\(random.int(1...3))"
        let number = random.int(1...9)
        let statements = [
            "INSERT OR IGNORE INTO ward VALUES('\(ward)', 'n\(number)', \(number))",
            "UPDATE ward SET name = 'n\(number)' WHERE id = '\(ward)'",
            "UPDATE ward SET beds = \(number) WHERE id = '\(ward)'", "DELETE FROM ward WHERE id = '\(ward)'",
            "INSERT OR IGNORE INTO stay VALUES('\(stay)', '\(ward)', \(number), 3, 5, NULL)",
            "INSERT OR REPLACE INTO stay VALUES('\(stay)', NULL, \(number), 4, 6, 'r\(number)')",
            "UPDATE stay SET note = 'x\(number)', bed = \(number) WHERE id = '\(stay)'",
            "UPDATE stay SET first = \(number % 5) WHERE id = '\(stay)'",
            "UPDATE stay SET last = \(number) WHERE id = '\(stay)'", "DELETE FROM stay WHERE id = '\(stay)'",
        ]
        // A statement that a constraint of the site refuses writes nothing.
        try? fleet.write(site, random.pick(statements))
    }

    private static func decide(_ random: inout SeededRandom, _ fleet: TestFleet, _ seed: UInt64) throws {
        for view in try fleet.hub.conflictViews(ConflictFilter()) {
            let detail = try #require(try fleet.hub.conflictDetail(view.record.id, trying: true))
            for offer in detail.choices {
                guard let choice = offer.whole else { continue }
                #expect(throws: Never.self, "seed \(seed): \(offer.how) of a \(view.record.kind)") {
                    try resolve(fleet, view, choice, dryRun: true)
                }
            }
        }
        guard let view = try fleet.hub.conflictViews(ConflictFilter()).first,
            let detail = try fleet.hub.conflictDetail(view.record.id, trying: true), !detail.choices.isEmpty
        else { return }
        let offer = random.pick(detail.choices)
        let choice: ConflictChoice =
            switch offer.how {
            case .take: offer.site == "now" ? .now : .take(site: offer.site!)
            case .set: .set(set(offer.columns))
            case .restore: .restore
            case .delete: .delete
            case .admit: .admit
            case .discard: .discard
            }
        fleet.nowMs += 1
        // One that does not fit beside the other rows is refused, and changes nothing.
        _ = try? resolve(fleet, view, choice, dryRun: false)
    }

    private static func set(_ columns: [String]) -> ChosenValues {
        var values = ChosenValues()
        for (column, value) in [("bed", Value.integer(20)), ("note", .text("set"))] where columns.contains(column) {
            values[column] = value
        }
        return values
    }

    private static func resolve(
        _ fleet: TestFleet, _ view: ConflictView, _ choice: ConflictChoice, dryRun: Bool
    ) throws(StoreError) {
        _ = try fleet.hub.resolve(
            view.record.id, choice, changed: view.record.life.changed, by: "kari", reason: nil, nowMs: fleet.nowMs,
            dryRun: dryRun)
    }

    private static func undo(_ random: inout SeededRandom, _ fleet: TestFleet) throws {
        let settled = try fleet.hub.conflictViews(ConflictFilter(includesSettled: true)).filter {
            !$0.record.life.isOpen
        }
        guard !settled.isEmpty else { return }
        fleet.nowMs += 1
        // What has been written since is not taken back.
        _ = try? fleet.hub.undo(
            random.pick(settled).record.id, changed: nil, by: "ola", reason: nil, nowMs: fleet.nowMs)
    }
}
