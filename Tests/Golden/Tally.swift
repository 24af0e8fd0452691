import FleetKit
import SQLite

/// What happened in a history, counted: a run in which a kind has become rare proves nothing about it.
struct Tally {
    private(set) var counts: [String: Int] = [:]
    /// What kept a site from meeting the hub at the end.
    var troubles: [String] = []

    mutating func add(_ what: String, _ count: Int = 1) { counts[what, default: 0] += count }

    /// Counts what the hub's records say.
    mutating func addOutcome(of fleet: ServicesFleet) async throws {
        let hub = try fleet.reader("hub")
        defer { hub.close() }
        let questions = [
            "SELECT 'conflict ' || kind, count(*) FROM samband_conflict GROUP BY 1",
            "SELECT 'settled by ' || settlement, count(*) FROM samband_conflict WHERE settlement NOT NULL GROUP BY 1",
            "SELECT 'withheld, then ' || state, count(*) FROM samband_withheld GROUP BY 1",
            "SELECT 'led on', count(*) FROM samband_led_on",
            "SELECT 'split', count(*) FROM samband_replica WHERE split_from NOT NULL",
            "SELECT 'given out in part', count(*) FROM samband_change WHERE effective = 1",
        ]
        for question in questions {
            let rows = try hub.prepare(question)
            while try rows.step() {
                let count = Int(rows.integer(1))
                if count > 0 { add(rows.string(0), count) }
            }
        }
    }
}

/// In how many histories each kind happened, and the least that a run has to have.
struct TallyOfRun {
    private var histories = 0
    private var having: [String: Int] = [:]

    mutating func add(_ tally: Tally) {
        histories += 1
        for what in tally.counts.keys { having[what, default: 0] += 1 }
    }

    /// The kinds that too few histories have, each with its number; what is asked for is so many of 200.
    func rare(below least: [(what: String, histories: Int)]) -> [String] {
        least.filter { having[$0.what, default: 0] * 200 < $0.histories * histories }
            .map { "\($0.what): in \(having[$0.what, default: 0]) of \(histories) histories" }
    }

    /// A table to print.
    var text: String {
        having.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)" }.joined(separator: "\n")
    }
}
