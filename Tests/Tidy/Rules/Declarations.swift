import Foundation

extension Rule {
    /// Short members tell by their name and types what they do.
    private static let shortLines = 8

    static let declarationsAreExplained = Rule(
        name:
            "what other rooms may use is explained: every type and function, but for short members and inits",
        check: { repository in
            repository.all(".swift").filter { $0.path.hasPrefix("Sources/") }.flatMap { path, text in
                unexplained(text.split(separator: "\n", omittingEmptySubsequences: false)).map {
                    Finding(path: path, line: $0, why: "a declaration without a doc comment")
                }
            }
        },
        faults: [
            { $0.planting("Sources/HTTP/Planted.swift", "\npackage struct Planted {}\n") },
            {
                $0.planting(
                    "Sources/HTTP/Planted.swift", "// Not enough.\n@frozen\npackage enum Planted {\n}\n")
            },
            {
                $0.planting(
                    "Sources/HTTP/Planted.swift",
                    "/// Well.\npackage struct Planted {\n    package mutating func long() {\n"
                        + String(repeating: "        act()\n", count: shortLines) + "    }\n}\n")
            },
        ])

    private static let modifiers: Set<Substring> = [
        "static", "final", "mutating", "nonisolated", "indirect", "consuming", "borrowing", "override",
    ]

    private static func unexplained(_ lines: [Substring]) -> [Int] {
        lines.indices.compactMap { place in
            let words = lines[place].split(separator: " ")
            guard words.first == "package" else { return nil }
            let rest = words.dropFirst().drop { modifiers.contains($0) }
            guard let kind = rest.first,
                ["func", "struct", "class", "enum", "protocol", "actor"].contains(kind)
            else { return nil }
            let indent = lines[place].prefix { $0 == " " }.count
            let isMember = indent > 0
            if isMember && length(lines, place, indent) <= shortLines { return nil }
            // What the standard library's protocols ask for is explained there.
            if kind == "func", let name = rest.dropFirst().first,
                ["==", "<"].contains(name) || name.hasPrefix("hash(")
            {
                return nil
            }
            var before = place - 1
            while before >= 0, isPassedOver(lines[before]) { before -= 1 }
            return before >= 0 && trimmed(lines[before]).hasPrefix("///") ? nil : place + 1
        }
    }

    /// Attributes and plain remarks may stand between the explanation and what it explains.
    private static func isPassedOver(_ line: Substring) -> Bool {
        let text = trimmed(line)
        return text.hasPrefix("@") || (text.hasPrefix("//") && !text.hasPrefix("///"))
    }

    private static func trimmed(_ line: Substring) -> Substring { line.drop { $0 == " " } }

    /// The lines of a declaration, down to the brace under its first letter.
    private static func length(_ lines: [Substring], _ place: Int, _ indent: Int) -> Int {
        if lines[place].hasSuffix("}") { return 1 }
        let end = lines[place...].firstIndex { line in
            trimmed(line).hasPrefix("}") && line.prefix { $0 == " " }.count == indent
        }
        return (end ?? place) - place + 1
    }
}
