import Replication
import SimulationKit
import Testing

@Suite("The oracle notices planted bugs")
struct PlantedBugTests {
    @Test(
        "a wrong rule is caught in memory within a thousand histories",
        arguments: PlantedBug.allCases.filter { !PlantedBug.ofTheStore.contains($0) })
    func inMemory(bug: PlantedBug) {
        let seeds = (1...1000).map { UInt64($0) }
        let (_, failure) = runHistories(seeds, shrinks: false, make: { ReferenceMaker($0, bug: bug) }) { seed in
            switch bug {
            case .closesByContext: Scenario(contestedBy: seed)
            case .nodeTakesTwice: Scenario(repeatingPullsOf: seed, tables: bug.tables)
            default: Scenario(seed: seed, tables: bug.tables)
            }
        }
        #expect(failure != nil, "\(bug) went unnoticed")
    }

    static let storeBugs: [PlantedBug] = [
        .existenceByClock, .dropsTheLoser, .ignoresOwnStamp, .deleteWins, .authorGetsNothing,
        .nodeObeysDelete,
        .shipsBeatenCells, .forgetsTheImage, .inventsConflicts,
    ]

    @Test("a wrong rule in the real store is caught within three hundred histories", arguments: storeBugs)
    func inTheStore(bug: PlantedBug) throws {
        let simulation = try SimulationFolder()
        let seeds = (1...300).map { UInt64($0) }
        let (_, failure) = runHistories(
            seeds, shrinks: false, make: { try StoreMaker($0, in: simulation, bug: bug) }
        ) { seed in
            Scenario(contestedBy: seed)
        }
        #expect(failure != nil, "\(bug) went unnoticed")
    }

    @Test(
        "a fault about withheld rows is caught within a hundred histories of random tables",
        arguments: [PlantedBug.forgetsWithheld, .deletesBlocker, .letsOrphansIn, .leavesAuthorWrong])
    func aboutWithheld(bug: PlantedBug) throws {
        let simulation = try SimulationFolder()
        let (_, failure) = runHistories(
            (1...100).map { UInt64($0) }, shrinks: false,
            make: { try StoreMaker($0, in: simulation, bug: bug) }, scenario: ConstraintTests.scenario)
        #expect(failure != nil, "\(bug) went unnoticed")
    }

    @Test("a row aside that is given up too early is missed")
    func aside() throws {
        let maker = try StoreMaker(Catalogue([.unique]), in: SimulationFolder(), bug: .dropsTheAside)
        let fleet = try Fleet(maker, skewsMs: [0, 0, 0])
        #expect(throws: Broken.self) {
            try Story.aside(fleet)
            try fleet.settleEverything()
            try Trial(maker).finish(fleet)
        }
    }
}
