import JSONText

extension Option {
    fileprivate static let into = Option("into", "KEY", "the row that remains")
    fileprivate static let intoFile = Option("into-file", "F|-", "file with the key of the row that remains")
}

extension Verb {
    static let recordMerge = Verb(
        "record merge", "join two rows that mean one: every reference goes to the row that remains",
        details: KeyArgument.help + [
            "KEY's row goes, and stays in the history; sites that do not know it yet go on writing the one that remains.",
            "It shows both rows and asks first; --yes does not ask. record unmerge takes it back.",
        ],
        arguments: [KeyArgument.table, KeyArgument.key],
        options: [.into, .intoFile, KeyArgument.file] + DecisionNote.options + place(.dryRun, .yes, .json),
        examples: [
            "samband record merge patient \"'p-7'\" --into \"'p-2'\" --dry-run --db hub.db",
            "samband record merge patient \"'p-7'\" --into \"'p-2'\" --reason 'registered twice' --yes --db hub.db",
        ],
        task: { "merge two rows of \($0.argument("TABLE"))" },
        run: { invocation, context in
            let key = try KeyArgument.read(invocation, context.console)
            let into = try remaining(invocation, context.console)
            let members: [(String, JSON)] = [
                ("table", .string(invocation.argument("TABLE"))), ("key", .array(key.map(\.json))),
                ("into", .array(into.map(\.json))),
            ]
            return try await RecordJoin(path: "merge", members, invocation, context).run()
        })

    static let recordUnmerge = Verb(
        "record unmerge", "take the joining of two rows back",
        arguments: [Argument("ID", "the number in: samband record list")],
        options: DecisionNote.options + place(.dryRun, .yes, .json),
        examples: ["samband record unmerge 5 --reason 'two patients after all' --db hub.db"],
        task: { "take the joining \($0.argument("ID")) back" },
        run: { invocation, context in
            let id = invocation.argument("ID")
            guard let number = Int64(id), number >= 0 else {
                throw CommandError.words(
                    "joinings have numbers, and \(id) is none", hint: "See: samband record list")
            }
            return try await RecordJoin(path: "unmerge", [("id", .integer(number))], invocation, context).run()
        })
}

private func remaining(_ invocation: Invocation, _ console: Console) throws(CommandError) -> [Literal] {
    switch (invocation.value(.into), invocation.value(.intoFile)) {
    case (let key?, nil): return try KeyArgument.literal(key)
    case (nil, let path?):
        if path == "-", invocation.value(KeyArgument.file) == "-" {
            throw .words("standard input cannot hold both keys", hint: "Put one of them into a file.")
        }
        return try KeyArgument.literal(try FileText.line(path, console))
    case (nil, nil):
        throw .words("record merge needs --into, the row that remains", hint: "See: samband help record merge")
    case (_?, _?):
        throw .words("the row that remains is given twice", hint: "Leave out --into or --into-file.")
    }
}

/// Joins two rows or takes that back: tries it first, shows what it would do, asks, and does it.
private struct RecordJoin {
    let path: String
    let members: [(String, JSON)]
    let invocation: Invocation
    let context: Context

    init(
        path: String, _ members: [(String, JSON)], _ invocation: Invocation, _ context: Context
    ) {
        self.path = path
        self.members = members
        self.invocation = invocation
        self.context = context
    }

    private var undoes: Bool { path == "unmerge" }
    private var console: Console { context.console }

    func run() async throws -> ExitCode {
        let isJSON = invocation.flag(.json)
        if invocation.flag(.dryRun) {
            let json = try await send(dryRun: true)
            if isJSON { try console.print(json) } else { try console.print(try page(json, isDone: false)) }
            return .done
        }
        if !invocation.flag(.yes) {
            guard console.canAsk, !isJSON else {
                throw CommandError.words(
                    "\(invocation.verb.name) changes rows of every site and cannot ask here",
                    hint: "Try it with --dry-run, then add --yes.")
            }
            try console.print(try page(try await send(dryRun: true), isDone: false))
            guard try console.confirm(undoes ? "take them apart?" : "join them?") else {
                try console.note("samband: nothing was changed")
                return .no
            }
        }
        let json = try await send(dryRun: false)
        if isJSON { try console.print(json) } else { try console.print(try page(json, isDone: true)) }
        return .done
    }

    private func send(dryRun: Bool) async throws -> JSON {
        let request = DecisionNote(invocation, console).request(members, dryRun: dryRun)
        return try await context.asking(invocation) { try await $0.post(["record", path], request) }
    }

    // MARK: The page

    private func page(_ json: JSON, isDone: Bool) throws(CommandError) -> String {
        let answer = try Answer(json, "the joining")
        let table = try answer.text("table")
        let (gone, into) = (ShownValue.columns(answer["key"]), ShownValue.columns(answer["into"]))
        var text = ""
        // The rows were on the screen already when the question was asked.
        if !isDone || invocation.flag(.yes) { text += try rows(answer) }
        let did =
            switch (undoes, isDone) {
            case (false, false): "would join \(gone) of \(table) into \(into)"
            case (false, true): "joined \(gone) of \(table) into \(into)"
            case (true, false): "would take \(gone) of \(table) out of \(into) again"
            case (true, true): "\(gone) of \(table) stands apart from \(into) again"
            }
        text += Visible.text(did) + "\n"
        if isDone, !undoes { text += "to take it back: samband record unmerge \(answer.shownNumber("id"))\n" }
        return text
    }

    private func rows(_ answer: Answer) throws(CommandError) -> String {
        let rows = try answer.object("rows")
        let taken = try answer.list("columns").filter { $0["taken"].bool == true }.compactMap { $0["column"].string }
        let differs = try answer.list("columns").compactMap { $0["column"].string }
        var names: [String] = []
        for row in [rows["key"], rows["into"]] {
            for member in row.object?.members ?? [] where !names.contains(member.name) { names.append(member.name) }
        }
        func shown(_ row: JSON, _ name: String) -> String {
            row.isNull ? "no row" : row[name].map { ShownValue.text($0) } ?? "·"
        }
        var table = TextTable([
            TextTable.Column(""), TextTable.Column("KEY"), TextTable.Column("INTO"), TextTable.Column(""),
        ])
        for name in names {
            let note = taken.contains(name) ? "taken over" : differs.contains(name) ? "stays as in INTO" : ""
            table.add([name, shown(rows["key"], name), shown(rows["into"], name), note])
        }
        var text = table.text(console.style)
        var references = TextTable([TextTable.Column(""), TextTable.Column("")])
        let repointed = try answer.list("repointed")
        for reference in repointed {
            let columns = (reference["columns"].array ?? []).compactMap(\.string).joined(separator: ", ")
            references.add([
                "  \(try reference.text("table")).\(columns)", count(try reference.number("rows"), "row", "rows"),
            ])
        }
        text += repointed.isEmpty ? "\nno row refers to it\n" : "\nreferences\n" + references.text(console.style)
        return text + "\n"
    }
}
