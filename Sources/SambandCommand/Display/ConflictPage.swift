import JSONText
import Replication

/// `conflict show`: what stood before, what each side wrote, what stands now, beside each other where the terminal
/// is wide enough, else below each other; then what is around them, and how to settle it.
struct ConflictPage {
    private let detail: ConflictDetailAnswer
    private let console: Console
    private var conflict: ConflictAnswer { detail.conflict }

    /// A column of the page: before, a side, now.
    private struct Stand {
        let title: String
        let when: String
        let change: String
        let value: JSON
        var isOtherTable = false
    }

    /// Columns of a page that goes to a file or a pipe.
    private static let usualWidth = 120

    init(_ detail: ConflictDetailAnswer, _ console: Console) {
        self.detail = detail
        self.console = console
    }

    /// The whole page.
    func text() throws(CommandError) -> String { try judging() + settling }

    /// All that helps to judge, without the commands.
    func judging() throws(CommandError) -> String {
        let style = console.style
        let state = conflict.isOpen ? style.warning("open") : style.good("settled")
        var text = style.strong("conflict \(conflict.id)") + ", \(state)\n"
        text +=
            Visible.text(
                "\(conflict.kind) of \(conflict.placeWithKey), since \(console.time(conflict.openedAt))")
            + "\n" + (conflict.isOpen ? conflict.story + "\n" : "") + "\n"
        let table = sideBySide
        text += table.width <= console.columns ?? ConflictPage.usualWidth ? table.text(style) : stacked(style)
        if conflict.column != nil, detail.row.object != nil {
            text += "\nthe row now\n" + rowTable(detail.row).text(style)
        }
        for side in conflict.sides {
            guard let table = side.table else { continue }
            text += "\n" + Visible.text("the row of \(table) that \(side.site) wrote") + "\n"
            text += rowTable(side.value).text(style)
        }
        for row in conflict.isOpen ? detail.standing : [] {
            text += "\n" + Visible.text("in its way: \(try row.text("table"))") + "\n"
            text +=
                row["row"].isNull
                ? Visible.text("  \(ShownValue.columns(row["key"])) is gone") + "\n" : rowTable(row["row"]).text(style)
        }
        if !detail.parents.isEmpty { text += "\nrefers to\n" + parentTable(detail.parents).text(style) }
        if !detail.children.isEmpty, ["delete_update", "foreign_key"].contains(conflict.kind) {
            let tables = detail.children.joined(separator: ", ")
            text += "\n" + Visible.text("rows of \(tables) refer to it: it cannot be deleted before they are") + "\n"
        }
        if !detail.withheld.isEmpty { text += "\nwithheld\n" + (try withheldTable().text(style)) }
        if !detail.earlier.isEmpty {
            text += "\nbefore that\n"
            for decision in detail.earlier { text += "  " + Visible.text(decision.text(console)) + "\n" }
        }
        if let decision = conflict.decision { text += "\n" + Visible.text(decision.text(console)) + "\n" }
        return text
    }

    // MARK: The stands

    private var stands: [Stand] {
        [Stand(title: "before", when: "", change: "", value: conflict.base)]
            + conflict.sides.map {
                Stand(
                    title: $0.site, when: console.time($0.writtenAt), change: "change \($0.change)",
                    value: $0.value, isOtherTable: $0.table != nil)
            } + [Stand(title: "now", when: "", change: "", value: conflict.now)]
    }

    /// The columns that any stand has, in their order.
    private var names: [String] {
        if let column = conflict.column { return [column] }
        var names: [String] = []
        for stand in stands where !stand.isOtherTable {
            for member in stand.value.object?.members ?? [] where !names.contains(member.name) {
                names.append(member.name)
            }
        }
        return names
    }

    private func shown(_ name: String, _ stand: Stand) -> String {
        if conflict.column != nil { return ShownValue.text(stand.value) }
        if stand.isOtherTable { return "·" }
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

    private func withheldTable() throws(CommandError) -> TextTable {
        var table = TextTable(["", "", "", ""].map { TextTable.Column($0) })
        for row in detail.withheld {
            table.add([
                "  " + row.shownNumber("id"), try row.text("site"),
                "\(try row.text("operation")) \(try row.text("table"))",
                ShownValue.columns(row["values"]),
            ])
        }
        return table
    }

    private var settling: String {
        if !conflict.isOpen {
            // A row that was let in because its way was free again was no decision.
            if conflict.decision?.how == DecidedHow.release { return "" }
            return "\nto take the decision back, at the hub\n"
                + "  samband conflict undo \(conflict.id) --changed \(detail.changed)\n"
        }
        let commands = commandTable(detail.choices, conflict, detail.changed)
        return (commands.map { "\nto settle it, at the hub\n" + $0 } ?? "") + refusedText(detail.refused)
    }
}

/// Whole command lines that settle a conflict, each with what it does; nil when there are none.
func commandTable(_ choices: [ChoiceAnswer], _ conflict: ConflictAnswer, _ changed: Int64) -> String? {
    if choices.isEmpty { return nil }
    var table = TextTable([TextTable.Column(""), TextTable.Column("")])
    for choice in choices {
        table.add([
            "  samband conflict resolve \(conflict.id) --changed \(changed) \(choice.words)", choice.meaning(conflict),
        ])
    }
    return table.text(.plain)
}

/// What would be refused, with why; empty when nothing would.
func refusedText(_ refused: [(choice: ChoiceAnswer, why: String)]) -> String {
    if refused.isEmpty { return "" }
    var table = TextTable([TextTable.Column(""), TextTable.Column("")])
    for (choice, why) in refused { table.add(["  " + choice.words, why]) }
    return "\nwould be refused\n" + table.text(.plain)
}

/// `column   value`, a line each.
func rowTable(_ row: JSON) -> TextTable {
    var table = TextTable([TextTable.Column(""), TextTable.Column("")])
    for member in row.object?.members ?? [] { table.add(["  " + member.name, ShownValue.text(member.value)]) }
    return table
}

func parentTable(_ parents: [ParentAnswer]) -> TextTable {
    var table = TextTable(["", "", ""].map { TextTable.Column($0) })
    for parent in parents { table.add(parent.cells) }
    return table
}
