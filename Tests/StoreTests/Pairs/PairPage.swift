import Foundation

/// The tables of `Protocol/Merge-and-Arbitration.md` that say how two concurrent acts end, read from the page itself.
struct PairPage {
    /// One line of such a table.
    struct Line {
        /// Its place on the page: the keys of its rows bear the number, so that lines do not meet.
        let number: Int
        /// What the line is about: `update x × delete`.
        let pair: String
        let before: [Act]
        /// What the site whose clock is behind does, seal by seal, and the other.
        let snasa: [[Act]]
        let verran: [[Act]]
        /// Names of policies; empty for all of them.
        let policies: [String]
        /// Rows, conflicts and withheld operations at the end, when Snåsa's change sets come first and when Verran's do.
        let ends: (snasaFirst: End, verranFirst: End)
    }

    struct End: Equatable {
        let rows: Set<String>
        let conflicts: Set<String>
        let withheld: Set<String>
    }

    struct Fault: Error, CustomStringConvertible { let description: String }

    let schema: String
    let tables: [String: [Line]]

    init() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let page = root.appending(path: "Protocol/Merge-and-Arbitration.md")
        try self.init(String(contentsOf: page, encoding: .utf8))
    }

    init(_ text: String) throws {
        guard let start = text.range(of: "```sql\n"),
            let end = text.range(of: "```", range: start.upperBound..<text.endIndex)
        else { throw Fault(description: "the page has no schema") }
        schema = String(text[start.upperBound..<end.lowerBound])
        var tables: [String: [Line]] = [:]
        var heading = ""
        var isTable = false
        var number = 0
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("#") { heading = line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces) }
            guard line.hasPrefix("|") else {
                isTable = false
                continue
            }
            let cells = line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
            if cells == ["pair", "before", "Snåsa", "Verran", "policy of x", "rows", "conflicts", "withheld"] {
                isTable = true
            } else if isTable, !cells[0].hasPrefix("---") {
                number += 1
                do {
                    tables[heading, default: []].append(try PairPage.line(cells, number))
                } catch {
                    throw Fault(description: "\(error), in the line\n\(line)")
                }
            }
        }
        self.tables = tables
    }

    private static func line(_ cells: [String], _ number: Int) throws -> Line {
        guard cells.count == 8 else { throw Fault(description: "\(cells.count) cells") }
        func acts(_ text: String) throws -> [[Act]] {
            if text == "nothing" { return [] }
            return try text.components(separatedBy: " then ").map { seal in
                try seal.components(separatedBy: " and ").map { try Act($0) }
            }
        }
        func ends(_ text: String) throws -> (String, String) {
            let parts = text.components(separatedBy: " / ")
            guard parts.count <= 2 else { throw Fault(description: "more than two ends") }
            return (parts[0], parts[parts.count - 1])
        }
        func set(_ text: String) -> Set<String> { text == "none" ? [] : Set(text.components(separatedBy: "; ")) }
        let (rows, conflicts, withheld) = try (ends(cells[5]), ends(cells[6]), ends(cells[7]))
        let before = cells[1] == "none" ? [] : cells[1].components(separatedBy: "; ").map { "insert \($0)" }
        return Line(
            number: number, pair: cells[0], before: try before.map { try Act($0) }, snasa: try acts(cells[2]),
            verran: try acts(cells[3]), policies: cells[4] == "any" ? [] : cells[4].components(separatedBy: ", "),
            ends: (
                End(rows: set(rows.0), conflicts: set(conflicts.0), withheld: set(withheld.0)),
                End(rows: set(rows.1), conflicts: set(conflicts.1), withheld: set(withheld.1))
            ))
    }
}

/// One statement in the page's short hand, `insert k (1, 2)`, `k.x = 3`, `delete k`, `replace k (1, 2)`, `k → l`.
struct Act {
    private enum Verb {
        case insert([String])
        case replace([String])
        case delete
        case set(String, String)
        case rekey(String)
    }

    private let verb: Verb
    private let key: String

    init(_ text: String) throws {
        func values(_ text: Substring) -> [String] {
            text.drop { $0 != "(" }.dropFirst().dropLast().split(separator: ",")
                .map { $0.trimmingCharacters(in: .whitespaces) }
        }
        let words = text.split(separator: " ")
        guard words.count >= 2 else { throw PairPage.Fault(description: "not understood: \(text)") }
        if words[0] == "insert" || words[0] == "replace" {
            key = String(words[1])
            verb = words[0] == "insert" ? .insert(values(text[...])) : .replace(values(text[...]))
        } else if words[0] == "delete" {
            key = String(words[1])
            verb = .delete
        } else if words.count == 3, words[1] == "→" {
            key = String(words[0])
            verb = .rekey(String(words[2]))
        } else if words.count == 3, words[1] == "=", let dot = words[0].firstIndex(of: ".") {
            key = String(words[0][..<dot])
            verb = .set(String(words[0][words[0].index(after: dot)...]), String(words[2]))
        } else {
            throw PairPage.Fault(description: "not understood: \(text)")
        }
        guard PairTables.table(of: key) != nil else { throw PairPage.Fault(description: "no table has a row \(key)") }
    }

    func sql(line: Int) -> String {
        let table = PairTables.table(of: key)!
        let own = " WHERE id = '\(key)\(line)'"
        func insert(_ values: [String]) -> String {
            let cells = zip(table.columns, values).map { PairTables.literal($1, of: $0, line: line) }
            return "INSERT INTO \(table.name)(id, \(table.columns.joined(separator: ", ")))"
                + " VALUES ('\(key)\(line)', \(cells.joined(separator: ", ")))"
        }
        return switch verb {
        case .insert(let values): insert(values)
        case .replace(let values): "DELETE FROM \(table.name)\(own); \(insert(values))"
        case .delete: "DELETE FROM \(table.name)\(own)"
        case .set(let column, let value):
            "UPDATE \(table.name) SET \(column) = \(PairTables.literal(value, of: column, line: line))\(own)"
        case .rekey(let new): "UPDATE \(table.name) SET id = '\(new)\(line)'\(own)"
        }
    }
}

/// Which letters stand for rows of which table, and how a line's values are told from another's.
enum PairTables {
    static let all: [(letters: String, name: String, columns: [String])] = [
        ("jkl", "item", ["x", "y"]), ("pq", "parent", ["x"]), ("cd", "child", ["parent", "x"]),
        ("ef", "leaf", ["parent", "x"]), ("gh", "remark", ["parent", "x"]), ("mn", "bed_night", ["slot", "note"]),
        ("st", "span", ["low", "high"]),
    ]

    static func table(of key: String) -> (letters: String, name: String, columns: [String])? {
        key.count == 1 ? all.first { $0.letters.contains(key) } : nil
    }

    /// Values that lead to other rows, or that only one row may have, are the line's own.
    static func literal(_ value: String, of column: String, line: Int) -> String {
        if value == "NULL" { return value }
        if let number = Int(value) { return column == "slot" ? "\(line * 100 + number)" : value }
        return "'\(value)\(line)'"
    }

    /// What a cell holds, as the page writes it.
    static func shown(_ text: String, of column: String, line: Int) -> String {
        if text == "NULL" { return text }
        if let number = Int(text) { return column == "slot" ? "\(number - line * 100)" : text }
        return String(text.dropLast("\(line)".count))
    }
}
