import Foundation
import HTTP
import Testing

extension RealProcesses {
    @Suite("The commands of a real fleet", .serialized)
    struct CommandTests {
        @Test("status, log and history have the keys and types that scripts rely on, at hub and node")
        func shapes() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa"])
            try await fleet.write("snasa", "INSERT INTO referral(id) VALUES('r-1')")
            try await fleet.untilMet()
            try await until("the hub hears that the site has it") {
                try await fleet.json("hub", "status")["sites"]?.array?.first?["behind"] == 0
            }
            let hub = try await fleet.json("hub", "status")
            #expect(
                shape(hub, free: ["vector", "frontier"])
                    == """
                    {backup:null,conflicts:{open:integer},fleet:string,frontier:{…},replica:integer,role:string,\
                    schema_version:integer,sites:[{behind:integer,clock_offset_ms:integer,connected:bool,last_contact:time,\
                    name:string,quarantined:integer,replica:integer,split_from:null,state:string}],trouble:null,vector:{…},withheld:integer}
                    """)
            #expect(hub["role"] == "hub")
            #expect(hub["fleet"] == "Inn-Trøndelag")
            let site = try #require(hub["sites"]?.array?.first)
            #expect(site["name"] == "snasa")
            #expect(site["state"] == "active")
            #expect(site["connected"] == true)
            let node = try await fleet.json("snasa", "status")
            #expect(
                shape(node, free: ["vector"])
                    == """
                    {clock_offset_ms:integer,conflicts:{open:integer},fleet:string,hub:string,in_flight:integer,\
                    last_contact:time,link:string,link_since:time,notice:null,pending:integer,replica:integer,role:string,schema_version:integer,site:string,\
                    trouble:null,vector:{…},withheld:integer}
                    """)
            #expect(node["role"] == "node")
            #expect(node["site"] == "snasa")
            #expect(node["link"] == "up")
            #expect(node["hub"]?.string == fleet.address)
            #expect(node["vector"] == hub["vector"])
            #expect(try await fleet.json("hub", "site", "list") == hub["sites"])

            for name in fleet.everyone {
                let log = try await fleet.json(name, "log")
                #expect(
                    shape(log)
                        == """
                        [{bytes:integer,change:string,kind:string,position:integer,rows:integer,\
                        schema_version:integer,site:string,written_at:time}]
                        """)
                let history = try await fleet.json(name, "history", "referral", "'r-1'")
                #expect(
                    shape(history, free: ["values"])
                        == "[{change:string,operation:string,position:integer,site:string,values:{…},written_at:time}]"
                )
                #expect(history.array?.first?["operation"] == "insert")
                #expect(history.array?.first?["site"] == "snasa")
            }
        }

        @Test("site add prints the token alone on standard output, and it works once")
        func token() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals)
            let answer = try await fleet.samband("site", "add", "snasa", "--db", fleet.database("hub"))
            #expect(answer.status == 0)
            #expect(
                answer.output.wholeMatch(of: /[A-Za-z0-9_\-]{20,}\n/) != nil,
                "\(answer.output.count) characters")
            let file = fleet.folder.file("token")
            try answer.output.write(toFile: file, atomically: false, encoding: .utf8)
            func join(_ database: String, _ token: String) async throws -> Answer {
                try await fleet.samband(
                    "node", "join", "--db", fleet.database(database), "--hub", fleet.address, "--token-file",
                    token)
            }
            #expect(try await join("snasa", file).status == 0)
            let again = try await join("another", file)
            #expect(again.status == 77, "\(again)")
            try "made-up-token-of-nobody\n".write(toFile: file, atomically: false, encoding: .utf8)
            let wrong = try await join("another", file)
            #expect(wrong.status == 77, "\(wrong)")
            #expect(wrong.output == "")
            #expect(wrong.errors.hasPrefix("error: cannot join the fleet"), "\(wrong)")
            #expect(wrong.errors.contains("\nhint: "))
            #expect(!FileManager.default.fileExists(atPath: fleet.database("another")))
        }

        @Test("the end's number says why: words, not found, not permitted, input and output")
        func exitCodes() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa"])
            let hub = fleet.database("hub")
            let verb = try await fleet.samband("frobnicate")
            #expect(verb.status == 64, "\(verb)")
            let option = try await fleet.samband("status", "--db", hub, "--frobnicate")
            #expect(option.status == 64, "\(option)")
            let conflict = try await fleet.samband("conflict", "show", "99", "--db", hub)
            #expect(conflict.status == 1, "\(conflict)")
            let choice = try await fleet.samband("conflict", "resolve", "99", "--take", "now", "--db", hub)
            #expect(choice.status == 1, "\(choice)")
            let atNode = try await fleet.samband("site", "list", "--db", fleet.database("snasa"))
            #expect(atNode.status == 64, "\(atNode)")
            let there = try await fleet.samband(
                "hub", "init", "--db", hub, "--fleet", "x", "--schema", fleet.folder.file("schema.sql"))
            #expect(there.status == 64, "\(there)")
            let nowhere = try await fleet.samband("status", "--db", fleet.folder.file("no.db"))
            #expect([1, 74].contains(nowhere.status), "\(nowhere)")
            for answer in [verb, option, conflict, choice, atNode, there, nowhere] {
                #expect(answer.output == "", "\(answer)")
                #expect(answer.errors.hasPrefix("error: "), "\(answer)")
            }
        }

        @Test("a second process for the same database is refused with 75 and says who has it")
        func secondProcess() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa"])
            let node = try await fleet.samband("node", "serve", "--db", fleet.database("snasa"))
            #expect(node.status == 75, "\(node)")
            #expect(node.errors.contains("process \(try #require(fleet.processID("snasa")))"), "\(node)")
            let hub = try await fleet.samband(
                "hub", "serve", "--db", fleet.database("hub"), "--listen", "127.0.0.1:0")
            #expect(hub.status == 75, "\(hub)")
        }

        @Test("a command asks the running process through its socket, and without one takes the lock")
        func socketOrLock() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa"])
            // Only the service knows that its pull is open at the hub.
            try await until("the hub has the site's pull") {
                try await fleet.json("hub", "status")["sites"]?.array?.first?["connected"] == true
            }
            try fleet.kill("hub")
            let status = try await fleet.json("hub", "status")
            #expect(status["sites"]?.array?.first?["connected"] == false)
            let number = try String(contentsOfFile: fleet.database("hub") + "-samband.lock", encoding: .utf8)
            #expect(Int(number.trimmingCharacters(in: .whitespacesAndNewlines)) != nil)

            // The lock is held, and nobody answers: as when a process hangs.
            let holder = try fleet.spawn(
                "holder", Programs.python,
                [
                    "-c",
                    """
                    import fcntl, sys, time
                    file = open(sys.argv[1], "r+")
                    fcntl.flock(file, fcntl.LOCK_EX)
                    print("held", flush=True)
                    time.sleep(3600)
                    """, fleet.database("hub") + "-samband.lock",
                ])
            try await until("the lock is held") { holder.output == "held\n" }
            let busy = try await fleet.samband("status", "--db", fleet.database("hub"))
            #expect(busy.status == 75, "\(busy)")
            _ = holder.kill()
            let free = try await fleet.samband("status", "--db", fleet.database("hub"))
            #expect(free.status == 0, "\(free)")
        }

        @Test("SIGTERM ends hub and node with 0, even while a pull waits, and the next start goes on")
        func terminate() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa"])
            try await until("a pull waits") {
                try await fleet.json("hub", "status")["sites"]?.array?.first?["connected"] == true
            }
            #expect(try await fleet.stop("hub") == 0)
            #expect(try await fleet.stop("snasa") == 0)
            for name in fleet.everyone {
                #expect(!FileManager.default.fileExists(atPath: fleet.database(name) + "-samband.sock"))
            }
            try await fleet.write("snasa", "INSERT INTO patient VALUES('p-1', 'Ola')")
            try await fleet.start("snasa")
            try await fleet.start("hub")
            try await fleet.untilMet()
            #expect(try await fleet.write("hub", "SELECT name FROM patient") == "Ola\n")
        }
    }
}
