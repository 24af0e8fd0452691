import Foundation
import JSONText
import TestKit
import Testing

extension RealProcesses {
    /// How long it takes until all are in step again is told: 5 s at most on a machine of its own.
    @Suite("A bad line", .serialized)
    struct LineTests {
        private func trouble(_ fleet: RealFleet, _ site: String) async throws -> String {
            try await fleet.json(site, "status")["trouble"]?.string ?? ""
        }

        /// What each kind of line is, and what `status` says of it.
        private static let faults: [(name: String, mode: FaultProxy.Mode, says: String)] = [
            ("silent without a word", .silent, "does not answer"),
            ("broken off at once", .refuse, "is cut"),
            ("a page that wants a sign-in", .answer(FaultProxy.page), "a page answers"),
            ("a proxy without the hub behind it", .answer(FaultProxy.badGateway), "answers 502"),
            ("a redirect", .answer(FaultProxy.redirect), "sends the node on"),
            ("somebody else's JSON", .answer(FaultProxy.foreign), "something other than the hub"),
        ]

        @Test("whatever is wrong with the line is said in words, changes nothing, and is over by itself")
        func faults() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["verran"])
            let line = try fleet.line()
            try await fleet.join("snasa", through: line)
            try await fleet.start("snasa")
            try await fleet.untilMet()
            for (number, fault) in Self.faults.enumerated() {
                line.set(fault.mode)
                // Both ways: what waits here, and what waits at the hub.
                try await fleet.write("snasa", "INSERT INTO patient VALUES('s-\(number)', 'here')")
                try await fleet.write("verran", "INSERT INTO patient VALUES('v-\(number)', 'there')")
                var said = ""
                try await until("status says of \(fault.name): \(said)") {
                    said = try await trouble(fleet, "snasa")
                    return said.contains(fault.says)
                }
                #expect(said.contains("since 20"), "\(said)")
                let view = try await fleet.write("snasa", "SELECT link, trouble IS NOT NULL FROM samband_status")
                #expect(view == "down|1\n", "\(fault.name)")
                line.set(.pass)
                let back = ContinuousClock.now
                try await until("both are in step after: \(fault.name)", everyMs: 50) {
                    let here = try await fleet.write("snasa", "SELECT count(*) FROM patient WHERE id = 'v-\(number)'")
                    let there = try await fleet.write("hub", "SELECT count(*) FROM patient WHERE id = 's-\(number)'")
                    return here == "1\n" && there == "1\n"
                }
                print("\(fault.name): in step after \(back.duration(to: .now))")
                try await until("no trouble is left") { try await trouble(fleet, "snasa").isEmpty }
            }
            try await fleet.untilMet()
            #expect(try await fleet.write("snasa", "SELECT count(*) FROM patient") == "12\n")
        }

        @Test("after a while without a line the first connection that works brings all in step")
        func back() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["verran"])
            let line = try fleet.line()
            try await fleet.join("snasa", through: line)
            try await fleet.start("snasa")
            try await fleet.untilMet()
            for (number, mode) in [FaultProxy.Mode.silent, .refuse, .answer(FaultProxy.page)].enumerated() {
                line.set(mode)
                try await fleet.write("snasa", "INSERT INTO patient VALUES('s-\(number)', 'here')")
                try await fleet.write("verran", "INSERT INTO patient VALUES('v-\(number)', 'there')")
                // Long enough for the pauses to be as long as they get.
                let before = line.connections
                try await until("it has been tried often") { line.connections >= before + 6 }
                line.set(.pass)
                let back = ContinuousClock.now
                try await until("both are in step", everyMs: 50) {
                    let here = try await fleet.write("snasa", "SELECT count(*) FROM patient WHERE id = 'v-\(number)'")
                    let there = try await fleet.write("hub", "SELECT count(*) FROM patient WHERE id = 's-\(number)'")
                    return here == "1\n" && there == "1\n"
                }
                print("after \(mode): in step after \(back.duration(to: .now))")
            }
        }

        /// `SAMBAND_BACKLOG="200 10 5"`: MB, Mbit/s, and MB between two cuts.
        private static let backlog: (megabytes: Int, bytesPerSecond: Int, cutBytes: Int) = {
            let words = (ProcessInfo.processInfo.environment["SAMBAND_BACKLOG"] ?? "").split(separator: " ")
            let numbers = words.compactMap { Int($0) }
            return numbers.count == 3
                ? (numbers[0], numbers[1] * 125_000, numbers[2] * 1_000_000) : (24, 4 << 20, 4 << 20)
        }()

        @Test("a backlog over a line that is cut again and again arrives both ways; a cut costs one segment at most")
        func backlog() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals)
            let lines = [try fleet.line(), try fleet.line()]
            for (site, line) in zip(["snasa", "verran"], lines) { try await fleet.join(site, through: line) }
            let (megabytes, rate, cutBytes) = Self.backlog
            let rows = megabytes * 4
            try await fleet.write(
                "snasa",
                """
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(rows))
                INSERT INTO referral(id, picture) SELECT 'r-' || i, randomblob(250000) FROM n
                """)
            let bytes = rows * 250_000
            for line in lines { line.limit(bytesPerSecond: rate) }
            for (index, site) in ["snasa", "verran"].enumerated() {
                let line = lines[index]
                line.cut(everyBytes: cutBytes)
                let began = ContinuousClock.now
                try await fleet.start(site)
                let place = index == 0 ? "hub" : "verran"
                try await until("\(place) has it", withinMs: patienceMs + bytes * 4000 / rate, everyMs: 100) {
                    try await fleet.write(place, "SELECT count(*) FROM referral") == "\(rows)\n"
                }
                line.cut(everyBytes: nil)
                let came = index == 0 ? line.bytesUp : line.bytesDown
                print(
                    "\(place): \(came) bytes for \(bytes), \(line.cuts) cuts, "
                        + "\(began.duration(to: .now)), memory \(try fleet.memory())")
                #expect(line.cuts >= 3)
                // A segment is closed once it holds a MiB, so it may be a row longer; and each connection has its head.
                #expect(came - bytes < 200_000 + line.cuts * ((1 << 20) + 300_000), "\(line.cuts) cuts at \(place)")
            }
        }
    }
}
