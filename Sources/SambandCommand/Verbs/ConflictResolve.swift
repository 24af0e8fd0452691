import HTTP
import JSONText
import RecordViews
import Replication

extension Option {
    static let changed = Option(
        "changed", "N", "refuse if the conflict has changed since conflict show printed N")
    static let interactive = Option("interactive", nil, "ask about one open conflict after the other")
    static let yes = Option("yes", nil, "do not ask first")
}

extension Verb {
    static let conflictResolve = Verb(
        "conflict resolve", "settle a conflict; the decision reaches every site",
        details: [
            "One of \(ConflictChoice.optionNames) says how; conflict show says which fit.",
            "VALUE is a number, NULL, x'0a' or text; text that reads like one of these goes in quotes: --set \"note='12'\".",
            "--interactive asks for each; --where settles many in one way, each in a transaction of its own.",
        ],
        arguments: [Argument("ID", "the number in: samband conflict list", isOptional: true)],
        options: ConflictChoice.options + DecisionNote.options
            + place(
                .changed, .dryRun, .interactive, .whereConflicts, .table, .site, .kind, .yes, .json),
        examples: [
            "samband conflict resolve 17 --take snasa --reason 'agreed by telephone' --db hub.db",
            "samband conflict resolve 17 --set status=accepted --db hub.db",
            "samband conflict resolve --interactive --table referral --db hub.db",
            "samband conflict resolve --where table=referral,site=snasa --take snasa --dry-run --db hub.db",
        ],
        task: { invocation in
            invocation.optionalArgument("ID").map { "resolve conflict \($0)" } ?? "resolve conflicts"
        },
        run: { invocation, context in
            let isMany = invocation.value(.whereConflicts) != nil
            if let id = invocation.optionalArgument("ID") {
                let query = try ConflictQuery(invocation)
                if isMany || invocation.flag(.interactive) || !query.isEmpty {
                    throw CommandError.words(
                        "conflict resolve takes one conflict, or --where, or --interactive",
                        hint: "Leave out \(id), or the options that choose conflicts.")
                }
                return try await resolveOne(try conflictNumber(id), invocation, context)
            }
            if invocation.flag(.interactive) { return try await ConflictInterview(invocation, context).run() }
            if isMany { return try await ManyConflicts(invocation, context).run() }
            throw CommandError.words(
                "conflict resolve needs ID, the number in: samband conflict list",
                hint: "Or --interactive, or --where for many at once. See: samband help conflict resolve")
        })

    static let conflictUndo = Verb(
        "conflict undo", "take a decision back: the conflict is open again",
        details: ["It is refused when what was decided no longer stands. A policy's decision can be taken back too."],
        arguments: [Argument("ID", "the number in: samband conflict list --all")],
        options: DecisionNote.options + place(.changed, .dryRun, .json),
        examples: ["samband conflict undo 17 --reason 'the wrong patient' --db hub.db"],
        task: { "take the decision of conflict \($0.argument("ID")) back" },
        run: { invocation, context in
            let id = try conflictNumber(invocation.argument("ID"))
            let dryRun = invocation.flag(.dryRun)
            let request = DecisionNote(invocation, context.console).request(
                [], changed: try changed(invocation), dryRun: dryRun)
            let json = try await context.asking(invocation) { try await $0.post(["conflict", id, "undo"], request) }
            if invocation.flag(.json) {
                try context.console.print(json)
                return .done
            }
            let conflict = try ConflictAnswer(json)
            if dryRun {
                let decision = conflict.decision.map { " what was \($0.text(context.console))" } ?? " its settlement"
                try context.console.print(
                    Visible.text("would take back\(decision), and open conflict \(id) again: \(conflict.placeWithKey)")
                        + "\n")
                return .done
            }
            let isGone = conflict.column == nil && conflict.now.isNull
            let now =
                isGone
                ? (conflict.isWithholding ? "not in the table, and waits again" : "gone")
                : "now \(conflict.shown(conflict.now))"
            try context.console.print(
                Visible.text("conflict \(id) is open again: \(conflict.placeWithKey) is \(now)") + "\n")
            return .done
        })
}

/// What `--changed` says.
func changed(_ invocation: Invocation) throws(CommandError) -> Int64? {
    guard invocation.value(.changed) != nil else { return nil }
    return Int64(try invocation.number(.changed, in: 0...Int.max, else: 0))
}

private func resolveOne(_ id: String, _ invocation: Invocation, _ context: Context) async throws -> ExitCode {
    let choice = try ConflictChoice(invocation)
    let dryRun = invocation.flag(.dryRun)
    // A dry run has the hub try the choice and take it back: it is refused what the real one would be refused.
    let request = DecisionNote(invocation, context.console).request(
        [choice.member], changed: try changed(invocation), dryRun: dryRun)
    let json = try await context.asking(invocation) { try await $0.post(["conflict", id, "resolve"], request) }
    if invocation.flag(.json) {
        try context.console.print(json)
        return .done
    }
    let conflict = try ConflictAnswer(json)
    if dryRun {
        try context.console.print(
            Visible.text("would settle conflict \(id): \(conflict.placeWithKey): \(try choice.would(conflict))") + "\n")
        return .done
    }
    try context.console.print(Visible.text(choice.outcome(conflict)) + "\n")
    try context.console.note("samband: to take it back: samband conflict undo \(id)")
    return .done
}
