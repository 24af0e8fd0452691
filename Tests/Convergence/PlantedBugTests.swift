import Replication
import SimulationKit
import Testing

@Suite("The oracle notices planted bugs")
struct PlantedBugTests {
    @Test("a wrong rule is caught within three thousand histories", arguments: PlantedBug.allCases)
    func caught(bug: PlantedBug) {
        let seeds = (1...3000).map { UInt64($0) }
        let (_, failure) = runHistories(seeds, make: { ReferenceMaker($0, bug: bug) }) { seed in
            Scenario(seed: seed, tables: [.plain])
        }
        #expect(failure != nil, "\(bug) went unnoticed")
        print("\(bug): \(failure ?? "unnoticed")")
    }
}
