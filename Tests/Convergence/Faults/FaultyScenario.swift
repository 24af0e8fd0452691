import SimulationKit

extension Scenario {
    /// Of one seed in four a history of a fleet whose hub is lost, of the others one whose disks fail.
    init(simulationOf seed: UInt64) {
        if seed % 4 == 0 { self.init(lostHubOf: seed) } else { self.init(faultsOf: seed) }
    }

    /// A random history in which the hub is lost and put back, again and again, now and then on disks that fail.
    init(lostHubOf seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let tables: [TableModel] =
            random.chance(40) ? random.pick(Catalogue.bound) : [random.pick(Catalogue.free)]
        self.init(
            seed: seed, catalogue: Catalogue(tables), siteCount: random.pick([2, 2, 3, 3, 4]), decides: true,
            random: &random)
        let kinds = random.pick([[], [], [0], [1, 2], [0, 1, 2, 4]])
        let count = skewsMs.count
        steps = steps.flatMap { step -> [Step] in
            if random.chance(5) { return [.wait(UInt64(random.int(1...600)) * 60_000), step] }
            if !kinds.isEmpty && random.chance(15) {
                return Scenario.trouble(kinds, sites: count, &random) + [step]
            }
            switch random.int(0...99) {
            case 0..<10: return [.disk(nil, .image), step]
            case 10..<20:
                // The newest, any other, the first, or none: the file itself on another machine.
                let image = random.pick([random.int(0...9), random.int(0...9), 0, nil])
                let seat: SeatFate = image == nil || random.chance(50) ? .lost : .kept
                return [.loseHub(image, seat)] + Scenario.gathering(sites: count, &random) + [step]
            case 20..<24: return [.accept, step]
            default: return [step]
            }
        }
    }

    /// Some sites come, in any order, before an operator accepts or nobody does.
    private static func gathering(sites: Int, _ random: inout SeededRandom) -> [Step] {
        let come = (0..<random.int(0...sites + 1)).map { _ in Step.pull(random.int(0...sites - 1), .none) }
        return random.chance(40) ? come + [.accept] : come
    }

    /// A random history of a fleet whose disks fail, beside all that its network and clocks do.
    init(faultsOf seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let tables: [TableModel] =
            switch random.int(0...9) {
            case 0...3: random.pick(Catalogue.bound)
            case 4...5: [random.pick(Catalogue.ruled)]
            default: [random.pick(Catalogue.free)]
            }
        let catalogue = Catalogue(tables)
        self.init(
            seed: seed, catalogue: catalogue, siteCount: random.pick([2, 2, 3, 3, 4]), decides: true, random: &random)
        let percent = random.pick([5, 15, 30])
        // One kind of trouble, or all together.
        let kinds = random.pick([[0], [1], [2], [0, 1], [0, 1, 2], [3], [3], [4], [3, 4], [0, 1, 2, 3, 4]])
        var copies = 0
        steps = steps.flatMap { step in
            // Copies do what sites do.
            let site = skewsMs.count + random.int(0...max(copies, 1) - 1)
            let step = copies > 0 && random.chance(40) ? step.at(site) : step
            if random.chance(8) { return [.wait(UInt64(random.int(1...600)) * 60_000), step] }
            guard random.chance(percent) else { return [step] }
            let trouble = Scenario.trouble(kinds, sites: skewsMs.count + copies, &random)
            if case .copy = trouble[0] { copies = min(copies + 1, 2) }
            return trouble + [step]
        }
    }

    private static func trouble(_ kinds: [Int], sites: Int, _ random: inout SeededRandom) -> [Step] {
        let site: Int? = random.chance(40) ? nil : random.int(0...sites - 1)
        switch random.pick(kinds) {
        case 0:
            // Most transactions change a disk some ten to forty times.
            if random.chance(20) { return [.disk(site, .powerLoss)] }
            return [.disk(site, .crash(after: random.int(1...random.pick([5, 50, 100]))))]
        case 1:
            let operation = random.pick([DiskOperation.read, .write, .sync])
            return [.disk(site, .failing(operation, after: random.int(0...25), count: random.pick([1, 1, 5])))]
        case 2:
            return [
                .disk(
                    site,
                    random.pick([
                        .full(room: random.int(0...60_000)), .readOnly, .mended, .mended, .restart, .writeBack,
                    ]))
            ]
        case 3:
            let site = random.int(0...sites - 1)
            if random.chance(15) { return [.copy(site)] }
            return [.disk(site, random.pick([.image, .image, .restore]))]
        default:
            // 1970, 2099, days and minutes off, and right again.
            let now = Int64(Fleet.beginMs)
            return [
                .clock(
                    random.int(0...sites - 1),
                    random.pick([-now, 2_370_000_000_000, 86_400_000, -86_400_000, 600_000, -600_000, 61_000, 0]))
            ]
        }
    }
}
