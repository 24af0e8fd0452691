import Replication
import SimulationKit
import Testing

/// Runs random histories over the seeds and records the first that fails, shrunk.
func runHistories(
    _ seeds: [UInt64], shrinks: Bool = true, make: (Catalogue) throws -> any FleetMaker,
    scenario: (UInt64) -> Scenario, watching note: (ConstraintTally) -> Void = { _ in }
) -> (tally: Trial.Tally, failure: String?) {
    var sum = Trial.Tally()
    for seed in seeds {
        let history = scenario(seed)
        func fails(_ scenario: Scenario) -> String? {
            do {
                let trial = Trial(try make(scenario.catalogue))
                let tally = try trial.run(scenario, seed: seed)
                note(trial.constraints)
                sum.steps += tally.steps
                sum.sets += tally.sets
                sum.conflicts += tally.conflicts
                sum.open += tally.open
                sum.carried += tally.carried
                sum.withheld += tally.withheld
                sum.milliseconds += tally.milliseconds
                sum.line += tally.line
                return nil
            } catch {
                return "\(error)"
            }
        }
        if let why = fails(history) {
            guard shrinks else { return (sum, "SAMBAND_SEED=\(seed): \(why)") }
            // What breaks another promise is another failure.
            let small = Shrinker.shrink(history) { fails($0).flatMap { promise($0) == promise(why) ? $0 : nil } }
            return (sum, "SAMBAND_SEED=\(seed): \(why)\nshrunk: \(fails(small) ?? "?")\n\(small)")
        }
    }
    return (sum, nil)
}

/// What a complaint is about: its words up to the colon.
func promise(_ complaint: String) -> Substring { complaint.prefix { $0 != ":" }.prefix(20) }

@Suite("The pure rules agree with the oracle")
struct ReferenceTests {
    @Test("random histories of tables without constraints converge, lose nothing and find every conflict")
    func free() {
        let seeds = SeedOfRun.seeds(from: 1, count: 750)
        let (tally, failure) = runHistories(seeds, make: { ReferenceMaker($0) }) { seed in
            Scenario(seed: seed, tables: Catalogue.free)
        }
        print("\(seeds.count) histories from seed \(seeds[0]): \(tally)")
        #expect(failure == nil, "\(failure ?? "")")
    }

    @Test("random histories of tables with policies: every cell is what its policy makes of the whole history")
    func ruled() {
        let seeds = SeedOfRun.seeds(from: 1, count: 1250)
        let (tally, failure) = runHistories(seeds, make: { ReferenceMaker($0) }) { seed in
            Scenario(seed: seed, tables: Catalogue.ruled)
        }
        print("\(seeds.count) histories with policies from seed \(seeds[0]): \(tally)")
        #expect(failure == nil, "\(failure ?? "")")
    }
}
