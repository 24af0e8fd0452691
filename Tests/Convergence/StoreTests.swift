import Replication
import SimulationKit
import Testing

@Suite("The real store agrees with the oracle")
struct RealStoreTests {
    let simulation: SimulationFolder

    init() throws { simulation = try SimulationFolder() }

    @Test(
        "histories that broke an earlier draft",
        arguments: Story.ofTheModel + Story.ofConflicts + Story.ofPolicies + Story.ofConstraints)
    func stories(story: Story) throws {
        try story.run(StoreMaker(Catalogue(story.tables), in: simulation))
    }

    @Test("random histories of tables without constraints converge, lose nothing and find every conflict")
    func free() {
        let seeds = SeedOfRun.seeds(from: 1, count: 100)
        let (tally, failure) = runHistories(seeds, make: { try StoreMaker($0, in: simulation) }) { seed in
            Scenario(seed: seed, tables: Catalogue.free)
        }
        print("\(seeds.count) histories from seed \(seeds[0]): \(tally)")
        #expect(failure == nil, "\(failure ?? "")")
    }

    @Test("answers to pulls that come twice, the second time late, change nothing")
    func repeatedPulls() {
        let seeds = SeedOfRun.seeds(from: 1, count: 60)
        let (tally, failure) = runHistories(seeds, make: { try StoreMaker($0, in: simulation) }) { seed in
            Scenario(repeatingPullsOf: seed, tables: Catalogue.free)
        }
        print("\(seeds.count) histories with repeated pulls from seed \(seeds[0]): \(tally)")
        #expect(failure == nil, "\(failure ?? "")")
    }

    @Test("random histories of tables with constraints keep every constraint and every value")
    func bound() {
        let seeds = SeedOfRun.seeds(from: 1, count: 100)
        let (tally, failure) = runHistories(seeds, make: { try StoreMaker($0, in: simulation) }) { seed in
            var random = SeededRandom(seed: seed)
            let catalogue = Catalogue(random.pick(Catalogue.bound))
            let siteCount = random.pick([2, 2, 3, 3, 4])
            return Scenario(
                seed: seed, catalogue: catalogue, siteCount: siteCount, decides: true, random: &random)
        }
        print("\(seeds.count) histories with constraints from seed \(seeds[0]): \(tally)")
        #expect(failure == nil, "\(failure ?? "")")
    }

    @Test("random histories of tables with policies: every cell is what its policy makes of the whole history")
    func ruled() {
        let seeds = SeedOfRun.seeds(from: 1, count: 150)
        let (tally, failure) = runHistories(seeds, make: { try StoreMaker($0, in: simulation) }) { seed in
            Scenario(seed: seed, tables: Catalogue.ruled)
        }
        print("\(seeds.count) histories with policies from seed \(seeds[0]): \(tally)")
        #expect(failure == nil, "\(failure ?? "")")
    }

    @Test("random histories of tables with policies and constraints keep every constraint and every value")
    func ruledAndBound() {
        let seeds = SeedOfRun.seeds(from: 1, count: 60)
        let (tally, failure) = runHistories(seeds, make: { try StoreMaker($0, in: simulation) }) { seed in
            var random = SeededRandom(seed: seed)
            let catalogue = Catalogue(random.pick(Catalogue.ruledAndBound))
            let siteCount = random.pick([2, 3, 4])
            return Scenario(
                seed: seed, catalogue: catalogue, siteCount: siteCount, decides: true, random: &random)
        }
        print("\(seeds.count) histories with policies and constraints from seed \(seeds[0]): \(tally)")
        #expect(failure == nil, "\(failure ?? "")")
    }
}
