import Foundation
import JSONText
import Testing

extension RealProcesses {
    @Suite("A lost hub", .serialized)
    struct LostHubTests {
        /// A fleet that has written since its backup; what it then holds.
        private func fleet(backUp: (RealFleet) async throws -> Void) async throws -> RealFleet {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa", "verran"])
            try await fleet.write("snasa", "INSERT INTO patient VALUES('p-1', 'Kari'), ('p-2', 'Ola')")
            try await fleet.untilMet()
            try await backUp(fleet)
            try await fleet.write("snasa", "INSERT INTO referral(id, patient) VALUES('r-1', 'p-1')")
            try await fleet.untilMet()
            try await fleet.write("verran", "UPDATE referral SET status = 'accepted' WHERE id = 'r-1'")
            try await fleet.write("snasa", "UPDATE patient SET name = 'Ola N.' WHERE id = 'p-2'")
            try await fleet.untilMet()
            return fleet
        }

        /// The hub's machine is gone; the backup stands in its place on another.
        private func lose(_ fleet: RealFleet, keepsSeat: Bool) async throws {
            try fleet.kill("hub")
            let file = fleet.database("hub")
            for end in ["", "-wal", "-shm"] + (keepsSeat ? [] : ["-samband.seat"]) {
                try? FileManager.default.removeItem(atPath: file + end)
            }
            try FileManager.default.copyItem(atPath: fleet.folder.file("backup.db"), toPath: file)
        }

        @Test("restored from a backup of ours, it gets all back from the sites by itself", arguments: [true, false])
        func byItself(keepsSeat: Bool) async throws {
            let fleet = try await fleet {
                try await $0.must("backup", "--to", $0.folder.file("backup.db"), "--db", $0.database("hub"))
            }
            let before = try await fleet.content("hub")
            let former = try await fleet.json("hub", "status")["replica"]
            try await lose(fleet, keepsSeat: keepsSeat)
            try await fleet.write("verran", "INSERT INTO patient VALUES('p-3', 'while it was away')")
            try await fleet.start("hub")
            try await fleet.untilMet()
            let content = try await fleet.content("hub")
            #expect(content != before && content.contains("while it was away"))
            for line in before.split(separator: "\n") { #expect(content.contains(line)) }
            for site in fleet.sites { #expect(try await fleet.content(site) == content, "\(site)") }
            #expect(try await fleet.json("hub", "status")["replica"] != former)
            let recovery = try await fleet.json("hub", "recover", "status")
            #expect(recovery["state"] == "serving")
            #expect(recovery["sites"]?.array?.allSatisfy { $0["complete"] == true } == true)
        }

        @Test("a copy that nothing marks is told by its seat; the second operator's site comes after accept")
        func accepted() async throws {
            let fleet = try await fleet {
                _ = try await $0.write("hub", "VACUUM INTO '\($0.folder.file("backup.db"))'")
            }
            try await fleet.write("verran", "UPDATE patient SET name = 'Kari V.' WHERE id = 'p-1'")
            try await fleet.untilMet()
            try fleet.kill("verran")
            try await fleet.write("verran", "INSERT INTO patient VALUES('p-4', 'unsent')")
            try await lose(fleet, keepsSeat: true)
            try await fleet.start("hub")
            try await until("snasa was heard") {
                let sites = try await fleet.json("hub", "recover", "status")["sites"]?.array ?? []
                return sites.contains { $0["name"] == "snasa" && $0["complete"] == true }
            }
            #expect(try await fleet.json("hub", "recover", "status")["state"] == "gathering")
            #expect(try await fleet.json("hub", "status")["trouble"]?.string?.contains("restored") == true)
            let refused = try await fleet.samband("site", "add", "leksvik", "--db", fleet.database("hub"))
            #expect(refused.status == 75 && refused.errors.contains("recover status"))
            // It is reached, and there is nothing to be done at the site but to wait.
            let waiting = try await fleet.samband("sync", "--db", fleet.database("snasa"))
            #expect(waiting.status == 75 && waiting.errors.contains("recover status"), "\(waiting)")
            #expect(try await fleet.samband("recover", "accept", "--db", fleet.database("hub")).status == 64)
            try await fleet.must("recover", "accept", "--yes", "--db", fleet.database("hub"))
            try await fleet.start("verran")
            try await fleet.untilMet()
            let content = try await fleet.content("hub")
            for wanted in ["unsent", "Kari V.", "Ola N.", "accepted"] { #expect(content.contains(wanted), "\(wanted)") }
            for site in fleet.sites { #expect(try await fleet.content(site) == content, "\(site)") }
        }

        @Test("with no backup at all a hub is built from the nodes' files while they run, and the sites go on with it")
        func fromNodes() async throws {
            let fleet = try await fleet { _ in }
            let before = try await fleet.content("hub")
            try fleet.kill("hub")
            let file = fleet.database("hub")
            for end in ["", "-wal", "-shm", "-samband.seat"] { try? FileManager.default.removeItem(atPath: file + end) }
            try await fleet.write("verran", "INSERT INTO patient VALUES('p-3', 'while it was away')")
            try await fleet.write("snasa", "UPDATE patient SET name = 'Kari S.' WHERE id = 'p-1'")
            let bad = try await fleet.samband(
                "hub", "init", "--db", file, "--from-nodes", fleet.database("snasa"), "--from-nodes",
                fleet.database("snasa"))
            #expect(bad.status != 0 && bad.errors.contains("both replica"))
            #expect(!FileManager.default.fileExists(atPath: file))
            let built = try await fleet.must(
                "hub", "init", "--db", file, "--from-nodes", fleet.database("snasa"), "--from-nodes",
                fleet.database("verran"), "--json")
            let json = try JSON(parsing: Array(built.utf8))
            #expect(json["files"]?.array?.count == 2)
            #expect(json["recovery"]?["sites"]?.array?.allSatisfy { $0["complete"] == true } == true)
            try await fleet.start("hub")
            try await until("both sites have shown themselves") {
                try await fleet.json("hub", "recover", "status")["confirm"]?["sites"]?.array?.count == 2
            }
            for site in fleet.sites {
                let shown = try await fleet.json("hub", "recover", "status")["confirm"]?["sites"]?.array ?? []
                let fingerprint = try #require(shown.first { $0["name"]?.string == site }?["fingerprint"]?.string)
                try await until("the node of \(site) says what is to be done") {
                    try await fleet.json(site, "status")["trouble"]?.string?.contains(fingerprint) == true
                }
                try await fleet.must(
                    "recover", "accept", "--site", site, "--fingerprint", fingerprint, "--db", file)
            }
            try await fleet.untilMet()
            let content = try await fleet.content("hub")
            for wanted in ["while it was away", "Kari S.", "Ola N.", "accepted"] {
                #expect(content.contains(wanted), "\(wanted)")
            }
            for line in before.split(separator: "\n") where !line.contains("Kari") { #expect(content.contains(line)) }
            for site in fleet.sites { #expect(try await fleet.content(site) == content, "\(site)") }
            try await fleet.write("snasa", "INSERT INTO patient VALUES('p-9', 'afterwards')")
            try await fleet.untilMet()
            #expect(try await fleet.content("verran").contains("afterwards"))
            #expect(try await fleet.json("hub", "recover", "status")["state"] == "serving")
        }
    }
}
