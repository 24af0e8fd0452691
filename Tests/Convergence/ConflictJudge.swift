import Replication
import SimulationKit

/// Judges the hub's conflicts from the whole history, naively.
///
/// Missed: two concurrent writes of different value to one cell, two concurrent inserts of one key, or a delete
/// and a write it had not seen, with no open conflict about them, though nobody who had seen both has acted and
/// neither author has come round to the other. Lost: a value that is nowhere any more. Invented: a conflict about
/// what no two concurrent acts disagreed on.
struct ConflictJudge {
    private struct Act {
        let set: RecordedSet
        let write: RecordedWrite

        /// True when its author had reached the place where both of two acts stood: it can have seen their conflict.
        func hadSeen(_ a: Act, _ b: Act) -> Bool { set.seen >= max(a.set.position!, b.set.position!) }
    }

    private struct Place: Hashable {
        let kind: SeenConflict.Kind
        let column: Int?
    }

    private let byRow: [RowIdentity: [Act]]
    /// Without what the hub has withheld.
    private let standing: [RowIdentity: [Act]]
    private let conflicts: [RowIdentity: [SeenConflict]]
    private let decisions: [History.Decision]
    private let history: History
    private let hubActs: [RecordedSet]
    private let withheld: [SeenWithheld]
    private let rows: Rows
    /// Columns of it that settle by a policy need a record, not an open conflict.
    private let catalogue: Catalogue

    init(
        _ history: History, conflicts: [SeenConflict], withheld: [SeenWithheld] = [], rows: Rows,
        catalogue: Catalogue
    ) {
        var byRow: [RowIdentity: [Act]] = [:]
        for set in history.sets.values where set.position != nil {
            for (row, write) in set.writes { byRow[row, default: []].append(Act(set: set, write: write)) }
        }
        self.byRow = byRow
        standing = Dictionary(
            uniqueKeysWithValues: byRow.map { row, acts in
                (row, acts.filter { history.withheld[row]?.contains($0.set.dot) != true })
            })
        self.conflicts = Dictionary(grouping: conflicts, by: \.row)
        self.history = history
        self.rows = rows
        self.catalogue = catalogue
        decisions = history.decisions
        hubActs = history.hubActs
        self.withheld = withheld
    }

    /// Everything that is wrong.
    func complaints() -> [String] {
        var complaints = losses()
        for (row, acts) in standing {
            for a in acts {
                for b in acts where a.set.dot < b.set.dot && a.set.isConcurrent(with: b.set) {
                    complaints += missed(row, byRow[row]!, a, b)
                }
            }
        }
        for (row, seen) in conflicts {
            for conflict in seen { complaints += invented(row, conflict) }
        }
        return complaints
    }

    /// What is nowhere any more.
    func losses() -> [String] { byRow.flatMap { row, acts in acts.flatMap { lost(row, acts, $0) } } }

    // MARK: Missed

    /// The places where two concurrent acts on a row disagree.
    private func disagreements(_ row: RowIdentity, _ a: Act, _ b: Act) -> [Place] {
        switch (a.write.kind, b.write.kind) {
        case (.delete, .delete): return []
        case (.delete, _), (_, .delete): return [Place(kind: .deleteUpdate, column: nil)]
        default:
            if a.write.isWhole && b.write.isWhole {
                return a.write.cells == b.write.cells ? [] : [Place(kind: .insert, column: nil)]
            }
            let unit = catalogue.tables[row.table].unit
            let columns = a.write.cells.keys.filter {
                b.write.cells[$0] != nil && b.write.cells[$0] != a.write.cells[$0]
            }
            // Columns of a unit are disputed as one.
            return Set(columns.map { Place(kind: .cell, column: unit.contains($0) ? nil : $0) })
                .sorted { ($0.column ?? -1) < ($1.column ?? -1) }
        }
    }

    /// What an act wrote there; empty when nothing.
    private func cells(_ row: RowIdentity, _ act: Act, _ place: Place) -> [Int: Value] {
        let unit = catalogue.tables[row.table].unit
        return act.write.cells.filter { column, _ in place.column.map { $0 == column } ?? unit.contains(column) }
    }

    /// True when a policy settles what two acts disagree on at a place.
    private func isSettled(_ row: RowIdentity, _ place: Place, _ a: Act, _ b: Act) -> Bool {
        let model = catalogue.tables[row.table]
        let differing = a.write.cells.keys.filter { a.write.cells[$0] != b.write.cells[$0] }
        let columns = place.column.map { [$0] } ?? (place.kind == .cell ? model.unit : Array(differing))
        return place.kind != .deleteUpdate && columns.allSatisfy { (model.policies[$0] ?? .manual) != .manual }
    }

    private func missed(_ row: RowIdentity, _ acts: [Act], _ a: Act, _ b: Act) -> [String] {
        disagreements(row, a, b).compactMap { place in
            let records = (conflicts[row] ?? []).filter { $0.kind == place.kind && $0.column == place.column }
            if records.contains(where: { $0.life.isOpen }) { return nil }
            if place.kind == .cell && isPartOfInsertConflict(row, a, b) { return nil }
            if isSettled(row, place, a, b), !records.isEmpty { return nil }
            let isDecided = decisions.contains { decision in
                let isAboutIt = decision.kind == place.kind && decision.column == place.column
                // A decision about the whole row is one about each of its cells.
                return decision.row == row && (isAboutIt || decision.kind == .insert && place.kind == .cell)
                    && max(a.set.position!, b.set.position!) <= decision.position
            }
            if isDecided || acts.contains(where: { excuses($0, place, of: row, a, b) }) { return nil }
            if place.kind == .cell && isWrittenAs(row, place, a, b) { return nil }
            return
                "missed: \(place.kind) \(place.column.map { "\($0) " } ?? "")of \(row) between \(a.set.dot) and"
                + " \(b.set.dot) is not open (\(records.count) records)"
        }
    }

    /// True when an open conflict about the whole row has both authors as sides, with these acts or later ones.
    private func isPartOfInsertConflict(_ row: RowIdentity, _ a: Act, _ b: Act) -> Bool {
        (conflicts[row] ?? []).contains { conflict in
            conflict.kind == .insert && (conflict.life.isOpen || conflict.life.settlement == .policy)
                && [a, b].allSatisfy { act in
                    conflict.life.sides.contains { history.isLater($0.dot, than: act.set.dot) }
                }
        }
    }

    /// True when act x leaves nothing to dispute between a and b.
    private func excuses(_ x: Act, _ place: Place, of row: RowIdentity, _ a: Act, _ b: Act) -> Bool {
        // A delete that had seen both.
        if x.write.kind == .delete && covers(x, a) && covers(x, b) { return true }
        switch place.kind {
        case .cell:
            let value = cells(row, x, place)
            guard !value.isEmpty else { return false }
            if x.hadSeen(a, b) || stands(x, for: a, against: b) || stands(x, for: b, against: a) {
                return true
            }
            return covers(x, a) && value == cells(row, b, place) || covers(x, b) && value == cells(row, a, place)
        case .insert:
            // A person's decision for a row writes all its columns.
            let isWholeDecision = x.set.isDecision && x.write.cells.count == a.write.cells.count
            guard x.write.isWhole || isWholeDecision else { return false }
            if x.hadSeen(a, b) || stands(x, for: a, against: b) || stands(x, for: b, against: a) {
                return true
            }
            return covers(x, a) && x.write.cells == b.write.cells
                || covers(x, b) && x.write.cells == a.write.cells
        case .deleteUpdate:
            let (dead, live) = a.write.kind == .delete ? (a, b) : (b, a)
            // A delete that the hub undid for the sake of another row is disputed there.
            if hubActs.contains(where: { $0.covers(dead.set) && $0.writes[row] != nil }) { return true }
            if x.write.isWhole && x.hadSeen(a, b) { return true }
            return covers(x, dead) && x.write.lives || covers(x, live) && x.write.kind == .delete
        default: return true
        }
    }

    /// True when the hub, which had seen one of the two, wrote the cell back to what the other wants.
    private func isWrittenAs(_ row: RowIdentity, _ place: Place, _ a: Act, _ b: Act) -> Bool {
        hubActs.contains { set in
            guard let write = set.writes[row] else { return false }
            let value = cells(row, Act(set: set, write: write), place)
            return set.covers(a.set) && value == cells(row, b, place)
                || set.covers(b.set) && value == cells(row, a, place)
        }
    }

    /// True when x wrote the cell anew, had seen a and not b: it stands for a, and is judged against b itself.
    private func stands(_ x: Act, for a: Act, against b: Act) -> Bool {
        covers(x, a) && x.set.isConcurrent(with: b.set)
    }

    private func covers(_ x: Act, _ y: Act) -> Bool { x.set.covers(y.set) }

    // MARK: Lost

    /// Every value ever written is in the table, overwritten or deleted by one who had seen it, or in a conflict.
    private func lost(_ row: RowIdentity, _ acts: [Act], _ a: Act) -> [String] {
        a.write.cells.compactMap { column, value in
            // What was added is in the sum, and the oracle of policies sees that it is.
            if catalogue.tables[row.table].policies[column] == .sum { return nil }
            if rows[row]?.data[column] == value { return nil }
            let isOverwritten = acts.contains { x in
                covers(x, a) && (x.write.kind == .delete || x.write.cells[column] != nil)
            }
            if isOverwritten || isWrittenBack(row, column, a) { return nil }
            let isKept = (conflicts[row] ?? []).contains { conflict in
                conflict.life.sides.contains { side in
                    side.value == value && conflict.column == column || side.row?[column] == value
                }
            }
            let isKeptOut = withheld.contains {
                $0.row == row && $0.dot == a.set.dot && $0.cells[column] == value && $0.state != .superseded
            }
            if isKeptOut { return nil }
            return isKept ? nil : "lost: \(row) column \(column), \(value.legible) of \(a.set.dot) is nowhere"
        }
    }

    /// True when the hub, which had seen it, wrote the cell back to what it was.
    private func isWrittenBack(_ row: RowIdentity, _ column: Int, _ a: Act) -> Bool {
        hubActs.contains { $0.covers(a.set) && $0.writes[row]?.cells[column] != nil }
    }

    // MARK: Invented

    private func invented(_ row: RowIdentity, _ conflict: SeenConflict) -> [String] {
        let place = Place(kind: conflict.kind, column: conflict.column)
        let acts = byRow[row] ?? []
        switch conflict.kind {
        case .insert, .cell, .deleteUpdate: break
        case .unique, .foreignKey, .check, .scope, .invalid: return unfounded(row, conflict, acts)
        }
        // What the hub let in or put back is disputed like a site's write.
        let hubs = hubActs.compactMap { set in set.writes[row].map { Act(set: set, write: $0) } }
        let isReal = acts.contains { a in
            (acts + hubs).contains { b in
                (a.set.isConcurrent(with: b.set) || isUnshown(b, to: a)) && disagreements(row, a, b).contains(place)
            }
        }
        let name = "\(place.kind) \(place.column.map { "\($0) " } ?? "")of \(row)"
        guard isReal else { return ["invented: \(name), on which no two concurrent acts disagree"] }
        var complaints: [String] = []
        for side in conflict.life.sides where !hubs.contains(where: { $0.set.dot == side.dot }) {
            guard let act = acts.first(where: { $0.set.dot == side.dot }) else {
                complaints.append("invented: \(name) has a side \(side.dot) that did not write the row")
                continue
            }
            let isOwn =
                if place.kind == .cell {
                    (place.column.map { [$0: side.value!] } ?? side.row!) == cells(row, act, place)
                } else { holds(side, act, among: acts) }
            if !isOwn {
                complaints.append("invented: \(name), side \(side.dot) did not write that")
            }
        }
        if conflict.life.sides.count < 2 { complaints.append("invented: \(name) has one side") }
        return complaints
    }

    /// An insert by one who had seen the row, and was not shown it, for it stood aside there.
    private func isUnshown(_ earlier: Act, to act: Act) -> Bool {
        act.write.kind == .insert && act.set.covers(earlier.set) && earlier.write.lives
            && act.set.dot.replica != earlier.set.dot.replica
    }

    /// A conflict for the sake of a constraint is about a row of which something is withheld, or about a parent that
    /// was deleted.
    private func unfounded(_ row: RowIdentity, _ conflict: SeenConflict, _ acts: [Act]) -> [String] {
        let isAboutWithheld = acts.count > (standing[row] ?? []).count
        let isAboutParent = conflict.kind == .foreignKey && acts.contains { $0.write.kind == .delete }
        guard !isAboutWithheld && !isAboutParent else { return [] }
        return ["invented: \(conflict.kind) of \(row), of which nothing is withheld"]
    }

    /// A side about the whole row may lay an author's later edits over its insert. A row that an undo put back holds
    /// what others had written there before.
    private func holds(_ side: ConflictSide, _ act: Act, among acts: [Act]) -> Bool {
        guard let cells = side.row else { return act.write.kind == .delete }
        let own = acts.filter {
            history.isLater(side.dot, than: $0.set.dot) || act.set.isDecision && act.set.covers($0.set)
        }
        return act.write.kind != .delete
            && cells.allSatisfy { column, value in own.contains { $0.write.cells[column] == value } }
    }
}
