import JSONText
import Presentation
import RecordViews
import Replication

extension Option {
    /// The option by which a choice is made.
    init(_ word: ChoiceWord) {
        self.init(word.rawValue, word.argument, word.help, isRepeatable: word == .set)
    }
}

/// How a conflict is to be settled, in the words of the command line.
extension ConflictChoice {
    static let options: [Option] = ChoiceWord.allCases.map { Option($0) }

    /// The one choice of a command line.
    init(_ invocation: Invocation) throws(CommandError) {
        var choices: [ConflictChoice] = []
        for word in ChoiceWord.allCases {
            let option = Option(word)
            switch word {
            case .take:
                if let site = invocation.value(option), let choice = ConflictChoice(word, site: site) {
                    choices.append(choice)
                }
            case .set:
                let values = invocation.values(option)
                if !values.isEmpty { choices.append(.set(try ConflictChoice.columns(values))) }
            case .restore, .delete, .admit, .discard:
                if invocation.flag(option), let choice = ConflictChoice(word) { choices.append(choice) }
            }
        }
        guard choices.count == 1 else {
            throw .words(
                choices.isEmpty
                    ? "conflict resolve needs a choice"
                    : "conflict resolve takes one choice, not \(choices.count)",
                hint: "Use one of \(ConflictChoice.commands).")
        }
        self = choices[0]
    }

    /// `--take SITE, --take now, … and --discard`.
    private static var commands: String {
        let words = ChoiceWord.allCases.flatMap { word -> [String] in
            ChoiceForm.allCases.filter { $0.word == word && $0 != .deletingSide }.map { $0.command() }
        }
        return words.dropLast().joined(separator: ", ") + " and " + words.last!
    }

    /// `--take, --set, … and --discard`.
    static var optionNames: String {
        let words = ChoiceWord.allCases.map { "--\($0.rawValue)" }
        return words.dropLast().joined(separator: ", ") + " and " + words.last!
    }

    /// `COL=VALUE` words, each column once.
    static func columns(_ words: [String]) throws(CommandError) -> ChosenValues {
        var columns = ChosenValues()
        for word in words {
            guard let sign = word.firstIndex(of: "="), sign != word.startIndex else {
                throw .words("--set takes COL=VALUE", hint: "For instance: --set status=accepted")
            }
            let column = String(word[..<sign])
            if columns[column] != nil {
                throw .words("--set names the column \(column) twice", hint: "Give each column once.")
            }
            columns[column] = try value(String(word[word.index(after: sign)...]), of: column)
        }
        return columns
    }

    static func value(_ text: String, of column: String) throws(CommandError) -> Value {
        do {
            return try Literal.value(text).value
        } catch {
            throw .words("the value for \(column) cannot be read: \(error.why)", hint: error.hint)
        }
    }

    /// Behind "would": what it does to the conflict.
    func would(_ conflict: ConflictAnswer) throws(CommandError) -> String {
        switch self {
        case .now:
            return conflict.isWithholding ? "give the withheld row up" : "keep \(conflict.shown(conflict.now))"
        case .take(let site):
            guard let side = conflict.sides.last(where: { $0.site == site }) else {
                throw CommandError(
                    .usage, "conflict \(conflict.id) has no side of \(site)",
                    hint: "Its sides are: \(conflict.sites.joined(separator: ", ")).")
            }
            if conflict.deletes(site) { return "delete the row" }
            if conflict.kind == "unique" { return "let the row of \(site) stand: \(conflict.shown(side.value))" }
            if conflict.kind == "delete_update" || conflict.isPutBack { return "leave the row where it is" }
            if conflict.isWithholding { return "take what \(site) wrote: \(conflict.shown(side.value))" }
            return "write \(conflict.shown(side.value))"
        case .set(let columns):
            let values = columns.members.map { "\($0.column) = \(ShownValue.text($0.value.json))" }
                .joined(separator: ", ")
            return (conflict.isWithholding ? "let the row in with " : "write ") + values
        case .restore: return "leave the row where it is"
        case .delete: return "delete the row"
        case .admit: return "let the withheld row in as it was written"
        case .discard: return "give the withheld row up"
        }
    }

    /// True when it takes the side of a site that deleted the row.
    private func wantsNoRow(_ conflict: ConflictAnswer) -> Bool {
        guard case .take(let site) = self else { return false }
        return conflict.sides.last { $0.site == site }?.value.isNull == true
    }

    /// What has become of a conflict that it settled.
    func outcome(_ conflict: ConflictAnswer) -> String {
        let state = "conflict \(conflict.id) \(conflict.isOpen ? "is still open" : "is settled")"
        let isGone = conflict.column == nil && conflict.now.isNull
        switch self {
        case .discard,
            .take where conflict.isWithholding && isGone && !wantsNoRow(conflict),
            .now where conflict.isWithholding && isGone:
            return "\(state): the withheld row of \(conflict.placeWithKey) stays out, its values are kept"
        case .restore: return "\(state): \(conflict.placeWithKey) stays"
        default:
            return "\(state): \(conflict.placeWithKey) is \(isGone ? "gone" : "now \(conflict.shown(conflict.now))")"
        }
    }
}

/// Who decides, and why: what every decision sends.
struct DecisionNote: Sendable {
    let by: String?
    let reason: String?

    static let options: [Option] = [
        Option("reason", "TEXT", "why, for whoever reads the decision later"),
        Option("by", "NAME", "who decides, default the user of this shell"),
    ]

    init(_ invocation: Invocation, _ console: Console) {
        reason = invocation.value(DecisionNote.options[0])
        by = invocation.value(DecisionNote.options[1]) ?? console.person
    }

    init(by: String?, reason: String?) {
        self.by = by
        self.reason = reason
    }

    /// A request with these members and who and why.
    func request(
        _ members: [(name: String, value: JSON)], changed: Int64? = nil, dryRun: Bool = false
    ) -> JSON {
        let signature = Message<DecisionSignature> {
            ($0.reason, $0.by, $0.changed, $0.dryRun) = (reason, by, changed, dryRun ? true : nil)
        }
        var body = JSON.Object(members.map { ($0.name, $0.value) })
        for member in signature.json.object?.members ?? [] { body[member.name] = member.value }
        return .object(body)
    }
}
