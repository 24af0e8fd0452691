/// How a choice is spelt everywhere: the option of the command line (`--take`), the member of a request (`"take"`), and
/// what is kept of the decision.
package enum ChoiceWord: String, Hashable, Sendable, CaseIterable {
    case take, set, restore, delete, admit, discard

    /// In place of a site: what stands.
    package static let now = "now"

    /// What the command line takes behind the option; nil when the word says all.
    package var argument: String? {
        switch self {
        case .take: "SITE|\(Self.now)"
        case .set: "COL=VALUE"
        case .restore, .delete, .admit, .discard: nil
        }
    }

    /// What the help of the command line says.
    package var help: String {
        switch self {
        case .take: "let this side, or what stands now, be the outcome"
        case .set: "write these values instead"
        case .restore: "the row stays, as it was put back"
        case .delete: "delete the row"
        case .admit: "let a withheld row in as it was written"
        case .discard: "give a withheld row up; its values are kept"
        }
    }
}

/// How a conflict was settled, or opened again, where it was no choice.
package enum DecidedHow {
    /// A decision was taken back.
    package static let undo = "undo"
    /// Two records were merged.
    package static let merge = "merge"
    package static let unmerge = "unmerge"
    /// A withheld row came in by itself.
    package static let release = "release"
}

/// How a person settles a conflict.
package enum ConflictChoice: Hashable, Sendable {
    /// What this side wrote.
    case take(site: String)
    /// What stands.
    case now
    /// Values of the operator's own.
    case set(ChosenValues)
    /// The row stays.
    case restore
    /// The row goes.
    case delete
    /// What is withheld comes in, as it was written.
    case admit
    /// What is withheld is given up; it is kept, as discarded.
    case discard

    /// A choice that needs no value of the operator's own; nil for `set`.
    ///
    /// - Parameter site: of `take`: whose side, or `now`.
    package init?(_ word: ChoiceWord, site: String? = nil) {
        switch word {
        case .take: self = site.map { $0 == ChoiceWord.now ? .now : .take(site: $0) } ?? .now
        case .set: return nil
        case .restore: self = .restore
        case .delete: self = .delete
        case .admit: self = .admit
        case .discard: self = .discard
        }
    }

    package var word: ChoiceWord {
        switch self {
        case .take, .now: .take
        case .set: .set
        case .restore: .restore
        case .delete: .delete
        case .admit: .admit
        case .discard: .discard
        }
    }

    /// The column of the table of choices. Which side it is that is taken changes nothing in what is accepted.
    package var form: ChoiceForm {
        switch self {
        case .take: .side
        case .now: .now
        case .set: .set
        case .restore: .restore
        case .delete: .delete
        case .admit: .admit
        case .discard: .discard
        }
    }
}

/// The values that an operator sets, by column, in the order given. Of a column named twice the last value counts.
package struct ChosenValues: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    package struct Member: Hashable, Sendable {
        package let column: String
        package let value: Value
    }

    package private(set) var members: [Member] = []

    package init() {}

    package init(dictionaryLiteral elements: (String, Value)...) {
        for (column, value) in elements { self[column] = value }
    }

    /// The value of the column of exactly this name; nil when it is not set.
    package subscript(column: String) -> Value? {
        get { members.first { $0.column == column }?.value }
        set {
            members.removeAll { $0.column == column }
            if let newValue { members.append(Member(column: column, value: newValue)) }
        }
    }
}
