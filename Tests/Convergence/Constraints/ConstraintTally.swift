import Replication
import SimulationKit

/// Watches one history at the hub and notes which kinds of constraints the merge would have broken: for each row that
/// it withholds, and each parent that it puts back, what would be wrong had it not.
final class ConstraintTally {
    private(set) var broken: Set<ConstraintKind> = []
    private(set) var hasSteppedAside = false
    /// What became of withheld rows.
    private(set) var ends: Set<SeenWithheld.State> = []
    private var withheld: Set<[RowIdentity: Dot]> = []
    private var conflicts: Set<UInt64> = []

    func note(_ fleet: Fleet, _ event: Fleet.Event) throws {
        switch event {
        case .sealed: break
        case .taken(let site):
            if try fleet.sites[site].node.asideCount() > 0 { hasSteppedAside = true }
        case .ingested, .decided:
            let rows = try fleet.hub.rows()
            for row in try fleet.hub.withheld() {
                ends.insert(row.state)
                guard withheld.insert([row.row: row.dot]).inserted else { continue }
                if row.state == .withheld { note(row, rows, fleet.maker.catalogue) }
            }
            for conflict in try fleet.hub.conflicts() where conflicts.insert(conflict.id).inserted {
                note(conflict, rows, fleet.maker.catalogue)
            }
        }
    }

    private func note(_ withheld: SeenWithheld, _ rows: Rows, _ catalogue: Catalogue) {
        let stands = rows[withheld.row]
        if withheld.operation == .delete {
            if let stands { broken.formUnion(catalogue.broken(byLosing: withheld.row, stands, among: rows)) }
            return
        }
        guard var row = stands ?? whole(withheld, catalogue) else { return }
        if let stands {
            // Values of UNIQUE columns that it takes away may break a reference too.
            for (column, value) in withheld.cells { row.data[column] = value }
            if row.data != stands.data {
                broken.formUnion(catalogue.broken(byLosing: withheld.row, stands, among: rows, replacedBy: row))
            }
        }
        broken.formUnion(catalogue.broken(withheld.row, by: row, among: rows))
    }

    private func whole(_ withheld: SeenWithheld, _ catalogue: Catalogue) -> Row? {
        guard withheld.cells.count == catalogue.tables[withheld.row.table].dataColumns.count else { return nil }
        return Row(key: withheld.key, data: withheld.cells.sorted { $0.key < $1.key }.map(\.value))
    }

    private func note(_ conflict: SeenConflict, _ rows: Rows, _ catalogue: Catalogue) {
        guard conflict.kind == .foreignKey, let stands = rows[conflict.row] else { return }
        let children = conflict.life.sides.compactMap(\.key)
        broken.formUnion(
            catalogue.broken(byLosing: conflict.row, stands, among: rows) { children.contains($0.key) })
    }
}

/// In how many histories each kind was broken.
struct ConstraintShares {
    private(set) var histories = 0
    private var counts: [ConstraintKind: Int] = [:]
    private var aside = 0
    private var ends: [SeenWithheld.State: Int] = [:]

    mutating func add(_ tally: ConstraintTally) {
        histories += 1
        for end in tally.ends { ends[end, default: 0] += 1 }
        for kind in tally.broken { counts[kind, default: 0] += 1 }
        if tally.hasSteppedAside { aside += 1 }
    }

    func share(of kind: ConstraintKind) -> Double { Double(counts[kind, default: 0]) / Double(max(1, histories)) }

    /// The kinds that too few histories broke.
    func rare(below least: Double) -> [ConstraintKind] { ConstraintKind.allCases.filter { share(of: $0) < least } }

    /// A table to print.
    var text: String {
        var lines = ["broken by the merge in how many of \(histories) histories:"]
        for kind in ConstraintKind.allCases {
            lines.append(line(kind.rawValue, counts[kind, default: 0]))
        }
        lines.append(line("own rows stepped aside at a node", aside))
        for end in [SeenWithheld.State.withheld, .released, .admitted, .discarded, .superseded] {
            lines.append(
                line("rows withheld, then \(end == .withheld ? "still so" : end.rawValue)", ends[end, default: 0]))
        }
        return lines.joined(separator: "\n")
    }

    private func line(_ name: String, _ count: Int) -> String {
        let percent = Double(count * 1000 / max(1, histories)) / 10
        return "  " + name.padding(to: 46) + "\(count)".padding(to: 7) + "\(percent) %"
    }
}

extension String {
    fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
