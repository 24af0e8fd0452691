import Foundation
import HTTP
import JSONText
import Testing

extension RealProcesses {
    @Suite("Sites that come, go and change their secrets", .serialized)
    struct SiteLifeTests {
        @Test("a site is paused, resumed and retired while all processes run; what it writes is never lost")
        func life() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa", "verran"])
            let admin = try await fleet.operatorToken("kari", role: "admin")
            try await fleet.write("snasa", "INSERT INTO patient VALUES('p-1', 'Ola')")
            try await fleet.untilMet()
            #expect(try await fleet.fromAfar(admin, ["site", "pause", "snasa"]).output.hasPrefix("snasa is paused"))
            try await fleet.write("snasa", "INSERT INTO patient VALUES('p-2', 'Kari')")
            try await until("the node says that it is paused") {
                try await fleet.json("snasa", "status")["trouble"]?.string?.contains("have paused site snasa") == true
            }
            #expect(try await fleet.write("hub", "SELECT count(*) FROM patient") == "1\n")
            #expect(try await fleet.fromAfar(admin, ["site", "resume", "snasa"]).status == 0)
            try await fleet.untilMet()
            #expect(try await fleet.write("verran", "SELECT count(*) FROM patient") == "2\n")

            let unasked = try await fleet.fromAfar(admin, ["site", "retire", "snasa"])
            #expect(unasked.status == 64 && unasked.errors.contains("not retired unasked"), "\(unasked)")
            #expect(try await fleet.fromAfar(admin, ["site", "retire", "snasa", "--yes"]).status == 0)
            try await fleet.write("snasa", "INSERT INTO patient VALUES('p-3', 'Per')")
            try await until("it is kept apart, and its node says so") {
                try await fleet.json("snasa", "status")["trouble"]?.string?.contains("1 change sets of it with 1 rows")
                    == true
            }
            let kept = try await fleet.fromAfar(admin, ["site", "quarantine", "snasa"])
            #expect(kept.output.contains("CHANGE") && kept.output.contains("yes"), "\(kept)")
            let list = try await fleet.must("site", "list", "--db", fleet.database("hub"))
            #expect(list.contains("retired") && list.contains("1 change set is kept apart"), "\(list)")
            #expect(try await fleet.write("hub", "SELECT count(*) FROM patient") == "2\n")
            #expect(try await fleet.write("snasa", "SELECT count(*) FROM patient") == "3\n")
        }

        @Test("a serving node changes its secrets and goes on; no secret is in a command line, a variable or a note")
        func rotate() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa"])
            let folder = fleet.database("snasa") + "-samband.secrets"
            func token() throws -> String {
                try String(contentsOfFile: folder + "/token", encoding: .utf8).trimmingCharacters(in: .newlines)
            }
            let former = try token()
            let key = try String(contentsOfFile: folder + "/bundle-key", encoding: .utf8)
                .trimmingCharacters(in: .newlines)
            let said = try await fleet.must("node", "rotate", "--db", fleet.database("snasa"))
            #expect(said.contains("snasa has new secrets"))
            let present = try token()
            #expect(present != former)
            try await fleet.write("snasa", "INSERT INTO patient VALUES('p-1', 'Ola')")
            try await fleet.untilMet()
            // The former is nobody's any more.
            let file = fleet.folder.file("former")
            try former.write(toFile: file, atomically: false, encoding: .utf8)
            let refused = try await fleet.fromAfar(file, ["status"])
            #expect(refused.status == 77 && refused.errors.contains("The token is no operator's"), "\(refused)")
            // And it goes on after a restart.
            _ = try await fleet.stop("snasa")
            try await fleet.start("snasa")
            try await fleet.write("snasa", "UPDATE patient SET name = 'Kari'")
            try await fleet.untilMet()
            for name in fleet.everyone {
                let id = try #require(fleet.processID(name))
                for secret in [former, present, key] {
                    #expect(!fleet.notes(name).contains(secret))
                    for place in ["cmdline", "environ"] {
                        let bytes = try Data(contentsOf: URL(fileURLWithPath: "/proc/\(id)/\(place)"))
                        #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(name) \(place)")
                    }
                }
            }
            let rows = try await fleet.json("hub", "audit", "list", "--what", "site")
            #expect(rows.array?.map { $0["what"]?.string } == ["site.add", "site.join", "site.rotate", "site.rotated"])
        }

        @Test("the audit of a day is listed, verified with a noted head, and exported as CSV and JSON, by an auditor")
        func audit() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa"])
            let auditor = try await fleet.operatorToken("fylket", role: "auditor")
            let kari = try await fleet.operatorToken("kari")
            try await fleet.write("snasa", "INSERT INTO patient VALUES('05077512345', 'Ola Nordmann')")
            try await fleet.untilMet()
            #expect(try await fleet.fromAfar(kari, ["history", "patient", "'05077512345'"]).status == 0)
            _ = try await fleet.must("explain", "patient", "'05077512345'", "--db", fleet.database("hub"))
            let list = try await fleet.fromAfar(auditor, ["audit", "list", "--what", "read"])
            #expect(list.output.contains("kari") && list.output.contains("read.history"), "\(list)")
            #expect(list.output.contains("local:") && list.output.contains("read.explain"), "\(list)")
            let ofRow = try await fleet.fromAfar(
                auditor, ["audit", "list", "--row", "patient", "--key", "'05077512345'", "--json"])
            #expect(try JSON(parsing: Array(ofRow.output.utf8)).array?.count == 2)

            let verified = try await fleet.fromAfar(auditor, ["audit", "verify"])
            #expect(verified.status == 0 && verified.output.contains("the chain holds: "), "\(verified)")
            let head = try #require(verified.output.split(separator: "\n").last?.split(separator: " ").last)
            let again = try await fleet.fromAfar(auditor, ["audit", "verify", "--head", String(head)])
            #expect(again.status == 0, "\(again)")
            let csv = try await fleet.fromAfar(auditor, ["audit", "export", "--from", "1d"])
            #expect(csv.output.hasPrefix("number,at,who,what,details,digest\r\n1,"), "\(csv)")
            #expect(csv.errors.contains(String(head)), "\(csv)")
            let json = try await fleet.fromAfar(auditor, ["audit", "export", "--format", "json"])
            let rows = try JSON(parsing: Array(json.output.utf8))["rows"]?.array
            #expect(rows?.count == csv.output.split(separator: "\r\n").count - 1)
            for answer in [list, ofRow, verified, csv, json] {
                #expect(!answer.output.contains("05077512345") && !answer.output.contains("Nordmann"))
            }
            #expect(try await fleet.fromAfar(kari, ["audit", "list"]).status == 77)

            // A program at the hub cannot touch it; who has the file in his hands can, and it shows.
            let refused = try await fleet.run(
                Programs.sqlite, [fleet.database("hub"), "DELETE FROM samband_audit WHERE number = 3"])
            #expect(refused.status != 0 && refused.errors.contains("samband_audit is written by samband alone"))
            _ = try await fleet.run(
                Programs.sqlite,
                [
                    fleet.database("hub"),
                    "DROP TRIGGER samband_guard_samband_audit_delete; DELETE FROM samband_audit WHERE number = 3",
                ])
            let broken = try await fleet.samband("audit", "verify", "--db", fleet.database("hub"))
            #expect(broken.status == 1 && broken.output.contains("broken at number 3"), "\(broken)")
        }
    }
}
