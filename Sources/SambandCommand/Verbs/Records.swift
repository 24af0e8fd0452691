import HTTP

extension Option {
    fileprivate static let limit = Option("limit", "N", "how many of the newest, default 20")
}

extension Verb {
    static let log = Verb(
        "log", "list change sets, as this database knows them",
        options: place(.limit, .json), task: { _ in "list the log" },
        run: { invocation, context in
            let limit = try invocation.number(.limit, in: 1...10_000, else: 20)
            let json = try await context.asking(invocation) {
                try await $0.get(["log"], [QueryItem("limit", String(limit))])
            }
            if invocation.flag(.json) {
                try context.console.print(json)
                return .done
            }
            let entries = try Answer.list(json, "the log")
            var table = TextTable([
                TextTable.Column("CHANGE"), TextTable.Column("POSITION", .right), TextTable.Column("SITE"),
                TextTable.Column("KIND"), TextTable.Column("WRITTEN"), TextTable.Column("ROWS", .right),
                TextTable.Column("BYTES", .right),
            ])
            for entry in entries {
                table.add([
                    try entry.text("change"), entry.shownNumber("position"), try entry.text("site"),
                    try entry.text("kind"), context.console.time(entry["written_at"].string),
                    entry.shownNumber("rows"), entry.shownNumber("bytes"),
                ])
            }
            try context.console.print(
                entries.isEmpty ? "the log is empty\n" : table.text(context.console.style))
            return .done
        })

    static let history = Verb(
        "history", "list what was written to one row",
        details: KeyArgument.help, arguments: [KeyArgument.table, KeyArgument.key],
        options: place(KeyArgument.file, .json),
        examples: ["samband history referral \"'r-1'\" --db hub.db"],
        task: { "list the history of a row of \($0.argument("TABLE"))" },
        run: { invocation, context in
            let key = try KeyArgument.read(invocation, context.console)
            let table = invocation.argument("TABLE")
            let json = try await context.asking(invocation) {
                try await $0.post(["history"], ["table": .string(table), "key": .array(key.map(\.json))])
            }
            if invocation.flag(.json) {
                try context.console.print(json)
            } else {
                try printHistory(try Answer.list(json, "the history"), context.console)
            }
            return .done
        })
}

private func printHistory(_ entries: [Answer], _ console: Console) throws(CommandError) {
    if entries.isEmpty { return try console.print("nothing is known of this row\n") }
    var table = TextTable([
        TextTable.Column("CHANGE"), TextTable.Column("POSITION", .right), TextTable.Column("SITE"),
        TextTable.Column("WRITTEN"), TextTable.Column("OPERATION"), TextTable.Column("VALUES"),
    ])
    for entry in entries {
        table.add([
            try entry.text("change"), entry.shownNumber("position"), try entry.text("site"),
            console.time(entry["written_at"].string), try entry.text("operation"),
            ShownValue.columns(entry["values"]),
        ])
    }
    try console.print(table.text(console.style))
}
