import HTTP
import JSONText

extension Option {
    fileprivate static let all = Option("all", nil, "the settled ones too")
}

extension Verb {
    static let conflictList = Verb(
        "conflict list", "list the open conflicts",
        options: place(.all, .table, .site, .kind, .json),
        examples: ["samband conflict list --table referral --site snasa --db hub.db"],
        task: { _ in "list the conflicts" },
        run: { invocation, context in
            let all = invocation.flag(.all)
            let query = try ConflictQuery(invocation)
            // The count is for eyes; a program counts the list itself.
            let wantsCount = context.console.resultsAreTerminal && !invocation.flag(.json)
            let (json, count) = try await context.asking(invocation) { caller -> (JSON, JSON?) in
                let list = try await query.list(caller, all: all)
                // A nil of its own: JSON's null is written nil too.
                return (list, wantsCount ? JSON?.some(try await caller.get(["conflict", "count"])) : .none)
            }
            if invocation.flag(.json) {
                try context.console.print(json)
                return .done
            }
            var conflicts: [ConflictAnswer] = []
            for entry in json.array ?? [] { conflicts.append(try ConflictAnswer(entry)) }
            if conflicts.isEmpty {
                try context.console.print(
                    "no \(all ? "" : "open ")conflicts\(query.isEmpty ? "" : " of these")\n")
            } else {
                try context.console.print(conflictTable(conflicts, context.console))
            }
            if let count {
                try context.console.print(
                    "\n" + (try countLine(try Answer(count, "the count"), conflicts.count, query, all)) + "\n")
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
            let number = try conflictNumber(invocation.argument("ID"))
            let json = try await context.asking(invocation) { try await $0.get(["conflict", number]) }
            if invocation.flag(.json) {
                try context.console.print(json)
            } else {
                try context.console.print(try ConflictPage(try ConflictDetailAnswer(json), context.console).text())
            }
            return .done
        })
}

/// The ID as a number; anything else never leaves this process.
func conflictNumber(_ id: String) throws(CommandError) -> String {
    guard let number = Int64(id), number >= 0 else {
        throw .words("conflicts have numbers, and \(id) is none", hint: "See: samband conflict list")
    }
    return String(number)
}

/// `3 open, 12 settled`, or of a part of them `3 of 15 shown`.
private func countLine(
    _ count: Answer, _ shown: Int, _ query: ConflictQuery, _ all: Bool
) throws(CommandError) -> String {
    let open = try count.number("open")
    let settled = try count.number("settled")
    if query.isEmpty { return "\(open) open, \(settled) settled" }
    return "\(shown) of \(all ? open + settled : open) \(all ? "" : "open ")shown"
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
