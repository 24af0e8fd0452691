import Foundation
import Testing

extension RealProcesses {
    @Suite("What a user is shown of disputes", .serialized)
    struct DisputeTests {
        static let example = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Deploy/inn-trondelag/show-disputes").path

        @Test("the example in Python shows both sides of a dispute and the row that waits, and then that all is well")
        func example() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa", "verran"])
            func shown(_ site: String, _ more: String...) async throws -> String {
                let answer = try await fleet.run(
                    Programs.python, [DisputeTests.example, fleet.database(site)] + more)
                #expect(answer.status == 0 && answer.errors == "", "\(answer)")
                return answer.output.replacing(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/, with: "TIME")
            }
            #expect(try await shown("snasa") == "Nothing is disputed, and nothing waits.\n")

            try await fleet.write("snasa", "INSERT INTO referral(id, status, picture) VALUES('r-1', 'new', x'ff')")
            try await fleet.untilMet()
            for site in fleet.sites { try fleet.kill(site) }
            try await fleet.write("snasa", "UPDATE referral SET status = 'accepted', picture = CAST('ja' AS BLOB)")
            try await fleet.write("snasa", "INSERT INTO bed_night VALUES('b-1', 16, '2026-12-24', 'r-1')")
            try await fleet.write("verran", "UPDATE referral SET status = 'declined', picture = x'00'")
            try await fleet.write("verran", "INSERT INTO bed_night VALUES('b-2', 16, '2026-12-24', NULL)")
            try await fleet.start("snasa")
            try await until("the hub has the first") {
                try await fleet.write("hub", "SELECT id FROM bed_night") == "b-1\n"
            }
            try await fleet.start("verran")
            try await fleet.untilMet()

            let bed = """
                Disputed: bed_night of id b-2
                  Two rows claim what only one can have. One stands, the other waits.
                  snasa, TIME: id b-1, bed 16, night 2026-12-24, referral r-1
                  verran (here), TIME: id b-2, bed 16, night 2026-12-24, referral nothing
                Waiting: insert of bed_night, from verran (here)
                  It is kept whole, but not in the table: another row has what only one can have, since TIME.
                  id b-2, bed 16, night 2026-12-24, referral nothing

                """
            #expect(try await shown("verran", "bed_night") == bed)
            #expect(
                try await shown("snasa", "bed_night")
                    == bed.replacing("snasa,", with: "snasa (here),").replacing("verran (here)", with: "verran"))
            let referral = try await shown("verran", "referral")
            #expect(
                referral.contains(
                    """
                    Disputed: referral, status of id r-1
                      Two sites wrote here without knowing of each other. The newest is what you see.
                      before: new
                      snasa, TIME: accepted
                      verran (here), TIME: declined

                    """), "\(referral)")
            #expect(referral.contains("  before: x'ff'\n  snasa, TIME: ja\n  verran (here), TIME: x'00'\n"))
            #expect(try await shown("verran").count == bed.count + referral.count)

            // The SELECT that the page for makers of applications shows, in the stock shell.
            #expect(
                try await fleet.write(
                    "snasa",
                    """
                    SELECT site, is_ours, value FROM samband_dispute
                    WHERE table_name = 'referral' AND column_name = 'status' AND json_extract(key, '$.id') = 'r-1'
                    """) == "snasa|1|accepted\nverran|0|declined\n")

            for id in ["1", "2"] {
                try await fleet.must(
                    "conflict", "resolve", id, "--take", "now", "--by", "kari", "--db", fleet.database("hub"))
            }
            try await fleet.untilMet()
            #expect(try await shown("snasa", "referral") == "Nothing is disputed, and nothing waits.\n")
        }

        @Test("the example says what is wrong with a file that is no site's, and how it is used")
        func refusals() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals)
            let plain = fleet.folder.file("plain.db")
            _ = try await fleet.run(Programs.sqlite, [plain, "CREATE TABLE t(a)"])
            for file in [plain, fleet.folder.file("schema.sql"), fleet.folder.file("none.db")] {
                let answer = try await fleet.run(Programs.python, [DisputeTests.example, file])
                #expect(answer.status == 1 && answer.errors.hasPrefix("error: \(file) cannot be read"), "\(answer)")
            }
            #expect(try await fleet.run(Programs.python, [DisputeTests.example]).status == 64)
            let help = try await fleet.run(Programs.python, [DisputeTests.example, "--help"])
            #expect(help.status == 0 && help.output.contains("Usage: show-disputes"))
        }
    }
}
