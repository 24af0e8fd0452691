import Foundation
import HTTP
import JSONText
import Testing

extension RealProcesses {
    @Suite("Deciding, at the hub's machine", .serialized)
    struct DecidingTests {
        @Test("of two operators at once one decides; the other is told who did, and nothing is overwritten")
        func twoOperators() async throws {
            let fleet = try await Self.apart(
                both: "INSERT INTO referral(id) VALUES('r-1')", "UPDATE referral SET status = 'accepted'",
                "UPDATE referral SET status = 'declined'")
            let changed = try #require(
                try await fleet.json("hub", "conflict", "show", "1")["changed"]?.integer)
            func decide(_ site: String, _ name: String) async throws -> Answer {
                try await fleet.samband(
                    "conflict", "resolve", "1", "--take", site, "--by", name, "--changed", String(changed), "--db",
                    fleet.database("hub"))
            }
            async let kari = decide("snasa", "kari")
            async let ola = decide("verran", "ola")
            let answers = try await [("kari", "accepted", kari), ("ola", "declined", ola)]
            let won = answers.filter { $0.2.status == 0 }
            let told = answers.filter { $0.2.status == 1 }
            try #require(won.count == 1 && told.count == 1, "\(answers)")
            #expect(told[0].2.errors.contains("\(won[0].0) settled it already, at "), "\(told)")
            #expect(told[0].2.errors.contains("hint: See how: samband conflict show 1"))
            try await fleet.untilMet()
            for name in fleet.everyone {
                #expect(try await fleet.write(name, "SELECT status FROM referral") == won[0].1 + "\n")
                let decision = try await fleet.json(name, "conflict", "show", "1")["conflict"]?["decision"]
                #expect(decision?["by"]?.string == won[0].0)
            }
            // Taken back, it is open with both sides, everywhere.
            #expect(try await fleet.must("conflict", "undo", "1", "--db", fleet.database("hub")).contains("open again"))
            try await fleet.untilMet()
            for name in fleet.everyone {
                #expect(try await fleet.json(name, "conflict", "list").array?.first?["sides"]?.array?.count == 2)
            }
        }

        @Test("at a terminal it is shown and asked about one by one, and what is typed is done")
        func interactive() async throws {
            let fleet = try await Self.apart(
                both: "INSERT INTO referral(id) VALUES('r-1'), ('r-2')",
                "UPDATE referral SET status = 'accepted'; INSERT INTO bed_night VALUES('n-1', 3, '2026-11-21', NULL)",
                "UPDATE referral SET status = 'declined'; INSERT INTO bed_night VALUES('n-2', 3, '2026-11-21', NULL)")
            // The order of the list is that of the numbers; a bed can be had by one only.
            let kinds = try await fleet.json("hub", "conflict", "list").array?.compactMap { $0["kind"]?.string }
            try #require(kinds?.sorted() == ["cell", "cell", "unique"])
            let answers = kinds!.map { $0 == "cell" ? "1 by telephone" : "d" }
            let screen = try await fleet.atTerminal(
                ["conflict", "resolve", "--interactive", "--db", fleet.database("hub")], typing: answers)
            #expect(screen.status == 0, "\(screen)")
            #expect(screen.output.contains("[1] snasa [2] verran [n]ow [s]et s[k]ip [q]uit [?]"))
            #expect(screen.output.contains("3 settled, 0 skipped, 0 not looked at"))
            #expect(try await fleet.write("hub", "SELECT DISTINCT status FROM referral") == "accepted\n")
            #expect(try await fleet.json("hub", "withheld", "list") == [])
            let all = try await fleet.json("hub", "conflict", "list", "--all").array ?? []
            #expect(all.count { $0["decision"]?["reason"] == "by telephone" } == 2)
            // Without a terminal it asks nobody.
            let piped = try await fleet.samband("conflict", "resolve", "--interactive", "--db", fleet.database("hub"))
            #expect(piped.status == 64 && piped.errors.contains("needs a terminal"))
        }

        @Test("many are tried, then settled in one way; what does not fit stays open and ends it with 1")
        func many() async throws {
            let fleet = try await Self.apart(
                both: "INSERT INTO referral(id) VALUES('r-1'), ('r-2'); INSERT INTO patient VALUES('p-1', 'a')",
                "UPDATE referral SET status = 'accepted'; UPDATE patient SET name = 'x'",
                "UPDATE referral SET status = 'declined'; UPDATE patient SET name = 'y'")
            let hub = fleet.database("hub")
            let tried = try await fleet.samband(
                "conflict", "resolve", "--where", "table=referral", "--take", "snasa", "--dry-run", "--db", hub)
            #expect(tried.status == 0 && tried.output.hasSuffix("2 would be settled, 0 refused\n"), "\(tried)")
            #expect(try await fleet.json("hub", "conflict", "list").array?.count == 3)
            let unasked = try await fleet.samband(
                "conflict", "resolve", "--where", "table=referral", "--take", "snasa", "--db", hub)
            #expect(unasked.status == 64, "\(unasked)")
            let some = try await fleet.samband(
                "conflict", "resolve", "--where", "site=verran", "--set", "status=closed", "--yes", "--db", hub)
            #expect(some.status == 1 && some.output.hasSuffix("2 settled, 1 refused\n"), "\(some)")
            #expect(some.output.contains("has no column"))
            #expect(try await fleet.json("hub", "conflict", "list").array?.map { $0["table"] } == ["patient"])
            #expect(try await fleet.write("hub", "SELECT DISTINCT status FROM referral") == "closed\n")
        }

        @Test("conflict show, withheld show, explain and report have keys that scripts rely on, at hub and node")
        func shapes() async throws {
            let fleet = try await Self.apart(
                both: "INSERT INTO referral(id) VALUES('r-1')",
                "INSERT INTO bed_night VALUES('n-1', 3, '2026-11-21', 'r-1')",
                "INSERT INTO bed_night VALUES('n-2', 3, '2026-11-21', 'r-1')")
            let sides = "sides:[{change:string,site:string,value:{…},written_at:time}]"
            let conflict =
                "{base:null,column:null,decision:null,id:integer,key:{…},kind:string,now:null,opened_at:time,"
                + "\(sides),state:string,table:string}"
            let choices =
                "[{columns:[],how:string,site:null}|{columns:[],how:string,site:string}|"
                + "{columns:[string],how:string,site:null}]"
            let withheld =
                "{change:string,conflict:integer,id:integer,key:{…},operation:string,site:string,state:string,"
                + "table:string,values:{…}}"
            let standing = "[{key:{…},row:{…},table:string}]"
            let free: Set = ["key", "value", "values", "row", "over"]
            for name in fleet.everyone {
                // A node tries no choice.
                let refused = name == "hub" ? "[{how:string,site:null,why:string}]" : "[]"
                #expect(
                    shape(try await fleet.json(name, "conflict", "show", "1"), free: free)
                        == "{changed:integer,children:[],choices:\(choices),conflict:\(conflict),earlier:[],parents:["
                        + "{columns:[string],key:{…},parent:string,state:string,table:string,withheld:null}],"
                        + "refused:\(refused),row:null,standing:\(standing),withheld:[\(withheld)]}")
                #expect(
                    shape(try await fleet.json(name, "withheld", "show", "1"), free: free)
                        == "{changed:integer,choices:\(choices),conflict:\(conflict),missing:[],refused:\(refused),"
                        + "standing:\(standing),"
                        + "state:string,waiting:[],withheld:\(withheld)}")
                #expect(
                    shape(try await fleet.json(name, "explain", "referral", "'r-1'"), free: free)
                        == "{columns:[{column:string,conflicts:[],over:null,value:null,written_by:{change:string,"
                        + "position:integer,site:string,what:string,written_at:time}}|{column:string,conflicts:[],"
                        + "over:null,value:string,written_by:{change:string,position:integer,site:string,what:string,"
                        + "written_at:time}}],conflicts:[],events:[{change:string,conflict:null,join:null,lost:[],"
                        + "outcome:string,position:integer,site:string,values:{…},what:string,withheld:null,"
                        + "written_at:time}],joins:[],key:{…},log_begins:{position:integer,written_at:time},row:{…},"
                        + "table:string,whole:bool,withheld:[]}")
                let counts = "{all:integer,person:integer,policy:integer,write:integer}"
                #expect(
                    shape(try await fleet.json(name, "conflict", "report", "--since", "7d"))
                        == "{open:integer,settled:integer,since:time,sites:[{against:\(counts),for:\(counts),"
                        + "open:integer,site:string}],tilt:null}")
            }
        }

        @Test("two records of one person are joined, every reference follows, and it is taken back")
        func join() async throws {
            let fleet = try await Self.apart(
                both: """
                    INSERT INTO patient VALUES('p-1', 'Ola Nordmann'), ('p-2', 'Ola Nordman');
                    INSERT INTO referral(id, patient) VALUES('r-1', 'p-2'), ('r-2', 'p-1');
                    """, "SELECT 1", "SELECT 1")
            let words = ["record", "merge", "patient", "'p-2'", "--into", "'p-1'", "--db", fleet.database("hub")]
            let tried = try await fleet.run(Programs.samband, words + ["--dry-run"])
            #expect(tried.status == 0 && tried.output.contains("referral.patient   1 row\n"), "\(tried)")
            #expect(tried.output.contains("'Ola Nordman'"))
            let unasked = try await fleet.run(Programs.samband, words)
            #expect(unasked.status == 64, "\(unasked)")
            let no = try await fleet.atTerminal(words, typing: ["n"])
            #expect(no.status == 1 && no.output.contains("join them? [y/N]"), "\(no)")
            #expect(try await fleet.write("hub", "SELECT count(*) FROM patient") == "2\n")
            let done = try await fleet.atTerminal(words + ["--reason", "registered twice"], typing: ["y"])
            #expect(done.status == 0 && done.output.contains("to take it back: samband record unmerge 1"), "\(done)")
            try await fleet.untilMet()
            for name in fleet.everyone {
                #expect(try await fleet.write(name, "SELECT id FROM patient") == "p-1\n")
                #expect(try await fleet.write(name, "SELECT DISTINCT patient FROM referral") == "p-1\n")
            }
            let gone = try await fleet.must("explain", "patient", "'p-2'", "--db", fleet.database("hub"))
            #expect(gone.contains("1 id = 'p-2' of patient into id = 'p-1': decided by "), "\(gone)")
            #expect(gone.contains("join 1: the row went"))
            try await fleet.must("record", "unmerge", "1", "--yes", "--db", fleet.database("hub"))
            try await fleet.untilMet()
            for name in fleet.everyone {
                #expect(
                    try await fleet.write(name, "SELECT id, patient FROM referral ORDER BY 1") == "r-1|p-2\nr-2|p-1\n")
            }
        }

        /// Two sites that have the same rows, then write off line, and have met again.
        private static func apart(both: String, _ snasa: String, _ verran: String) async throws -> RealFleet {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa", "verran"])
            try await fleet.write("snasa", both)
            try await fleet.untilMet()
            _ = try await fleet.stop("snasa")
            _ = try await fleet.stop("verran")
            try await fleet.write("snasa", snasa)
            try await fleet.write("verran", verran)
            // One after the other, so that the standing row is that of the first.
            try await fleet.start("snasa")
            try await until("the first site's writes are at the hub") {
                let status = try await fleet.json("snasa", "status")
                return status["pending"] == 0 && status["in_flight"] == 0
            }
            try await fleet.start("verran")
            try await fleet.untilMet()
            return fleet
        }
    }
}

extension RealFleet {
    /// Runs the tool at a terminal of its own, and types a line at each question.
    func atTerminal(_ words: [String], typing lines: [String]) async throws -> Answer {
        let program = """
            import os, pty, sys
            lines = sys.argv[1].split("\\x1f")
            child, terminal = pty.fork()
            if child == 0:
                os.environ["NO_COLOR"] = "1"
                os.execv(sys.argv[2], sys.argv[2:])
            screen = b""
            while True:
                try:
                    part = os.read(terminal, 65536)
                except OSError:
                    break
                if not part:
                    break
                screen += part
                if lines and screen.rstrip(b" ").endswith((b"[?]", b"[y/N]")):
                    os.write(terminal, lines.pop(0).encode() + b"\\n")
                    screen += b"\\n"
            sys.stdout.buffer.write(screen.replace(b"\\r\\n", b"\\n"))
            sys.stdout.flush()
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            """
        return try await run(
            Programs.python, ["-c", program, lines.joined(separator: "\u{1f}"), Programs.samband] + words)
    }
}
