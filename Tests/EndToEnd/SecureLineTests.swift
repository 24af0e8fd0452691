import Foundation
import JSONText
import TestKit
import Testing

extension RealProcesses {
    @Suite("A line over https", .serialized, Front.isPossible)
    struct SecureLineTests {
        /// A hub on a Unix socket behind nginx.
        private func fleet() async throws -> (RealFleet, Front, TemporaryFolder) {
            let folder = try TemporaryFolder()
            let front = try Front(in: folder.path)
            let fleet = try await RealFleet(
                schema: Schemas.referrals, listen: "unix:\(front.socket)", wrapping: front.trusting)
            try await front.start(fleet)
            return (fleet, front, folder)
        }

        private func count(_ fleet: RealFleet, _ place: String, _ name: String) async throws -> Bool {
            try await fleet.write(place, "SELECT count(*) FROM patient WHERE id = '\(name)'") == "1\n"
        }

        @Test(
            "a node syncs through nginx over https, and over a line that is cut, silent and slow comes back by itself")
        func faults() async throws {
            let (fleet, front, folder) = try await fleet()
            let line = try FaultProxy(to: front.port(.hub))
            let joined = try await fleet.tryToJoin("snasa", at: "https://localhost:\(line.port)")
            #expect(joined.status == 0, "\(joined)")
            #expect(try await fleet.tryToJoin("verran", at: front.address()).status == 0)
            for site in fleet.sites { try await fleet.start(site) }
            try await fleet.untilMet()
            let faults: [(name: String, mode: FaultProxy.Mode, says: String)] = [
                ("silent", .silent, "does not answer"), ("broken off", .refuse, "is cut"),
                ("a page", .answer(FaultProxy.page), "something other than the hub"),
            ]
            for (number, fault) in faults.enumerated() {
                line.set(fault.mode)
                try await fleet.write("snasa", "INSERT INTO patient VALUES('s-\(number)', 'here')")
                try await fleet.write("verran", "INSERT INTO patient VALUES('h-\(number)', 'there')")
                var said = ""
                try await until("status says of \(fault.name): \(said)") {
                    said = try await fleet.json("snasa", "status")["trouble"]?.string ?? ""
                    return said.contains(fault.says)
                }
                line.set(.pass)
                let back = ContinuousClock.now
                try await until("in step after: \(fault.name)", everyMs: 50) {
                    let here = try await count(fleet, "snasa", "h-\(number)")
                    let there = try await count(fleet, "hub", "s-\(number)")
                    return here && there
                }
                print("https, \(fault.name): in step after \(back.duration(to: .now))")
                try await until("no trouble is left") {
                    try await fleet.json("snasa", "status")["trouble"]?.string ?? "" == ""
                }
            }
            line.limit(bytesPerSecond: 4 << 20, delayMs: 1)
            // A cut costs what has gone into a segment and into the buffers of two TLS connections, each way: between two
            // of them there is room for some segments more.
            line.cut(everyBytes: 6 << 20)
            try await fleet.write(
                "snasa",
                """
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 48)
                INSERT INTO referral(id, picture) SELECT 'up-' || i, randomblob(250000) FROM n
                """)
            try await fleet.write(
                "verran",
                """
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 48)
                INSERT INTO referral(id, picture) SELECT 'down-' || i, randomblob(250000) FROM n
                """)
            try await until("12 MB are through both ways", withinMs: 3 * patienceMs, everyMs: 100) {
                let here = try await fleet.write("snasa", "SELECT count(*) FROM referral WHERE id LIKE 'down-%'")
                let there = try await fleet.write("hub", "SELECT count(*) FROM referral WHERE id LIKE 'up-%'")
                return here == "48\n" && there == "48\n"
            }
            line.cut(everyBytes: nil)
            #expect(line.cuts >= 3)
            print("https: \(line.cuts) cuts, \(line.bytesUp) up, \(line.bytesDown) down, memory \(try fleet.memory())")
            line.limit(bytesPerSecond: nil)
            try await fleet.untilMet()
            #expect(try await fleet.content("snasa") == fleet.content("hub"))
            #expect(try await fleet.stop("snasa") == 0)
            withExtendedLifetime(folder) {}
        }

        @Test("what nginx compresses is the pull, to less than half")
        func compressed() async throws {
            let (fleet, front, folder) = try await fleet()
            let line = try FaultProxy(to: front.port(.hub))
            #expect(try await fleet.tryToJoin("snasa", at: "https://localhost:\(line.port)").status == 0)
            #expect(try await fleet.tryToJoin("verran", at: front.address()).status == 0)
            for site in fleet.sites { try await fleet.start(site) }
            try await fleet.untilMet()
            let before = line.bytesDown
            let text = "Henvist til dagpost for vurdering, pasienten er orientert."
            try await fleet.write(
                "verran",
                """
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                INSERT INTO referral(id, note) SELECT 'r-' || i, '\(text)' FROM n
                """)
            try await fleet.untilMet()
            let came = line.bytesDown - before
            print("https: \(came) bytes for \(5000 * text.utf8.count) of text")
            #expect(came * 2 < 5000 * text.utf8.count)
            withExtendedLifetime(folder) {}
        }

        @Test(
            "a certificate that has expired, is another's or another authority's is refused in words, and nothing is sent"
        )
        func certificates() async throws {
            let (fleet, front, folder) = try await fleet()
            let expected: [(Front.Server, String)] = [
                (.expired, "has expired"), (.anotherName, "was made for another name"),
                (.anotherAuthority, "is signed by nobody whom this machine trusts"),
            ]
            for (server, words) in expected {
                let site = "site-\(server.rawValue)"
                let answer = try await fleet.tryToJoin(site, at: front.address(server))
                #expect(answer.status == 69, "\(answer)")
                #expect(answer.errors.contains("the certificate of the server \(words)"), "\(answer)")
                #expect(!FileManager.default.fileExists(atPath: fleet.database(site)))
            }
            let listed = try await fleet.must("site", "list", "--json", "--db", fleet.database("hub"))
            #expect(!listed.contains("\"active\""), "\(listed)")
            // A hub whose certificate goes bad while a node runs: the node says so and keeps everything.
            #expect(try await fleet.tryToJoin("snasa", at: front.address()).status == 0)
            try front.present(.expired)
            try await front.start(fleet)
            try await fleet.start("snasa")
            try await fleet.write("snasa", "INSERT INTO patient VALUES('s-1', 'here')")
            var said = ""
            try await until("status says why: \(said)") {
                said = try await fleet.json("snasa", "status")["trouble"]?.string ?? ""
                return said.contains("the certificate at the hub's address has expired")
            }
            #expect(try await fleet.json("snasa", "status")["pending"] == 1)
            withExtendedLifetime(folder) {}
        }

        @Test("operators ask over https from afar, with what they type on standard input still whole")
        func remote() async throws {
            let (fleet, front, folder) = try await fleet()
            let token = try await fleet.must(
                "operator", "add", "kari", "--role", "admin", "--db", fleet.database("hub"))
            let words = ["status", "--json", "--hub", front.address(), "--token-file", "-"]
            let all = front.trusting + [Programs.samband] + words
            let answer = try await fleet.run(all[0], Array(all.dropFirst()), input: token)
            #expect(answer.status == 0, "\(answer)")
            #expect(try JSON(parsing: Array(answer.output.utf8))["role"] == "hub")
            // The same without the authority: nothing of the token is sent.
            let distrusting = try await fleet.run(Programs.samband, words, input: token)
            #expect(
                distrusting.status == 69 && distrusting.errors.contains("whom this machine trusts"), "\(distrusting)")
            withExtendedLifetime(folder) {}
        }
    }
}
