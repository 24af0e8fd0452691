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
        let kinds = random.pick([[0], [0], [1], [2], [0, 1], [0, 1, 2], [0, 1, 2, 3]])
        steps = steps.flatMap { step in
            if random.chance(8) { return [.wait(UInt64(random.int(1...600)) * 60_000), step] }
            return random.chance(percent) ? Scenario.trouble(kinds, sites: skewsMs.count, &random) + [step] : [step]
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
        default: return [.disk(random.int(0...sites - 1), random.pick([.image, .image, .restore]))]
        }
    }
}
