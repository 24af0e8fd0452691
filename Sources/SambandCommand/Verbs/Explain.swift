import JSONText

extension Verb {
    static let explain = Verb(
        "explain", "say in words how a row came to its values",
        details: KeyArgument.help + ["It reaches back as far as the log of this database, and says where that begins."],
        arguments: [KeyArgument.table, KeyArgument.key], options: place(KeyArgument.file, .json),
        examples: [
            "samband explain referral \"'r-1'\" --db hub.db",
            "samband explain patient --key-file - --db snasa.db",
        ],
        task: { "explain a row of \($0.argument("TABLE"))" },
        run: { invocation, context in
            let key = try KeyArgument.read(invocation, context.console)
            let table = invocation.argument("TABLE")
            let json = try await context.asking(invocation) {
                try await $0.post(["explain"], ["table": .string(table), "key": .array(key.map(\.json))])
            }
            if invocation.flag(.json) {
                try context.console.print(json)
            } else {
                try context.console.print(try ExplanationPage(json, context.console).text())
            }
            return .done
        })
}
