import HTTP
import JSONText

/// `conflict show`: what stood before, what each side wrote, what stands now, beside each other where the terminal
/// is wide enough, else below each other.
struct ConflictPage {
    private let conflict: ConflictAnswer
    private let changed: Int64
    private let row: JSON
    private let withheld: [Answer]
    private let console: Console

    /// A column of the page: before, a side, now.
    private struct Stand {
        let title: String
        let when: String
        let change: String
        let value: JSON
    }

    /// Columns of a page that goes to a file or a pipe.
    private static let usualWidth = 120

    init(_ json: JSON, _ console: Console) throws(CommandError) {
        let answer = try Answer(json, "a conflict")
        conflict = try ConflictAnswer(answer["conflict"])
        changed = try answer.number("changed")
        row = answer["row"]
        withheld = try answer.list("withheld")
        self.console = console
    }

    func text() throws(CommandError) -> String {
        let style = console.style
        let state = conflict.isOpen ? style.warning("open") : style.good("settled")
        var text = style.strong("conflict \(conflict.id)") + ", \(state)\n"
        text +=
            Visible.text(
                "\(conflict.kind) of \(conflict.placeWithKey), since \(console.time(conflict.openedAt))")
            + "\n\n"
        let table = sideBySide
        text += table.width <= console.columns ?? ConflictPage.usualWidth ? table.text(style) : stacked(style)
        if conflict.column != nil, row.object != nil { text += "\nthe row now\n" + rowTable.text(style) }
        if !withheld.isEmpty { text += "\nwithheld\n" + (try withheldTable().text(style)) }
        if let decision = conflict.decision {
            text += "\n" + Visible.text(decisionText(decision)) + "\n"
        }
        return conflict.isOpen ? text + settling : text
    }

    // MARK: The stands

    private var stands: [Stand] {
        [Stand(title: "before", when: "", change: "", value: conflict.base)]
            + conflict.sides.map {
                Stand(
                    title: $0.site, when: console.time($0.writtenAt), change: "change \($0.change)",
                    value: $0.value)
            } + [Stand(title: "now", when: "", change: "", value: conflict.now)]
    }

    /// The columns that any stand has, in their order.
    private var names: [String] {
        if let column = conflict.column { return [column] }
        var names: [String] = []
        for stand in stands {
            for member in stand.value.object?.members ?? [] where !names.contains(member.name) {
                names.append(member.name)
            }
        }
        return names
    }

    private func shown(_ name: String, _ stand: Stand) -> String {
        if conflict.column != nil { return ShownValue.text(stand.value) }
        if stand.value.isNull { return "no row" }
        return stand.value[name].map { ShownValue.text($0) } ?? "·"
    }

    private var sideBySide: TextTable {
        let stands = stands
        var table = TextTable(
            [TextTable.Column("")] + stands.map { TextTable.Column(Visible.text($0.title)) })
        table.add([""] + stands.map(\.when))
        table.add([""] + stands.map(\.change))
        for name in names { table.add([name] + stands.map { shown(name, $0) }) }
        return table
    }

    private func stacked(_ style: Style) -> String {
        stands.map { stand in
            let about = [stand.title, stand.when, stand.change].filter { !$0.isEmpty }.joined(separator: ", ")
            var table = TextTable([TextTable.Column(""), TextTable.Column("")])
            if stand.value.isNull, conflict.column == nil {
                table.add(["  no row", ""])
            } else {
                for name in names { table.add(["  " + name, shown(name, stand)]) }
            }
            return style.strong(Visible.text(about)) + "\n" + table.text(style)
        }.joined()
    }

    // MARK: Around them

    private var rowTable: TextTable {
        var table = TextTable([TextTable.Column(""), TextTable.Column("")])
        for member in row.object?.members ?? [] {
            table.add(["  " + member.name, ShownValue.text(member.value)])
        }
        return table
    }

    private func withheldTable() throws(CommandError) -> TextTable {
        var table = TextTable(["", "", "", ""].map { TextTable.Column($0) })
        for row in withheld {
            table.add([
                "  " + row.shownNumber("id"), try row.text("site"),
                "\(try row.text("operation")) \(try row.text("table"))",
                ShownValue.columns(row["values"]),
            ])
        }
        return table
    }

    private func decisionText(_ decision: ConflictAnswer.Decision) -> String {
        let reason = decision.reason.map { ": \($0)" } ?? ""
        return "decided by \(decision.by), \(console.time(decision.at)), \(decision.how)\(reason)"
    }

    /// Kinds whose row was not taken in: the hub refuses to settle them in this version.
    private static let withholding: Set = ["unique", "foreign_key", "check", "scope", "invalid"]

    private var settling: String {
        if ConflictPage.withholding.contains(conflict.kind) {
            return "\nthe row waits with all its values; to admit or discard it is not in this version yet\n"
        }
        let start = "  samband conflict resolve \(conflict.id) --changed \(changed)"
        var text = "\nto settle it, at the hub\n"
        for site in conflict.sites + ["now"] { text += Visible.text("\(start) --take \(site)") + "\n" }
        if let column = conflict.column {
            text += Visible.text("\(start) --set \(column)=VALUE") + "\n"
        } else {
            text += "\(start) --set COLUMN=VALUE …\n\(start) --restore\n\(start) --delete\n"
        }
        return text
    }
}
