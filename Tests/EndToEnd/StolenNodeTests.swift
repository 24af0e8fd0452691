import Foundation
import HTTP
import Testing

extension RealProcesses {
    @Suite("A node's secret in wrong hands", .serialized)
    struct StolenNodeTests {
        /// Processor seconds that a process has used. (proc_pid_stat(5), utime and stime)
        private func used(_ id: pid_t) throws -> Double {
            let stat = try String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8)
            let fields = stat.split(separator: ")").last?.split(separator: " ").map(String.init) ?? []
            return ((Double(fields[11]) ?? 0) + (Double(fields[12]) ?? 0)) / Double(sysconf(Int32(_SC_CLK_TCK)))
        }

        private func most(_ id: pid_t) throws -> Int {
            let status = try String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
            return (Int(line.filter(\.isNumber)) ?? 0) / 1024
        }

        @Test("whoever sends made-up bytes with it takes 64 MB at most and changes nothing; the others go on")
        func flood() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa", "verran", "mosvik"])
            try await fleet.write("verran", "INSERT INTO patient VALUES('p-0', 'Ola')")
            try await fleet.untilMet()
            let status = try await fleet.json("snasa", "status")
            let hub = try #require(fleet.processID("hub"))
            let port = fleet.address.split(separator: ":").last.map(String.init) ?? ""
            let rows = try await fleet.write("hub", "SELECT count(*) FROM patient; SELECT count(*) FROM samband_change")
            let before = try most(hub)
            let thief = try fleet.spawn(
                "thief", Programs.python,
                [
                    Programs.script("stolen_node.py"), port, fleet.database("snasa") + "-samband.secrets/token",
                    "\(try #require(status["replica"]?.integer))",
                    "\(try #require(try await fleet.json("hub", "status")["replica"]?.integer))", "10",
                ])
            let (begun, from) = (try used(hub), ContinuousClock.now)
            try await fleet.write("verran", "INSERT INTO patient VALUES('p-1', 'Kari')")
            try await until("what others write goes on arriving") {
                try await fleet.write("mosvik", "SELECT count(*) FROM patient WHERE id = 'p-1'") == "1\n"
            }
            #expect(try await thief.end() == 0, "\(thief.errors)")
            // What it takes of a processor is told: Tests/slow-clients --measure has the goal.
            let share = (try used(hub) - begun) / (from.duration(to: .now) / .seconds(1))
            let memory = try most(hub) - before
            print("a stolen secret: \(Int(share * 100)) % of a processor, \(memory) MB; answers \(thief.output)")
            #expect(memory <= 64)
            #expect(
                try await fleet.write(
                    "hub", "SELECT count(*) - 1 FROM patient; SELECT count(*) - 1 FROM samband_change")
                    == rows)
            try await until("its own node goes on, too") {
                try await fleet.json("snasa", "status")["link"] == "up"
            }
        }
    }
}
