/// Columns of text, aligned by what a terminal shows. Cells are made visible here, so no caller can forget it.
///
///     SITE    STATE   BEHIND
///     snasa   active       0
struct TextTable {
    enum Alignment { case left, right }

    struct Column {
        let title: String
        let alignment: Alignment
        /// More than this is cut, with … at the end.
        let widest: Int?

        init(_ title: String, _ alignment: Alignment = .left, widest: Int? = nil) {
            self.title = title
            self.alignment = alignment
            self.widest = widest
        }
    }

    private let columns: [Column]
    private var rows: [[String]] = []

    init(_ columns: [Column]) { self.columns = columns }

    /// Adds a row with one cell for each column.
    mutating func add(_ cells: [String]) {
        precondition(cells.count == columns.count, "\(cells.count) cells for \(columns.count) columns")
        rows.append(
            zip(cells, columns).map { cell, column in
                let shown = Visible.text(cell)
                return column.widest.map { Visible.cut(shown, $0) } ?? shown
            })
    }

    /// The width of the longest line.
    var width: Int { widths.reduce(0, +) + 3 * (columns.count - 1) }

    private var widths: [Int] {
        columns.indices.map { index in
            max(Visible.width(columns[index].title), rows.map { Visible.width($0[index]) }.max() ?? 0)
        }
    }

    /// The lines, the titles first (none when every title is empty), no blanks at line ends.
    func text(_ style: Style) -> String {
        let widths = widths
        var text = ""
        if columns.contains(where: { !$0.title.isEmpty }) {
            text += style.strong(line(columns.map(\.title), widths)) + "\n"
        }
        for row in rows { text += line(row, widths) + "\n" }
        return text
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var line = ""
        for index in cells.indices {
            let gap = String(repeating: " ", count: widths[index] - Visible.width(cells[index]))
            if index > 0 { line += "   " }
            line += columns[index].alignment == .left ? cells[index] + gap : gap + cells[index]
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}

/// Colour, where it is wanted: on a terminal, unless NO_COLOR says otherwise (https://no-color.org).
struct Style: Equatable {
    let isColoured: Bool

    static let plain = Style(isColoured: false)

    func strong(_ text: String) -> String { wrap(text, "1") }
    func good(_ text: String) -> String { wrap(text, "32") }
    func warning(_ text: String) -> String { wrap(text, "33") }
    func bad(_ text: String) -> String { wrap(text, "31") }

    private func wrap(_ text: String, _ code: String) -> String {
        isColoured ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }
}
