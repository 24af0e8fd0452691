import HTTP
import JSONText

extension Option {
    fileprivate static let take = Option(
        "take", "SITE|now", "let this side, or what stands now, be the outcome")
    fileprivate static let set = Option("set", "COL=VALUE", "write these values instead", isRepeatable: true)
    fileprivate static let restore = Option("restore", nil, "put the row back as it was before the delete")
    fileprivate static let delete = Option("delete", nil, "delete the row")
    fileprivate static let reason = Option("reason", "TEXT", "why, for whoever reads the decision later")
    fileprivate static let by = Option("by", "NAME", "who decides, default the user of this shell")
    fileprivate static let changed = Option(
        "changed", "N", "refuse if the conflict has changed since conflict show printed N")
    fileprivate static let admit = Option(
        "admit", nil, "Letting a withheld row in comes with a later version.", isLater: true)
    fileprivate static let discard = Option(
        "discard", nil, "Giving a withheld row up comes with a later version.", isLater: true)
}

extension Verb {
    static let conflictResolve = Verb(
        "conflict resolve", "settle a conflict; the decision reaches every site",
        details: [
            "One of --take, --set, --restore and --delete says how.",
            "VALUE is a number, NULL, x'0a' or text; text that reads like one of these goes in quotes: --set \"note='12'\".",
        ],
        arguments: [Argument("ID", "the number in: samband conflict list")],
        options: place(
            .take, .set, .restore, .delete, .admit, .discard, .reason, .by, .changed, .dryRun, .json),
        examples: [
            "samband conflict resolve 17 --take snasa --reason 'agreed by telephone' --db hub.db",
            "samband conflict resolve 17 --set status=accepted --db hub.db",
        ],
        task: { "resolve conflict \($0.argument("ID"))" },
        run: { invocation, context in
            let choice = try Choice(invocation)
            let id = try conflictNumber(invocation)
            let changed = try invocation.value(.changed).map { _ in
                try invocation.number(.changed, in: 0...Int.max, else: 0)
            }
            var body = JSON.Object([choice.member])
            body["reason"] = invocation.value(.reason).map { .string($0) }
            body["by"] = (invocation.value(.by) ?? context.console.person).map { .string($0) }
            body["changed"] = changed.map { .integer(Int64($0)) }
            if invocation.flag(.dryRun) {
                body["dry_run"] = true
                return try await show(choice, of: id, .object(body), invocation, context)
            }
            let request = JSON.object(body)
            let json = try await context.asking(invocation) {
                try await $0.post(["conflict", id, "resolve"], request)
            }
            if invocation.flag(.json) {
                try context.console.print(json)
            } else {
                try context.console.print(outcome(try ConflictAnswer(json), choice) + "\n")
            }
            return .done
        })
}

/// How a conflict is to be settled.
private enum Choice {
    case take(String)
    case set([(column: String, value: Literal)])
    case restore
    case delete

    init(_ invocation: Invocation) throws(CommandError) {
        var choices: [Choice] = []
        if let site = invocation.value(.take) { choices.append(.take(site)) }
        let values = invocation.values(.set)
        if !values.isEmpty { choices.append(.set(try Choice.columns(values))) }
        if invocation.flag(.restore) { choices.append(.restore) }
        if invocation.flag(.delete) { choices.append(.delete) }
        guard choices.count == 1 else {
            throw .words(
                choices.isEmpty
                    ? "conflict resolve needs a choice"
                    : "conflict resolve takes one choice, not \(choices.count)",
                hint: "Use one of --take SITE, --take now, --set COL=VALUE, --restore and --delete.")
        }
        self = choices[0]
    }

    private static func columns(_ words: [String]) throws(CommandError) -> [(column: String, value: Literal)] {
        var columns: [(column: String, value: Literal)] = []
        for word in words {
            guard let sign = word.firstIndex(of: "="), sign != word.startIndex else {
                throw .words("--set takes COL=VALUE", hint: "For instance: --set status=accepted")
            }
            let column = String(word[..<sign])
            if columns.contains(where: { $0.column == column }) {
                throw .words("--set names the column \(column) twice", hint: "Give each column once.")
            }
            do {
                columns.append((column, try Literal.value(String(word[word.index(after: sign)...]))))
            } catch {
                throw .words("the value for \(column) cannot be read: \(error.why)", hint: error.hint)
            }
        }
        return columns
    }

    /// The member of the request that says it.
    var member: (String, JSON) {
        switch self {
        case .take(let site): ("take", .string(site))
        case .set(let columns): ("set", .object(JSON.Object(columns.map { ($0.column, $0.value.json) })))
        case .restore: ("restore", true)
        case .delete: ("delete", true)
        }
    }
}

private func outcome(_ conflict: ConflictAnswer, _ choice: Choice) -> String {
    let place = conflict.placeWithKey
    let state = conflict.isOpen ? "is still open" : "is settled"
    let now =
        conflict.column == nil && conflict.now.isNull ? "is gone" : "is now \(conflict.shown(conflict.now))"
    return Visible.text("conflict \(conflict.id) \(state): \(place) \(now)")
}

/// `--dry-run`: has the hub try the choice and take it back, which refuses what the real one would be refused; then says
/// what it would do.
private func show(
    _ choice: Choice, of id: String, _ request: JSON, _ invocation: Invocation, _ context: Context
) async throws -> ExitCode {
    let json = try await context.asking(invocation) { try await $0.post(["conflict", id, "resolve"], request) }
    if invocation.flag(.json) {
        try context.console.print(json)
        return .done
    }
    let conflict = try ConflictAnswer(json)
    let would: String
    switch choice {
    case .take("now"): would = "keep \(conflict.shown(conflict.now))"
    case .take(let site):
        guard let side = conflict.sides.last(where: { $0.site == site }) else {
            throw CommandError(
                .usage, "conflict \(id) has no side of \(site)",
                hint: "Its sides are: \(conflict.sites.joined(separator: ", ")).")
        }
        would =
            conflict.column == nil && side.value.isNull
            ? "delete the row" : "write \(conflict.shown(side.value))"
    case .set(let columns):
        would =
            "write "
            + columns.map { "\($0.column) = \(ShownValue.text($0.value.json))" }.joined(separator: ", ")
    case .restore: would = "restore the row"
    case .delete: would = "delete the row"
    }
    try context.console.print(
        Visible.text("would settle conflict \(id): \(conflict.placeWithKey): \(would)") + "\n")
    return .done
}
