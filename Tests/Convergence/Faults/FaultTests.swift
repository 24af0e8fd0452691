import Foundation
import SimulationKit
import Testing

@Suite("The promises hold on disks that fail")
struct FaultTests {
    let simulation: SimulationFolder

    init() throws { simulation = try SimulationFolder() }

    @Test("random histories with crashes, full and failing disks, restarts, backups put back and hubs that are lost")
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

    @Test("a restored hub whose disk fails when the last site has handed in gathers on or goes on, and is not stuck")
    func heard() throws {
        for place in 0..<40 {
            let seed = UInt64(1800 + place / 4)
            let maker = try FaultyMaker(Catalogue([.parent, .cascading]), in: simulation, seed: seed)
            let fleet = try Fleet(maker, skewsMs: [0, 0], seed: seed)
            let trial = Trial(maker)
            fleet.watch = trial.check
            try fleet.settleEverything()
            try fleet.loseHub(image: nil, .lost)
            for site in ["inderoy", "snasa"] { try fleet.pull(site) }
            // A file that was just opened has to be read.
            try fleet.disk("hub", .failing(.read, after: place % 4, count: 5))
            try fleet.loseHub(image: 0, .kept)
            for site in ["snasa", "inderoy"] { try fleet.pull(site) }
            try fleet.disk("hub", .mended)
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

/// That no promise is without a fault that its checker must notice.
@Suite("Every promise has a planted fault")
struct PlantedFaultTests {
    /// Scopes do not exist yet, so nothing can leave one.
    private static let withoutFault = [8: "Confidential"]

    @Test("each heading of the page of promises, but the one about scopes, is broken on purpose")
    func complete() throws {
        let page = try String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../../Protocol/Promises.md"), encoding: .utf8)
        let promises = page.split(separator: "\n").compactMap { line -> Int? in
            guard line.hasPrefix("## ") else { return nil }
            return Int(line.dropFirst(3).prefix { $0.isNumber })
        }
        #expect(promises == Array(1...10))
        #expect(Set(PlantedFault.allCases.map(\.promise)) == Set(promises).subtracting(Self.withoutFault.keys))
        for (number, name) in Self.withoutFault { #expect(page.contains("## \(number) \(name)")) }
    }

    @Test("a failing history replays exactly, and shrinks to a few steps that fail in the same way")
    func shrinks() throws {
        let simulation = try SimulationFolder()
        for seed in UInt64(1)...50 {
            let whole = Scenario(faultsOf: seed)
            func fails(_ scenario: Scenario) -> String? {
                do {
                    let maker = try FaultyMaker(
                        scenario.catalogue, in: simulation, seed: seed, plant: .durable)
                    _ = try Trial(maker).run(scenario, seed: seed)
                    return nil
                } catch { return "\(error)" }
            }
            guard let why = fails(whole) else { continue }
            #expect(fails(whole) == why)
            let small = Shrinker.shrink(whole) { fails($0).flatMap { promise($0) == "durable" ? $0 : nil } }
            let still = try #require(fails(small))
            #expect(promise(still) == "durable")
            #expect(small.steps.count * 2 < whole.steps.count && small.steps.count <= 10)
            print("seed \(seed): \(whole.steps.count) steps shrunk to \(small.steps.count)\n\(small)")
            return
        }
        Issue.record("nothing failed")
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
    private var line = LineTally()
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
        line += tally.line
        hours += Double(tally.milliseconds) / 3_600_000
    }

    var description: String {
        """
        \(histories) histories with failing disks and lost hubs in \(Int(elapsed)) s, \
        \(String(format: "%.1f", Double(histories) / max(elapsed, 0.001))) a second: \(steps) steps, \(sets) change sets, \
        \(faults); \(line); \(Int(hours)) simulated hours, \(Int(hours / max(elapsed, 0.001))) a second
        """
    }
}
