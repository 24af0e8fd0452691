import Replication
import SimulationKit

/// A wrong rule, planted to see that the oracle notices.
enum PlantedBug: String, CaseIterable {
    /// A row that a delete met is brought back with the hub's own stamp, and counts as written by it.
    case restoresWithHubStamp
    /// The greater stamp says whether a row exists.
    case existenceByClock
    /// A value that loses is dropped without a conflict.
    case dropsTheLoser
    /// A node takes what comes in over its own newer write.
    case ignoresOwnStamp
    /// A delete wins over a concurrent update.
    case deleteWins
    /// The author of a delete that did not stand does not get the row back.
    case authorGetsNothing
    /// A conflict is closed by a write whose context covers it, though its author cannot have seen it.
    case closesByContext
    /// The hub takes a change set twice.
    case takesDuplicates
    /// A node takes a change set twice.
    case nodeTakesTwice
    /// A node lets an incoming delete take a row that its own update in flight keeps alive.
    case nodeObeysDelete
    /// Cells that lost are given out all the same.
    case shipsBeatenCells
    /// An absent row is put back with the cells of the update and nulls.
    case forgetsTheImage
    /// A row aside is given up when a program inserts its key, not when that insert is sealed. (Real store only.)
    case dropsTheAside
    /// Conflicts are found where the author had seen the other value.
    case inventsConflicts

    // Faults of the store about rows that are withheld; a test does them to its files by hand.

    /// What is withheld is not kept.
    case forgetsWithheld
    /// The row that stands in the way of another is deleted.
    case deletesBlocker
    /// A row that refers to a withheld one is let in without it.
    case letsOrphansIn
    /// The author of a row that is withheld keeps it in its table.
    case leavesAuthorWrong

    /// Those that only a fleet of real databases can have.
    static let ofTheStore: [PlantedBug] = [
        .dropsTheAside, .forgetsWithheld, .deletesBlocker, .letsOrphansIn, .leavesAuthorWrong,
    ]
    /// A policy looks only at writes of rows that live (Protocol/Merge-Model.md#policies).
    case policyForgetsTheDeleted
    /// What a policy decides has the stamp of the newest write, not one just above.
    case decidesWithoutInfinity
    /// What was added beside an insert is lost.
    case insertTakesTheSum
    /// A delta is added to what stands only where a user wrote, not where a policy has decided since.
    case sumForgetsDecisions
    /// A sum is settled like any value: the newest.
    case sumIsNewest

    /// The tables on which it shows.
    var tables: [TableModel] {
        switch self {
        case .policyForgetsTheDeleted, .decidesWithoutInfinity: [.extremes]
        case .insertTakesTheSum, .sumForgetsDecisions, .sumIsNewest: [.counted]
        default: [.plain]
        }
    }

    var rules: MergeRules {
        var rules = MergeRules.right
        switch self {
        case .existenceByClock: rules.atHub = existingByClock
        case .dropsTheLoser: rules.atHub = droppingTheLoser
        case .ignoresOwnStamp:
            rules.atNode = { incoming, own in
                let right = NodeMerge(incoming, own: own)
                if case .takeCells = right { return .takeCells(incoming.columns) }
                return right
            }
        case .deleteWins: rules.atHub = deleteWinning
        case .authorGetsNothing:
            rules.atHub = { incoming, concurrent, row, image, policy in
                let right = HubMerge(incoming, concurrent: concurrent, row: row, image: image, policy: policy)
                return HubMerge(
                    target: right.target, effective: right.effective,
                    carries: right.carries && incoming.operation != .delete, pairs: right.pairs)
            }
        case .nodeObeysDelete:
            rules.atNode = { incoming, own in
                let right = NodeMerge(incoming, own: own)
                return incoming.operation == .delete && own.last?.operation == .update ? .take : right
            }
        case .shipsBeatenCells:
            rules.atHub = { incoming, concurrent, row, image, policy in
                let right = HubMerge(incoming, concurrent: concurrent, row: row, image: image, policy: policy)
                let all =
                    right.effective == nil || incoming.operation == .delete
                    ? right.effective : incoming.columns
                return HubMerge(
                    target: right.target, effective: all, carries: right.carries, pairs: right.pairs)
            }
        case .forgetsTheImage:
            rules.atHub = { incoming, concurrent, row, image, policy in
                HubMerge(
                    incoming, concurrent: concurrent, row: row, image: image.map { $0.map { _ in .null } },
                    policy: policy)
            }
        case .inventsConflicts: rules.atHub = inventingConflicts
        case .policyForgetsTheDeleted, .sumForgetsDecisions, .insertTakesTheSum, .sumIsNewest, .decidesWithoutInfinity:
            rules.atHub = { [self] incoming, concurrent, row, image, policy in
                let right = HubMerge(incoming, concurrent: concurrent, row: row, image: image, policy: policy)
                if incoming.operation == .delete || right.target == .noImage { return right }
                return misdeciding(right, incoming, concurrent, row, image, policy)
            }
        case .restoresWithHubStamp, .closesByContext, .takesDuplicates, .nodeTakesTwice, .dropsTheAside,
            .forgetsWithheld, .deletesBlocker, .letsOrphansIn, .leavesAuthorWrong:
            break
        }
        return rules
    }
}

extension PlantedBug {
    /// The right merge with other decisions of policies.
    fileprivate func misdeciding(
        _ right: HubMerge, _ incoming: LoggedOperation, _ concurrent: [LoggedOperation], _ row: [Value]?,
        _ image: [Value]?, _ policy: RowPolicy
    ) -> HubMerge {
        var decided: [Int: DecidedCell]
        func decide(_ others: [LoggedOperation], _ table: TablePolicy) -> [Int: DecidedCell] {
            HubMerge(
                incoming, concurrent: others, row: row, image: image,
                policy: RowPolicy(table, owners: policy.owners, seq: policy.seq)
            ).decided
        }
        switch self {
        case .policyForgetsTheDeleted:
            let deletes = concurrent.filter { $0.operation == .delete }
            decided = decide(
                concurrent.filter { write in !deletes.contains { $0.covers(write) } }, policy.table)
        case .sumForgetsDecisions: decided = decide(concurrent.filter { $0.operation != .decided }, policy.table)
        case .insertTakesTheSum: decided = incoming.operation == .insert ? [:] : right.decided
        case .sumIsNewest: decided = [:]
        default:
            decided = right.decided.mapValues {
                DecidedCell(value: $0.value, stamp: Stamp(hlc: $0.stamp.hlc, replica: 0, seq: $0.stamp.seq))
            }
        }
        let lost = incoming.columns.filter { column in
            decided[column] == nil
                && !concurrent.contains { ($0.stamp(of: column) ?? .zero) > incoming.stamp(of: column)! }
        }
        guard case .write = right.target else {
            return HubMerge(
                target: right.target, effective: right.effective, carries: right.carries, pairs: right.pairs,
                decided: decided)
        }
        return HubMerge(
            target: lost.isEmpty ? .keep : .write(lost), effective: lost.isEmpty ? nil : lost, carries: false,
            pairs: right.pairs, decided: decided)
    }
}

@Sendable private func existingByClock(
    _ incoming: LoggedOperation, _ concurrent: [LoggedOperation], _ row: [Value]?, _ image: [Value]?,
    _ policy: RowPolicy
) -> HubMerge {
    let right = HubMerge(incoming, concurrent: concurrent, row: row, image: image, policy: policy)
    guard incoming.operation == .delete, right.carries else { return right }
    guard concurrent.allSatisfy({ $0.hlc < incoming.hlc }) else { return right }
    return HubMerge(target: .remove, effective: [], carries: false, pairs: right.pairs)
}

@Sendable private func deleteWinning(
    _ incoming: LoggedOperation, _ concurrent: [LoggedOperation], _ row: [Value]?, _ image: [Value]?,
    _ policy: RowPolicy
) -> HubMerge {
    let right = HubMerge(incoming, concurrent: concurrent, row: row, image: image, policy: policy)
    guard incoming.operation == .delete, right.carries else { return right }
    return HubMerge(target: .remove, effective: [], carries: false, pairs: right.pairs)
}

@Sendable private func droppingTheLoser(
    _ incoming: LoggedOperation, _ concurrent: [LoggedOperation], _ row: [Value]?, _ image: [Value]?,
    _ policy: RowPolicy
) -> HubMerge {
    let right = HubMerge(incoming, concurrent: concurrent, row: row, image: image, policy: policy)
    let pairs = right.pairs.filter { pair in
        guard case .cell(let column, let other) = pair else { return true }
        return incoming.stamp(of: column)! > other.stamp(of: column)!
    }
    return HubMerge(target: right.target, effective: right.effective, carries: right.carries, pairs: pairs)
}

@Sendable private func inventingConflicts(
    _ incoming: LoggedOperation, _ concurrent: [LoggedOperation], _ row: [Value]?, _ image: [Value]?,
    _ policy: RowPolicy
) -> HubMerge {
    let right = HubMerge(incoming, concurrent: concurrent, row: row, image: image, policy: policy)
    guard let column = incoming.columns.first, let row, row[column] != incoming.value(of: column) else {
        return right
    }
    return HubMerge(
        target: right.target, effective: right.effective, carries: right.carries,
        pairs: right.pairs + [.cell(column: column, other: incoming)])
}
