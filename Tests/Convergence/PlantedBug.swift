import Replication

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
            rules.atHub = { incoming, concurrent, row, image in
                let right = HubMerge(incoming, concurrent: concurrent, row: row, image: image)
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
            rules.atHub = { incoming, concurrent, row, image in
                let right = HubMerge(incoming, concurrent: concurrent, row: row, image: image)
                let all =
                    right.effective == nil || incoming.operation == .delete
                    ? right.effective : incoming.columns
                return HubMerge(
                    target: right.target, effective: all, carries: right.carries, pairs: right.pairs)
            }
        case .forgetsTheImage:
            rules.atHub = { incoming, concurrent, row, image in
                HubMerge(
                    incoming, concurrent: concurrent, row: row, image: image.map { $0.map { _ in .null } })
            }
        case .inventsConflicts: rules.atHub = inventingConflicts
        case .restoresWithHubStamp, .closesByContext, .takesDuplicates, .nodeTakesTwice, .dropsTheAside: break
        }
        return rules
    }
}

@Sendable private func existingByClock(
    _ incoming: LoggedOperation, _ concurrent: [LoggedOperation], _ row: [Value]?, _ image: [Value]?
) -> HubMerge {
    let right = HubMerge(incoming, concurrent: concurrent, row: row, image: image)
    guard incoming.operation == .delete, right.carries else { return right }
    guard concurrent.allSatisfy({ $0.hlc < incoming.hlc }) else { return right }
    return HubMerge(target: .remove, effective: [], carries: false, pairs: right.pairs)
}

@Sendable private func deleteWinning(
    _ incoming: LoggedOperation, _ concurrent: [LoggedOperation], _ row: [Value]?, _ image: [Value]?
) -> HubMerge {
    let right = HubMerge(incoming, concurrent: concurrent, row: row, image: image)
    guard incoming.operation == .delete, right.carries else { return right }
    return HubMerge(target: .remove, effective: [], carries: false, pairs: right.pairs)
}

@Sendable private func droppingTheLoser(
    _ incoming: LoggedOperation, _ concurrent: [LoggedOperation], _ row: [Value]?, _ image: [Value]?
) -> HubMerge {
    let right = HubMerge(incoming, concurrent: concurrent, row: row, image: image)
    let pairs = right.pairs.filter { pair in
        guard case .cell(let column, let other) = pair else { return true }
        return incoming.stamp(of: column)! > other.stamp(of: column)!
    }
    return HubMerge(target: right.target, effective: right.effective, carries: right.carries, pairs: pairs)
}

@Sendable private func inventingConflicts(
    _ incoming: LoggedOperation, _ concurrent: [LoggedOperation], _ row: [Value]?, _ image: [Value]?
) -> HubMerge {
    let right = HubMerge(incoming, concurrent: concurrent, row: row, image: image)
    guard let column = incoming.columns.first, let row, row[column] != incoming.value(of: column) else {
        return right
    }
    return HubMerge(
        target: right.target, effective: right.effective, carries: right.carries,
        pairs: right.pairs + [.cell(column: column, other: incoming)])
}
