import Foundation
import HTTP
import JSONText
import Testing

/// All tests of real processes, one after the other: they share the machine.
@Suite("Real processes", .serialized, .enabled(if: Programs.areHere)) enum RealProcesses {}

extension RealProcesses {
    @Suite("A fleet's day", .serialized)
    struct StoryTests {
        @Test(
            "writes of three sites meet; a conflict is settled by command and the decision reaches every site"
        )
        func settledConflict() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa", "verran", "leksvik"])
            try await fleet.write("snasa", "INSERT INTO patient VALUES('p-1', 'Åse Østby')")
            try await fleet.untilMet()
            try await fleet.writeFromPython(
                "verran",
                "INSERT INTO referral(id, patient, note, picture) VALUES('r-1', 'p-1', 'Dïhte båata', x'00ff')"
            )
            try await fleet.untilMet()
            #expect(
                try await fleet.write("leksvik", "SELECT note, hex(picture) FROM referral")
                    == "Dïhte båata|00FF\n")

            // Two sites off the line write one cell differently.
            #expect(try await fleet.stop("snasa") == 0)
            #expect(try await fleet.stop("verran") == 0)
            try await fleet.write("snasa", "UPDATE referral SET status = 'accepted' WHERE id = 'r-1'")
            try await fleet.write("verran", "UPDATE referral SET status = 'declined' WHERE id = 'r-1'")
            try await fleet.start("snasa")
            try await fleet.start("verran")
            try await fleet.untilMet()
            try await expectConflict(in: fleet, at: fleet.everyone)

            let answer = try await fleet.samband(
                "conflict", "resolve", "1", "--take", "snasa", "--reason", "agreed by telephone", "--by",
                "kari",
                "--db", fleet.database("hub"))
            #expect(answer.status == 0, "\(answer)")
            try await fleet.untilMet()
            for name in fleet.everyone {
                #expect(try await fleet.write(name, "SELECT status FROM referral") == "accepted\n")
                #expect(try await fleet.json(name, "conflict", "list") == [])
                let settled = try await fleet.json(name, "conflict", "list", "--all")
                let conflict = try #require(settled.array?.first)
                #expect(conflict["state"] == "settled")
                #expect(
                    shape(conflict["decision"] ?? .null) == "{at:time,by:string,how:string,reason:string}")
                #expect(conflict["decision"]?["by"] == "kari")
                #expect(conflict["decision"]?["how"] == "take")
                #expect(conflict["decision"]?["reason"] == "agreed by telephone")
            }
            let content = try await fleet.content("hub")
            for site in fleet.sites { #expect(try await fleet.content(site) == content) }
        }

        /// The one open conflict, alike everywhere and as scripts expect it.
        private func expectConflict(in fleet: RealFleet, at names: [String]) async throws {
            for name in names {
                let list = try await fleet.json(name, "conflict", "list")
                #expect(
                    shape(list, free: ["key"])
                        == """
                        [{base:string,column:string,decision:null,id:integer,key:{…},kind:string,now:string,\
                        opened_at:time,sides:[{change:string,site:string,value:string,written_at:time}],state:string,\
                        table:string}]
                        """)
                let conflict = try #require(list.array?.first)
                #expect(conflict["id"] == 1)
                #expect(conflict["kind"] == "cell")
                #expect(conflict["table"] == "referral")
                #expect(conflict["key"] == ["id": "r-1"])
                #expect(conflict["column"] == "status")
                #expect(conflict["state"] == "open")
                #expect(conflict["base"] == "new")
                let sides = (conflict["sides"]?.array ?? []).map {
                    "\($0["site"]?.string ?? "") \($0["value"]?.string ?? "")"
                }
                #expect(Set(sides) == ["snasa accepted", "verran declined"])
                let shown = try await fleet.json(name, "conflict", "show", "1")
                #expect(shown["conflict"] == conflict)
            }
        }

        @Test("a place that two sites took is withheld from the second, and listed everywhere")
        func withheldRow() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa", "verran"])
            for (site, id) in [("snasa", "b-1"), ("verran", "b-2")] {
                try fleet.kill(site)
                try await fleet.write(site, "INSERT INTO bed_night VALUES('\(id)', 16, '2026-12-24', NULL)")
            }
            try await fleet.start("snasa")
            try await until("the hub has the first") {
                try await fleet.write("hub", "SELECT id FROM bed_night") == "b-1\n"
            }
            try await fleet.start("verran")
            try await fleet.untilMet()
            for name in fleet.everyone {
                #expect(try await fleet.write(name, "SELECT id FROM bed_night") == "b-1\n")
                let conflict = try #require(try await fleet.json(name, "conflict", "list").array?.first)
                #expect(conflict["kind"] == "unique")
                #expect(conflict["column"] == .null)
                let withheld = try await fleet.json(name, "withheld", "list")
                #expect(withheld.array?.count == 1)
                #expect(withheld.array?.first?["values"]?["night"] == "2026-12-24")
                #expect(try await fleet.json(name, "status")["withheld"] == 1)
            }
        }

        @Test("a commit of a stock program at one site appears at the others without any command")
        func serviceNotices() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa", "verran"])
            try await fleet.write("snasa", "INSERT INTO patient VALUES('p-1', 'Ola')")
            for name in ["hub", "verran"] {
                try await until("the row is at \(name)") {
                    try await fleet.write(name, "SELECT name FROM patient") == "Ola\n"
                }
            }
            try await fleet.writeFromPython("verran", "UPDATE patient SET name = 'Ola Nordmann'")
            try await until("the change is back") {
                try await fleet.write("snasa", "SELECT name FROM patient") == "Ola Nordmann\n"
            }
        }

        @Test(
            "sync off the line ends with 69 and keeps everything; back on the line it brings both sides over")
        func syncOffLine() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa", "verran"])
            try fleet.kill("snasa")
            try fleet.kill("hub")
            try await fleet.write("snasa", "INSERT INTO patient VALUES('p-1', 'Ola')")
            let off = try await fleet.samband("sync", "--db", fleet.database("snasa"))
            #expect(off.status == 69, "\(off)")
            #expect(off.errors.hasPrefix("error: cannot exchange with the hub"), "\(off)")
            // The service says so too, through its socket.
            let throughSocket = try await fleet.samband("sync", "--db", fleet.database("verran"))
            #expect(throughSocket.status == 69, "\(throughSocket)")
            let status = try await fleet.json("snasa", "status")
            #expect(status["pending"] == 1)
            #expect(status["link"] == "down")
            #expect(try await fleet.write("snasa", "SELECT pending FROM samband_status") == "1\n")

            try await fleet.start("hub")
            let on = try await fleet.samband("sync", "--db", fleet.database("snasa"), "--json")
            #expect(on.status == 0, "\(on)")
            #expect(
                shape(try JSON(parsing: Array(on.output.utf8)), free: ["vector"])
                    == "{pulled:integer,pushed:integer,vector:{…}}")
            #expect(try await fleet.json("snasa", "status")["pending"] == 0)
            try await until("the other site has it") {
                try await fleet.write("verran", "SELECT name FROM patient") == "Ola\n"
            }
        }
    }
}
