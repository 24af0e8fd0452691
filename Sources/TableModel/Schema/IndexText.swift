/// The expressions and the WHERE of an index, which no pragma tells: taken from the text of its CREATE INDEX.
struct IndexText: Equatable {
    /// What stands between the commas, in order, without a trailing COLLATE, ASC or DESC.
    package let items: [String]
    /// The condition of a partial index.
    package let condition: String?

    /// Nil when the text is no CREATE INDEX.
    init?(_ sql: String) {
        let parsed = SQLTokens(sql)
        guard let on = parsed.tokens.indices.first(where: { parsed.isWord($0, "ON") }),
            parsed.isMark(on + 2, "(")
        else { return nil }
        var items: [String] = []
        var depth = 0
        var start = on + 3
        var end: Int?
        for index in (on + 2)..<parsed.tokens.count {
            if parsed.isMark(index, "(") {
                depth += 1
            } else if parsed.isMark(index, ")") {
                depth -= 1
                if depth == 0 {
                    end = index
                    break
                }
            } else if depth == 1, parsed.isMark(index, ",") {
                items.append(IndexText.item(parsed, start..<index))
                start = index + 1
            }
        }
        guard let end, start < end else { return nil }
        items.append(IndexText.item(parsed, start..<end))
        self.items = items
        if parsed.isWord(end + 1, "WHERE"), end + 2 < parsed.tokens.count {
            condition = parsed.text(end + 2..<parsed.tokens.count)
        } else {
            condition = nil
        }
    }

    private static func item(_ parsed: SQLTokens, _ range: Range<Int>) -> String {
        var end = range.upperBound
        if end - range.lowerBound > 1, parsed.isWord(end - 1, "ASC") || parsed.isWord(end - 1, "DESC") {
            end -= 1
        }
        while end - range.lowerBound > 2, parsed.isWord(end - 2, "COLLATE") { end -= 2 }
        return parsed.text(range.lowerBound..<end)
    }
}
