import HTTP
import JSONText

extension Option {
    fileprivate static let since = Option(
        "since", "D", "from when: 2026-11-01, 2026-11-01T12:00:00Z, 7d or 24h; default the beginning")
}

extension Verb {
    static let conflictReport = Verb(
        "conflict report", "count, for each site, what was decided for it and against it",
        details: [
            "For a site is what ended as the site wrote it. BY HAND: a person at the hub; POLICY: the table's policy;",
            "WRITE: a later write of a site that had seen the conflict. A tilt is named when chance alone would hardly do.",
        ],
        options: place(.since, .json),
        examples: ["samband conflict report --since 2026-11-01 --db hub.db"],
        task: { _ in "report on the conflicts" },
        run: { invocation, context in
            let since = try invocation.value(.since).map { text throws(CommandError) in
                try moment(text, context.console)
            }
            let query = since.map { [QueryItem("since", String($0))] } ?? []
            let json = try await context.asking(invocation) { try await $0.get(["conflict", "report"], query) }
            if invocation.flag(.json) {
                try context.console.print(json)
            } else {
                try context.console.print(try report(try Answer(json, "the report"), since, context.console))
            }
            return .done
        })
}

/// Seconds since 1970 of a day on this machine's wall, of an RFC 3339 time, or of so long ago.
func moment(_ text: String, _ console: Console, option: String = "since") throws(CommandError) -> Int64 {
    if let seconds = ShownTime.seconds(text) { return max(0, seconds) }
    if let midnight = ShownTime.seconds(text + "T00:00:00Z") {
        // How far the wall is from UTC at that midnight, asked twice: the first guess may lie beyond a change of clocks.
        func offset(_ at: Int64) -> Int64 { (console.wall(at).secondsAsUTC ?? at) - at }
        return max(0, midnight - offset(midnight - offset(midnight)))
    }
    let unit: Int64? =
        switch text.last {
        case "d": 86_400
        case "h": 3_600
        default: nil
        }
    guard let unit, let number = Int64(text.dropLast()), number > 0, number <= 100_000 else {
        throw .words("--\(option) \(text) is no time", hint: "Write 2026-11-01, 2026-11-01T12:00:00Z, 7d or 24h.")
    }
    return max(0, console.now() - number * unit)
}

private func report(_ answer: Answer, _ since: Int64?, _ console: Console) throws(CommandError) -> String {
    let ways = ["policy", "person", "write"]
    var table = TextTable(
        [TextTable.Column("SITE")]
            + ["FOR", "POLICY", "BY HAND", "WRITE", "AGAINST", "POLICY", "BY HAND", "WRITE", "OPEN"]
            .map { TextTable.Column($0, .right) })
    let sites = try answer.list("sites")
    for site in sites {
        var cells = [try site.text("site")]
        for counts in [try site.object("for"), try site.object("against")] {
            cells += [counts.shownNumber("all")] + ways.map { counts.shownNumber($0) }
        }
        table.add(cells + [site.shownNumber("open")])
    }
    let settled = count(try answer.number("settled"), "conflict", "conflicts")
    let from = since == nil ? "" : " since \(console.time(answer["since"].string))"
    var text = sites.isEmpty ? "" : table.text(console.style) + "\n"
    text += "\(settled) settled\(from), \(answer.shownNumber("open")) open\n"
    return text + Visible.text(try tiltLine(answer)) + "\n"
}

private func tiltLine(_ answer: Answer) throws(CommandError) -> String {
    if answer["tilt"].isNull { return "no tilt towards or against a site shows" }
    let tilt = try answer.object("tilt")
    func share(_ part: String, _ whole: String) throws(CommandError) -> String {
        let (some, all) = (try tilt.number(part), try tilt.number(whole))
        return "\(some) of \(all) (\(all == 0 ? 0 : some * 100 / all) %)"
    }
    let direction = tilt["towards"].bool == true ? "towards" : "against"
    return "tilt \(direction) \(try tilt.text("site")): \(try share("for", "of")) were decided for it, "
        + "for the others \(try share("others_for", "others_of"))"
}
