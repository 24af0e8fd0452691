import HTTP
import JSONText
import Testing

@testable import SambandCommand

@Suite("Explaining a row, reporting on decisions, joining two rows")
struct RowStoryTests {
    private static let explained = #"""
        {"table":"referral","key":{"id":"r-1"},"row":{"id":"r-1","status":"accepted","note":null},"columns":[
        {"column":"status","value":"accepted","written_by":{"site":"hub","change":"1:9","written_at":"2026-11-21T20:00:00Z",
        "position":9,"what":"decision"},"over":{"value":"decl\u001bined"},"conflicts":[17]},
        {"column":"note","value":null,"written_by":{"site":"snasa","change":"8070:41","written_at":"2026-11-21T19:40:12Z",
        "position":7,"what":"insert"},"over":null,"conflicts":[]},
        {"column":"bed","value":3,"written_by":null,"over":null,"conflicts":[]}],
        "events":[
        {"what":"insert","outcome":"applied","site":"snasa","change":"8070:41","written_at":"2026-11-21T19:40:12Z",
        "position":7,"values":{"status":"new","note":null},"lost":[],"conflict":null,"withheld":null},
        {"what":"update","outcome":"partly","site":"verran","change":"521:7","written_at":"2026-11-21T19:41:00Z",
        "position":8,"values":{"status":"x\u202e","note":"y"},"lost":["note"],"conflict":null,"withheld":null},
        {"what":"delete","outcome":"undone","site":"verran","change":"521:8","written_at":"2026-11-21T19:42:00Z",
        "position":9,"values":{},"lost":[],"conflict":null,"withheld":null},
        {"what":"carried","outcome":"applied","site":"hub","change":"1:8","written_at":"2026-11-21T19:43:00Z",
        "position":10,"values":{"status":"x"},"lost":[],"conflict":null,"withheld":null},
        {"what":"decision","outcome":"applied","site":"hub","change":"1:9","written_at":"2026-11-21T20:00:00Z",
        "position":11,"values":{"status":"accepted"},"lost":[],"conflict":17,"withheld":null},
        {"what":"update","outcome":"in_flight","site":"snasa","change":"8070:50","written_at":"2026-11-21T20:01:00Z",
        "position":null,"values":{"note":"z"},"lost":[],"conflict":null,"withheld":null}],
        "conflicts":[\#(Sample.settled)],"withheld":[],
        "joins":[{"id":5,"table":"referral","key":{"id":"r-0"},"into":{"id":"r-1"},"decision":{"by":"ola",
        "at":"2026-11-21T20:00:00Z","how":"merge","reason":"twice"},"undone":null}],
        "log_begins":{"position":5,"written_at":"2026-11-20T19:00:00Z"},"whole":true}
        """#

    @Test("explain says for each column who wrote it, over what, and how its conflicts ended; then what happened")
    func explain() async throws {
        let world = try FakeWorld(["POST /v1/explain": .json(Self.explained)])
        let printed = await world.run("explain", "referral", "'r-1'")
        #expect(
            printed.results == #"""
                referral where id = 'r-1'

                status = 'accepted'
                  decided by a person, at the hub, 2026-11-21 21:00:00 CET, change 1:9, over 'decl\u{1b}ined'
                  conflict 17, snasa 'accepted' against verran 'decl\u{1b}[2Jined\u{202e}': decided by kari, 2026-11-21 21:00:00 CET, take: agreed\u{a}by phone

                note = NULL
                  written as the row was made, by snasa, 2026-11-21 20:40:12 CET, change 8070:41

                bed = 3
                  who wrote it is not in the log of this database: it was long ago, or just now

                what happened to it
                  2026-11-21 20:40:12 CET   snasa    8070:41   made the row: status = 'new', note = NULL
                  2026-11-21 20:41:00 CET   verran   521:7     wrote status = 'x\u{202e}', note = 'y' – note lost to concurrent writes
                  2026-11-21 20:42:00 CET   verran   521:8     deleted the row – it did not stand, for others wrote the row
                  2026-11-21 20:43:00 CET   hub      1:8       put the row right where it differed
                  2026-11-21 21:00:00 CET   hub      1:9       decision on conflict 17: wrote status = 'accepted'
                  2026-11-21 21:01:00 CET   snasa    8070:50   wrote note = 'z' – not yet in the hub's order

                conflicts
                  17 cell of referral.status, snasa, verran: decided by kari, 2026-11-21 21:00:00 CET, take: agreed\u{a}by phone

                joined rows
                  5 id = 'r-0' of referral into id = 'r-1': decided by ola, 2026-11-21 21:00:00 CET, merge: twice

                the whole life of the row is in the log; the log of this database begins at position 5, 2026-11-20 20:00:00 CET

                """#)
        #expect(world.asked.last?.body == ["table": "referral", "key": ["r-1"]])
    }

    @Test("a row that nobody knows, and one that is withheld, are said to be so; a key may come from a file")
    func explainNothing() async throws {
        let nothing = #"""
            {"table":"patient","key":{"id":"17057012345"},"row":null,"columns":[],"events":[],"conflicts":[],"withheld":[
            {"id":4,"conflict":19,"table":"patient","key":{"id":"17057012345"},"site":"verran","change":"521:9",
            "operation":"insert","values":{}}],"joins":[],
            "log_begins":{"position":5,"written_at":"2026-11-20T19:00:00Z"},"whole":false}
            """#
        let world = try FakeWorld(["POST /v1/explain": .json(nothing)])
        let printed = await world.run("explain", "patient", "--key-file", "-", input: "'17057012345'\n")
        #expect(
            printed.results == """
                patient where id = '17057012345' is not in the table
                a row of it is withheld: insert by verran, change 521:9 (samband withheld show 4)

                the log of this database begins at position 5, 2026-11-20 20:00:00 CET, and nothing of this row is in it

                """)
        let refused = await world.run("explain", "patient", "--key-file", "-", input: "17057012345x\n")
        #expect(refused.code == .usage && !refused.notes.contains("17057012345"))
    }

    private static let report = #"""
        {"since":"2026-10-31T23:00:00Z","settled":12,"open":3,"sites":[
        {"site":"snasa","for":{"policy":1,"person":1,"write":0,"all":2},
        "against":{"policy":4,"person":3,"write":1,"all":8},"open":2},
        {"site":"steinkjer","for":{"policy":5,"person":4,"write":1,"all":10},
        "against":{"policy":0,"person":1,"write":0,"all":1},"open":1}],
        "tilt":{"site":"steinkjer","towards":true,"for":10,"of":11,"others_for":2,"others_of":10}}
        """#

    @Test("the report counts for and against, by policy and by hand, and names a tilt")
    func reports() async throws {
        let world = try FakeWorld(["GET /v1/conflict/report?since=1793487600": .json(Self.report)])
        #expect(
            await world.run("conflict", "report", "--since", "2026-11-01").results == """
                SITE        FOR   POLICY   BY HAND   WRITE   AGAINST   POLICY   BY HAND   WRITE   OPEN
                snasa         2        1         1       0         8        4         3       1      2
                steinkjer    10        5         4       1         1        0         1       0      1

                12 conflicts settled since 2026-11-01 00:00:00 CET, 3 open
                tilt towards steinkjer: 10 of 11 (90 %) were decided for it, for the others 2 of 10 (20 %)

                """)
        let empty = #"{"since":"1970-01-01T00:00:00Z","settled":0,"open":0,"sites":[],"tilt":null}"#
        let none = try FakeWorld(["GET /v1/conflict/report": .json(empty)])
        #expect(
            await none.run("conflict", "report").results
                == "0 conflicts settled, 0 open\nno tilt towards or against a site shows\n")
    }

    @Test("since is a day on the wall, a moment, or so long ago")
    func since() async throws {
        let world = try FakeWorld()
        for (text, seconds) in [
            ("7d", 1_795_290_360 - 7 * 86_400), ("24h", 1_795_290_360 - 86_400),
            ("2026-11-01T00:00:00Z", 1_793_491_200), ("2026-11-01", 1_793_491_200 - 3600),
        ] {
            _ = await world.run("conflict", "report", "--since", text)
            #expect(world.asked.last?.line == "GET /v1/conflict/report?since=\(seconds)", "\(text)")
        }
        let before = world.asked.count
        for text in ["yesterday", "7", "7w", "-1d", "d", "2026-13-01"] {
            #expect(await world.run("conflict", "report", "--since=\(text)").code == .usage, "\(text)")
        }
        #expect(world.asked.count == before)
    }

    private static let joined = #"""
        {"id":5,"table":"patient","key":{"id":"p-7"},"into":{"id":"p-2"},"rows":{
        "key":{"id":"p-7","name":"Ola\u001b","phone":"12"},"into":{"id":"p-2","name":"Ola N.","phone":null}},
        "columns":[{"column":"name","taken":false},{"column":"phone","taken":true}],
        "repointed":[{"table":"referral","columns":["patient"],"rows":3},{"table":"stay","columns":["a","b"],"rows":1}]}
        """#
    private static let merge = ["record", "merge", "patient", "'p-7'", "--into", "'p-2'", "--reason", "twice"]

    @Test("record merge shows both rows and the references, asks, and says how to take it back")
    func merge() async throws {
        let world = try FakeWorld(["POST /v1/record/merge": .json(Self.joined)])
        let asked = await world.run(words: Self.merge, isTerminal: true, lines: ["y"])
        let page = #"""
            KEY           INTO
            id      'p-7'         'p-2'
            name    'Ola\u{1b}'   'Ola N.'   stays as in INTO
            phone   '12'          NULL       taken over

            references
              referral.patient   3 rows
              stay.a, b          1 row

            would join id = 'p-7' of patient into id = 'p-2'

            """#
        let tried = await world.run(words: Self.merge + ["--dry-run"])
        #expect(tried.results == "        " + page)
        #expect(asked.results.contains("join them? [y/N] joined id = 'p-7' of patient into id = 'p-2'\n"))
        #expect(asked.results.hasSuffix("to take it back: samband record unmerge 5\n"))
        let body: JSON = ["table": "patient", "key": ["p-7"], "into": ["p-2"], "reason": "twice", "by": "kari"]
        #expect(world.asked.map { $0.body?["dry_run"] } == [true, nil, true])
        #expect(world.asked[1].body == body)
    }

    @Test("record merge does nothing on a no, nor where it cannot ask; keys may come from files")
    func mergeUnasked() async throws {
        let world = try FakeWorld(["POST /v1/record/merge": .json(Self.joined)])
        let no = await world.run(words: Self.merge, isTerminal: true, lines: [""])
        #expect(no.code == .no && world.asked.map { $0.body?["dry_run"] } == [true])
        #expect(await world.run(words: Self.merge).code == .usage)
        #expect(world.asked.count == 1)
        let yes = await world.run(words: Self.merge + ["--yes"])
        #expect(yes.results.contains("joined id = 'p-7'") && yes.results.contains("referral.patient"))
        let secret = await world.run(
            "record", "merge", "patient", "--key-file", "-", "--into", "'p-2'", "--dry-run", input: "'p-7'\n")
        #expect(secret.code == .done && world.asked.last?.body?["key"] == ["p-7"])
        let both = ["record", "merge", "patient", "--key-file", "-", "--into-file", "-", "--yes"]
        #expect(await world.run(words: both).code == .usage)
        #expect(await world.run("record", "merge", "patient", "'a'", "--yes").code == .usage)
    }

    @Test("record unmerge takes it back")
    func unmerge() async throws {
        let world = try FakeWorld(["POST /v1/record/unmerge": .json(Self.joined)])
        let printed = await world.run("record", "unmerge", "5", "--yes")
        #expect(printed.results.hasSuffix("id = 'p-7' of patient stands apart from id = 'p-2' again\n"))
        #expect(world.asked.last?.body == ["id": 5, "by": "kari"])
        #expect(await world.run("record", "unmerge", "five", "--yes").code == .usage)
    }

    @Test("record list shows the numbers that record unmerge takes, and what was taken back")
    func list() async throws {
        let world = try FakeWorld([
            "GET /v1/record": .json(
                #"""
                [{"id":5,"table":"patient","key":{"id":"p-7"},"into":{"id":"p-2"},"conflict":null,
                  "merged":{"by":"kari","at":"2026-11-21T19:46:00Z","how":"merge","reason":"twice"},"unmerged":null},
                 {"id":6,"table":"patient","key":{"id":"p-8"},"into":{"id":"p-2"},"conflict":3,
                  "merged":{"by":"per","at":"2026-11-21T19:46:00Z","how":"merge","reason":null},
                  "unmerged":{"by":"kari","at":"2026-11-22T19:46:00Z","how":"unmerge","reason":null}}]
                """#)
        ])
        let lines = await world.run("record", "list").results.split(separator: "\n")
        #expect(lines.count == 3 && lines[0].hasSuffix("TAKEN BACK"))
        #expect(lines[1].contains("5   patient   id = 'p-7'   id = 'p-2'") && lines[1].contains("twice"))
        #expect(lines[2].contains("2026-11-22"))
        #expect(
            await (try FakeWorld(["GET /v1/record": .json("[]")])).run("record", "list").results
                == "no records were merged\n")
    }
}
