import Foundation
import Testing

@testable import SambandCommand

/// The whole help is in one file, so that a change of a word is seen in review.
@Suite("Help")
struct HelpTests {
    static let snapshot = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "Snapshots/help.txt")

    static var all: String {
        let help = HelpText(catalogue: .standard)
        let groups = ["conflict", "site", "operator", "withheld", "hub", "node", "schema"].map { [$0] }
        let pages = [[]] + groups + Catalogue.standard.verbs.map(\.words) + [["verify"]]
        return pages.map { words in
            "$ samband \((["help"] + words).joined(separator: " "))\n\n\(help.text(words) ?? "no help\n")\n"
        }.joined()
    }

    @Test("the help is what Snapshots/help.txt says (RECORD_SNAPSHOTS=1 writes it anew)")
    func snapshot() throws {
        if ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] != nil {
            try HelpTests.all.write(to: HelpTests.snapshot, atomically: true, encoding: .utf8)
        }
        let kept = try String(contentsOf: HelpTests.snapshot, encoding: .utf8)
        let now = HelpTests.all.split(separator: "\n", omittingEmptySubsequences: false)
        for (number, line) in kept.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            try #require(number < now.count && now[number] == line, "line \(number + 1) of help.txt")
        }
        #expect(kept == HelpTests.all)
    }

    @Test("no line of the help is wider than 110 columns, and none ends with a blank")
    func lines() {
        for line in HelpTests.all.split(separator: "\n") {
            #expect(Visible.width(String(line)) <= 110, "\(line)")
            #expect(line.last != " ", "\(line)")
        }
    }

    @Test("every example of the help is understood")
    func examples() throws {
        for example in Catalogue.standard.verbs.flatMap(\.examples) {
            let words = HelpTests.words(example)
            let outcome = try ArgumentParser(catalogue: .standard, environment: [:]).parse(
                Array(words.dropFirst()))
            guard case .run = outcome else {
                Issue.record("\(example) runs nothing")
                continue
            }
        }
    }

    @Test("help goes to standard output and ends with 0, help about nothing known with 64")
    func codes() async throws {
        let world = try FakeWorld()
        for words in [
            ["help"], ["--help"], ["help", "sync"], ["sync", "--help"], ["conflict", "-h"],
            ["help", "verify"],
        ] {
            let printed = await world.run(words: words, environment: [:])
            #expect(printed.code == .done && printed.notes == "" && printed.results != "")
        }
        let unknown = await world.run("help", "snc")
        #expect(unknown.code == .usage && unknown.notes.contains("Did you mean: samband help sync"))
        #expect(await world.run("--version").results == "samband \(Release.version)\n")
        #expect(await world.run("version", "--json").results == "{\"version\":\"\(Release.version)\"}\n")
    }

    /// As a shell would split it, as far as the examples need.
    private static func words(_ line: String) -> [String] {
        var words: [String] = []
        var word = ""
        var quote: Character?
        for character in line {
            if character == quote {
                quote = nil
            } else if quote == nil, character == "'" || character == "\"" {
                quote = character
            } else if quote == nil, character == " " {
                words.append(word)
                word = ""
            } else {
                word.append(character)
            }
        }
        words.append(word)
        // What stands behind > is the shell's.
        return Array(words.prefix { $0 != ">" })
    }
}
