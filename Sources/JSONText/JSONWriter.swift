extension JSON {
    package enum Layout: Sendable {
        /// All in one line, no blanks: for programs.
        case compact
        /// A member or an element a line, two spaces a level: for people.
        case indented
    }

    /// The value as JSON text in UTF-8, members in their order. Throws `.notFinite` for NaN and the infinities.
    package func bytes(_ layout: Layout = .compact) throws(JSONError) -> [UInt8] {
        var writer = JSONWriter(layout: layout)
        try writer.append(self)
        return writer.bytes
    }

    /// A string as JSON text, in quotes.
    package static func quoted(_ text: String) -> [UInt8] {
        var writer = JSONWriter(layout: .compact)
        writer.append(quoted: text)
        return writer.bytes
    }
}

private struct JSONWriter {
    let layout: JSON.Layout
    var bytes: [UInt8] = []
    var level = 0

    init(layout: JSON.Layout) { self.layout = layout }

    mutating func append(_ value: JSON) throws(JSONError) {
        switch value {
        case .null: append("null")
        case .bool(let value): append(value ? "true" : "false")
        case .integer(let value): append(String(value))
        case .real(let value):
            // Swift writes the shortest digits that give the same double again, always with a point or an exponent.
            guard value.isFinite else { throw .notFinite }
            append(value.description)
        case .string(let text): append(quoted: text)
        case .array(let values):
            try append("[", "]", values) { writer, value throws(JSONError) in try writer.append(value) }
        case .object(let object):
            try append("{", "}", object.members) { writer, member throws(JSONError) in
                writer.append(quoted: member.name)
                writer.append(writer.layout == .compact ? ":" : ": ")
                try writer.append(member.value)
            }
        }
    }

    private mutating func append(_ text: String) { bytes += text.utf8 }

    private mutating func append<Item>(
        _ open: String, _ close: String, _ items: [Item],
        _ append: (inout JSONWriter, Item) throws(JSONError) -> Void
    ) throws(JSONError) {
        self.append(open)
        level += 1
        for (index, item) in items.enumerated() {
            if index > 0 { self.append(",") }
            breakLine()
            try append(&self, item)
        }
        level -= 1
        if !items.isEmpty { breakLine() }
        self.append(close)
    }

    private mutating func breakLine() {
        if layout == .compact { return }
        bytes.append(UInt8(ascii: "\n"))
        bytes += repeatElement(UInt8(ascii: " "), count: 2 * level)
    }

    /// RFC 8259 section 7. What a terminal or a reader's eye could be misled by is escaped beyond what must be: the
    /// same string, in other letters.
    mutating func append(quoted text: String) {
        append("\"")
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": append("\\\"")
            case "\\": append("\\\\")
            case "\n": append("\\n")
            case "\r": append("\\r")
            case "\t": append("\\t")
            default:
                if scalar.isDeceptive {
                    for unit in UTF16.encode(scalar)! { append(escape: unit) }
                } else {
                    bytes += UTF8.encode(scalar)!
                }
            }
        }
        append("\"")
    }

    private mutating func append(escape unit: UInt16) {
        let digits = String(unit, radix: 16)
        append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
    }
}

extension Unicode.Scalar {
    /// True for what changes a terminal's state or the order in which text reads, or cannot be seen: control
    /// characters, bidi marks, embeddings and isolates, line and paragraph separators, tags, byte order marks. Not for
    /// the joiners, which Persian and many emoji need.
    package var isDeceptive: Bool {
        if value < 0x7f { return value < 0x20 }
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: return true
        case .format: return value != 0x200c && value != 0x200d
        default: return false
        }
    }
}
