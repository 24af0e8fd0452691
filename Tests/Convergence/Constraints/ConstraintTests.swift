import Replication
import SimulationKit
import Testing

@Suite("Random tables with constraints")
struct ConstraintTests {
    /// How many histories each schema is good for: making its databases costs as much as a few of them.
    static let historiesOfASchema: UInt64 = 5

    static func scenario(_ seed: UInt64) -> Scenario {
        Scenario(clashesOf: seed, schema: RandomSchema(seed: seed / historiesOfASchema))
    }

    @Test("histories keep every constraint and every value, and each kind is put to the test")
    func random() throws {
        let simulation = try SimulationFolder()
        let seeds = SeedOfRun.seeds(from: 1, count: 200)
        var shares = ConstraintShares()
        let start = ContinuousClock.now
        let (tally, failure) = runHistories(
            seeds, make: { try StoreMaker($0, in: simulation) }, scenario: Self.scenario
        ) { shares.add($0) }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        print("\(seeds.count) histories of random tables from seed \(seeds[0]) in \(Int(seconds)) s: \(tally)")
        print(shares.text)
        #expect(failure == nil, "\(failure ?? "")")
        // A run too short to judge the shares by says nothing of them.
        if failure == nil && seeds.count >= 200 {
            let rare = shares.rare(below: 0.05)
            #expect(rare.isEmpty, "broken in fewer than 5 % of histories: \(rare.map(\.rawValue))")
        }
    }
}
