/// A cell that a policy decided.
package struct DecidedCell: Hashable, Sendable {
    package let value: Value
    package let stamp: Stamp

    package init(value: Value, stamp: Stamp) {
        self.value = value
        self.stamp = stamp
    }
}

/// What the policies of a row make of a write that meets concurrent ones.
/// (Protocol/Merge-Model.md#policies, Protocol/Merge-Model.md#sum)
///
/// A policy looks at the *siblings*: the write that comes in and the concurrent ones in the log, those that a delete
/// covers included, without those that another sibling covers. Earlier decisions are no siblings.
struct Deciding {
    let incoming: LoggedOperation
    let concurrent: [LoggedOperation]
    /// The row as it stands at the hub, or as the newest delete found it.
    let standing: [Value]?
    /// False when a delete has taken the row.
    let isPresent: Bool
    let policy: RowPolicy

    /// The value that the policy of a column gives it.
    enum Outcome {
        /// The policy has nothing to say: the write of greatest stamp holds the cell.
        case undecided
        case value(Value)
        /// A sum is beyond 64 bits: what stands stays until a person decides.
        case overflow
    }

    func outcome(_ column: Int) -> Outcome {
        let chosen = policy.table.policy(of: column)
        switch chosen {
        case .manual, .newest: return .undecided
        case .sum: return sum(column)
        case .hub, .owner, .max, .min: break
        }
        let writers = writers(of: column)
        guard !writers.isEmpty else { return .undecided }
        if chosen == .hub { return (standing?[column]).map { .value($0) } ?? .undecided }
        var siblings = [incoming] + writers.filter { write in !writers.contains { $0.covers(write) } }
        if chosen == .owner {
            let own = siblings.filter { policy.owners.contains($0.dot.replica) }
            if !own.isEmpty { siblings = own }
        }
        let best = siblings.max { isBelow($0, $1, column, chosen) }!
        return .value(best.value(of: column)!)
    }

    /// The stamp of what is decided about a column.
    func stamp(_ column: Int) -> Stamp {
        var hlc = incoming.stamp(of: column)!.hlc
        for other in concurrent where other.operation.isUserWrite || other.isDecided(column) {
            hlc = max(hlc, other.stamp(of: column)?.hlc ?? 0)
        }
        return .decided(hlc: hlc, epoch: policy.epoch, seq: policy.seq)
    }

    private func writers(of column: Int) -> [LoggedOperation] {
        concurrent.filter { $0.operation.isUserWrite && $0.index(of: column) != nil }
    }

    /// The order in which the last sibling wins. NULL is no value: any other beats it, for `max` as for `min`. Among
    /// equal ones, and where values do not matter, the greater stamp.
    private func isBelow(_ a: LoggedOperation, _ b: LoggedOperation, _ column: Int, _ chosen: Policy) -> Bool {
        if chosen == .max || chosen == .min {
            let (x, y) = (a.value(of: column)!, b.value(of: column)!)
            if (x == .null) != (y == .null) { return x == .null }
            let order = SortOrder.compare(x, y, policy.table.collations[column] ?? .binary)
            if order != 0 { return chosen == .max ? order < 0 : order > 0 }
        }
        return a.stamp(of: column)! < b.stamp(of: column)!
    }

    /// The absolute write of greatest stamp, and every delta that it does not cover.
    private func sum(_ column: Int) -> Outcome {
        let writers = writers(of: column)
        let stands = integer(standing?[column])
        if let delta = incoming.deltas[column] {
            // A decision counts here: its author's deltas in flight are in what it shows, and not in what stands.
            let isTouched =
                policy.isElsewhere || !writers.isEmpty || concurrent.contains { $0.isDecided(column) }
            guard isTouched || !isPresent, let stands else { return .undecided }
            return added(stands, [delta])
        }
        guard !writers.isEmpty else { return .undecided }
        let own = incoming.stamp(of: column)!
        if writers.contains(where: { $0.deltas[column] == nil && $0.stamp(of: column)! > own }) {
            return stands.map { .value(.integer($0)) } ?? .undecided
        }
        guard let value = integer(incoming.value(of: column)) else { return .undecided }
        return added(value, writers.compactMap { $0.deltas[column] })
    }

    private func integer(_ value: Value?) -> Int64? {
        if case .integer(let number) = value { number } else { nil }
    }

    private func added(_ value: Int64, _ deltas: [Int64]) -> Outcome {
        WideSum(value, adding: deltas).value.map { .value(.integer($0)) } ?? .overflow
    }
}
