extension Rule {
    private static let longestFile = 450
    /// Made from the tables of routes: who looks a route up reads its lines only.
    private static let generated: Set<String> = ["Protocol/Routes.md"]
    /// What a newcomer reads first.
    private static let longestReadme = 150

    static let filesAreShort = Rule(
        name: "a file has at most \(longestFile) lines, README.md \(longestReadme)",
        check: { repository in
            repository.files.filter { !$0.key.hasPrefix("Protocol/Vectors/") && !$0.key.contains("/Snapshots/") }
                .compactMap { path, text in
                    let count = generated.contains(path) ? 0 : text.numbered.count - 1
                    guard count > (path == "README.md" ? longestReadme : longestFile) else { return nil }
                    return Finding(path: path, line: 0, why: "\(count) lines")
                }
        },
        faults: [
            { $0.planting("Tests/Planted.swift", String(repeating: "\n", count: longestFile + 1)) },
            { $0.planting("README.md", String(repeating: "\n", count: longestReadme + 1)) },
        ])

    static let noTabs = Rule(
        name: "no tab",
        check: { repository in findings(repository) { $0.contains("\t") ? "a tab" : nil } },
        faults: [{ $0.planting("Deploy/planted.sql", "SELECT\t1;\n") }])

    // Written in halves, so that this file does not break its own rules.
    private static let marks: Set<Substring> = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]

    static let nothingIsLeftForLater = Rule(
        name: "nothing is marked as left for later",
        check: { repository in
            findings(repository) { line in
                line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.first(where: marks.contains)
                    .map { "\($0): do it, or say plainly in a page what is not there" }
            }
        },
        faults: [
            { $0.planting("Sources/HTTP/Planted.swift", "// TO" + "DO: later\n") },
            { $0.planting("Protocol/Planted.md", "(FIX" + "ME)\n") },
        ])

    private static let foreignRoots = ["wo" + "rk", "ho" + "me", "ro" + "ot", "Use" + "rs"].map { "/\($0)/" }

    static let noPathsOfOneMachine = Rule(
        name: "no path of one machine",
        check: { repository in
            findings(repository) { line in
                for root in foreignRoots {
                    var rest = line[...]
                    while let found = rest.firstRange(of: root) {
                        let before =
                            found.lowerBound > line.startIndex
                            ? line[line.index(before: found.lowerBound)] : " "
                        // Behind a letter or dot it is the middle of a longer path.
                        if !before.isLetter && !before.isNumber && !"._-~}*)".contains(before) {
                            return "the path \(root)"
                        }
                        rest = rest[found.upperBound...]
                    }
                }
                return nil
            }
        },
        faults: [{ $0.planting("Deploy/planted.service", "ExecStart=/ho" + "me/kari/samband\n") }])

    private static func findings(
        _ repository: Repository, _ judge: (Substring) -> String?
    ) -> [Finding] {
        repository.files.flatMap { path, text in
            text.numbered.compactMap { number, line in
                judge(line).map { Finding(path: path, line: number, why: $0) }
            }
        }
    }

    private static let allowedAtTop: Set<Substring> = [
        "Package.swift", "README.md", "Sources", "Tests", "Protocol", "Deploy", ".ci",
    ]

    static let topHoldsWhatIsAllowed = Rule(
        name: "the top level holds Package.swift, README.md, Sources, Tests, Protocol and Deploy",
        check: { repository in
            Set(repository.paths.map { $0.split(separator: "/")[0] }).subtracting(allowedAtTop)
                .map { Finding(path: String($0), line: 0, why: "it does not belong at the top") }
        },
        faults: [{ $0.planting("notes.md", "") }, { $0.planting("Scripts/run", "") }])
}
