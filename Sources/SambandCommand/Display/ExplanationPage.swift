import JSONText

/// `explain`: for each column who wrote it last and over what, the conflicts about it and how they ended; then what
/// happened to the row, oldest first; then where the log begins.
struct ExplanationPage {
    private let answer: Answer
    private let console: Console
    private let conflicts: [ConflictAnswer]

    init(_ json: JSON, _ console: Console) throws(CommandError) {
        answer = try Answer(json, "the explanation")
        self.console = console
        var conflicts: [ConflictAnswer] = []
        for conflict in try answer.list("conflicts") { conflicts.append(try ConflictAnswer(conflict.json)) }
        self.conflicts = conflicts
    }

    func text() throws(CommandError) -> String {
        let style = console.style
        let events = try answer.list("events")
        let withheld = try answer.list("withheld")
        let name = "\(try answer.text("table")) where \(ShownValue.columns(answer["key"], separator: " and "))"
        let isThere = !answer["row"].isNull
        var text = style.strong(Visible.text(name)) + (isThere ? "\n" : " is not in the table\n")
        for row in withheld {
            let what = "\(try row.text("operation")) by \(try row.text("site")), change \(try row.text("change"))"
            text += Visible.text("a row of it is withheld: \(what) (samband withheld show \(row.shownNumber("id")))")
            text += "\n"
        }
        for column in try answer.list("columns") { text += try story(column) }
        if !events.isEmpty {
            var table = TextTable(["", "", "", ""].map { TextTable.Column($0) })
            for event in events {
                table.add([
                    "  " + console.time(event["written_at"].string), try event.text("site"), try event.text("change"),
                    try words(event),
                ])
            }
            text += "\nwhat happened to it\n" + table.text(style)
        }
        if !conflicts.isEmpty {
            text += "\nconflicts\n"
            for conflict in conflicts { text += "  " + Visible.text(ending(conflict)) + "\n" }
        }
        let joins = try answer.list("joins")
        if !joins.isEmpty {
            text += "\njoined rows\n"
            for join in joins { text += "  " + Visible.text(try joined(join)) + "\n" }
        }
        return text + "\n" + (try begin(events.isEmpty)) + "\n"
    }

    // MARK: Columns

    private func story(_ column: Answer) throws(CommandError) -> String {
        let title = "\(try column.text("column")) = \(ShownValue.text(column["value"]))"
        var text = "\n" + console.style.strong(Visible.text(title)) + "\n"
        if column["written_by"].isNull {
            text += "  who wrote it is not in the log of this database: it was long ago, or just now\n"
        } else {
            let writer = try column.object("written_by")
            let who = "\(try writer.text("site")), \(console.time(writer["written_at"].string))"
            let over = column["over"]["value"].map { ", over \(ShownValue.text($0))" } ?? ""
            text += "  " + Visible.text("\(try origin(writer)) \(who), change \(try writer.text("change"))\(over)")
            text += "\n"
        }
        let numbers = (column["conflicts"].array ?? []).compactMap(\.integer)
        for conflict in conflicts where numbers.contains(conflict.id) {
            text += "  " + Visible.text(dispute(conflict)) + "\n"
        }
        return text
    }

    private func origin(_ writer: Answer) throws(CommandError) -> String {
        switch try writer.text("what") {
        case "insert": "written as the row was made, by"
        case "replace": "written as the row was made anew, by"
        case "decision": "decided by a person, at the"
        case "policy": "decided by a policy, at the"
        case "released": "withheld at first, and let in as it was written by"
        case "restored": "put back by the"
        case "carried": "as it stood at the"
        default: "written by"
        }
    }

    /// `conflict 17, snasa 'accepted' against verran 'declined': decided by kari, …`.
    private func dispute(_ conflict: ConflictAnswer) -> String {
        let sides =
            conflict.column == nil
            ? conflict.sites.joined(separator: " against ")
            : conflict.sides.map { "\($0.site) \(conflict.shown($0.value))" }.joined(separator: " against ")
        return "conflict \(conflict.id), \(sides): \(conflict.decision?.text(console) ?? "open")"
    }

    private func ending(_ conflict: ConflictAnswer) -> String {
        let sites = conflict.sites.joined(separator: ", ")
        return "\(conflict.id) \(conflict.kind) of \(conflict.place), \(sites): "
            + (conflict.decision?.text(console) ?? (conflict.isOpen ? "open" : "settled"))
    }

    /// `5 id = 'p-7' of patient into id = 'p-2': decided by kari, …`.
    private func joined(_ join: Answer) throws(CommandError) -> String {
        let rows =
            "\(ShownValue.columns(join["key"])) of \(try join.text("table")) into \(ShownValue.columns(join["into"]))"
        let decision = try ConflictAnswer.Decision(try join.object("decision")).text(console)
        let undone = join["undone"].isNull ? nil : try ConflictAnswer.Decision(try join.object("undone"))
        let after = undone.map { "; taken back by \($0.by), \(console.time($0.at))" } ?? ""
        return "\(join.shownNumber("id")) \(rows): \(decision)\(after)"
    }

    // MARK: Events

    private func words(_ event: Answer) throws(CommandError) -> String {
        let values = ShownValue.columns(event["values"])
        let did =
            switch try event.text("what") {
            case "insert": "made the row: \(values)"
            case "update": "wrote \(values)"
            case "replace": "made the row anew: \(values)"
            case "delete": "deleted the row"
            case "decision" where event["join"].integer != nil:
                "join \(event.shownNumber("join")): "
                    + (event["values"].object?.members.isEmpty == true
                        ? "the row went" : "wrote \(values)")
            case "decision":
                (event["conflict"].integer.map { "decision on conflict \($0): " } ?? "decision: ")
                    + (event["values"].object?.members.isEmpty == true ? "deleted the row" : "wrote \(values)")
            case "policy": "a policy decided: \(values)"
            case "carried": "put the row right where it differed"
            case "restored": "brought back what a delete had taken"
            case "released": "let in what had been withheld as row \(event.shownNumber("withheld"))"
            case "evicted": "took the row off at its author"
            default: try event.text("what")
            }
        return did + (try outcome(event))
    }

    private func outcome(_ event: Answer) throws(CommandError) -> String {
        let lost = (event["lost"].array ?? []).compactMap(\.string).joined(separator: ", ")
        return switch try event.text("outcome") {
        case "partly": " – \(lost) lost to concurrent writes"
        case "lost": " – lost to concurrent writes"
        case "undone": " – it did not stand, for others wrote the row"
        case "withheld": " – withheld" + (event["withheld"].integer.map { " as row \($0)" } ?? "")
        case "in_flight": " – not yet in the hub's order"
        default: ""
        }
    }

    private func begin(_ isUnknown: Bool) throws(CommandError) -> String {
        if answer["log_begins"].isNull { return "the log of this database is empty" }
        let begin = try answer.object("log_begins")
        let place = "the log of this database begins at position \(begin.shownNumber("position"))"
        let since = "\(place), \(console.time(begin["written_at"].string))"
        if answer["whole"].bool == true { return "the whole life of the row is in the log; \(since)" }
        return since + (isUnknown ? ", and nothing of this row is in it" : "; what was before is not known here")
    }
}
