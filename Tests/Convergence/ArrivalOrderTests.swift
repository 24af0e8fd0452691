import Replication
import SimulationKit
import Testing

@Suite("The order of arrival")
struct ArrivalOrderTests {
    /// A conflict without the numbers that depend on the order.
    struct Essence: Hashable, CustomStringConvertible {
        let row: RowIdentity
        let kind: SeenConflict.Kind
        let column: Int?
        let sides: Set<ConflictEnd>

        var description: String {
            "\(kind) \(column.map { "\($0)" } ?? "") of \(row): \(sides.map { "\($0.dot)" }.sorted())"
        }
    }

    struct ConflictEnd: Hashable {
        let dot: Dot
        let value: Value?
        let row: [Int: Value]?
    }

    /// Sites that start alike and write apart, and the order in which their change sets reach the hub.
    private func meet(_ scenario: Scenario, order: [Int]) throws -> Set<Essence> {
        let fleet = try Fleet(ReferenceMaker(scenario.catalogue), skewsMs: scenario.skewsMs)
        for step in scenario.steps { try fleet.perform(step) }
        for index in order { try fleet.push(Scenario.names[index]) }
        let conflicts = try fleet.hub.conflicts().filter { conflict in
            conflict.kind != .deleteUpdate && !isMoot(conflict, fleet.history, scenario.catalogue)
        }
        return Set(
            conflicts.map { conflict in
                Essence(
                    row: conflict.row, kind: conflict.kind, column: conflict.column,
                    sides: Set(
                        conflict.life.sides.map { ConflictEnd(dot: $0.dot, value: $0.value, row: $0.row) }))
            })
    }

    /// An author who comes round to the other leaves a conflict open in one order and none in the other.
    private func isMoot(_ conflict: SeenConflict, _ history: History, _ catalogue: Catalogue) -> Bool {
        let isCell = conflict.kind == .cell
        let columns = conflict.column.map { [$0] } ?? catalogue.tables[conflict.row.table].unit
        let last = conflict.life.sides.map { side in
            history.sets.values.filter { set in
                guard set.dot.replica == side.dot.replica, let write = set.writes[conflict.row] else {
                    return false
                }
                return isCell ? columns.contains { write.cells[$0] != nil } : write.isWhole
            }.max { $0.dot < $1.dot }!.writes[conflict.row]!
        }
        // Those who wrote the whole row since dispute the whole row.
        if isCell && last.allSatisfy(\.isWhole) { return true }
        return last.allSatisfy { write in
            isCell ? columns.allSatisfy { write.cells[$0] == last[0].cells[$0] } : write.cells == last[0].cells
        }
    }

    @Test("two sites that wrote apart have the same conflicts, whoever comes first")
    func twoSites() throws {
        for seed in SeedOfRun.seeds(from: 1, count: 400) {
            var random = SeededRandom(seed: seed)
            let catalogue = Catalogue([random.pick((Catalogue.free + Catalogue.ruled).filter { $0.name != "wide" })])
            let writer = RandomWriter(catalogue: catalogue, random: &random)
            var steps: [Step] = [.write(0, (0..<3).map { _ in writer.insert(&random) }), .settle]
            for _ in 0..<random.int(2...8) {
                let site = random.int(0...1)
                steps += [.write(site, writer.transaction(&random)), .wait(3)]
                if random.chance(70) { steps.append(.seal(site)) }
            }
            steps += [.seal(0), .seal(1)]
            let scenario = Scenario(
                catalogue: catalogue, skewsMs: [random.pick([0, 5]), random.pick([0, 5])], steps: steps)
            func differs(_ scenario: Scenario) -> String? {
                guard let one = try? meet(scenario, order: [0, 1]),
                    let other = try? meet(scenario, order: [1, 0])
                else { return nil }
                return one == other ? nil : "\(one.symmetricDifference(other))"
            }
            if differs(scenario) != nil {
                let small = Shrinker.shrink(scenario) { differs($0) }
                Issue.record("SAMBAND_SEED=\(seed): \(differs(small) ?? "")\n\(small)")
                return
            }
        }
    }
}
