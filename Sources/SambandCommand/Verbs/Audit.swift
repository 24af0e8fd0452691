import HTTP
import JSONText
import Presentation

extension Option {
    fileprivate static let from = Option("from", "D", "from when: 2026-11-01, 2026-11-01T12:00:00Z, 7d or 24h")
    fileprivate static let to = Option("to", "D", "until when, likewise; the day itself is not in it")
    fileprivate static let who = Option("who", "NAME", "one person's: kari, local:root, site:snasa")
    fileprivate static let what = Option("what", "WORD", "one kind: read, conflict, site.retire …")
    fileprivate static let row = Option(
        "row", "TABLE", "what was read and decided of one row, with --key or --key-file")
    fileprivate static let key = Option("key", "KEY", "the row's primary key, for --row")
    fileprivate static let head = Option("head", "N:DIGEST", "a head that was noted earlier: is it still in the chain?")
    fileprivate static let format = Option("format", "csv|json", "default csv")
}

extension Verb {
    static let auditList = Verb(
        "audit list", "list who did and read what at the hub",
        details: [
            "Decisions, who came in and who was sent away, and every reading of row values by a person. A row of the fleet",
            "shows as its table and a fingerprint; who knows its key asks for it with --row. The newest come last.",
        ],
        options: place(.from, .to, .who, .what, .row, .key, KeyArgument.file, .json),
        examples: [
            "samband audit list --what read --from 7d --db hub.db",
            "samband audit list --row patient --key \"'p-1'\" --db hub.db",
        ],
        task: { _ in "list the audit" },
        run: { invocation, context in
            let chosen = try AuditChoice(invocation, context.console)
            let found = try await context.asking(invocation) { try await chosen.all($0) }
            if invocation.flag(.json) {
                try context.console.print(.array(found.rows.map(\.json)))
            } else if found.rows.isEmpty {
                try context.console.print("nothing is recorded of that\n")
            } else {
                try context.console.print(try auditTable(found.rows, context.console))
            }
            return .done
        })

    static let auditVerify = Verb(
        "audit verify", "check that nothing was changed in the audit or taken out of it",
        details: [
            "Prints the head of the chain. Note it elsewhere: with --head a later check shows that all up to there is as",
            "it was, though somebody may have had the whole file in his hands meanwhile.",
        ],
        options: place(.head, .json),
        examples: ["samband audit verify --db hub.db"],
        task: { _ in "verify the audit" },
        run: { invocation, context in
            let query = invocation.value(.head).map { [QueryItem("head", $0)] } ?? []
            let json = try await context.asking(invocation) { try await $0.get(["audit", "verify"], query) }
            let answer = try Answer(json, "the audit")
            let holds = answer["holds"].bool == true
            if invocation.flag(.json) {
                try context.console.print(json)
            } else if holds {
                try context.console.print(
                    "the chain holds: \(answer.shownNumber("rows")) rows from number \(answer.shownNumber("first")) on\n"
                        + "head \(try shownHead(answer))\n")
            } else {
                let broken = try answer.object("broken")
                try context.console.print(
                    "the chain is broken at number \(broken.shownNumber("number")): "
                        + "\(Visible.text(try broken.text("why")))\n")
            }
            return holds ? .done : .no
        })

    static let auditExport = Verb(
        "audit export", "write the audit of a time to standard output, for a supervisor",
        details: [
            "The head of the chain is printed on standard error. Each row has its digest, so what is handed over can be",
            "checked by itself: Protocol/Audit.md says how.",
        ],
        options: place(.from, .to, .format),
        examples: ["samband audit export --from 2026-01-01 --to 2027-01-01 --db hub.db > audit.csv"],
        task: { _ in "export the audit" },
        run: { invocation, context in
            let format = invocation.value(.format) ?? "csv"
            guard ["csv", "json"].contains(format) else {
                throw CommandError.words("--format \(format) is none", hint: "Write csv or json.")
            }
            let chosen = try AuditChoice(invocation, context.console)
            let found = try await context.asking(invocation) { try await chosen.all($0) }
            if format == "json" {
                try context.console.print(["head": found.head.json, "rows": .array(found.rows.map(\.json))])
            } else {
                try context.console.print(try auditCSV(found.rows))
            }
            try context.console.note(
                "samband: \(found.rows.count) rows; head \(try shownHead(found.head, isHead: true))")
            return .done
        })

    static let auditKeep = Verb(
        "audit keep", "set for how many years the audit is kept, default ten",
        details: ["What is older goes, and a row of the chain says so: the rest can be verified as before."],
        arguments: [Argument("YEARS", "a whole number from 1 to 100")],
        options: place(.json), examples: ["samband audit keep 10 --db hub.db"],
        task: { _ in "set how long the audit is kept" },
        run: { invocation, context in
            guard let years = Int64(invocation.argument("YEARS")), (1...100).contains(years) else {
                throw CommandError.words(
                    "\(invocation.argument("YEARS")) is no number of years", hint: "Give one from 1 to 100.")
            }
            let json = try await context.asking(invocation) {
                try await $0.post(["audit", "keep"], Message<AuditRetention> { $0.years = years })
            }
            if invocation.flag(.json) {
                try context.console.print(json)
            } else {
                try context.console.print("the audit is kept for \(count(years, "year", "years"))\n")
            }
            return .done
        })
}

/// Which rows of the audit a verb is about.
private struct AuditChoice {
    private var query: [QueryItem] = []
    private var row: (table: String, key: JSON)?

    init(_ invocation: Invocation, _ console: Console) throws(CommandError) {
        for option in [Option.from, .to] {
            guard let text = invocation.value(option) else { continue }
            query.append(QueryItem(option.name, String(try moment(text, console, option: option.name))))
        }
        for option in [Option.who, .what] {
            if let text = invocation.value(option) { query.append(QueryItem(option.name, text)) }
        }
        guard let table = invocation.value(.row) else { return }
        guard query.isEmpty else {
            throw .words("--row is asked by itself", hint: "Leave out the other choices.")
        }
        let literals: [Literal]
        switch (invocation.value(.key), invocation.value(KeyArgument.file)) {
        case (let key?, nil): literals = try KeyArgument.literal(key)
        case (nil, let file?): literals = try KeyArgument.literal(try FileText.line(file, console))
        default: throw .words("--row needs the row's key", hint: "Add --key KEY or --key-file F.")
        }
        row = (table, .array(literals.map(\.json)))
    }

    /// All of them, page by page, and the head of the chain.
    func all(_ caller: Caller) async throws -> (rows: [Answer], head: Answer) {
        var rows: [Answer] = []
        while true {
            let after = rows.last?["number"].integer ?? 0
            let json: JSON
            if let row {
                json = try await caller.post(
                    ["audit", "row"], ["table": .string(row.table), "key": row.key, "after": .integer(after)])
            } else {
                json = try await caller.get(["audit"], query + [QueryItem("after", String(after))])
            }
            let answer = try Answer(json, "the audit")
            let page = try answer.list("rows")
            if page.isEmpty { return (rows, try answer.object("head")) }
            rows += page
        }
    }
}

private func shownHead(_ answer: Answer, isHead: Bool = false) throws(CommandError) -> String {
    let head = isHead ? answer : try answer.object("head")
    return "\(head.shownNumber("number")):\(Visible.text(try head.text("digest")))"
}

private func auditTable(_ rows: [Answer], _ console: Console) throws(CommandError) -> String {
    var table = TextTable([
        TextTable.Column("NUMBER", .right), TextTable.Column("AT"), TextTable.Column("WHO"), TextTable.Column("WHAT"),
        TextTable.Column("DETAILS"),
    ])
    for row in rows {
        table.add([
            row.shownNumber("number"), console.time(row["at"].string), try row.text("who"), try row.text("what"),
            try shownDetails(row["details"]),
        ])
    }
    return table.text(console.style)
}

/// `conflict 17, take; referral 3f2a… of snasa, verran`
private func shownDetails(_ details: JSON) throws(CommandError) -> String {
    var parts: [String] = []
    for member in details.object?.members ?? [] where member.name != "rows" {
        let value =
            member.value.string ?? member.value.integer.map(String.init)
            ?? (try? member.value.bytes()).map { String(decoding: $0, as: UTF8.self) } ?? ""
        parts.append("\(member.name) \(value)")
    }
    let rows = try Answer.list(details["rows"] ?? [], "the audit")
    for row in rows.prefix(3) {
        let sites = (row["sites"].array ?? []).compactMap(\.string)
        let of = sites.isEmpty ? "" : " of \(sites.joined(separator: ", "))"
        parts.append("\(try row.text("table")) \(try row.text("row"))\(of)")
    }
    if rows.count > 3 { parts.append("and \(rows.count - 3) more rows") }
    return parts.joined(separator: "; ")
}

/// RFC 4180, with a heading. What a spreadsheet would take for a formula has a quote before it.
private func auditCSV(_ rows: [Answer]) throws(CommandError) -> String {
    func field(_ text: String) -> String {
        let guarded = "=+-@\t\r".contains(text.first ?? "a") ? "'" + text : text
        return "\"" + guarded.replacing("\"", with: "\"\"") + "\""
    }
    var text = "number,at,who,what,details,digest\r\n"
    for row in rows {
        guard let details = try? row["details"].bytes() else {
            throw CommandError(.bug, "details of the audit have no form in JSON", hint: "Please report this.")
        }
        text +=
            [
                row.shownNumber("number"), field(try row.text("at")), field(try row.text("who")),
                field(try row.text("what")), field(String(decoding: details, as: UTF8.self)),
                field(try row.text("digest")),
            ].joined(separator: ",") + "\r\n"
    }
    return text
}
