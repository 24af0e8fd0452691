import Foundation
import HTTP
import Testing

extension RealProcesses {
    @Suite("Joining over a bad line", .serialized)
    struct JoinTests {
        /// A fleet with some rows to fetch, and a proxy in front of its hub that spoils one answer.
        private func fleetBehindProxy(
            spoiling path: String, _ manner: String
        ) async throws -> (fleet: RealFleet, proxy: ChildProcess, address: String, token: String) {
            let fleet = try await RealFleet(schema: Schemas.referrals)
            let token = try await fleet.invite("snasa")
            let port = fleet.address.split(separator: ":").last.map(String.init) ?? ""
            let proxy = try fleet.spawn(
                "proxy", Programs.python, [Programs.script("cutting_proxy.py"), port, path, manner])
            let own = try await until("the proxy listens") {
                proxy.output.split(separator: "\n").first.map(String.init)
            }
            return (fleet, proxy, "http://127.0.0.1:\(own)", token)
        }

        private func join(_ fleet: RealFleet, _ address: String, _ token: String) async throws -> Answer {
            try await fleet.samband(
                "node", "join", "--db", fleet.database("snasa"), "--hub", address, "--token-file", token)
        }

        @Test(
            "a join whose answer was lost is repeated with the same token",
            arguments: ["/v1/join", "/v1/snapshot"])
        func answerLost(path: String) async throws {
            let (fleet, _, address, token) = try await fleetBehindProxy(spoiling: path, "close")
            let lost = try await join(fleet, address, token)
            #expect(lost.status == 69, "\(lost)")
            #expect(!FileManager.default.fileExists(atPath: fleet.database("snasa")))
            let again = try await join(fleet, address, token)
            #expect(again.status == 0, "\(again)")
            // One place in the fleet, not two.
            let sites = try await fleet.json("hub", "site", "list")
            #expect(sites.array?.count == 1)
            #expect(sites.array?.first?["state"] == "active")
            try await fleet.start("snasa")
            try await fleet.write("snasa", "INSERT INTO patient VALUES('p-1', 'Ola')")
            try await until("the row is at the hub") {
                try await fleet.write("hub", "SELECT name FROM patient") == "Ola\n"
            }
        }

        @Test(
            "a node killed while it joins is joined again with the same token",
            arguments: ["/v1/join", "/v1/snapshot"])
        func killed(path: String) async throws {
            let (fleet, proxy, address, token) = try await fleetBehindProxy(spoiling: path, "hold")
            let joining = try fleet.spawn(
                "joining", Programs.samband,
                ["node", "join", "--db", fleet.database("snasa"), "--hub", address, "--token-file", token])
            try await until("the line is silent") { proxy.output.contains("cut\n") }
            #expect(joining.kill() == 128 + SIGKILL)
            #expect(!FileManager.default.fileExists(atPath: fleet.database("snasa")))
            let again = try await join(fleet, address, token)
            #expect(again.status == 0, "\(again)")
            #expect(try await fleet.json("hub", "site", "list").array?.count == 1)
            #expect(!FileManager.default.fileExists(atPath: fleet.database("snasa") + ".part"))
        }
    }
}
