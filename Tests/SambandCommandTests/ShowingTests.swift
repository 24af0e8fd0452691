import HTTP
import Testing

@testable import SambandCommand

@Suite("Verbs that show")
struct ShowingTests {
    @Test("a site on two machines, one whose file was put back and one whose clock is wrong are named under the table")
    func siteNotes() async throws {
        func site(_ replica: Int, _ more: String) -> String {
            #"{"name":"snasa","state":"active","replica":\#(replica),"connected":true,"#
                + #""last_contact":"2026-11-21T19:46:00Z","behind":0\#(more)}"#
        }
        let list = "[\(site(8070, "")),\(site(9111, #","split_from":"8070:41","clock_offset_ms":-90000"#))]"
        let printed = try await FakeWorld(["GET /v1/site": .json(list)]).run("site", "list")
        #expect(printed.results.contains("snasa: 2 machines run copies of its file"))
        #expect(printed.results.contains("snasa: replica 9111 goes on from change 8070:41"))
        #expect(printed.results.contains("snasa: its clock is 90 s ahead of the hub's"))
        let node = Sample.node.replacing(
            #""pending":14"#,
            with:
                #""clock_offset_ms":7200000,"notice":{"text":"it was put back","at":"2026-11-21T19:46:00Z"},"pending":14"#
        )
        let shown = try await FakeWorld(["GET /v1/status": .json(node)]).run("status")
        #expect(shown.results.contains("it was put back") && shown.results.contains("2 h behind the hub's"))
        let right = try await FakeWorld(["GET /v1/status": .json(Sample.hub)]).run("status")
        #expect(!right.results.contains("machines") && !right.results.contains("clock"))
    }

    @Test("status of a hub: its facts, then its sites")
    func hubStatus() async throws {
        let printed = try await FakeWorld(["GET /v1/status": .json(Sample.hub)]).run("status")
        #expect(
            printed.results == """
                hub of DMS Inn-Trøndelag, replica 391
                schema        1
                conflicts     1 open (samband conflict list)
                withheld      nothing
                vector        391:12 8070:41
                frontier      391:9 8070:41
                last backup   2026-11-21 03:00:00 CET, at position 40

                SITE     STATE    REPLICA   LINK   LAST CONTACT              BEHIND
                snasa    active      8070   up     2026-11-21 20:46:00 CET        0
                verran   added          –   down   –                             12

                """)
        #expect(printed.notes == "" && printed.code == .done)
    }

    @Test("status of a node: what waits, and since when the line is down")
    func nodeStatus() async throws {
        let printed = try await FakeWorld(["GET /v1/status": .json(Sample.node)]).run("status")
        #expect(
            printed.results == """
                site snasa of DMS, replica 8070
                hub            http://hub:7420
                link           down since 2026-11-21 20:46:00 CET
                last contact   –
                pending        14 rows not yet at the hub
                in flight      2 change sets
                schema         1
                conflicts      none open
                withheld       1 row (samband withheld list)
                vector         391:12 8070:41

                """)
    }

    @Test("--json passes the answer on, in one line, and indented on a terminal")
    func json() async throws {
        let world = try FakeWorld(["GET /v1/status": .json(#"{"role":"hub", "ratio":1.0}"#)])
        #expect(await world.run("status", "--json").results == #"{"role":"hub","ratio":1.0}"# + "\n")
        #expect(
            await world.run("status", "--json", isTerminal: true).results
                == "{\n  \"role\": \"hub\",\n  \"ratio\": 1.0\n}\n")
    }

    @Test("--watch shows what changes, once, and goes on over a gap")
    func watch() async throws {
        let gap = FakeAnswer(responses: [
            { Response.json(.ok, Array(Sample.node.utf8)) }, { Response.json(.ok, Array(Sample.node.utf8)) },
            { Problem(.serviceUnavailable, type: "x/busy", title: "The database is busy").response },
            { Response.json(.ok, Array(Sample.node.replacing("14", with: "0").utf8)) },
        ])
        let printed = try await FakeWorld(["GET /v1/status": gap]).run("status", "--watch", pauses: 3)
        #expect(printed.results.split(separator: "\n").filter { $0.hasPrefix("pending") }.count == 2)
        #expect(printed.notes == "samband: The database is busy\n")
        #expect(printed.code == .done)
    }

    @Test("conflict list: a line each, nothing that moves a cursor")
    func conflictList() async throws {
        let world = try FakeWorld([
            "GET /v1/conflict?all=false": .json("[\(Sample.conflict)]", "[]"),
            "GET /v1/conflict?all=true": .json("[\(Sample.settled)]"),
        ])
        #expect(
            await world.run("conflict", "list").results == """
                ID   STATE   KIND   PLACE             KEY          OPENED                    SIDES           NOW
                17   open    cell   referral.status   id = 'r-1'   2026-11-21 20:46:00 CET   snasa, verran   'accepted'

                """)
        #expect(await world.run("conflict", "list").results == "no open conflicts\n")
        #expect(await world.run("conflict", "list", "--all").results.contains("settled"))
    }

    @Test("conflict show: before, each side with its time and change, now; and how to settle it")
    func conflictShow() async throws {
        let printed = try await FakeWorld(["GET /v1/conflict/17": .json(Sample.shown)]).run(
            "conflict", "show", "17")
        #expect(
            printed.results == #"""
                conflict 17, open
                cell of referral.status where id = 'r-1', since 2026-11-21 20:46:00 CET
                sites wrote different values apart from each other

                         before   snasa                     verran                        now
                                  2026-11-21 20:40:12 CET   2026-11-21 20:41:00 CET
                                  change 8070:41            change 521:7
                status   'new'    'accepted'                'decl\u{1b}[2Jined\u{202e}'   'accepted'

                the row now
                  id       'r-1'
                  status   'accepted'

                to settle it, at the hub
                  samband conflict resolve 17 --changed 3 --take snasa         what snasa wrote
                  samband conflict resolve 17 --changed 3 --take verran        what verran wrote
                  samband conflict resolve 17 --changed 3 --take now           what stands now stays
                  samband conflict resolve 17 --changed 3 --set status=VALUE   values of your own

                """#)
    }

    @Test("conflict show of a whole row says where there is none, and what is withheld with it")
    func rowConflict() async throws {
        let world = try FakeWorld(["GET /v1/conflict/18": .json(Sample.rowConflict)])
        let printed = await world.run("conflict", "show", "18")
        #expect(
            printed.results.hasPrefix(
                #"""
                conflict 18, open
                delete_update of bed where id = 1, since 2026-11-21 20:46:00 CET
                one site deleted the row while another wrote it: it stays until it is decided

                       before   snasa                     verran                    now
                                2026-11-21 20:40:12 CET   2026-11-21 20:41:00 CET
                                change 8070:42            change 521:8
                id     1        no row                    1                         1
                ward   'A'      no row                    'B'                       'B'

                rows of stay refer to it: it cannot be deleted before they are

                withheld
                  3   snasa   insert stay   id = 9, note = 'x\u{d}\u{a}y'

                """#))
    }

    @Test("on a narrow terminal the sides stand below each other")
    func narrow() async throws {
        let world = try FakeWorld(["GET /v1/conflict/18": .json(Sample.rowConflict)])
        let printed = await world.run("conflict", "show", "18", columns: 60)
        #expect(
            printed.results.contains(
                """
                before
                  id     1
                  ward   'A'
                snasa, 2026-11-21 20:40:12 CET, change 8070:42
                  no row
                verran, 2026-11-21 20:41:00 CET, change 521:8
                """))
    }

    @Test("a decision is shown with who, when, how and why, in one line")
    func decision() async throws {
        let shown =
            #"{"conflict":\#(Sample.settled),"changed":4,"row":null,"parents":[],"standing":[],"withheld":[],"#
            + #""choices":[],"earlier":[{"by":"ola","at":"2026-11-21T19:50:00Z","how":"set","reason":null},"#
            + #"{"by":"per","at":"2026-11-21T19:55:00Z","how":"undo","reason":"no\u001b"}]}"#
        let printed = try await FakeWorld(["GET /v1/conflict/17": .json(shown)]).run("conflict", "show", "17")
        #expect(
            printed.results.hasSuffix(
                #"""
                before that
                  decided by ola, 2026-11-21 20:50:00 CET, set
                  taken back by per, 2026-11-21 20:55:00 CET: no\u{1b}

                decided by kari, 2026-11-21 21:00:00 CET, take: agreed\u{a}by phone

                to take the decision back, at the hub
                  samband conflict undo 17 --changed 4

                """#))
        #expect(!printed.results.contains("to settle it"))
    }

    @Test("log and history are tables")
    func records() async throws {
        let world = try FakeWorld([
            "GET /v1/log?limit=2": .json(
                #"""
                [{"change":"8070:41","position":null,"site":"snasa","kind":"local",
                "written_at":"2026-11-21T19:46:00Z","rows":3,"bytes":120,"schema_version":1}]
                """#),
            "POST /v1/history": .json(
                #"""
                [{"change":"8070:41","position":7,"site":"snasa","written_at":"2026-11-21T19:46:00Z",
                "operation":"update","values":{"note":null,"scan":{"blob":"AP8="}}}]
                """#, "[]"),
        ])
        #expect(
            await world.run("log", "--limit", "2").results == """
                CHANGE    POSITION   SITE    KIND    WRITTEN                   ROWS   BYTES
                8070:41          –   snasa   local   2026-11-21 20:46:00 CET      3     120

                """)
        #expect(
            await world.run("history", "referral", "('r-1', 2)").results == """
                CHANGE    POSITION   SITE    WRITTEN                   OPERATION   VALUES
                8070:41          7   snasa   2026-11-21 20:46:00 CET   update      note = NULL, scan = x'00ff'

                """)
        #expect(world.asked.last?.body == ["table": "referral", "key": ["r-1", 2]])
        #expect(await world.run("history", "referral", "1").results == "nothing is known of this row\n")
    }

    @Test("a key from standard input does not stand on the command line, nor in an error")
    func keyFile() async throws {
        let world = try FakeWorld(["POST /v1/history": .json("[]")])
        _ = await world.run("history", "patient", "--key-file", "-", input: "'17057012345'\n")
        #expect(world.asked.last?.body?["key"] == ["17057012345"])
        let refused = await world.run("history", "patient", "--key-file", "-", input: "17057012345x\n")
        #expect(refused.code == .usage)
        #expect(!refused.notes.contains("17057012345"))
    }

    @Test("colour is used on a terminal only, and not where NO_COLOR or a dumb terminal forbid it")
    func colour() async throws {
        let world = try FakeWorld(["GET /v1/site": .json(#"[{"name":"snasa","state":"active"}]"#)])
        let place = ["SAMBAND_DB": world.database]
        func printed(_ more: [String: String], _ isTerminal: Bool) async -> String {
            let environment = place.merging(more) { $1 }
            return await world.run("site", "list", environment: environment, isTerminal: isTerminal).results
        }
        #expect(await printed([:], true).contains("\u{1b}["))
        #expect(await !printed([:], false).contains("\u{1b}"))
        #expect(await !printed(["NO_COLOR": "1"], true).contains("\u{1b}"))
        #expect(await printed(["NO_COLOR": ""], true).contains("\u{1b}["))
        #expect(await !printed(["TERM": "dumb"], true).contains("\u{1b}"))
    }

    @Test("an answer that lacks something is a disagreement of versions, and said to be one")
    func strange() async throws {
        let printed = try await FakeWorld(["GET /v1/status": .json(#"{"role":"node"}"#)]).run("status")
        #expect(printed.code == .bug && printed.results == "")
        #expect(
            printed.notes.hasPrefix(
                "error: cannot show the status (hub.db): the answer about the status has no"))
    }
}
