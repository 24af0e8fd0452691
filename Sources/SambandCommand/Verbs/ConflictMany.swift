import HTTP
import JSONText
import RecordViews
import Replication

/// `conflict resolve --where`: settles every open conflict that fits in one way, each in a transaction of its own
/// and as it was when it was looked at. What is refused stays open and is told.
struct ManyConflicts {
    private let invocation: Invocation
    private let context: Context
    private let query: ConflictQuery
    private let choice: ConflictChoice
    private let note: DecisionNote

    private struct Result {
        let id: Int64
        /// Nil when it was done, or would be.
        let refusal: CommandError?
        let text: String
    }

    init(_ invocation: Invocation, _ context: Context) throws(CommandError) {
        self.invocation = invocation
        self.context = context
        query = try ConflictQuery(invocation)
        choice = try ConflictChoice(invocation)
        note = DecisionNote(invocation, context.console)
        if invocation.value(.changed) != nil {
            throw .words(
                "--changed is of one conflict", hint: "With --where each is settled only as it was when it was found.")
        }
    }

    func run() async throws -> ExitCode {
        let isJSON = invocation.flag(.json)
        if !invocation.flag(.dryRun), !invocation.flag(.yes), isJSON || !context.console.canAsk {
            throw CommandError.words(
                "conflict resolve --where changes many conflicts and cannot ask here",
                hint: "Try it with --dry-run, then add --yes.")
        }
        let details = try await context.asking(invocation) { caller in
            var details: [ConflictDetailAnswer] = []
            for id in try await query.open(caller) {
                // The one choice is tried for each; the others need not be.
                let json = try await caller.get(["conflict", String(id)], [QueryItem("tried", "false")])
                details.append(try ConflictDetailAnswer(json))
            }
            return details
        }
        if details.isEmpty {
            if isJSON {
                try show([], dryRun: invocation.flag(.dryRun))
            } else {
                try context.console.print("no open conflicts of these\n")
            }
            return .done
        }
        if !invocation.flag(.yes) {
            let tried = try await settle(details, dryRun: true)
            try show(tried, dryRun: true)
            if invocation.flag(.dryRun) { return code(tried) }
            let ready = tried.count { $0.refusal == nil }
            if ready == 0 { return .no }
            guard try context.console.confirm("settle \(count(Int64(ready), "conflict", "conflicts"))?") else {
                try context.console.note("samband: nothing was settled")
                return .no
            }
        }
        let done = try await settle(details, dryRun: invocation.flag(.dryRun))
        try show(done, dryRun: invocation.flag(.dryRun))
        return code(done)
    }

    /// Done only if all of it is.
    private func code(_ results: [Result]) -> ExitCode { results.contains { $0.refusal != nil } ? .no : .done }

    private func settle(_ details: [ConflictDetailAnswer], dryRun: Bool) async throws -> [Result] {
        try await context.asking(invocation) { caller in
            var results: [Result] = []
            for detail in details { results.append(try await settle(detail, caller, dryRun)) }
            return results
        }
    }

    private func settle(
        _ detail: ConflictDetailAnswer, _ caller: Caller, _ dryRun: Bool
    ) async throws(CommandError) -> Result {
        let conflict = detail.conflict
        do {
            let would = try choice.would(conflict)
            let json = try await caller.post(
                ["conflict", String(conflict.id), "resolve"],
                note.request([choice.member], changed: detail.changed, dryRun: dryRun))
            let text =
                dryRun ? "\(conflict.placeWithKey): would \(would)" : choice.outcome(try ConflictAnswer(json))
            return Result(id: conflict.id, refusal: nil, text: text)
        } catch {
            // One that is refused holds up no other; a hub that is away does.
            guard error.code == .no || error.code == .usage else { throw error }
            return Result(id: conflict.id, refusal: error, text: conflict.placeWithKey)
        }
    }

    private func show(_ results: [Result], dryRun: Bool) throws(CommandError) {
        let refused = results.count { $0.refusal != nil }
        if invocation.flag(.json) { return try context.console.print(json(results, refused, dryRun)) }
        var text = ""
        for result in results {
            let line =
                if let refusal = result.refusal {
                    "conflict \(result.id) \(dryRun ? "would be" : "is") refused: \(result.text): \(refusal.why)"
                } else {
                    dryRun ? "conflict \(result.id): \(result.text)" : result.text
                }
            text += Visible.text(line) + "\n"
        }
        let settled = results.count - refused
        text +=
            dryRun ? "\(settled) would be settled, \(refused) refused\n" : "\(settled) settled, \(refused) refused\n"
        try context.console.print(text)
    }

    private func json(_ results: [Result], _ refused: Int, _ dryRun: Bool) -> JSON {
        [
            "dry_run": .bool(dryRun), "done": .integer(Int64(results.count - refused)),
            "refused": .integer(Int64(refused)),
            "conflicts": .array(
                results.map { result in
                    [
                        "id": .integer(result.id), "refused": .bool(result.refusal != nil),
                        "why": result.refusal.map { .string($0.why) } ?? .null,
                    ]
                }),
        ]
    }
}
