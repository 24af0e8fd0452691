import Foundation
import SimulationKit
import Testing

@Suite("The promises hold on disks that fail")
struct FaultTests {
    let simulation: SimulationFolder

    init() throws { simulation = try SimulationFolder() }

    @Test("random histories with crashes, full and failing disks, restarts and backups put back")
    func histories() {
        var search = FaultSearch(simulation)
        let seeds = SeedOfRun.seeds(from: 1, count: 60)
        if let limit = FaultSearch.seconds, seeds.count > 1 {
            var seed = seeds[0]
            while search.failure == nil && search.elapsed < limit {
                search.run(seed)
                seed += 1
            }
        } else {
            for seed in seeds where search.failure == nil { search.run(seed) }
        }
        print("from seed \(seeds[0]): \(search)")
        #expect(search.failure == nil, "\(search.failure ?? "")")
    }

    @Test("a history that broke an earlier draft", arguments: Story.ofDisks + Story.ofLostHubs)
    func stories(story: Story) throws {
        try story.run(FaultyMaker(Catalogue(story.tables), in: simulation, seed: 1))
    }

    @Test(
        "a hub or a node whose disk cannot even be read after a failed write knows what it knew when the disk works again",
        arguments: ["hub", "verran"])
    func stale(machine: String) throws {
        for place in 0..<32 {
            let maker = try FaultyMaker(Catalogue([.plain]), in: simulation, seed: UInt64(place))
            let fleet = try Fleet(maker, skewsMs: [0, 0, 0])
            let trial = Trial(maker)
            fleet.watch = trial.check
            try fleet.write("snasa", insert(1, 1))
            try fleet.sync("snasa", "inderoy", "verran")
            try fleet.write("snasa", set(x: 2))
            try fleet.send("snasa")
            try fleet.write("inderoy", set(x: 3))
            try fleet.send("inderoy")
            try fleet.write("verran", set(x: 4, y: 4))
            try fleet.seal("verran")
            // What is not in memory has to be read.
            try fleet.disk(machine, .restart)
            try fleet.disk(machine, .failing(.read, after: place / 2, count: 10_000))
            try fleet.push("verran")
            try fleet.pull("verran")
            try fleet.disk(machine, .mended)
            try fleet.settleEverything()
            try trial.finish(fleet)
        }
    }

    @Test("a promise broken on purpose is noticed by its own checker", arguments: PlantedFault.allCases)
    func planted(fault: PlantedFault) throws {
        for seed in UInt64(1)...300 {
            let (_, failure) = runHistories(
                [seed], shrinks: false, make: { try FaultyMaker($0, in: simulation, seed: seed, plant: fault) },
                scenario: fault.scenario)
            guard let failure else { continue }
            #expect(
                fault.complaints.contains { failure.hasPrefix("SAMBAND_SEED=\(seed): \($0)") },
                "\(fault) was taken for something else: \(failure)")
            return
        }
        Issue.record("\(fault) went unnoticed")
    }
}

/// One random history after another, until one fails.
struct FaultSearch: CustomStringConvertible {
    /// How long to search, `SAMBAND_SIMULATE_SECONDS`; nil: a fixed number of histories.
    static let seconds = ProcessInfo.processInfo.environment["SAMBAND_SIMULATE_SECONDS"].flatMap { Double($0) }

    private let simulation: SimulationFolder
    private let begin = ContinuousClock.now
    private let faults = FaultTally()
    private var histories = 0
    private var steps = 0
    private var sets = 0
    private var hours = 0.0
    private(set) var failure: String?

    init(_ simulation: SimulationFolder) { self.simulation = simulation }

    var elapsed: Double { (ContinuousClock.now - begin) / .seconds(1) }

    mutating func run(_ seed: UInt64) {
        let (tally, failure) = runHistories(
            [seed], make: { try FaultyMaker($0, in: simulation, seed: seed, tally: faults) },
            scenario: { Scenario(simulationOf: $0) })
        self.failure = failure
        histories += 1
        steps += tally.steps
        sets += tally.sets
        hours += Double(tally.milliseconds) / 3_600_000
    }

    var description: String {
        """
        \(histories) histories on failing disks in \(Int(elapsed)) s: \(steps) steps, \(sets) change sets, \(faults); \
        \(Int(hours)) simulated hours, \(Int(hours / max(elapsed, 0.001))) a second
        """
    }
}
