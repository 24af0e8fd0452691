import ConflictStore
import RecordViews
import Replication

/// One way to settle a conflict that fits it, as it is offered to a person. The hub checks it again.
package struct FittingChoice: Hashable, Sendable {
    package let form: ChoiceForm
    /// Of `take`: whose side, or its change set where a site has several; `now` for what stands.
    package let site: String?
    /// Of `set`: the columns that may be set.
    package let columns: [String]

    package var how: ChoiceWord { form.word }

    private init(_ form: ChoiceForm, site: String? = nil, columns: [String] = []) {
        self.form = form
        self.site = site
        self.columns = columns
    }

    /// The choice itself; nil for `set`, whose values nobody has given yet.
    package var whole: ConflictChoice? { ConflictChoice(how, site: site) }

    /// Those that the table of choices offers, in that order; none for a settled conflict.
    ///
    /// - Parameter isReferred: other rows refer to the row, so it cannot be deleted.
    package static func all(_ view: ConflictView, withheld: [WithheldRecord], isReferred: Bool) -> [FittingChoice] {
        guard view.record.life.isOpen else { return [] }
        let own = withheld.filter { $0.row == view.record.row }
        let situation = ConflictSituation(
            view.record.kind, withheld: own.isEmpty ? .nothing : WithheldWrite(own).isDelete ? .delete : .write)
        let isOffered = { (form: ChoiceForm) -> Bool in
            guard case .accepted(let offer) = ChoiceTable.rule(form, in: situation).fit else { return false }
            return switch offer {
            case .always: true
            case .rowStands: view.now != nil
            case .noChildren: !isReferred
            case .severalSides: view.sites.count > 1
            case .never: false
            }
        }
        // Several sides of one site, whose file was put back or copied, are told apart by their change sets.
        let sides = zip(view.record.life.sides, view.sites).map { side, site in
            FittingChoice(
                side.row == nil && view.record.columnIndex == nil ? .deletingSide : .side,
                site: view.sites.count { $0 == site } > 1 ? "\(side.dot)" : site.isEmpty ? "hub" : site)
        }
        let others = ChoiceForm.withoutSides.map { form in
            FittingChoice(
                form, site: form == .now ? ChoiceWord.now : nil,
                columns: form != .set ? [] : situation.withholds ? view.dataColumns : view.disputedColumns)
        }
        return (sides + others).filter { isOffered($0.form) }
    }
}

/// A choice that fits a conflict and would be refused now, and why.
package struct RefusedChoice: Hashable, Sendable {
    package let choice: FittingChoice
    package let why: String

    package init(choice: FittingChoice, why: String) {
        self.choice = choice
        self.why = why
    }
}
