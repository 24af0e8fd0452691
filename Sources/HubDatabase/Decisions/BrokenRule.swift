import SQLite
import TableModel

/// The rule of the schema that a row would break, in the schema's own words. SQLite names tables and columns, and a CHECK by
/// its name or its text: never a value of the row.
struct BrokenRule {
    let error: SQLiteError
    /// The CREATE TABLE statement.
    let sql: String

    /// `CHECK (low < high)`, `UNIQUE (bed)`, or what SQLite says.
    var text: String {
        let what = error.message.split(separator: ":", maxSplits: 1).last.map { String($0.drop { $0 == " " }) } ?? ""
        switch error.code {
        case Self.check: return "CHECK (\(check(named: what) ?? what))"
        case Self.notNull: return "NOT NULL of \(what)"
        default:
            guard error.isUnique, !what.hasPrefix("index ") else { return error.message }
            // `bed_night.bed, bed_night.night`: a row that is there has these values.
            let columns = what.split(separator: ",").map { $0.split(separator: ".").last ?? $0 }
            return "UNIQUE (\(columns.joined(separator: ", "))): another row has these values"
        }
    }

    // https://www.sqlite.org/rescode.html#constraint_check
    private static let check: Int32 = 275
    private static let notNull: Int32 = 1299

    /// What stands behind `CONSTRAINT name CHECK`, between the parentheses; nil when no constraint has the name.
    private func check(named name: String) -> String? {
        let parsed = SQLTokens(sql)
        for index in parsed.tokens.indices
        where parsed.isWord(index, "CONSTRAINT") && parsed.isWord(index + 2, "CHECK") && parsed.isMark(index + 3, "(") {
            let quotes: Set<Character> = ["\"", "`", "[", "]", "'"]
            guard
                parsed.text(index + 1..<index + 2).filter({ !quotes.contains($0) })
                    == name.filter({ !quotes.contains($0) })
            else { continue }
            var depth = 0
            for end in index + 3..<parsed.tokens.count {
                if parsed.isMark(end, "(") { depth += 1 }
                if parsed.isMark(end, ")") { depth -= 1 }
                if depth == 0 { return parsed.text(index + 4..<end) }
            }
        }
        return nil
    }
}

extension TableAccess {
    /// What a refused row would break.
    func brokenRule(_ error: SQLiteError, _ table: TableLayout) throws -> String {
        let statement = try connection.cached("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1")
        try statement.bind(at: 1, text: table.name)
        defer { statement.reset() }
        return BrokenRule(error: error, sql: try statement.step() ? statement.string(0) : "").text
    }
}
