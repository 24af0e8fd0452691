import HTTP
import JSONText

extension Option {
    fileprivate static let watch = Option("watch", nil, "show it again when it changes, until Ctrl-C")
}

extension Verb {
    static let status = Verb(
        "status", "show the state of a hub or a node",
        options: place(.watch, .json),
        examples: ["samband status --db snasa.db", "samband status --db hub.db --watch"],
        task: { _ in "show the status" },
        run: { invocation, context in
            if invocation.flag(.watch) { return try await watchStatus(invocation, context) }
            let status = try await context.asking(invocation) { try await $0.get(["status"]) }
            try printStatus(status, invocation, context.console)
            return .done
        })

    /// The shared options of a verb that asks, behind its own.
    static func place(_ options: Option...) -> [Option] { options + Option.place }
}

/// Milliseconds between two looks.
private let watchIntervalMs = 1_000

private func watchStatus(_ invocation: Invocation, _ context: Context) async throws -> ExitCode {
    var last: JSON?
    var lastTrouble: CommandError?
    while !Task.isCancelled {
        do {
            let status = try await context.asking(invocation) { try await $0.get(["status"]) }
            if status != last {
                if context.console.resultsAreTerminal, !invocation.flag(.json) {
                    // Home, and clear what was there.
                    try context.console.print("\u{1b}[H\u{1b}[2J")
                } else if last != nil, !invocation.flag(.json) {
                    try context.console.print("\n")
                }
                try printStatus(status, invocation, context.console)
            }
            last = status
            lastTrouble = nil
        } catch let trouble as CommandError
            where last != nil && (trouble.code == .unreachable || trouble.code == .later)
        {
            // What has been seen may come back: say it once and go on looking.
            if trouble != lastTrouble { try context.console.note("samband: " + Visible.text(trouble.why)) }
            lastTrouble = trouble
        }
        do { try await context.console.pause(watchIntervalMs) } catch is CancellationError { break }
    }
    return .done
}

private func printStatus(
    _ status: JSON, _ invocation: Invocation, _ console: Console
) throws(CommandError) {
    if invocation.flag(.json) { return try console.print(status) }
    let answer = try Answer(status, "the status")
    let text = try answer.text("role") == "hub" ? hubText(answer, console) : nodeText(answer, console)
    try console.print(text)
}

private func hubText(_ answer: Answer, _ console: Console) throws(CommandError) -> String {
    let style = console.style
    let open = try answer.object("conflicts").number("open")
    let withheld = try answer.number("withheld")
    let title = "hub of \(try answer.text("fleet")), replica \(answer.shownNumber("replica"))"
    var text = style.strong(Visible.text(title)) + "\n"
    var facts: [(String, String)] = []
    if let trouble = answer["trouble"].string { facts.append(("trouble", trouble)) }
    facts += [
        ("schema", answer.shownNumber("schema_version")), ("conflicts", shownConflicts(open)),
        ("withheld", shownWithheld(withheld)), ("vector", shownVector(answer["vector"])),
        ("frontier", shownVector(answer["frontier"])), ("last backup", try shownBackup(answer, console)),
    ]
    text += factTable(facts, style)
    let sites = try answer.list("sites")
    return text + "\n"
        + (sites.isEmpty ? "no sites yet: samband site add NAME\n" : try siteTable(sites, console))
}

private func nodeText(_ answer: Answer, _ console: Console) throws(CommandError) -> String {
    let style = console.style
    let open = try answer.object("conflicts").number("open")
    let title =
        "site \(try answer.text("site")) of \(try answer.text("fleet")), replica \(answer.shownNumber("replica"))"
    let link = answer["link"].string ?? "unknown"
    let since = answer["link_since"].string.map { " since \(console.time($0))" } ?? ""
    var facts = [
        ("hub", answer["hub"].string ?? "–"), ("link", link + since),
        ("last contact", console.time(answer["last_contact"].string)),
    ]
    if let trouble = answer["trouble"].string { facts.append(("trouble", trouble)) }
    if let text = try? answer.object("notice").text("text") { facts.append(("notice", text)) }
    if let clock = shownClock(answer["clock_offset_ms"].integer) { facts.append(("clock", clock)) }
    facts += [
        ("pending", count(try answer.number("pending"), "row", "rows") + " not yet at the hub"),
        ("in flight", count(try answer.number("in_flight"), "change set", "change sets")),
        ("schema", answer.shownNumber("schema_version")), ("conflicts", shownConflicts(open)),
        ("withheld", shownWithheld(try answer.number("withheld"))),
        ("vector", shownVector(answer["vector"])),
    ]
    return style.strong(Visible.text(title)) + "\n" + factTable(facts, style)
}

/// What is told of the newest verified backup.
private func shownBackup(_ answer: Answer, _ console: Console) throws(CommandError) -> String {
    guard answer["backup"].object != nil else { return "none known (samband backup --to FILE)" }
    let backup = try answer.object("backup")
    return "\(console.time(try backup.text("at"))), at position \(try backup.number("position"))"
}

private func shownConflicts(_ open: Int64) -> String {
    open == 0 ? "none open" : "\(open) open (samband conflict list)"
}

private func shownWithheld(_ rows: Int64) -> String {
    rows == 0 ? "nothing" : count(rows, "row", "rows") + " (samband withheld list)"
}

private func factTable(_ facts: [(String, String)], _ style: Style) -> String {
    var table = TextTable([TextTable.Column(""), TextTable.Column("")])
    for (name, value) in facts { table.add([name, value]) }
    return table.text(style)
}

/// The sites as `status` and `site list` show them.
func siteTable(_ sites: [Answer], _ console: Console) throws(CommandError) -> String {
    var table = TextTable([
        TextTable.Column("SITE"), TextTable.Column("STATE"), TextTable.Column("REPLICA", .right),
        TextTable.Column("LINK"), TextTable.Column("LAST CONTACT"), TextTable.Column("BEHIND", .right),
    ])
    for site in sites {
        table.add([
            try site.text("name"), try site.text("state"), site.shownNumber("replica"),
            site["connected"].bool == true ? "up" : "down", console.time(site["last_contact"].string),
            site.shownNumber("behind"),
        ])
    }
    return table.text(console.style) + (try siteNotes(sites))
}

/// What is to be known of sites beside the table: several machines, files put back, wrong clocks.
private func siteNotes(_ sites: [Answer]) throws(CommandError) -> String {
    var text = ""
    var counts: [String: Int] = [:]
    for site in sites { counts[try site.text("name"), default: 0] += 1 }
    for (name, count) in counts.sorted(by: { $0.key < $1.key }) where count > 1 {
        text +=
            "\(Visible.text(name)): \(count) machines run copies of its file, each a replica of its own; if that is not meant, "
            + "switch all but one off\n"
    }
    for site in sites {
        let name = Visible.text(try site.text("name"))
        if let change = site["split_from"].string {
            text +=
                "\(name): replica \(site.shownNumber("replica")) goes on from change \(Visible.text(change)); "
                + "its file was put back from an earlier state, or copied\n"
        }
        if let sets = site["quarantined"].integer, sets > 0 {
            text +=
                "\(name): retired, and sends still; \(count(sets, "change set is", "change sets are")) kept apart: "
                + "samband site quarantine \(name)\n"
        }
        if let clock = shownClock(site["clock_offset_ms"].integer) { text += "\(name): its clock is \(clock)\n" }
    }
    return text.isEmpty ? "" : "\n" + text
}

/// From which offset on that is.
private let clockWarningMs: UInt64 = 5_000

/// How far a site's clock is off, when that is worth a word.
private func shownClock(_ offsetMs: Int64?) -> String? {
    guard let offsetMs, offsetMs.magnitude >= clockWarningMs else { return nil }
    let seconds = offsetMs.magnitude / 1000
    let amount =
        seconds < 120
        ? "\(seconds) s"
        : seconds < 7200
            ? "\(seconds / 60) min"
            : seconds < 172_800 ? "\(seconds / 3600) h" : "\(seconds / 86_400) days"
    return "\(amount) \(offsetMs < 0 ? "ahead of" : "behind") the hub's; set it, or have it set by the network"
}
