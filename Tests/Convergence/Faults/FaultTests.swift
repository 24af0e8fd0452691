import Foundation
import SimulationKit
import Testing

@Suite("The promises hold on disks that fail")
struct FaultTests {
    let simulation: SimulationFolder

    init() throws { simulation = try SimulationFolder() }

    @Test("random histories with crashes, full and failing disks, restarts and backups put back")
    func histories() {
        let seeds = SeedOfRun.seeds(from: 1, count: 60)
        var current: UInt64 = 0
        let faults = FaultTally()
        let (tally, failure) = runHistories(
            seeds, make: { try FaultyMaker($0, in: simulation, seed: current, tally: faults) }
        ) { seed in
            current = seed
            return Scenario(faultsOf: seed)
        }
        print("\(seeds.count) histories on failing disks from seed \(seeds[0]): \(tally); \(faults)")
        #expect(failure == nil, "\(failure ?? "")")
    }

    @Test("a history that broke an earlier draft", arguments: Story.ofDisks)
    func stories(story: Story) throws {
        try story.run(FaultyMaker(Catalogue(story.tables), in: simulation, seed: 1))
    }
}
