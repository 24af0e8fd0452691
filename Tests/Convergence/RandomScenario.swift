import Replication
import SimulationKit

extension Scenario {
    /// A random history: who takes part, how wrong the clocks are, how bad the network is and what sites write all
    /// come out of the seed.
    init(seed: UInt64, tables: [TableModel], decides: Bool = true) {
        var random = SeededRandom(seed: seed)
        let siteCount = random.pick([2, 2, 2, 3, 3, 3, 4, 5, 6])
        var chosen = [random.pick(tables)]
        if random.chance(25) {
            chosen.append(random.pick(tables.filter { $0.name != chosen[0].name } + [chosen[0]]))
        }
        if chosen.count == 2 && chosen[0].name == chosen[1].name { chosen.removeLast() }
        self.init(
            seed: seed, catalogue: Catalogue(chosen), siteCount: siteCount, decides: decides, random: &random)
    }

    /// The same, where the answer to each pull comes twice, the second time when the site has gone on: a node has two that
    /// pull, its loop and `samband sync`.
    init(repeatingPullsOf seed: UInt64, tables: [TableModel]) {
        let once = Scenario(seed: seed, tables: tables)
        let steps = once.steps.enumerated().flatMap { place, step -> [Step] in
            guard case .pull(let site, _) = step else { return place % 3 == 0 ? [step, .deliver(0)] : [step] }
            return [.pull(site, .twice)]
        }
        self.init(catalogue: once.catalogue, skewsMs: once.skewsMs, steps: steps)
    }

    init(seed: UInt64, catalogue: Catalogue, siteCount: Int, decides: Bool, random: inout SeededRandom) {
        let skewPool: [Int64] = random.pick([[0], [-50, 0, 1000], [-50, 0, 50], [-3_600_000, 0, 40_000]])
        let skews = (0..<siteCount).map { _ in random.pick(skewPool) }
        let writer = RandomWriter(catalogue: catalogue, random: &random)
        let faults = random.pick([0, 0, 20, 50])
        let talk = random.pick([10, 25, 40])
        var steps: [Step] = []
        let isBound = catalogue.tables.contains { !$0.isFree }
        if isBound {
            // Parents come first in a catalogue, so most references lead somewhere.
            let begun = catalogue.tables.indices.flatMap { writer.everyKey($0, &random) }
            steps += [.write(0, begun), .settle]
        } else if random.chance(60) {
            steps += [.write(0, (0..<3).map { _ in writer.insert(&random) }), .settle]
        }
        var online = Array(repeating: true, count: siteCount)
        for _ in 0..<(isBound ? random.int(15...70) : random.int(4...40)) {
            let site = random.int(0...siteCount - 1)
            if random.chance(5) { online[site].toggle() }
            let kind = random.int(0...99)
            if kind < talk {
                if !online[site] { continue }
                let fault = Scenario.fault(percent: faults, &random)
                if case .cut = fault {
                    // Enough of it that it can be cut in the middle.
                    let rows = (0..<3).map { _ in writer.insert(&random) }
                    steps += [.write(site, rows + writer.transaction(&random)), .seal(site)]
                }
                steps.append(random.chance(50) ? .push(site, fault) : .pull(site, fault))
            } else if kind < talk + 10 {
                steps.append(.wait(UInt64(random.pick([1, 20, 500, 5000]))))
            } else if kind < talk + 12 && decides {
                steps.append(
                    .decide(
                        random.int(0...7),
                        random.chance(70)
                            ? .side(random.int(0...3)) : .value(.integer(Int64(random.int(0...4))))))
            } else if kind < talk + 22 && faults > 0 {
                steps.append(.deliver(random.int(0...5)))
            } else if kind < talk + 24 {
                steps.append(.settle)
            } else if kind < talk + 34 {
                steps.append(.seal(site))
            } else {
                steps.append(.write(site, writer.transaction(&random)))
                if random.chance(50) { steps.append(.seal(site)) }
            }
        }
        self.init(catalogue: catalogue, skewsMs: skews, steps: steps)
    }

    /// A random history over random tables with constraints, at which sites often meet.
    init(clashesOf seed: UInt64, schema: RandomSchema) {
        var random = SeededRandom(seed: seed)
        let catalogue = schema.catalogue
        let siteCount = random.pick([2, 2, 3, 3, 4])
        let writer = RandomWriter(catalogue: catalogue, random: &random)
        let clashes = ClashWriter(catalogue: catalogue)
        let faults = random.pick([0, 0, 0, 30])
        var steps: [Step] = []
        let begun = catalogue.tables.indices.flatMap { table in
            catalogue.tables[table].keys.compactMap { key in
                random.chance(75) ? UserWrite.insert(table, key, clashes.data(table, &random)) : nil
            }
        }
        steps += [.write(0, begun), .settle]
        for _ in 0..<random.int(8...30) {
            let site = random.int(0...siteCount - 1)
            switch random.int(0...99) {
            case 0..<30: steps += clashes.clash(site, (site + 1) % siteCount, &random)
            case 30..<45: steps.append(.push(site, Scenario.fault(percent: faults, &random)))
            case 45..<55: steps.append(.pull(site, Scenario.fault(percent: faults, &random)))
            case 55..<60: steps.append(.wait(UInt64(random.pick([1, 20, 5000]))))
            case 60..<66: steps.append(.decide(random.int(0...7), Scenario.choice(&random)))
            case 66..<67: steps.append(.undo(random.int(0...7)))
            case 67..<69 where faults > 0: steps.append(.deliver(random.int(0...5)))
            case 69..<71: steps.append(.settle)
            case 71..<75: steps.append(.seal(site))
            default:
                steps.append(.write(site, clashes.plain(writer.transaction(&random))))
                if random.chance(50) { steps.append(.seal(site)) }
            }
        }
        self.init(
            catalogue: catalogue, skewsMs: (0..<siteCount).map { _ in random.pick([-50, 0, 0, 1000]) }, steps: steps)
    }

    /// A random history of two or three sites that fight over one row, with deletes and much half-finished talk.
    init(contestedBy seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let catalogue = Catalogue([.plain])
        let siteCount = random.int(2...3)
        let key = catalogue.tables[0].keys[0]
        func cells() -> [Value] { catalogue.tables[0].values.map { random.pick($0) } }
        var steps: [Step] = [.write(0, [.insert(0, key, cells())]), .settle]
        for _ in 0..<random.int(6...20) {
            let site = random.int(0...siteCount - 1)
            switch random.int(0...9) {
            case 0, 1: steps.append(.pull(site, .none))
            case 2: steps.append(.push(site, .none))
            case 3: steps.append(.wait(UInt64(random.int(1...50))))
            case 4: steps += [.write(site, [.delete(0, key)]), .seal(site)]
            case 5: steps += [.write(site, [.insert(0, key, cells())]), .seal(site)]
            default:
                let column = random.int(0...1)
                steps += [.write(site, [.update(0, key, [column: cells()[column]])]), .seal(site)]
            }
        }
        self.init(
            catalogue: catalogue, skewsMs: (0..<siteCount).map { _ in random.pick([-50, 0, 50]) },
            steps: steps)
    }

    private static func choice(_ random: inout SeededRandom) -> Choice {
        random.pick([
            .side(0), .side(1), .side(2), .admit, .admit, .discard, .restore, .delete, .now,
            .value(.integer(Int64(random.int(0...3)))), .value(.integer(Int64(random.int(4...9)))),
        ])
    }

    private static func fault(percent: Int, _ random: inout SeededRandom) -> Fault {
        guard random.chance(percent) else { return .none }
        return random.pick([
            .lost, .cut(random.int(0...999)), .cut(random.int(0...999)), .bent(random.int(0...999)), .late, .late,
            .twice,
            .unanswered,
        ])
    }
}

/// What local programs write: the shapes that a capture has to get right.
struct RandomWriter {
    let catalogue: Catalogue
    let keyCount: Int
    let deletes: Int

    init(catalogue: Catalogue, random: inout SeededRandom) {
        self.catalogue = catalogue
        keyCount = random.int(1...3)
        deletes = random.pick([0, 10, 30])
    }

    private func table(_ random: inout SeededRandom) -> Int { random.int(0...catalogue.tables.count - 1) }

    private func key(_ table: Int, _ random: inout SeededRandom) -> [Value] {
        let keys = catalogue.tables[table].keys
        return keys[random.int(0...min(keyCount, keys.count) - 1)]
    }

    private func data(_ table: Int, _ random: inout SeededRandom) -> [Value] {
        catalogue.tables[table].values.map { random.pick($0) }
    }

    func insert(_ random: inout SeededRandom) -> UserWrite {
        let table = table(&random)
        return .insert(table, random.pick(catalogue.tables[table].keys), data(table, &random))
    }

    /// Inserts of most keys of a table.
    func everyKey(_ table: Int, _ random: inout SeededRandom) -> [UserWrite] {
        catalogue.tables[table].keys.compactMap { key in
            random.chance(70) ? .insert(table, key, data(table, &random)) : nil
        }
    }

    /// One local transaction, now and then of several statements on one row.
    func transaction(_ random: inout SeededRandom) -> [UserWrite] {
        let table = table(&random)
        let key = key(table, &random)
        if catalogue.tables[table].name == "bed_night" && random.chance(15) { return RandomWriter.swap }
        if random.int(0...99) < deletes {
            let again = UserWrite.insert(table, key, data(table, &random))
            return random.pick([
                [.delete(table, key)], [.delete(table, key)], [.delete(table, key), again],
                [again, .delete(table, key)],
            ])
        }
        switch random.int(0...19) {
        case 0...9: return [update(table, key, &random)]
        case 10...12: return [.insert(table, key, data(table, &random))]
        case 13: return [.orReplace(table, key, data(table, &random))]
        case 14: return [.orIgnore(table, key, data(table, &random))]
        case 15, 16: return [.upsert(table, key, data(table, &random), column: column(table, &random))]
        case 17: return [.rekey(table, key, to: self.key(table, &random))]
        default: return (0..<3).flatMap { _ in [update(table, self.key(table, &random), &random)] }
        }
    }

    /// Values of a UNIQUE column change places between all rows.
    static let swap: [UserWrite] = [
        .sql("UPDATE bed_night SET slot = -slot"),
        .sql("UPDATE bed_night SET slot = CASE slot WHEN -1 THEN 2 WHEN -2 THEN 1 ELSE -slot END"),
    ]

    private func column(_ table: Int, _ random: inout SeededRandom) -> Int {
        random.int(0...catalogue.tables[table].dataColumns.count - 1)
    }

    private func update(_ table: Int, _ key: [Value], _ random: inout SeededRandom) -> UserWrite {
        var cells: [Int: Value] = [:]
        for _ in 0..<random.pick([1, 1, 1, 2]) {
            let column = column(table, &random)
            cells[column] = random.pick(catalogue.tables[table].values[column])
        }
        return .update(table, key, cells)
    }
}
