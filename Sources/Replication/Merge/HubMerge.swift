/// The merge of one row at the hub: a pure function of the operation that comes in, the concurrent ones in the
/// log, and the row as it stands. (Protocol/Merge-Model.md#hub-ingest)
///
/// * A cell holds its write of greatest stamp; carried cells are no writes.
/// * A row exists if one of its writes is covered by no delete that is known.
package struct HubMerge: Sendable {
    /// What becomes of the row in the hub's table.
    package enum Target: Hashable, Sendable {
        case keep
        /// Write these cells of the incoming operation; the row is there.
        case write([Int])
        /// The row was absent: put it there whole.
        case put([Value])
        case remove
        /// An update of a row that is absent and of which the log holds no image: to be withheld.
        case noImage
    }

    /// A concurrent write that the incoming one disagrees with.
    package enum Pair: Hashable, Sendable {
        /// Two values for one cell.
        case cell(column: Int, other: LoggedOperation)
        /// Two inserts of one key.
        case insert(other: LoggedOperation)
        /// A delete and a write that it had not seen.
        case deleteUpdate(other: LoggedOperation)

        package var isInsert: Bool { if case .insert = self { true } else { false } }
    }

    package let target: Target
    /// The data columns of the operation that go out to the others; nil when nothing of it does. A whole-row
    /// operation with fewer than all columns goes out as an update.
    package let effective: [Int]?
    /// True when the row as it stands must be carried to those who have lost it or never had it.
    package let carries: Bool
    package let pairs: [Pair]
    /// The cells that a policy decides otherwise than by stamp, by data column; they are not in `effective`, and in
    /// `target` only where that puts the whole row.
    package let decided: [Int: DecidedCell]
    /// The columns whose policy could not settle them: what stood stays, and a person decides.
    package let overflowed: Set<Int>

    /// - Parameters:
    ///   - incoming: the operation that comes in.
    ///   - concurrent: the operations on the row in the log that it had not seen, by position ascending,
    ///     without those that are withheld.
    ///   - row: the data columns as they stand in the hub's table; nil when the row is absent.
    ///   - image: the row as the newest concurrent delete found it; only asked for when the row is absent.
    ///   - policy: how disagreements on its cells settle.
    package init(
        _ incoming: LoggedOperation, concurrent: [LoggedOperation], row: [Value]?, image: [Value]?,
        policy: RowPolicy = .manual
    ) {
        if incoming.operation == .delete {
            self.init(delete: incoming, concurrent, row: row)
        } else {
            self.init(write: incoming, concurrent, row: row, image: image, policy)
        }
    }

    package init(
        target: Target, effective: [Int]?, carries: Bool, pairs: [Pair], decided: [Int: DecidedCell] = [:],
        overflowed: Set<Int> = []
    ) {
        self.target = target
        self.effective = effective
        self.carries = carries
        self.pairs = pairs
        self.decided = decided
        self.overflowed = overflowed
    }

    private init(delete incoming: LoggedOperation, _ concurrent: [LoggedOperation], row: [Value]?) {
        let deletes = concurrent.filter { $0.operation == .delete }
        let live = concurrent.filter { write in
            write.operation.makesExist && !deletes.contains { $0.covers(write) }
        }
        if live.isEmpty {
            let isThere = row != nil
            self.init(
                target: isThere ? .remove : .keep, effective: isThere ? [] : nil, carries: false, pairs: [])
        } else {
            let shown = live.filter { write in !live.contains { $0.covers(write) } }
            self.init(
                target: .keep, effective: nil, carries: true, pairs: shown.map { .deleteUpdate(other: $0) })
        }
    }

    private init(
        write incoming: LoggedOperation, _ concurrent: [LoggedOperation], row: [Value]?, image: [Value]?,
        _ policy: RowPolicy
    ) {
        guard var whole = row ?? image ?? (incoming.operation.isWholeRow ? incoming.values : nil) else {
            self.init(target: .noImage, effective: nil, carries: false, pairs: [])
            return
        }
        // By stamp first; then what a policy has otherwise.
        var stands = incoming.columns.filter { column in
            let own = incoming.stamp(of: column)!
            return !concurrent.contains { other in
                (other.operation != .carried || other.isDecided(column)) && (other.stamp(of: column) ?? .zero) > own
            }
        }
        for column in stands { whole[column] = incoming.value(of: column)! }
        let (decided, overflowed) = HubMerge.decide(
            incoming, concurrent, standing: row ?? image, isPresent: row != nil, byStamp: whole, policy)
        stands.removeAll { decided[$0] != nil }
        for (column, cell) in decided { whole[column] = cell.value }
        let pairs = HubMerge.pairs(of: incoming, concurrent)
        if row != nil {
            self.init(
                target: stands.isEmpty ? .keep : .write(stands), effective: stands.isEmpty ? nil : stands,
                carries: false, pairs: pairs, decided: decided, overflowed: overflowed)
            return
        }
        let isWhole = incoming.operation.isWholeRow && stands.count == incoming.columns.count
        // Behind a concurrent delete the receivers differ in what they have: carry the row to all of them.
        let carries = !isWhole || concurrent.contains { $0.operation == .delete }
        self.init(
            target: .put(whole), effective: carries ? nil : incoming.columns, carries: carries, pairs: pairs,
            decided: decided, overflowed: overflowed)
    }

    private static func decide(
        _ incoming: LoggedOperation, _ concurrent: [LoggedOperation], standing: [Value]?, isPresent: Bool,
        byStamp: [Value], _ policy: RowPolicy
    ) -> (decided: [Int: DecidedCell], overflowed: Set<Int>) {
        var decided: [Int: DecidedCell] = [:]
        var overflowed: Set<Int> = []
        guard !policy.table.columns.isEmpty else { return (decided, overflowed) }
        let deciding = Deciding(
            incoming: incoming, concurrent: concurrent, standing: standing, isPresent: isPresent, policy: policy)
        for column in incoming.columns {
            let value: Value
            switch deciding.outcome(column) {
            case .undecided: continue
            case .value(let outcome): value = outcome
            case .overflow:
                overflowed.insert(column)
                value = standing?[column] ?? byStamp[column]
            }
            // What the stamps say by themselves needs no decision.
            if value != byStamp[column] {
                decided[column] = DecidedCell(value: value, stamp: deciding.stamp(column))
            }
        }
        return (decided, overflowed)
    }

    /// The disagreements of a write with the concurrent ones. Of several writes of one cell, one of which had
    /// seen the others, only the last is shown; writes of a row that was deleted since count like others, for
    /// they may still hold the cell.
    private static func pairs(of incoming: LoggedOperation, _ concurrent: [LoggedOperation]) -> [Pair] {
        var pairs: [Pair] = []
        let isWhole = incoming.operation == .insert || incoming.operation == .replace
        let inserts = concurrent.filter { other in
            isWhole && (other.operation == .insert || other.operation == .replace)
                && other.values != incoming.values
        }
        let shownInserts = inserts.filter { other in !inserts.contains { $0.covers(other) } }
        pairs += shownInserts.map { .insert(other: $0) }
        for column in incoming.columns {
            let own = incoming.value(of: column)!
            let writers = concurrent.filter { $0.operation.isUserWrite && $0.index(of: column) != nil }
            for other in writers
            where other.value(of: column)! != own && !writers.contains(where: { $0.covers(other) }) {
                // Two whole rows disagree as such, above; an update that followed one of them is a side of its own.
                if isWhole && (other.operation == .insert || other.operation == .replace) { continue }
                pairs.append(.cell(column: column, other: other))
            }
        }
        let deletes = concurrent.filter { $0.operation == .delete }
        for delete in deletes
        where !concurrent.contains(where: { $0.operation.makesExist && $0.covers(delete) })
            && !deletes.contains(where: { $0.covers(delete) })
        {
            pairs.append(.deleteUpdate(other: delete))
        }
        return pairs
    }
}
