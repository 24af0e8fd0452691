import Replication
import SimulationKit

/// What the policies of a column make of the whole history, computed naively from contexts and the hub's order
/// (Protocol/Merge-Model.md#policies, Protocol/Merge-Model.md#sum):
///
/// * `max`, `min`: the greatest or least of the writes that no other write of the cell had seen;
/// * `sum`: the absolute write of greatest stamp and every delta that it had not seen;
/// * `hub`: the last write that had seen all before it;
/// * `owner`: of the writes that no other had seen, the newest by the row's site, else the newest; judged again
///   whenever a write comes that had not seen all.
///
/// Deletes do not matter, and what the hub decided on the way does not either.
struct PolicyOracle {
    private struct Act {
        let set: RecordedSet
        let value: Value
        let delta: Int64?
    }

    private let fleet: Fleet
    /// What users and operators did, in the hub's order.
    private let sets: [RecordedSet]

    init(_ fleet: Fleet) {
        self.fleet = fleet
        sets = fleet.history.sets.values.filter { $0.position != nil }.sorted { $0.position! < $1.position! }
    }

    /// The first cell that is not as its policy has it; nil when all are.
    func complaint(_ rows: [RowIdentity: [Value]]) -> String? {
        for (row, data) in rows.sorted(by: { $0.key < $1.key }) {
            let model = fleet.maker.catalogue.tables[row.table]
            for (column, policy) in model.policies.sorted(by: { $0.key < $1.key }) {
                guard let expected = value(row, column, policy, model), expected != data[column] else { continue }
                return
                    "\(row), column \(column) is \(data[column].legible), the policy \(policy) says \(expected.legible)"
            }
        }
        return nil
    }

    private func acts(_ row: RowIdentity, _ column: Int) -> [Act] {
        sets.compactMap { set in
            guard let write = set.writes[row], let value = write.cells[column] else { return nil }
            return Act(set: set, value: value, delta: write.deltas[column])
        }
    }

    private func value(_ row: RowIdentity, _ column: Int, _ policy: Policy, _ model: TableModel) -> Value? {
        let acts = acts(row, column)
        switch policy {
        case .manual, .newest: return nil
        case .max, .min:
            let best = unseen(acts).map(\.value).max { isBelow($0, $1, policy) }
            return best
        case .sum: return sum(acts)
        case .hub:
            var value: Value?
            for (place, act) in acts.enumerated() where hasSeenAll(act, acts[..<place]) { value = act.value }
            return value
        case .owner:
            var value: Value?
            for (place, act) in acts.enumerated() {
                value = hasSeenAll(act, acts[..<place]) ? act.value : byOwner(row, model, acts[...place])
            }
            return value
        }
    }

    /// Those that no other of them had seen.
    private func unseen(_ acts: [Act]) -> [Act] {
        acts.filter { act in !acts.contains { $0.set.covers(act.set) } }
    }

    private func hasSeenAll(_ act: Act, _ others: ArraySlice<Act>) -> Bool {
        others.allSatisfy { act.set.covers($0.set) }
    }

    private func isBelow(_ a: Value, _ b: Value, _ policy: Policy) -> Bool {
        guard case .integer(let x) = a else { return b != .null }
        guard case .integer(let y) = b else { return false }
        return policy == .max ? x < y : x > y
    }

    private func sum(_ acts: [Act]) -> Value? {
        let absolutes = acts.filter { $0.delta == nil }
        guard let last = absolutes.max(by: { $0.set.stamp < $1.set.stamp }), case .integer(var value) = last.value
        else { return nil }
        for act in acts where !last.set.covers(act.set) { value += act.delta ?? 0 }
        return .integer(value)
    }

    private func byOwner(_ row: RowIdentity, _ model: TableModel, _ acts: ArraySlice<Act>) -> Value {
        let parties = unseen(Array(acts))
        let owner = label(row, model, before: acts.last!.set.position!)
        let own = parties.filter { party in
            fleet.siteNames[party.set.dot.replica].map { .text(Array($0.utf8)) } == owner
        }
        return (own.isEmpty ? parties : own).max { $0.set.stamp < $1.set.stamp }!.value
    }

    /// The label of the row as it stood before a position: its newest write.
    private func label(_ row: RowIdentity, _ model: TableModel, before position: UInt64) -> Value? {
        let labels = acts(row, model.scopeColumn!)
        let earlier = labels.filter { $0.set.position! < position }
        return earlier.max { $0.set.stamp < $1.set.stamp }?.value ?? labels.first?.value
    }
}
