/// What a conflict is like for who decides it: its kind, and what of its own row is withheld.
package enum ConflictSituation: String, Hashable, Sendable, CaseIterable {
    /// Values of one cell, or of a unit.
    case cell
    /// Two rows of one key.
    case insert
    /// A row that was deleted and written; it stands.
    case deleteUpdate = "delete_update"
    /// A deleted row that came back for a row that refers to it.
    case parent
    /// Its row waits for another one, or is withheld no more.
    case waiting
    /// A row is withheld that claims a UNIQUE value of another.
    case withheldUnique = "withheld_unique"
    /// Any other insert or update is withheld.
    case withheldWrite = "withheld_write"
    /// A delete is withheld.
    case withheldDelete = "withheld_delete"

    /// What of the conflict's own row is withheld.
    package enum Withheld: Sendable { case nothing, write, delete }

    package init(_ kind: ConflictKind, withheld: Withheld) {
        switch (withheld, kind) {
        case (.delete, _): self = .withheldDelete
        case (.write, .unique): self = .withheldUnique
        case (.write, _): self = .withheldWrite
        case (.nothing, .cell): self = .cell
        case (.nothing, .insert): self = .insert
        case (.nothing, .deleteUpdate): self = .deleteUpdate
        case (.nothing, .foreignKey): self = .parent
        case (.nothing, .unique), (.nothing, .check), (.nothing, .scope), (.nothing, .invalid): self = .waiting
        }
    }

    /// True when a row of its own is withheld.
    package var withholds: Bool {
        switch self {
        case .withheldUnique, .withheldWrite, .withheldDelete: true
        case .cell, .insert, .deleteUpdate, .parent, .waiting: false
        }
    }

    /// As the page says it.
    package var title: String {
        switch self {
        case .cell: "`cell`"
        case .insert: "`insert`"
        case .deleteUpdate: "`delete_update`"
        case .parent: "`foreign_key`, about a parent put back"
        case .waiting: "any other, with nothing of its row withheld"
        case .withheldUnique: "`unique`, with its row withheld"
        case .withheldWrite: "any other, with an insert or update withheld"
        case .withheldDelete: "any, with a delete withheld"
        }
    }
}

/// A way to choose. A side is one of two, by what its site did.
package enum ChoiceForm: String, Hashable, Sendable, CaseIterable {
    /// The side of a site that wrote the row or cell.
    case side
    /// The side of a site that deleted the row.
    case deletingSide
    /// What stands.
    case now
    case restore, delete, admit, set, discard

    /// Those that are about no side, in the order in which they are offered.
    package static let withoutSides: [ChoiceForm] = [.now, .restore, .delete, .admit, .set, .discard]

    package var word: ChoiceWord {
        switch self {
        case .side, .deletingSide, .now: .take
        case .restore: .restore
        case .delete: .delete
        case .admit: .admit
        case .set: .set
        case .discard: .discard
        }
    }

    /// What the operator types behind `samband conflict resolve ID`.
    ///
    /// - Parameters:
    ///   - site: whose side.
    ///   - assignment: what is set.
    package func command(site: String = "SITE", assignment: String = ChoiceWord.set.argument!) -> String {
        switch self {
        case .side, .deletingSide: "--\(word.rawValue) \(site)"
        case .now: "--\(word.rawValue) \(ChoiceWord.now)"
        case .set: "--\(word.rawValue) \(assignment)"
        case .restore, .delete, .admit, .discard: "--\(word.rawValue)"
        }
    }
}

/// What becomes of a choice in a situation.
package enum ChoiceFit: Hashable, Sendable {
    /// When a choice that fits is also offered.
    package enum Offer: String, Hashable, Sendable {
        case always
        /// While the row stands: one that is gone takes no value.
        case rowStands = "while the row stands"
        /// While no row refers to it: else it cannot be deleted.
        case noChildren = "while no row refers to it"
        /// While the other row is one of its sides.
        case severalSides = "while it has several sides"
        /// It is taken, and means what another one says better.
        case never = "not offered"
    }

    case accepted(Offer)
    case refused(why: String, hint: String)
}

/// A cell of the table of choices.
package struct ChoiceRule: Hashable, Sendable {
    package let situation: ConflictSituation
    package let form: ChoiceForm
    package let fit: ChoiceFit
    private let meaning: String

    /// What it means, for people; empty for one that is refused.
    ///
    /// - Parameter site: whose side is taken.
    package func meaning(site: String = "SITE") -> String {
        meaning.split(separator: "SITE", omittingEmptySubsequences: false).joined(separator: site)
    }

    fileprivate init(_ situation: ConflictSituation, _ form: ChoiceForm) {
        self.situation = situation
        self.form = form
        (fit, meaning) =
            switch situation {
            case .cell, .insert: Self.ofValues(form, isCell: situation == .cell)
            case .deleteUpdate: Self.ofDeletedRow(form)
            case .parent: Self.ofParent(form)
            case .waiting: Self.ofWaiting(form)
            case .withheldUnique: Self.ofWithheldUnique(form)
            case .withheldWrite: Self.ofWithheldWrite(form)
            case .withheldDelete: Self.ofWithheldDelete(form)
            }
    }
}

/// Which choices fit which conflict, and what each means: what is offered, accepted, refused and shown all comes from
/// here. (Protocol/Merge-and-Arbitration.md#decisions)
package enum ChoiceTable {
    /// Each way to choose in each situation, once.
    package static let rules: [ChoiceRule] = ConflictSituation.allCases.flatMap { situation in
        ChoiceForm.allCases.map { ChoiceRule(situation, $0) }
    }

    package static func rule(_ form: ChoiceForm, in situation: ConflictSituation) -> ChoiceRule {
        ChoiceRule(situation, form)
    }

    /// The table as the page has it: what is accepted, a line each.
    package static var page: String {
        var lines = ["| conflict | typed | means | offered |", "|---|---|---|---|"]
        for rule in rules {
            guard case .accepted(let offer) = rule.fit else { continue }
            let side = rule.form == .deletingSide ? ", which deleted the row" : ""
            lines.append(
                "| \(rule.situation.title) | `\(rule.form.command())`\(side) | \(rule.meaning()) | \(offer.rawValue) |")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

// MARK: the rows of the table

extension ChoiceRule {
    private typealias Cell = (ChoiceFit, String)

    private static func refused(_ why: String, _ hint: String) -> Cell { (.refused(why: why, hint: hint), "") }

    private static let noneWithheld = refused("nothing of it is withheld", "Use --take or --set.")

    private static func ofValues(_ form: ChoiceForm, isCell: Bool) -> Cell {
        switch form {
        case .side, .deletingSide: (.accepted(.rowStands), "what SITE wrote")
        case .now: (.accepted(.always), "what stands now stays")
        case .set: (.accepted(.rowStands), "values of your own")
        case .restore: refused("nothing was deleted", "Use --take or --set.")
        case .delete:
            isCell ? refused("it is about one cell", "Use --take or --set.") : (.accepted(.never), "the row goes")
        case .admit, .discard: noneWithheld
        }
    }

    private static func ofDeletedRow(_ form: ChoiceForm) -> Cell {
        switch form {
        case .side: (.accepted(.always), "the row stays, as SITE has it")
        case .deletingSide: (.accepted(.noChildren), "the row goes, as SITE has it")
        case .now: (.accepted(.never), "what stands now stays")
        case .set: (.accepted(.never), "values of your own")
        case .restore: (.accepted(.always), "the row stays")
        case .delete: (.accepted(.noChildren), "the row goes")
        case .admit, .discard: noneWithheld
        }
    }

    private static func ofParent(_ form: ChoiceForm) -> Cell {
        switch form {
        case .side, .deletingSide, .now, .restore, .delete: ofDeletedRow(form)
        case .set, .admit, .discard:
            refused("nothing of it is withheld", "Use --restore to let the row stand, or --delete.")
        }
    }

    /// As of a parent, for who knows what to do; nothing is offered, because another row's conflict comes first.
    private static func ofWaiting(_ form: ChoiceForm) -> Cell {
        let cell = ofParent(form)
        if case .accepted = cell.0 { return (.accepted(.never), cell.1) }
        return cell
    }

    private static func ofWithheldUnique(_ form: ChoiceForm) -> Cell {
        switch form {
        case .side, .deletingSide: (.accepted(.severalSides), "the row of SITE stands, the other does not")
        case .now: (.accepted(.severalSides), "what stands goes on standing")
        case .restore, .delete, .admit, .set, .discard: ofWithheldWrite(form)
        }
    }

    private static func ofWithheldWrite(_ form: ChoiceForm) -> Cell {
        switch form {
        case .side, .deletingSide: (.accepted(.never), "what SITE wrote")
        case .now: (.accepted(.never), "what stands now stays")
        case .admit: (.accepted(.always), "let it in as it was written")
        case .set: (.accepted(.always), "let the row in with these values")
        case .discard: (.accepted(.always), "give it up; its values are kept")
        case .restore, .delete: refused("what is withheld is no delete", "Use --admit or --discard.")
        }
    }

    private static func ofWithheldDelete(_ form: ChoiceForm) -> Cell {
        switch form {
        case .side, .deletingSide: (.accepted(.never), "what SITE wrote")
        case .now, .restore: (.accepted(.never), "the row stays")
        case .delete: (.accepted(.never), "the row goes")
        case .set: refused("what is withheld is a delete", "Use --admit or --discard.")
        case .admit, .discard: ofWithheldWrite(form)
        }
    }
}
