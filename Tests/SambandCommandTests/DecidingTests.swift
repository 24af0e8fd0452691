import HTTP
import JSONText
import Testing

@testable import SambandCommand

@Suite("Deciding: one by one, many at once, and taking it back")
struct DecidingTests {
    private static let changed = Problem(
        .conflict, type: "https://samband.invalid/problem/changed", title: "It has changed since",
        detail: "settling conflict 17: it has changed since you looked.", next: "Look again.")

    private static func world(_ more: [String: FakeAnswer] = [:]) throws -> FakeWorld {
        let list = "[\(Sample.conflict),\(try Sample.conflict(of: Sample.unique))]"
        return try FakeWorld(
            [
                "GET /v1/conflict?all=false": .json(list), "GET /v1/conflict?all=false&table=referral": .json(list),
                "GET /v1/conflict/17": .json(Sample.shown), "GET /v1/conflict/19": .json(Sample.unique),
                "GET /v1/conflict/17?tried=false": .json(Sample.shown),
                "GET /v1/conflict/19?tried=false": .json(Sample.unique),
                "POST /v1/conflict/17/resolve": .json(Sample.settled),
                "POST /v1/conflict/19/resolve": .json(
                    try Sample.conflict(of: Sample.unique).replacing(#""open""#, with: #""settled""#)),
            ].merging(more) { $1 })
    }

    private static func decisions(_ world: FakeWorld) -> [FakeWorld.Asked] {
        world.asked.filter { $0.line.hasPrefix("POST") }
    }

    @Test("one after the other is shown and asked about, and each answer goes with what was seen")
    func interactive() async throws {
        let world = try Self.world()
        let printed = await world.run(
            "conflict", "resolve", "--interactive", isTerminal: true, lines: ["1 by telephone", "d"])
        #expect(
            Self.decisions(world) == [
                FakeWorld.Asked(
                    line: "POST /v1/conflict/17/resolve",
                    body: ["take": "snasa", "reason": "by telephone", "by": "kari", "changed": 3]),
                FakeWorld.Asked(
                    line: "POST /v1/conflict/19/resolve", body: ["discard": true, "by": "kari", "changed": 7]),
            ])
        #expect(printed.results.contains("(1/2) [1] snasa [2] verran [n]ow [s]et s[k]ip [q]uit [?] "))
        #expect(printed.results.contains("(2/2) [1] snasa [2] verran [n]ow [a]dmit [s]et [d]iscard s[k]ip [q]uit [?] "))
        #expect(printed.results.hasSuffix("2 settled, 0 skipped, 0 not looked at\n"))
        #expect(printed.code == .done)
        // What a hostile value holds is on the page that was shown, and moves no cursor.
        #expect(printed.results.contains(#"'decl\u{1b}[2Jined\u{202e}'"#))
    }

    @Test("a conflict that has changed meanwhile is shown again, and asked about again")
    func changedMeanwhile() async throws {
        let later = Sample.shown.replacing(#""changed":3"#, with: #""changed":9"#)
        let world = try Self.world([
            "GET /v1/conflict?all=false": .json("[\(Sample.conflict)]"),
            "GET /v1/conflict/17": .json(Sample.shown, later),
            "POST /v1/conflict/17/resolve": FakeAnswer(responses: [
                { Self.changed.response }, { Response.json(.ok, Array(Sample.settled.utf8)) },
            ]),
        ])
        let printed = await world.run("conflict", "resolve", "--interactive", isTerminal: true, lines: ["1", "2"])
        #expect(printed.results.contains("not settled: settling conflict 17: it has changed since you looked"))
        #expect(Self.decisions(world).map { $0.body?["changed"] } == [3, 9])
        #expect(Self.decisions(world).map { $0.body?["take"] } == ["snasa", "verran"])
        #expect(printed.results.hasSuffix("1 settled, 0 skipped, 0 not looked at\n"))
    }

    @Test("values are asked for; what cannot be read is asked for again; nothing typed is no decision")
    func interactiveSet() async throws {
        let world = try Self.world(["GET /v1/conflict?all=false": .json("[\(Sample.conflict)]")])
        let lines = ["s", "", "?", "x", "s", "x'0", "s", "'12'"]
        let printed = await world.run("conflict", "resolve", "--interactive", isTerminal: true, lines: lines)
        #expect(Self.decisions(world).map(\.body) == [["set": ["status": "12"], "by": "kari", "changed": 3]])
        #expect(printed.results.contains("  q   leave it and the rest open\n"))
        #expect(printed.results.contains("the value for status cannot be read"))
        let rows = try Self.world()
        _ = await rows.run(
            "conflict", "resolve", "--interactive", isTerminal: true, lines: ["k", "s", "bed=4", "night=x", ""])
        #expect(Self.decisions(rows).map { $0.body?["set"] } == [["bed": 4, "night": "x"]])
    }

    @Test("what would be refused is shown before the question, with the rule, and is no answer to it")
    func interactiveRefused() async throws {
        let why = "it would break UNIQUE (bed): another row has these values, in table bed_night"
        let refused = #""refused":[{"how":"admit","site":null,"why":"\#(why)"}],"#
        let shown = Sample.shown.replacing(#""earlier""#, with: refused + #""earlier""#)
        let world = try Self.world([
            "GET /v1/conflict?all=false": .json("[\(Sample.conflict)]"), "GET /v1/conflict/17": .json(shown),
        ])
        let printed = await world.run("conflict", "resolve", "--interactive", isTerminal: true, lines: ["a", "q"])
        #expect(printed.results.contains("would be refused\n  --admit   \(why)\n"), "\(printed.results)")
        #expect(Self.decisions(world).isEmpty)
    }

    @Test("quit, and the end of input, leave the rest as it is")
    func quit() async throws {
        for lines in [["k", "q"], ["k"]] {
            let world = try Self.world()
            let printed = await world.run("conflict", "resolve", "--interactive", isTerminal: true, lines: lines)
            #expect(Self.decisions(world).isEmpty)
            #expect(printed.results.hasSuffix("0 settled, 1 skipped, 1 not looked at\n"))
            #expect(printed.code == .done)
        }
    }

    @Test("without a terminal nobody is asked")
    func noTerminal() async throws {
        let world = try Self.world()
        let printed = await world.run("conflict", "resolve", "--interactive")
        #expect(printed.code == .usage && printed.notes.contains("hint: For scripts: samband conflict list --json"))
        #expect(await world.run("conflict", "resolve", "--interactive", "--take", "a", isTerminal: true).code == .usage)
        #expect(world.asked.isEmpty)
    }

    @Test("--where --dry-run lists what would be settled and what refused, a line each, and changes nothing")
    func manyTried() async throws {
        let world = try Self.world(["POST /v1/conflict/19/resolve": .problem(Self.changed)])
        let words = ["conflict", "resolve", "--where", "table=referral", "--take", "verran", "--dry-run"]
        let printed = await world.run(words: words)
        #expect(
            printed.results == #"""
                conflict 17: referral.status where id = 'r-1': would write 'decl\u{1b}[2Jined\u{202e}'
                conflict 19 would be refused: bed_night where id = 'n-2': settling conflict 17: it has changed since you looked.
                1 would be settled, 1 refused

                """#)
        #expect(printed.code == .no)
        #expect(Self.decisions(world).allSatisfy { $0.body?["dry_run"] == true })
        #expect(Self.decisions(world).map { $0.body?["changed"] } == [3, 7])
    }

    @Test("--where settles each by itself, and ends with 1 when one of them was refused")
    func many() async throws {
        let world = try Self.world()
        let words = ["conflict", "resolve", "--where", "table=referral", "--take", "snasa", "--reason", "theirs"]
        let unasked = await world.run(words: words)
        #expect(unasked.code == .usage && world.asked.isEmpty)
        let printed = await world.run(words: words + ["--yes"])
        #expect(printed.results.hasSuffix("2 settled, 0 refused\n") && printed.code == .done)
        #expect(Self.decisions(world).map { $0.body?["reason"] } == ["theirs", "theirs"])
        let json = await world.run(words: words + ["--yes", "--json"])
        #expect(
            json.results
                == #"{"dry_run":false,"done":2,"refused":0,"conflicts":[{"id":17,"refused":false,"why":null},"#
                + #"{"id":19,"refused":false,"why":null}]}"# + "\n")
        let refusing = try Self.world(["POST /v1/conflict/17/resolve": .problem(Self.changed)])
        let some = await refusing.run(words: words + ["--yes"])
        #expect(some.results.hasSuffix("1 settled, 1 refused\n") && some.code == .no)
        let noSide = await world.run("conflict", "resolve", "--where", "table=referral", "--take", "mosvik", "--yes")
        #expect(noSide.results.contains("conflict 17 is refused: referral.status where id = 'r-1': "))
    }

    @Test("on a terminal --where shows what it would do, and does it on a yes only")
    func manyAsked() async throws {
        let world = try Self.world()
        let words = ["conflict", "resolve", "--where", "table=referral", "--take", "snasa"]
        let no = await world.run(words: words, isTerminal: true, lines: ["n"])
        #expect(no.results.contains("2 would be settled, 0 refused\nsettle 2 conflicts? [y/N] "))
        #expect(no.code == .no && Self.decisions(world).allSatisfy { $0.body?["dry_run"] == true })
        let yes = await world.run(words: words, isTerminal: true, lines: ["y"])
        #expect(yes.results.hasSuffix("2 settled, 0 refused\n") && yes.code == .done)
    }

    @Test(
        "what --where cannot read is refused before anybody is asked",
        arguments: ["", "table", "table=", "tabel=a", "table=a,table=b", "kind=x", "table=a,,site=b"])
    func badWhere(_ text: String) async throws {
        let world = try Self.world()
        let printed = await world.run("conflict", "resolve", "--where=\(text)", "--take", "now", "--yes")
        #expect(printed.code == .usage && world.asked.isEmpty)
    }

    @Test(
        "of a withheld row it is said whether it stays out",
        arguments: [
            (["--take", "snasa"], "the withheld row of bed_night where id = 'n-2' stays out, its values are kept"),
            (["--take", "now"], "the withheld row of bed_night where id = 'n-2' stays out, its values are kept"),
            (["--delete"], "bed_night where id = 'n-2' is gone"),
        ])
    func staysOut(_ options: [String], _ outcome: String) async throws {
        let world = try Self.world()
        let printed = await world.run(words: ["conflict", "resolve", "19"] + options)
        #expect(printed.results == "conflict 19 is settled: \(outcome)\n")
    }

    @Test("a decision is taken back, and the dry run says which")
    func undo() async throws {
        let world = try FakeWorld(["POST /v1/conflict/17/undo": .json(Sample.conflict)])
        let printed = await world.run(
            "conflict", "undo", "17", "--reason", "the wrong patient", "--changed", "4")
        #expect(printed.results == "conflict 17 is open again: referral.status where id = 'r-1' is now 'accepted'\n")
        #expect(world.asked.last?.body == ["reason": "the wrong patient", "by": "kari", "changed": 4])
        let trying = try FakeWorld(["POST /v1/conflict/17/undo": .json(Sample.settled)])
        #expect(
            await trying.run("conflict", "undo", "17", "--dry-run").results
                == #"would take back what was decided by kari, 2026-11-21 21:00:00 CET, take: agreed\u{a}by phone, "#
                + "and open conflict 17 again: referral.status where id = 'r-1'\n")
        #expect(trying.asked.last?.body == ["by": "kari", "dry_run": true])
        let refused = try FakeWorld(["POST /v1/conflict/17/undo": .problem(Self.changed)])
        #expect(await refused.run("conflict", "undo", "17").code == .no)
    }
}
