import HTTP
import JSONText

extension Verb {
    static let sitePause = step(
        "pause", "stop exchanging with a site for a while",
        details: [
            "At once: a pull that waits and a push that is under way end. The site keeps all it has, says in its status",
            "that it is paused, and goes on by itself after: samband site resume NAME.",
        ], said: "is paused: nothing is exchanged with it")

    static let siteResume = step(
        "resume", "exchange with a paused site again",
        details: ["Its node comes back by itself within seconds."], said: "takes part again")

    static let siteRetire = Verb(
        "site retire", "end a site's part in the fleet, for good",
        details: [
            "Its replicas leave the frontier, and its secret opens nothing any more. What its node still sends comes into",
            "no table: it is kept apart, and listed by: samband site quarantine NAME. Its rows stay where they are.",
        ],
        arguments: [Argument("NAME", "the name in: samband site list")],
        options: place(.yes, .json), examples: ["samband site retire snasa --yes --db hub.db"],
        task: { "retire the site \($0.argument("NAME"))" },
        run: { invocation, context in
            let name = invocation.argument("NAME")
            if !invocation.flag(.yes) {
                guard context.console.canAsk else {
                    throw CommandError.words(
                        "a site is not retired unasked", hint: "It is for good. See: samband site list. Then add --yes."
                    )
                }
                let question = "Retire \(Visible.text(name)) for good? [y/N] "
                guard try context.console.ask(question) == "y" else { return .no }
            }
            return try await take("retire", name, said: "is retired", invocation, context)
        })

    static let siteQuarantine = Verb(
        "site quarantine", "list what a retired site has sent since",
        details: ["Change sets with their time and size, without any value. Nothing of them is in a table."],
        arguments: [Argument("NAME", "the name in: samband site list")],
        options: place(.json), task: { "list what is kept apart of the site \($0.argument("NAME"))" },
        run: { invocation, context in
            let name = invocation.argument("NAME")
            let json = try await context.asking(invocation) { try await $0.get(["site", name, "quarantine"]) }
            if invocation.flag(.json) {
                try context.console.print(json)
                return .done
            }
            let sets = try Answer(json, "the quarantine").list("change_sets")
            var table = TextTable([
                TextTable.Column("CHANGE"), TextTable.Column("WRITTEN"), TextTable.Column("RECEIVED"),
                TextTable.Column("ROWS", .right), TextTable.Column("BYTES", .right), TextTable.Column("WHOLE"),
            ])
            for set in sets {
                table.add([
                    try set.text("change"), context.console.time(set["written_at"].string),
                    context.console.time(set["received_at"].string), set.shownNumber("rows"), set.shownNumber("bytes"),
                    set["whole"].bool == true ? "yes" : "not yet",
                ])
            }
            try context.console.print(
                sets.isEmpty
                    ? Visible.text("nothing is kept apart of \(name)") + "\n" : table.text(context.console.style))
            return .done
        })

    private static func step(_ word: String, _ summary: String, details: [String], said: String) -> Verb {
        Verb(
            "site \(word)", summary, details: details,
            arguments: [Argument("NAME", "the name in: samband site list")], options: place(.json),
            examples: ["samband site \(word) snasa --db hub.db"],
            task: { "\(word) the site \($0.argument("NAME"))" },
            run: { invocation, context in
                try await take(word, invocation.argument("NAME"), said: said, invocation, context)
            })
    }

    private static func take(
        _ word: String, _ name: String, said: String, _ invocation: Invocation, _ context: Context
    ) async throws -> ExitCode {
        let json = try await context.asking(invocation) { try await $0.post(["site", name, word]) }
        if invocation.flag(.json) {
            try context.console.print(json)
        } else {
            try context.console.print(Visible.text("\(name) \(said)") + "\n")
        }
        return .done
    }
}
