import HTTP

extension Option {
    fileprivate static let all = Option("all", nil, "the settled ones too")
}

extension Verb {
    static let conflictList = Verb(
        "conflict list", "list the open conflicts",
        options: place(.all, .json), task: { _ in "list the conflicts" },
        run: { invocation, context in
            let all = invocation.flag(.all)
            let json = try await context.asking(invocation) {
                try await $0.get(["conflict"], [QueryItem("all", all ? "true" : "false")])
            }
            if invocation.flag(.json) {
                try context.console.print(json)
                return .done
            }
            var conflicts: [ConflictAnswer] = []
            for entry in json.array ?? [] { conflicts.append(try ConflictAnswer(entry)) }
            if conflicts.isEmpty {
                try context.console.print(all ? "no conflicts\n" : "no open conflicts\n")
            } else {
                try context.console.print(conflictTable(conflicts, context.console))
            }
            return .done
        })

    static let conflictShow = Verb(
        "conflict show", "show a conflict: before, each side, now",
        arguments: [Argument("ID", "the number in: samband conflict list")],
        options: place(.json),
        examples: ["samband conflict show 17 --db hub.db"],
        task: { "show conflict \($0.argument("ID"))" },
        run: { invocation, context in
            let json = try await context.asking(invocation) {
                try await $0.get(["conflict", try conflictNumber(invocation)])
            }
            if invocation.flag(.json) {
                try context.console.print(json)
            } else {
                let page = try ConflictPage(json, context.console)
                try context.console.print(try page.text())
            }
            return .done
        })
}

/// The ID as a number; anything else never leaves this process.
func conflictNumber(_ invocation: Invocation) throws(CommandError) -> String {
    let id = invocation.argument("ID")
    guard let number = Int64(id), number >= 0 else {
        throw .words("conflicts have numbers, and \(id) is none", hint: "See: samband conflict list")
    }
    return String(number)
}

private func conflictTable(_ conflicts: [ConflictAnswer], _ console: Console) -> String {
    var table = TextTable([
        TextTable.Column("ID", .right), TextTable.Column("STATE"), TextTable.Column("KIND"),
        TextTable.Column("PLACE"), TextTable.Column("KEY", widest: 40), TextTable.Column("OPENED"),
        TextTable.Column("SIDES", widest: 40), TextTable.Column("NOW", widest: 40),
    ])
    for conflict in conflicts {
        table.add([
            String(conflict.id), conflict.isOpen ? "open" : "settled", conflict.kind, conflict.place,
            ShownValue.columns(conflict.key), console.time(conflict.openedAt),
            conflict.sites.joined(separator: ", "), conflict.shown(conflict.now),
        ])
    }
    return table.text(console.style)
}
