import HTTP
import JSONText
import Testing

@testable import SambandCommand

/// Whatever stands in names, values and reasons, a terminal gets no command from it, and a log no line of its own.
@Suite("Names, values and reasons on the terminal")
struct EscapeTests {
    private static let hostile =
        "\u{1b}]0;x\u{7}\u{1b}[2J\r\nsamband: hub serving\u{202e}\u{2066}\u{200f}\u{9b}31m\u{0}"

    /// Fields that are no text of anybody: of a closed set, numbers, times, names of columns that others refer to.
    private static let plain: Set<String> = [
        "state", "kind", "role", "link", "how", "opened_at", "written_at", "at", "since", "link_since", "last_contact",
        "change", "operation", "policy", "unit", "columns", "column", "expires", "choices",
    ]

    /// The same answer with all texts in it made hostile.
    private static func spoil(_ json: JSON, _ name: String = "") -> JSON {
        switch json {
        case .string(let text): return plain.contains(name) ? json : .string(text + hostile)
        case .array(let items): return .array(items.map { spoil($0, name) })
        case .object(let object):
            return .object(
                JSON.Object(
                    object.members.map { member in
                        (member.name, plain.contains(member.name) ? member.value : spoil(member.value, member.name))
                    }))
        default: return json
        }
    }

    private static func spoiled(_ text: String) throws -> FakeAnswer {
        .json(String(decoding: try spoil(try JSON(parsing: Array(text.utf8))).bytes(), as: UTF8.self))
    }

    /// What each verb asks and gets, and its words.
    private static let verbs: [(words: [String], asks: String, answer: String)] = [
        (["status"], "GET /v1/status", Sample.hub), (["status"], "GET /v1/status", Sample.node),
        (["site", "list"], "GET /v1/site", siteList),
        (["conflict", "list", "--all"], "GET /v1/conflict?state=all", "[\(Sample.settled)]"),
        (["conflict", "list"], "GET /v1/conflict", "[\(Sample.conflict)]"),
        (["conflict", "show", "17"], "GET /v1/conflict/17", Sample.shown),
        (["conflict", "show", "17"], "GET /v1/conflict/17", Sample.rowConflict),
        (["conflict", "show", "17"], "GET /v1/conflict/17", Sample.unique),
        (["withheld", "list"], "GET /v1/withheld", "[\(withheld)]"),
        (["operator", "list"], "GET /v1/operator", operators), (["policy", "list"], "GET /v1/policy", policies),
        (["log"], "GET /v1/log?limit=50", log),
        (["site", "add", "snasa"], "POST /v1/site", #"{"name":"snasa","token":"t","expires":"2026-11-22T20:00:00Z"}"#),
        (["sync"], "POST /v1/sync", #"{"pushed":1,"pulled":2,"vector":{}}"#),
    ]
    private static let siteList =
        #"[{"name":"snasa","state":"active","replica":8070,"connected":true,"last_contact":null,"behind":0}]"#
    private static let withheld = #"""
        {"id":4,"conflict":19,"table":"bed_night","key":{"id":"n-2"},"site":"verran","change":"521:9",
        "operation":"insert","values":{"bed":3},"reason":"why"}
        """#
    private static let operators =
        #"[{"name":"kari","role":"admin","state":"active","added_at":"2026-11-22T20:00:00Z","last_seen":null,"revoked_at":null}]"#
    private static let policies =
        #"[{"table":"stock","column":"pieces","policy":"sum","unit":"column","set_by":"kari","set_at":"2026-11-22T20:00:00Z"}]"#
    private static let log =
        #"[{"change":"8070:41","site":"snasa","at":"2026-11-22T20:00:00Z","rows":3,"tables":["referral"],"position":7}]"#

    /// Nothing that a terminal would act on, and no line that was not meant: `lines` of the same with harmless texts.
    private func expectHarmless(_ text: String, _ what: String) {
        for scalar in text.unicodeScalars where scalar != "\n" {
            let isControl = scalar.properties.generalCategory == .control || scalar.properties.isBidiControl
            #expect(!isControl, "\(what): U+\(String(scalar.value, radix: 16)) in \(text.debugDescription)")
        }
        #expect(!text.split(separator: "\n").contains { $0.hasPrefix("samband: hub serving") }, "\(what): \(text)")
    }

    @Test("every verb makes what it was answered visible, as a table and in an error", arguments: [false, true])
    func answers(isTerminal: Bool) async throws {
        var shown = 0
        for (words, asks, answer) in Self.verbs {
            let world = try FakeWorld([asks: try Self.spoiled(answer)])
            let printed = await world.run(
                words: words, environment: ["SAMBAND_DB": world.database, "NO_COLOR": "1"], isTerminal: isTerminal)
            expectHarmless(printed.results, words.joined(separator: " "))
            expectHarmless(printed.notes, words.joined(separator: " "))
            if printed.results.contains(#"\u{1b}"#) { shown += 1 }
        }
        // Most of them show the texts; whether all fields are known is the other tests' business.
        #expect(shown >= 8, "\(shown)")
    }

    @Test("in JSON for programs every control character is escaped")
    func json() async throws {
        for (words, asks, answer) in Self.verbs {
            let world = try FakeWorld([asks: try Self.spoiled(answer)])
            let printed = await world.run(words: words + ["--json"])
            for scalar in printed.results.unicodeScalars where scalar != "\n" {
                #expect(scalar.value >= 0x20, "\(words): U+\(String(scalar.value, radix: 16))")
            }
        }
    }

    @Test("what a hub answers as the reason of a refusal is made visible, and so are names that a user types")
    func reasons() async throws {
        let problem = Problem(
            .conflict, title: Self.hostile, detail: "no: \(Self.hostile)", next: "do \(Self.hostile) instead")
        for (words, asks, _) in Self.verbs {
            let world = try FakeWorld([asks: .problem(problem)])
            let printed = await world.run(words: words)
            #expect(printed.code == .no, "\(words)")
            expectHarmless(printed.notes, words.joined(separator: " "))
        }
        let world = try FakeWorld()
        let name = Self.hostile.replacing("\0", with: "")
        for words in [
            [name], ["conflict", name], ["conflict", "show", name], ["status", "--db", name], ["explain", name, "'x'"],
            ["status", "--hub", name, "--token-file", name], ["site", "add", name], ["policy", "set", name, name],
            ["hub", "serve", "--listen", name], ["status", "--" + name], ["site", "add", "a", "--expires", name],
        ] {
            let printed = await world.run(words: words, environment: [:])
            expectHarmless(printed.notes + printed.results, "\(words)")
        }
    }
}
