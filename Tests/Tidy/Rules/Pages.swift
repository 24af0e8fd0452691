import Foundation

extension Rule {
    static let linksLead = Rule(
        name: "a link of a page leads to a file or a heading that is there",
        check: { repository in
            repository.all(".md").flatMap { path, text in
                links(text).compactMap { number, target in
                    target.contains("://") || target.hasPrefix("mailto:")
                        ? nil
                        : fault(of: target, in: path, repository).map {
                            Finding(path: path, line: number, why: $0)
                        }
                }
            }
        },
        faults: [
            { $0.planting("Protocol/Planted.md", "see [it](Nowhere.md)\n") },
            { $0.planting("Protocol/Planted.md", "see [it](Words.md#no-such-heading)\n") },
            { $0.planting("Planted.md", "# One\nsee [it](#two)\n") },
        ])

    /// `[text](target)`, outside of code.
    private static func links(_ text: String) -> [(Int, String)] {
        var isCode = false
        var found: [(Int, String)] = []
        for (number, line) in text.numbered {
            if line.hasPrefix("```") { isCode.toggle() }
            if isCode { continue }
            let plain = line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                .filter { $0.offset % 2 == 0 }.map { String($0.element) }.joined(separator: "code")
            for part in plain.components(separatedBy: "](").dropFirst() {
                if let end = part.firstIndex(of: ")") { found.append((number, String(part[..<end]))) }
            }
        }
        return found
    }

    private static func fault(of target: String, in page: String, _ repository: Repository) -> String? {
        let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init)
        var folders = page.split(separator: "/").dropLast().map(String.init)
        for step in parts[0].split(separator: "/") {
            if step == ".." {
                guard folders.popLast() != nil else { return "\(target) leads out of the repository" }
            } else if step != "." {
                folders.append(String(step))
            }
        }
        let path = parts[0].isEmpty ? page : folders.joined(separator: "/")
        guard repository.has(path) else { return "\(target) is not there" }
        guard parts.count == 2, let text = repository.files[path] else { return nil }
        return headings(text).contains(parts[1]) ? nil : "\(target): no such heading"
    }

    /// The anchors that a page's headings get.
    static func headings(_ text: String) -> Set<String> {
        Set(
            text.numbered.filter { $0.line.hasPrefix("#") }.map { _, line in
                line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
                    .filter { $0.isLetter || $0.isNumber || " -_".contains($0) }
                    .replacingOccurrences(of: " ", with: "-")
            })
    }

    /// The pages whose tables name tests.
    private static let provenPages = ["Protocol/Promises.md", "Protocol/Threats.md"]

    static let namedTestsExist = Rule(
        name: "a test that a table of Promises.md or Threats.md names is there, unless its row says that it is to come",
        check: { repository in
            provenPages.flatMap { page in
                (repository.files[page] ?? "").numbered.flatMap { number, line -> [Finding] in
                    guard line.hasPrefix("|"), !line.contains("*to come*") else { return [] }
                    return line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                        .filter { $0.offset % 2 == 1 && $0.element.hasPrefix("Tests/") }.map { String($0.element) }
                        .filter { !repository.has($0) }
                        .map { Finding(path: page, line: number, why: "\($0) is not there") }
                }
            }
        },
        faults: [
            { $0.planting("Protocol/Promises.md", "| `Tests/NoSuchTests` | nothing |\n") },
            { $0.planting("Protocol/Threats.md", "| cannot | `Tests/Tidy`, `Tests/NoSuchTests` |\n") },
            { $0.removing("Tests/Convergence/PlantedBugTests.swift") },
        ])

    static let threatsAreTested = Rule(
        name: "each line of Threats.md about what somebody can or cannot do names its test",
        check: { repository in
            let page = "Protocol/Threats.md"
            var isTested = false
            return (repository.files[page] ?? "").numbered.compactMap { number, line -> Finding? in
                if line.hasPrefix("| | seen in |") { isTested = true } else if !line.hasPrefix("|") { isTested = false }
                guard isTested, line.hasPrefix("| "), !line.hasPrefix("| |"), !line.contains("`Tests/") else {
                    return nil
                }
                return Finding(path: page, line: number, why: "it names no test")
            }
        },
        faults: [
            { $0.planting("Protocol/Threats.md", "| | seen in |\n|---|---|\n| cannot fly | nobody |\n") }
        ])
}
