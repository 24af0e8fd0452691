import HTTP

extension Option {
    fileprivate static let limit = Option("limit", "N", "how many of the newest, default 20")
    fileprivate static let keyFile = Option("key-file", "F|-", "file with KEY, - for standard input")
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
        details: [
            "KEY is one SQL literal or a row of them: 'S-12', x'0a', 12, (3,'a'). In a shell, put it in double quotes.",
            "With --key-file the key does not show in the shell's history.",
        ],
        arguments: [
            Argument("TABLE", "the table"),
            Argument("KEY", "the row's primary key, or --key-file", isOptional: true),
        ],
        options: place(.keyFile, .json),
        examples: ["samband history referral \"'r-1'\" --db hub.db"],
        task: { "list the history of a row of \($0.argument("TABLE"))" },
        run: { invocation, context in
            let key = try key(invocation, context.console)
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

private func key(_ invocation: Invocation, _ console: Console) throws(CommandError) -> [Literal] {
    let text: String
    switch (invocation.optionalArgument("KEY"), invocation.value(.keyFile)) {
    case (let key?, nil): text = key
    case (nil, let file?): text = try FileText.line(file, console)
    case (nil, nil):
        throw .words("history needs KEY, the row's primary key", hint: "See: samband help history")
    case (_?, _?):
        throw .words("the key is given as a word and as a file", hint: "Leave out KEY or --key-file.")
    }
    do {
        return try Literal.key(text)
    } catch {
        // The key itself may be a national id: it is not repeated.
        throw .words("the key cannot be read: \(error.why)", hint: error.hint)
    }
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
