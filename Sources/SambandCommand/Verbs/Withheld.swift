import HTTP
import JSONText

extension Option {
    fileprivate static let all = Option(
        "all", nil, "also what waits no more: admitted, discarded, superseded, released")
}

extension Verb {
    static let withheldList = Verb(
        "withheld list", "list rows that were received and wait for a decision",
        options: place(.all, .json), task: { _ in "list what is withheld" },
        run: { invocation, context in
            let all = invocation.flag(.all)
            let json = try await context.asking(invocation) {
                try await $0.get(["withheld"], all ? [QueryItem("all", "true")] : [])
            }
            if invocation.flag(.json) {
                try context.console.print(json)
                return .done
            }
            let rows = try Answer.list(json, "what is withheld")
            try context.console.print(
                rows.isEmpty
                    ? "nothing \(all ? "was ever" : "is") withheld\n"
                    : try withheldTable(rows, showsState: all).text(context.console.style))
            return .done
        })

    static let withheldShow = Verb(
        "withheld show", "show one withheld row: its values, why it waits, how to let it in",
        arguments: [Argument("ID", "the number in: samband withheld list")],
        options: place(.json), task: { "show the withheld row \($0.argument("ID"))" },
        run: { invocation, context in
            let id = invocation.argument("ID")
            guard let number = Int64(id), number >= 0 else {
                throw CommandError.words(
                    "withheld rows have numbers, and \(id) is none", hint: "See: samband withheld list")
            }
            let json = try await context.asking(invocation) { try await $0.get(["withheld", String(number)]) }
            if invocation.flag(.json) {
                try context.console.print(json)
            } else {
                try context.console.print(try withheldPage(try Answer(json, "a withheld row"), context.console))
            }
            return .done
        })
}

private func withheldTable(_ rows: [Answer], showsState: Bool = false) throws(CommandError) -> TextTable {
    var table = TextTable(
        [
            TextTable.Column("ID", .right), TextTable.Column("CONFLICT", .right), TextTable.Column("TABLE"),
            TextTable.Column("KEY", widest: 40), TextTable.Column("SITE"), TextTable.Column("CHANGE"),
            TextTable.Column("OPERATION"),
        ] + (showsState ? [TextTable.Column("STATE")] : []))
    for row in rows {
        let cells = [
            row.shownNumber("id"), row.shownNumber("conflict"), try row.text("table"),
            ShownValue.columns(row["key"]), try row.text("site"), try row.text("change"),
            try row.text("operation"),
        ]
        table.add(cells + (showsState ? [row["state"].string ?? "–"] : []))
    }
    return table
}

private func withheldPage(_ answer: Answer, _ console: Console) throws(CommandError) -> String {
    let row = try answer.object("withheld")
    var text = "withheld row \(row.shownNumber("id")): \(try row.text("operation")) in \(try row.text("table"))"
    text += " where \(ShownValue.columns(row["key"], separator: " and "))"
    text += " by \(try row.text("site")), change \(try row.text("change"))"
    text = console.style.strong(Visible.text(text)) + "\n"
    if let state = answer["state"].string, state != "withheld" {
        text += Visible.text("it does not wait any more: \(state)") + "\n"
    }
    text += row["values"].object?.members.isEmpty == false ? rowTable(row["values"]).text(console.style) : ""

    let conflict = answer["conflict"].isNull ? nil : try ConflictAnswer(answer["conflict"])
    if let conflict {
        let since = "since \(console.time(conflict.openedAt))"
        text += "\nwhy: " + Visible.text("conflict \(conflict.id), \(conflict.kind) of \(conflict.place), \(since)")
        text += " (samband conflict show \(conflict.id))\n"
    }
    for standing in try answer.list("standing") {
        text += "\n" + Visible.text("in its way: \(try standing.text("table"))") + "\n"
        text +=
            standing["row"].isNull
            ? Visible.text("  \(ShownValue.columns(standing["key"])) is gone") + "\n"
            : rowTable(standing["row"]).text(console.style)
    }
    var missing: [ParentAnswer] = []
    for parent in try answer.list("missing") { missing.append(try ParentAnswer(parent)) }
    if !missing.isEmpty { text += "\nit waits for\n" + parentTable(missing).text(console.style) }
    let waiting = try answer.list("waiting")
    if !waiting.isEmpty {
        text += "\nthese wait for it\n" + (try withheldTable(waiting).text(console.style))
    }
    if let conflict, let changed = answer["changed"].integer,
        let commands = commandTable(try ChoiceAnswer.list(answer), conflict, changed)
    {
        text += "\nto let it in or give it up, at the hub\n" + commands
    }
    text += refusedText(try ChoiceAnswer.refused(answer))
    return text
}
