import SimulationKit

extension Scenario {
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
