import HTTP
import JSONText
import Testing

@testable import SambandCommand

@Suite("Looking at conflicts and withheld rows")
struct ConflictTests {
    @Test("the list is cut down by table, site and kind, at the database and not here")
    func filters() async throws {
        let world = try FakeWorld([
            "GET /v1/conflict?all=false&table=referral&site=snasa&kind=cell": .json("[\(Sample.conflict)]"),
            "GET /v1/conflict?all=true&kind=unique": .json("[]"),
        ])
        let words = ["conflict", "list", "--table", "referral", "--site", "snasa", "--kind", "cell"]
        #expect(await world.run(words: words).results.contains("referral.status"))
        #expect(
            await world.run("conflict", "list", "--all", "--kind", "unique").results == "no conflicts of these\n")
        let unknown = await world.run("conflict", "list", "--kind", "uniqe")
        #expect(unknown.code == .usage && unknown.notes.contains("hint: Did you mean unique?"))
    }

    @Test("a terminal gets a line with the count, a program only the list")
    func counts() async throws {
        let world = try FakeWorld([
            "GET /v1/conflict?all=false": .json("[\(Sample.conflict)]"),
            "GET /v1/conflict?all=false&table=referral": .json("[\(Sample.conflict)]"),
            "GET /v1/conflict?all=true&table=referral": .json("[\(Sample.conflict),\(Sample.settled)]"),
            "GET /v1/conflict/count": .json(#"{"open":3,"settled":12}"#),
        ])
        #expect(await world.run("conflict", "list", isTerminal: true).results.hasSuffix("\n\n3 open, 12 settled\n"))
        let some = await world.run("conflict", "list", "--table", "referral", isTerminal: true)
        #expect(some.results.hasSuffix("\n\n1 of 3 open shown\n"))
        let all = await world.run("conflict", "list", "--all", "--table", "referral", isTerminal: true)
        #expect(all.results.hasSuffix("\n\n2 of 15 shown\n"))
        #expect(await !world.run("conflict", "list").results.contains("settled\n"))
        let json = await world.run("conflict", "list", "--json", isTerminal: true)
        #expect(json.results.hasPrefix("[") && json.results.hasSuffix("]\n"))
    }

    @Test("of a UNIQUE conflict: the row in the way, what the rows refer to, what waits, and each way out")
    func unique() async throws {
        let printed = try await FakeWorld(["GET /v1/conflict/19": .json(Sample.unique)]).run("conflict", "show", "19")
        #expect(
            printed.results
                == #"""
                conflict 19, open
                unique of bed_night where id = 'n-2', since 2026-11-21 20:46:00 CET
                two rows claim what only one can have: the newcomer waits

                      before   snasa                     verran                    now
                               2026-11-21 20:40:12 CET   2026-11-21 20:41:00 CET
                               change 8070:43            change 521:9
                id    no row   'n-1'                     'n-2'                     no row
                bed   no row   3                         3                         no row

                in its way: bed_night
                  id    'n-1'
                  bed   3

                refers to
                  bed_night.referral   referral where id = 'r-1'
                  bed_night.ward       ward where id = 'w\u{1b}'   withheld: samband withheld show 8

                withheld
                  4   verran   insert bed_night   bed = 3

                to settle it, at the hub
                  samband conflict resolve 19 --changed 7 --take snasa         the row of snasa stands, the other does not
                  samband conflict resolve 19 --changed 7 --take verran        the row of verran stands, the other does not
                  samband conflict resolve 19 --changed 7 --take now           what stands goes on standing
                  samband conflict resolve 19 --changed 7 --admit              let it in as it was written
                  samband conflict resolve 19 --changed 7 --set COLUMN=VALUE …   let the row in with these values
                  samband conflict resolve 19 --changed 7 --discard            give it up; its values are kept

                """#
                // The longest command sets the width of them all.
                .replacing("snasa         the", with: "snasa           the")
                .replacing("verran        the", with: "verran          the")
                .replacing("now           what", with: "now             what")
                .replacing("admit              let", with: "admit                let")
                .replacing("discard            give", with: "discard              give"))
    }

    @Test("a parent that came back: the child's row stands apart, and each side's choice says what becomes of the row")
    func parent() async throws {
        let shown = #"""
            {"conflict":{"id":20,"kind":"foreign_key","table":"patient","key":{"id":"p-1"},"column":null,"state":"open",
            "opened_at":"2026-11-21T19:46:00Z","base":{"id":"p-1","name":"a"},"now":{"id":"p-1","name":"a"},"sides":[
            {"site":"snasa","change":"8070:43","written_at":"2026-11-21T19:40:12Z","value":null},
            {"site":"verran","change":"521:9","written_at":"2026-11-21T19:41:00Z","table":"referral",
            "value":{"id":"r-9","note":"\u001b"}}],"decision":null},"changed":7,"row":{"id":"p-1","name":"a"},"parents":[],
            "children":["referral"],"standing":[],"withheld":[],"choices":[{"how":"take","site":"verran","columns":[]},
            {"how":"take","site":"snasa","columns":[]}],"earlier":[]}
            """#
        let world = try FakeWorld(["GET /v1/conflict/20": .json(shown)])
        #expect(
            await world.run("conflict", "show", "20").results == #"""
                conflict 20, open
                foreign_key of patient where id = 'p-1', since 2026-11-21 20:46:00 CET
                the row was deleted while another site referred to it: it came back for that

                       before   snasa                     verran                    now
                                2026-11-21 20:40:12 CET   2026-11-21 20:41:00 CET
                                change 8070:43            change 521:9
                id     'p-1'    no row                    ·                         'p-1'
                name   'a'      no row                    ·                         'a'

                the row of referral that verran wrote
                  id     'r-9'
                  note   '\u{1b}'

                rows of referral refer to it: it cannot be deleted before they are

                to settle it, at the hub
                  samband conflict resolve 20 --changed 7 --take verran   the row stays, as verran has it
                  samband conflict resolve 20 --changed 7 --take snasa    the row goes, as snasa has it

                """#)
    }

    @Test(
        "who settled it is said in words: a policy by its name, a site's own write, a row that came in by itself",
        arguments: [
            (#"{"by":"policy","at":"2026-11-21T20:00:00Z","how":"max","reason":null}"#, "settled by the policy max, "),
            (
                #"{"by":"snasa","at":"2026-11-21T20:00:00Z","how":"write","reason":null}"#,
                "settled by a write of snasa, "
            ),
            (#"{"by":"policy","at":"2026-11-21T20:00:00Z","how":"release","reason":null}"#, "let in by itself, "),
        ])
    func settledBy(_ decision: String, _ words: String) async throws {
        let shown = Sample.shown.replacing(#""decision":null"#, with: #""decision":\#(decision)"#)
            .replacing(#""state":"open""#, with: #""state":"settled""#)
        let printed = try await FakeWorld(["GET /v1/conflict/17": .json(shown)]).run("conflict", "show", "17")
        #expect(printed.results.contains("\n\(words)2026-11-21 21:00:00 CET\n"))
        #expect(printed.results.contains("samband conflict undo 17") == !words.contains("by itself"))
    }

    @Test("withheld rows are listed")
    func withheldList() async throws {
        let list = #"""
            [{"id":3,"conflict":18,"table":"stay","key":{"id":9},"site":"snasa","change":"8070:42",
            "operation":"insert","values":{"id":9,"note":"x"}}]
            """#
        let world = try FakeWorld(["GET /v1/withheld": .json(list)])
        #expect(
            await world.run("withheld", "list").results == """
                ID   CONFLICT   TABLE   KEY      SITE    CHANGE    OPERATION
                 3         18   stay    id = 9   snasa   8070:42   insert

                """)
    }

    @Test("a withheld row is shown with its values, why it waits, what it waits for, what waits for it, the way in")
    func withheldShow() async throws {
        let row = #"""
            {"id":4,"conflict":19,"table":"bed_night","key":{"id":"n-2"},"site":"verran","change":"521:9",
            "operation":"insert","values":{"bed":3,"night":"\u202e2026"}}
            """#
        let child = #"""
            {"id":5,"conflict":20,"table":"meal","key":{"id":1},"site":"verran","change":"521:9",
            "operation":"insert","values":{"night":"n-2"}}
            """#
        let shown = #"""
            {"withheld":\#(row),"state":"withheld","conflict":\#(try Sample.conflict(of: Sample.unique)),"changed":7,"missing":[
            {"table":"bed_night","columns":["referral"],"parent":"referral","key":{"id":"r-9"},"state":"missing",
            "withheld":null}],"standing":[{"table":"bed_night","key":{"id":"n-1"},"row":null}],"waiting":[\#(child)],
            "choices":[{"how":"admit","site":null,"columns":[]},{"how":"discard","site":null,"columns":[]}]}
            """#
        let world = try FakeWorld(["GET /v1/withheld/4": .json(shown)])
        #expect(
            await world.run("withheld", "show", "4").results == #"""
                withheld row 4: insert in bed_night where id = 'n-2' by verran, change 521:9
                  bed     3
                  night   '\u{202e}2026'

                why: conflict 19, unique of bed_night, since 2026-11-21 20:46:00 CET (samband conflict show 19)

                in its way: bed_night
                  id = 'n-1' is gone

                it waits for
                  bed_night.referral   referral where id = 'r-9'   missing

                these wait for it
                ID   CONFLICT   TABLE   KEY      SITE     CHANGE   OPERATION
                 5         20   meal    id = 1   verran   521:9    insert

                to let it in or give it up, at the hub
                  samband conflict resolve 19 --changed 7 --admit     let it in as it was written
                  samband conflict resolve 19 --changed 7 --discard   give it up; its values are kept

                """#)
        #expect(await world.run("withheld", "show", "x").code == .usage)
        let missing = await world.run("withheld", "show", "5")
        #expect(missing.code == .no)
    }
}
