import JSONText
import Presentation

extension Option {
    static let take = Option("take", "SITE|now", "let this side, or what stands now, be the outcome")
    static let set = Option("set", "COL=VALUE", "write these values instead", isRepeatable: true)
    static let restore = Option("restore", nil, "the row stays, as it was put back")
    static let delete = Option("delete", nil, "delete the row")
    static let admit = Option("admit", nil, "let a withheld row in as it was written")
    static let discard = Option("discard", nil, "give a withheld row up; its values are kept")
}

/// How a conflict is to be settled.
enum ResolveChoice: Sendable {
    case take(String)
    case set([(column: String, value: Literal)])
    case restore
    case delete
    case admit
    case discard

    static let options: [Option] = [.take, .set, .restore, .delete, .admit, .discard]

    /// The one choice of a command line.
    init(_ invocation: Invocation) throws(CommandError) {
        var choices: [ResolveChoice] = []
        if let site = invocation.value(.take) { choices.append(.take(site)) }
        let values = invocation.values(.set)
        if !values.isEmpty { choices.append(.set(try ResolveChoice.columns(values))) }
        for (option, choice) in [
            (Option.restore, ResolveChoice.restore), (.delete, .delete), (.admit, .admit), (.discard, .discard),
        ] where invocation.flag(option) { choices.append(choice) }
        guard choices.count == 1 else {
            throw .words(
                choices.isEmpty
                    ? "conflict resolve needs a choice"
                    : "conflict resolve takes one choice, not \(choices.count)",
                hint: "Use one of --take SITE, --take now, --set COL=VALUE, --restore, --delete, --admit and --discard."
            )
        }
        self = choices[0]
    }

    /// `COL=VALUE` words, each column once.
    static func columns(_ words: [String]) throws(CommandError) -> [(column: String, value: Literal)] {
        var columns: [(column: String, value: Literal)] = []
        for word in words {
            guard let sign = word.firstIndex(of: "="), sign != word.startIndex else {
                throw .words("--set takes COL=VALUE", hint: "For instance: --set status=accepted")
            }
            let column = String(word[..<sign])
            if columns.contains(where: { $0.column == column }) {
                throw .words("--set names the column \(column) twice", hint: "Give each column once.")
            }
            columns.append((column, try value(String(word[word.index(after: sign)...]), of: column)))
        }
        return columns
    }

    static func value(_ text: String, of column: String) throws(CommandError) -> Literal {
        do {
            return try Literal.value(text)
        } catch {
            throw .words("the value for \(column) cannot be read: \(error.why)", hint: error.hint)
        }
    }

    /// The member of the request that says it.
    var member: (String, JSON) {
        switch self {
        case .take(let site): ("take", .string(site))
        case .set(let columns): ("set", .object(JSON.Object(columns.map { ($0.column, $0.value.json) })))
        case .restore: ("restore", true)
        case .delete: ("delete", true)
        case .admit: ("admit", true)
        case .discard: ("discard", true)
        }
    }

    /// Behind "would": what it does to the conflict.
    func would(_ conflict: ConflictAnswer) throws(CommandError) -> String {
        switch self {
        case .take("now"):
            return conflict.isWithholding ? "give the withheld row up" : "keep \(conflict.shown(conflict.now))"
        case .take(let site):
            guard let side = conflict.sides.last(where: { $0.site == site }) else {
                throw CommandError(
                    .usage, "conflict \(conflict.id) has no side of \(site)",
                    hint: "Its sides are: \(conflict.sites.joined(separator: ", ")).")
            }
            if conflict.column == nil, side.value.isNull { return "delete the row" }
            if conflict.kind == "unique" { return "let the row of \(site) stand: \(conflict.shown(side.value))" }
            if conflict.kind == "delete_update" || conflict.isPutBack { return "leave the row where it is" }
            if conflict.isWithholding { return "take what \(site) wrote: \(conflict.shown(side.value))" }
            return "write \(conflict.shown(side.value))"
        case .set(let columns):
            let values = columns.map { "\($0.column) = \(ShownValue.text($0.value.json))" }.joined(separator: ", ")
            return (conflict.isWithholding ? "let the row in with " : "write ") + values
        case .restore: return "leave the row where it is"
        case .delete: return "delete the row"
        case .admit: return "let the withheld row in as it was written"
        case .discard: return "give the withheld row up"
        }
    }

    /// True when it takes the side of a site that deleted the row.
    private func wantsNoRow(_ conflict: ConflictAnswer) -> Bool {
        guard case .take(let site) = self, let side = conflict.sides.last(where: { $0.site == site }) else {
            return false
        }
        return side.value.isNull
    }

    /// What has become of a conflict that it settled.
    func outcome(_ conflict: ConflictAnswer) -> String {
        let state = "conflict \(conflict.id) \(conflict.isOpen ? "is still open" : "is settled")"
        let isGone = conflict.column == nil && conflict.now.isNull
        switch self {
        case .discard,
            .take where conflict.isWithholding && isGone && !wantsNoRow(conflict):
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
        _ members: [(String, JSON)], changed: Int64? = nil, dryRun: Bool = false
    ) -> JSON {
        let signature = Message<DecisionSignature> {
            ($0.reason, $0.by, $0.changed, $0.dryRun) = (reason, by, changed, dryRun ? true : nil)
        }
        var body = JSON.Object(members)
        for member in signature.json.object?.members ?? [] { body[member.name] = member.value }
        return .object(body)
    }
}
