import Foundation

extension Rule {
    static let citationsLead = Rule(
        name: "what a file other than a page cites is a page of the repository, by file and heading",
        check: { repository in
            repository.files.filter { !$0.key.hasSuffix(".md") && !$0.key.hasPrefix("Tests/Tidy/") }
                .sorted { $0.key < $1.key }
                .flatMap { path, text in
                    text.numbered.flatMap { number, line in
                        faults(of: line, in: path, repository).map { Finding(path: path, line: number, why: $0) }
                    }
                }
        },
        faults: [
            { $0.planting("Sources/Planted.swift", "/// Why. (Protocol/Nowhere.md#the-function)\n") },
            { $0.planting("Sources/Planted.swift", "/// Why. (Protocol/Merge-Model.md#no-such-heading)\n") },
            { $0.planting("Sources/Planted.swift", "/// Why. (Protocol/Merge-Model.md, \"The function\".)\n") },
            { $0.planting("Sources/Planted.swift", "/// As NOTES.md has it.\n") },
            { $0.planting("Sources/Planted.swift", "/// Why. (DESIGN, section 6)\n") },
            { $0.planting("Sources/Planted.swift", "/// Why. (The model, \"Node\".)\n") },
        ])

    /// Titles of pages that are not in the repository.
    private static let elsewhere = ["(DESIGN", "(MODEL", "(The model", "(the model", "the model, part"]

    private static func faults(of line: Substring, in path: String, _ repository: Repository) -> [String] {
        var found = elsewhere.filter { line.contains($0) }.map {
            "\($0.drop { $0 == "(" }) is no page of the repository"
        }
        var rest = line
        while let end = rest.range(of: ".md") {
            let before = rest[..<end.lowerBound]
            let start = before.lastIndex { !isOfPath($0) }.map { before.index(after: $0) } ?? before.startIndex
            var name = String(before[start...]) + ".md"
            // A script's $top/Protocol/Words.md.
            if start > line.startIndex, line[line.index(before: start)] == "$", let slash = name.firstIndex(of: "/") {
                name = String(name[name.index(after: slash)...])
            }
            rest = rest[end.upperBound...]
            // On the machine where it is installed.
            if name.hasPrefix("/") { continue }
            // A suffix alone, or the beginning of a longer word.
            if name == ".md" || rest.first.map({ $0.isLetter || $0.isNumber }) == true { continue }
            guard let page = page(name, from: path, repository) else {
                found.append("\(name) is not there")
                continue
            }
            if rest.hasPrefix(", \"") { found.append("cite a heading of \(name) as \(name)#its-anchor") }
            guard rest.first == "#" else { continue }
            let anchor = String(rest.dropFirst().prefix { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" })
            if !headings(repository.files[page] ?? "").contains(anchor) {
                found.append("\(name)#\(anchor): no such heading")
            }
        }
        return found
    }

    private static func isOfPath(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || "-_./".contains(character)
    }

    /// The page of this name, from the top or beside the file that cites it.
    private static func page(_ name: String, from path: String, _ repository: Repository) -> String? {
        let folder = path.split(separator: "/").dropLast().joined(separator: "/")
        let plain = name.replacingOccurrences(of: "../", with: "")
        return [plain, "\(folder)/\(name)"].first { repository.paths.contains($0) }
    }
}
