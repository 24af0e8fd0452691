import ConflictStore
import RecordViews
import Replication

/// One way to settle a conflict that fits it, as it is offered to a person. The hub checks it again.
package struct FittingChoice: Hashable, Sendable {
    package enum How: String, Hashable, Sendable {
        case take, set, restore, delete, admit, discard
    }

    package let how: How
    /// Of `take`: whose side, or its change set where a site has several; `now` for what stands.
    package let site: String?
    /// Of `set`: the columns that may be set.
    package let columns: [String]

    private init(_ how: How, site: String? = nil, columns: [String] = []) {
        self.how = how
        self.site = site
        self.columns = columns
    }

    /// Those that fit, in the order in which they are offered; none for a settled conflict.
    ///
    /// - Parameter isReferred: other rows refer to the row, so it cannot be deleted.
    package static func all(_ view: ConflictView, withheld: [WithheldRecord], isReferred: Bool) -> [FittingChoice] {
        guard view.record.life.isOpen else { return [] }
        // Several sides of one site, whose file was put back or copied, are told apart by their change sets.
        let sites = zip(view.record.life.sides, view.sites).map { side, site in
            view.sites.count { $0 == site } > 1 ? "\(side.dot)" : site.isEmpty ? "hub" : site
        }
        let takes = sites.map { FittingChoice(.take, site: $0) }
        let now = FittingChoice(.take, site: "now")
        let deleting = zip(view.record.life.sides, sites).filter { $0.0.row == nil }.map { $0.1 }
        let kept = isReferred ? takes.filter { !deleting.contains($0.site ?? "") } : takes
        let restoring = [FittingChoice(.restore)] + (isReferred ? [] : [FittingChoice(.delete)])
        switch view.record.kind {
        case .cell, .insert:
            // A row that is gone takes no value.
            return view.now == nil ? [now] : takes + [now, FittingChoice(.set, columns: view.disputedColumns)]
        case .deleteUpdate:
            return kept + restoring
        case .unique, .foreignKey, .check, .scope, .invalid:
            let own = withheld.filter { $0.row == view.record.row }
            if own.isEmpty {
                // A deleted parent that the hub put back for a child.
                return view.record.kind == .foreignKey ? kept + restoring : []
            }
            var choices: [FittingChoice] = []
            if view.record.kind == .unique, sites.count > 1 { choices += takes + [now] }
            choices.append(FittingChoice(.admit))
            if own.contains(where: { !$0.operation.isKeyOnly }) {
                choices.append(FittingChoice(.set, columns: view.dataColumns))
            }
            return choices + [FittingChoice(.discard)]
        }
    }
}
