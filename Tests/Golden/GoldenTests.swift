import FleetKit
import Foundation
import SimulationKit
import Testing

/// Random histories and what they leave, down to the byte: who moves code without changing what it does is told at once
/// when it does something else. See README.md of this folder.
@Suite("Golden histories")
struct GoldenTests {
    private static let histories = 200

    /// How many of 200 histories have to have each kind.
    private static let least: [(what: String, histories: Int)] = [
        ("insert", 100), ("update", 150), ("delete", 100), ("replace", 60), ("upsert", 40), ("ignore", 20),
        ("rekey", 15),
        ("cascade", 6), ("set to null", 30), ("refused to a program", 80), ("went off line", 80), ("did not meet", 80),
        ("several change sets in a push", 80), ("conflict cell", 25), ("conflict insert", 20),
        ("conflict delete_update", 35), ("conflict unique", 15), ("conflict foreign_key", 12), ("conflict check", 7),
        ("settled by policy", 15), ("settled by write", 5), ("settled by person", 30), ("decided", 40), ("undone", 15),
        ("withheld, then withheld", 15), ("withheld, then released", 4), ("withheld, then discarded", 7),
        ("withheld, then admitted", 2), ("withheld, then superseded", 1), ("records merged", 8),
        ("records unmerged", 4),
        ("led on", 2), ("policy set", 8), ("file put back", 15), ("split", 8), ("hub lost", 15), ("joined late", 10),
        ("paused", 8),
    ]

    @Test("what 200 seeded histories leave at hub and sites is what it was", .timeLimit(.minutes(10)))
    func histories() async throws {
        let seeds = SeedOfRun.seeds(from: 1, count: Self.histories)
        let templates = try await Self.templates()
        defer { for template in templates { template.remove() } }
        var file = try GoldenFile()
        let texts = SavedTexts()
        var run = TallyOfRun()
        var differing: [String] = []
        for try await (seed, picture, tally) in Self.run(seeds, templates) {
            run.add(tally)
            #expect(tally.troubles.isEmpty, "seed \(seed) does not come to rest: \(tally.troubles)")
            let parts = file.compare(picture, seed: seed)
            if let texts { try texts.compare(picture, seed: seed) }
            if !parts.isEmpty { differing.append("seed \(seed): \(parts.map(\.rawValue).joined(separator: ", "))") }
        }
        if seeds.count == Self.histories {
            if GoldenFile.isRewriting { print(run.text) }
            let rare = run.rare(below: Self.least)
            #expect(rare.isEmpty, "too few to prove anything; what there is:\n\(run.text)")
            if GoldenFile.isRewriting { try file.write() }
        }
        if !GoldenFile.isRewriting {
            #expect(
                differing.isEmpty,
                """
                \(differing.count) of \(seeds.count) histories leave something else than they did. README.md of this folder \
                says how to see what.
                """)
        }
    }

    private typealias Outcome = (seed: UInt64, picture: Picture, tally: Tally)

    /// Runs histories, two at a time: each is a fleet of its own.
    private static func run(
        _ seeds: [UInt64], _ templates: [FleetTemplate]
    ) -> AsyncThrowingStream<Outcome, any Error> {
        AsyncThrowingStream { outcomes in
            Task {
                do {
                    try await withThrowingTaskGroup(of: Outcome.self) { group in
                        for (place, seed) in seeds.enumerated() {
                            if place >= 2, let outcome = try await group.next() { outcomes.yield(outcome) }
                            group.addTask {
                                var history = try SeededHistory(
                                    seed: seed, template: templates[Int(seed) % templates.count])
                                try await history.run()
                                return (seed, try await Picture(of: history.fleet), history.tally)
                            }
                        }
                        for try await outcome in group { outcomes.yield(outcome) }
                    }
                    outcomes.finish()
                } catch {
                    outcomes.finish(throwing: error)
                }
            }
        }
    }

    /// Of two and of three sites, each with several draws of the replica numbers, whose order decides between equal stamps.
    private static func templates() async throws -> [FleetTemplate] {
        var templates: [FleetTemplate] = []
        for draw in 1...5 as ClosedRange<UInt64> {
            let sites = draw % 2 == 0 ? ["snasa", "verran"] : ["snasa", "verran", "inderoy"]
            templates.append(try await FleetTemplate(schema: CareSchema.sql, sites: sites, seed: draw))
        }
        return templates
    }
}
