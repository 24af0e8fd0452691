import JSONText
import RecordViews
import Replication

/// `conflict resolve --interactive`: one open conflict after the other is shown and asked about, as `git add -p`
/// does. Each answer is sent with what was on the screen: when the conflict has changed meanwhile it is refused, and
/// shown again.
struct ConflictInterview {
    private let invocation: Invocation
    private let context: Context
    private let query: ConflictQuery
    private let note: DecisionNote
    private var console: Console { context.console }

    private enum Reply {
        case decide(ConflictChoice, reason: String?)
        case skip
        case quit
    }

    private enum Step { case settled, skipped, quit }

    init(_ invocation: Invocation, _ context: Context) throws(CommandError) {
        self.invocation = invocation
        self.context = context
        query = try ConflictQuery(invocation)
        note = DecisionNote(invocation, context.console)
        guard context.console.canAsk, !invocation.flag(.json) else {
            throw .words(
                "conflict resolve --interactive needs a terminal",
                hint: "For scripts: samband conflict list --json, then samband conflict resolve ID --changed N …")
        }
        for option in ConflictChoice.options + [.changed, .dryRun, .yes]
        where !invocation.values(option).isEmpty {
            throw .words(
                "--interactive asks for the choice, so --\(option.name) has no place beside it",
                hint: "Leave out --\(option.name) or --interactive.")
        }
    }

    func run() async throws -> ExitCode {
        let ids = try await context.asking(invocation) { try await query.open($0) }
        if ids.isEmpty {
            try console.print("no open conflicts\(query.isEmpty ? "" : " of these")\n")
            return .done
        }
        var (settled, skipped) = (0, 0)
        walk: for (place, id) in ids.enumerated() {
            switch try await ask(about: id, "\(place + 1)/\(ids.count)") {
            case .settled: settled += 1
            case .skipped: skipped += 1
            case .quit: break walk
            }
        }
        let left = ids.count - settled - skipped
        try console.print("\(settled) settled, \(skipped) skipped, \(left) not looked at\n")
        return .done
    }

    private func ask(about id: Int64, _ place: String) async throws -> Step {
        while true {
            let path = ["conflict", String(id)]
            let detail = try ConflictDetailAnswer(try await context.asking(invocation) { try await $0.get(path) })
            let page = try ConflictPage(detail, console).judging() + refusedText(detail.refused)
            try console.print("\n" + page + "\n")
            guard detail.conflict.isOpen else {
                try console.print("it was settled meanwhile\n")
                return .skipped
            }
            if detail.choices.isEmpty {
                let words = detail.refused.isEmpty ? "it waits for another" : "every choice would be refused now"
                try console.print("there is nothing to choose: \(words)\n")
                return .skipped
            }
            switch try reply(detail, place) {
            case .decide(let choice, let reason):
                if let step = try await send(choice, reason, detail) { return step }
            case .skip: return .skipped
            case .quit: return .quit
            }
        }
    }

    /// Sends the choice with what was seen. Nil when it was refused, and the conflict is to be shown again.
    private func send(
        _ choice: ConflictChoice, _ reason: String?, _ detail: ConflictDetailAnswer
    ) async throws -> Step? {
        let request = DecisionNote(by: note.by, reason: reason ?? note.reason).request(
            [choice.member], changed: detail.changed)
        do {
            let json = try await context.asking(invocation) {
                try await $0.post(["conflict", String(detail.conflict.id), "resolve"], request)
            }
            try console.print(Visible.text(choice.outcome(try ConflictAnswer(json))) + "\n")
            return .settled
        } catch {
            let failure = CommandError(thrown: error)
            // Another operator was faster, or a constraint stands against it: both are seen in the next look at it.
            guard failure.code == .no || failure.code == .usage else { throw error }
            try console.print(Visible.text("not settled: \(failure.why)") + "\n")
            return nil
        }
    }

    // MARK: Question and answer

    /// What the person says; asks until it is understood. The end of input is a quit.
    private func reply(_ detail: ConflictDetailAnswer, _ place: String) throws(CommandError) -> Reply {
        let keys = self.keys(detail)
        let question = "(\(place)) " + keys.map(\.shown).joined(separator: " ") + " s[k]ip [q]uit [?]"
        while true {
            guard let line = try console.ask(Visible.text(question)) else { return .quit }
            let word = line.prefix { $0 != " " }
            let rest = line.dropFirst(word.count).drop { $0 == " " }
            let reason = rest.isEmpty ? nil : String(rest)
            switch word {
            case "k": return .skip
            case "q": return .quit
            default:
                guard let key = keys.first(where: { $0.key == word }) else {
                    try console.print(help(detail, keys))
                    continue
                }
                if let choice = key.choice.choice { return .decide(choice, reason: reason) }
                do {
                    if let columns = try values(key.choice) { return .decide(.set(columns), reason: reason) }
                } catch {
                    // Mistyped: ask again. Anything else is no matter of words.
                    guard error.isAboutWords else { throw error }
                    try console.print(Visible.text("  \(error.why). \(error.hint)") + "\n")
                }
            }
        }
    }

    private struct Key {
        let key: String
        let shown: String
        let choice: ChoiceAnswer
    }

    /// The sides by number, everything else by its letter.
    private func keys(_ detail: ConflictDetailAnswer) -> [Key] {
        var number = 0
        return detail.choices.map { choice in
            if case .take(let site) = choice.choice {
                number += 1
                return Key(key: String(number), shown: "[\(number)] \(site)", choice: choice)
            }
            // To delete and to discard are never offered together, yet a finger that knows one shall not do the other.
            if choice.how == .delete { return Key(key: "x", shown: "[x] delete", choice: choice) }
            let word = choice.how == .take ? ChoiceWord.now : choice.how.rawValue
            return Key(key: String(word.prefix(1)), shown: "[\(word.prefix(1))]\(word.dropFirst())", choice: choice)
        }
    }

    private func help(_ detail: ConflictDetailAnswer, _ keys: [Key]) -> String {
        var table = TextTable([TextTable.Column(""), TextTable.Column("")])
        for key in keys { table.add(["  " + key.key, key.choice.meaning(detail.conflict)]) }
        table.add(["  k", "leave it open, go on to the next"])
        table.add(["  q", "leave it and the rest open"])
        return table.text(.plain) + "  behind a letter stands the reason, if you give one: 1 agreed by telephone\n"
    }

    /// The values to set; nil when the person thinks better of it.
    private func values(_ choice: ChoiceAnswer) throws(CommandError) -> ChosenValues? {
        if choice.columns.count == 1 {
            let column = choice.columns[0]
            guard let text = try console.ask(Visible.text("  \(column) =")), !text.isEmpty else { return nil }
            return [column: try ConflictChoice.value(text, of: column)]
        }
        var words: [String] = []
        while let text = try console.ask("  COLUMN=VALUE, nothing to end:"), !text.isEmpty {
            words.append(text)
            // What cannot be read is said at once.
            _ = try ConflictChoice.columns([text])
        }
        return words.isEmpty ? nil : try ConflictChoice.columns(words)
    }
}
