import HTTP
import JSONText

/// Milliseconds that taking in what was handed in may take.
private let acceptTimeoutMs = 3_600_000

extension Verb {
    static let recoverStatus = Verb(
        "recover status", "show what a restored hub has got back, and what it waits for",
        details: [
            "A hub whose file was put back gathers what its sites know before it gives anything out. A site that says",
            "complete has handed in all it knows; of another only what others had from it can be known.",
        ],
        options: place(.json), examples: ["samband recover status --db hub.db"],
        task: { _ in "show the recovery" },
        run: { invocation, context in
            let json = try await context.asking(invocation) { try await $0.get(["recovery"]) }
            return try showRecovery(json, invocation, context)
        })

    static let recoverAccept = Verb(
        "recover accept", "go on without the sites that were not heard",
        details: [
            "What has been handed in is taken. What the others have comes in when they make contact: nothing is lost,",
            "but until then it is not there, and what it meets becomes a conflict.",
        ],
        options: place(.yes, .json), examples: ["samband recover accept --db hub.db --yes"],
        task: { _ in "accept the recovery" },
        run: { invocation, context in
            let before = try await context.asking(invocation) { try await $0.get(["recovery"]) }
            if !invocation.flag(.yes) {
                guard context.console.canAsk else {
                    throw CommandError.words(
                        "going on without sites is not done unasked",
                        hint: "See: samband recover status. Then add --yes.")
                }
                _ = try showRecovery(before, invocation, context)
                guard try context.console.ask("Go on without the sites that are not complete? [y/N] ") == "y" else {
                    return .no
                }
            }
            let json = try await context.asking(invocation, answerTimeoutMs: acceptTimeoutMs) {
                try await $0.post(["recovery", "accept"], [:])
            }
            return try showRecovery(json, invocation, context)
        })

    static let recoverBegin = Verb(
        "recover begin", "say that the hub's file was put back some time ago",
        details: [
            "Only for a hub that was restored and did not notice: a site then says that its position is not of this",
            "hub's order. The next start compares all that the sites know with all that is here.",
        ],
        options: place(.json), examples: ["samband recover begin --db hub.db"],
        task: { _ in "begin a recovery" },
        run: { invocation, context in
            let json = try await context.asking(invocation) { try await $0.post(["recovery", "begin"], [:]) }
            try context.console.note("samband: the next start of the hub begins the recovery")
            return try showRecovery(json, invocation, context)
        })
}

private func showRecovery(_ json: JSON, _ invocation: Invocation, _ context: Context) throws -> ExitCode {
    if invocation.flag(.json) {
        try context.console.print(json)
        return .done
    }
    let answer = try Answer(json, "the recovery")
    let style = context.console.style
    let state = try answer.text("state")
    guard state != "never_restored" else {
        try context.console.print("this hub was never restored\n")
        return .done
    }
    var text =
        state == "gathering"
        ? "restored at position \(answer.shownNumber("restored_position")); gathers what its sites know, gives nothing out\n"
        : "restored at position \(answer.shownNumber("restored_position")), epoch \(answer.shownNumber("epoch")); in service\n"
    let sets = try answer.object("change_sets")
    text += "change sets handed in: \(sets.shownNumber("taken")) taken, \(sets.shownNumber("waiting")) wait\n\n"
    var table = TextTable(["SITE", "REPLICA", "COMPLETE", "KNOWN UP TO", "IN PART"].map { TextTable.Column($0) })
    for site in try answer.list("sites") {
        table.add([
            Visible.text(try site.text("name")), site.shownNumber("replica"),
            site["complete"].bool == true ? "yes" : "no, not heard", site.shownNumber("known_up_to"),
            site.shownNumber("partial"),
        ])
    }
    text += table.text(style)
    for refused in try answer.list("refused") {
        text += "\nnot taken: \(Visible.text(try refused.text("change"))): \(Visible.text(try refused.text("why")))\n"
    }
    let operators = (answer["confirm"].object?["operators"]?.array ?? []).compactMap(\.string)
    if !operators.isEmpty {
        text +=
            "\nto confirm: these operators are in the backup, revoked since or not: "
            + operators.map { Visible.text($0) }.joined(separator: ", ") + "\n"
    }
    try context.console.print(text)
    return .done
}
