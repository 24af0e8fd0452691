import HTTP
import JSONText
import Testing

@testable import SambandCommand

@Suite("Verbs that act")
struct ActingTests {
    @Test("site add prints the token alone, and says the rest beside it")
    func siteAdd() async throws {
        let world = try FakeWorld([
            "POST /v1/site": .json(#"{"name":"snasa","token":"s3cret","expires":"2026-11-22T19:46:00Z"}"#)
        ])
        let printed = await world.run("site", "add", "snasa")
        #expect(printed.results == "s3cret\n")
        #expect(printed.notes.contains("until 2026-11-22 20:46:00 CET"))
        #expect(!printed.notes.contains("s3cret"))
        #expect(world.asked.last?.body == ["name": "snasa", "expires_hours": 24])
        _ = await world.run("site", "add", "snasa", "--expires", "90m")
        #expect(world.asked.last?.body?["expires_hours"] == 1.5)
        _ = await world.run("site", "add", "snasa", "--expires", "7d")
        #expect(world.asked.last?.body?["expires_hours"] == 168)
        for time in ["0h", "-1h", "h", "24", "1w", "366d", "1.5h"] {
            #expect(await world.run("site", "add", "snasa", "--expires=\(time)").code == .usage)
        }
    }

    @Test(
        "conflict resolve sends the one choice it was given",
        arguments: [
            (["--take", "snasa"], ["take": "snasa", "by": "kari"]),
            (["--take", "now"], ["take": "now", "by": "kari"]),
            (
                ["--set", "status=accepted", "--set", "beds=12", "--set", "note=NULL"],
                ["set": ["status": "accepted", "beds": 12, "note": nil], "by": "kari"]
            ), (["--restore"], ["restore": true, "by": "kari"]),
            (
                ["--delete", "--reason", "twice", "--by", "ola", "--changed", "3"],
                ["delete": true, "reason": "twice", "by": "ola", "changed": 3]
            ), (["--admit"], ["admit": true, "by": "kari"]), (["--discard"], ["discard": true, "by": "kari"]),
        ] as [([String], JSON)])
    func resolve(_ options: [String], _ body: JSON) async throws {
        let world = try FakeWorld(["POST /v1/conflict/17/resolve": .json(Sample.settled)])
        let printed = await world.run(words: ["conflict", "resolve", "17"] + options)
        #expect(world.asked == [FakeWorld.Asked(line: "POST /v1/conflict/17/resolve", body: body)])
        let outcome =
            switch options[0] {
            case "--restore": "referral.status where id = 'r-1' stays"
            case "--discard":
                "the withheld row of referral.status where id = 'r-1' stays out, its values are kept"
            default: "referral.status where id = 'r-1' is now 'accepted'"
            }
        #expect(printed.results == "conflict 17 is settled: \(outcome)\n")
        #expect(printed.notes == "samband: to take it back: samband conflict undo 17\n")
    }

    @Test(
        "no choice, two choices, a bad number or a bad value are refused before anybody is asked",
        arguments: [
            ["17"], ["17", "--take", "a", "--delete"], ["17", "--set", "status"], ["17", "--set", "=1"],
            ["17", "--set", "a=1", "--set", "a=2"], ["17", "--set", "a='x"], ["x", "--delete"],
            ["-1", "--delete"],
            ["17", "--delete", "--changed", "x"], ["17", "--admit", "--discard"], [], ["--take", "snasa"],
            ["17", "--take", "a", "--table", "t"], ["17", "--interactive"], ["17", "--where", "table=a", "--delete"],
        ])
    func refused(_ words: [String]) async throws {
        let world = try FakeWorld()
        #expect(await world.run(words: ["conflict", "resolve"] + words).code == .usage)
        #expect(world.asked == [])
    }

    @Test("--dry-run has the hub try the choice, says what it would do, and passes on what would be refused")
    func dryRun() async throws {
        let world = try FakeWorld([
            "POST /v1/conflict/17/resolve": .json(try Sample.conflict(of: Sample.shown))
        ])
        let printed = await world.run("conflict", "resolve", "17", "--take", "verran", "--dry-run")
        #expect(
            printed.results
                == #"would settle conflict 17: referral.status where id = 'r-1': write 'decl\u{1b}[2Jined\u{202e}'"#
                + "\n")
        #expect(world.asked.map(\.line) == ["POST /v1/conflict/17/resolve"])
        #expect(world.asked.first?.body?["dry_run"] == true)
        let unknown = await world.run("conflict", "resolve", "17", "--take", "mosvik", "--dry-run")
        #expect(unknown.code == .usage && unknown.notes.contains("hint: Its sides are: snasa, verran."))
        let refusing = try FakeWorld([
            "POST /v1/conflict/17/resolve": .problem(
                Problem(.conflict, type: "https://samband.invalid/problem/changed", title: "It has changed since"))
        ])
        let changed = await refusing.run("conflict", "resolve", "17", "--restore", "--changed", "2", "--dry-run")
        #expect(changed.code == .no)
    }

    @Test("sync says what went and came; off line it ends with 69")
    func sync() async throws {
        let world = try FakeWorld(["POST /v1/sync": .json(#"{"pushed":1,"pulled":12,"vector":{}}"#)])
        #expect(await world.run("sync").results == "pushed 1 change set, pulled 12 change sets\n")
        let offline = try FakeWorld([
            "POST /v1/sync": .problem(
                Problem(
                    .serviceUnavailable, type: "https://samband.invalid/problem/hub-unreachable",
                    title: "No hub",
                    detail: "nothing listens there.", next: "Everything is kept."))
        ])
        let printed = await offline.run("sync")
        #expect(printed.code == .unreachable)
        #expect(
            printed.notes == """
                error: cannot exchange with the hub (hub.db): nothing listens there
                hint: Everything is kept.

                """)
    }

    @Test("hub init hands over the SQL files of a folder in the order of their names, hidden ones left out")
    func hubInit() async throws {
        let world = try FakeWorld()
        for name in ["010-b.sql", "002-a.sql", ".hidden.sql", "notes.txt"] {
            try FakeWorld.write(Array("-- \(name)".utf8), world.folder.file(name))
        }
        let new = world.folder.file("new.db")
        let printed = await world.run(
            "hub", "init", "--db", new, "--fleet", "DMS", "--schema", world.folder.path)
        #expect(
            world.services.made.withLock { $0 } == ["002-a.sql: -- 002-a.sql", "010-b.sql: -- 010-b.sql"])
        #expect(printed.code == .no)
        #expect(printed.notes == "error: cannot create the hub (new.db): as the test wants\n")
        try FakeWorld.write([0xff], world.folder.file("003.sql"))
        #expect(
            await world.run("hub", "init", "--db", new, "--fleet", "f", "--schema", world.folder.path).code
                == .usage)
    }

    @Test("hub init --from-nodes hands over the files that are there, and takes no schema beside them")
    func hubFromNodes() async throws {
        let world = try FakeWorld()
        let new = world.folder.file("new.db")
        let node = world.folder.file("hub.db")
        let printed = await world.run("hub", "init", "--db", new, "--from-nodes", node, "--from-nodes", node)
        #expect(world.services.made.withLock { $0.count } == 2)
        #expect(printed.notes == "error: cannot create the hub (new.db): as the test wants\n")
        #expect(
            await world.run("hub", "init", "--db", new, "--from-nodes", node, "--fleet", "DMS").code == .usage)
        #expect(
            await world.run("hub", "init", "--db", new, "--from-nodes", world.folder.file("none.db")).code
                == .inputOutput)
    }

    @Test("a token comes from a file or standard input, and a refused join leaves nothing behind")
    func nodeJoin() async throws {
        let world = try FakeWorld()
        let new = world.folder.file("new.db")
        let printed = await world.run(
            "node", "join", "--db", new, "--hub", "http://127.0.0.1:1", "--token-file", "-", input: "t0ken\n")
        #expect(world.services.made.withLock { $0 } == ["http://127.0.0.1:1 t0ken"])
        #expect(printed.code == .notPermitted)
        #expect(try FileText.names(inFolder: world.folder.path) == ["hub.db"])
        let secure = await world.run(
            "node", "join", "--db", new, "--hub", "https://hub", "--token-file", "-", input: "t\n")
        #expect(secure.code == .usage)
    }
}
