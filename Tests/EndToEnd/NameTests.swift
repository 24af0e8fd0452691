import Foundation
import TestKit
import Testing

extension RealProcesses {
    /// A site reaches the hub by its name, which nobody answers for, or which another address gets.
    @Suite("The name of the hub", .serialized)
    struct NameTests {
        static let name = "hub.samband.test"
        /// Loopback addresses of this run's own: another run on the machine has others.
        private static let net = "127.\(Int.random(in: 64...250)).\(Int.random(in: 0...255))"

        /// Runs a program with these files in the place of the system's own, which nobody else sees.
        private static func words(_ fleet: RealFleet, _ words: [String]) -> [String] {
            let script = """
                mount --bind "$1/hosts" /etc/hosts && mount --bind "$1/resolv.conf" /etc/resolv.conf || exit 70
                shift
                exec "$@"
                """
            return ["-m", "sh", "-c", script, "sh", fleet.folder.path] + words
        }

        /// In place: what is mounted is the file, not its name.
        private static func set(_ fleet: RealFleet, hosts: String) throws {
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: fleet.folder.file("hosts")))
            try file.truncate(atOffset: 0)
            try file.write(contentsOf: Data("127.0.0.1 localhost\n\(hosts)".utf8))
            try file.close()
        }

        private static func untilBoth(_ fleet: RealFleet, have number: Int, _ when: String) async throws {
            let back = ContinuousClock.now
            try await until("both are in step \(when)", everyMs: 50) {
                let here = try await fleet.write("snasa", "SELECT count(*) FROM patient WHERE id = 'v-\(number)'")
                let there = try await fleet.write("hub", "SELECT count(*) FROM patient WHERE id = 's-\(number)'")
                return here == "1\n" && there == "1\n"
            }
            print("\(when): in step after \(back.duration(to: .now))")
        }

        @Test("nobody knows the name for a while, then it is another machine's: the node finds it by itself")
        func names() async throws {
            guard getuid() == 0 else {
                print("skipped: only root may put a file in the place of /etc/hosts")
                return
            }
            // A name server that takes every question and answers none.
            let silent = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            defer { close(silent) }
            var place = sockaddr_in()
            place.sin_family = sa_family_t(AF_INET)
            place.sin_port = UInt16(53).bigEndian
            place.sin_addr.s_addr = inet_addr("\(Self.net).53")
            let isBound = withUnsafePointer(to: &place) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(silent, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            try #require(isBound)

            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["verran"])
            let port = try #require(fleet.address.split(separator: ":").last.flatMap { UInt16($0) })
            let old = try FaultProxy(to: port, at: "\(Self.net).2")
            let new = try FaultProxy(to: port, at: "\(Self.net).3", port: old.port)
            for file in ["hosts", "resolv.conf"] { try Data().write(to: URL(fileURLWithPath: fleet.folder.file(file))) }
            try "nameserver \(Self.net).53\n".write(
                toFile: fleet.folder.file("resolv.conf"), atomically: false, encoding: .utf8)
            try Self.set(fleet, hosts: "\(Self.net).2 \(Self.name)\n")

            let token = try await fleet.invite("snasa")
            let joined = try await fleet.run(
                "/usr/bin/unshare",
                Self.words(
                    fleet,
                    [
                        Programs.samband, "node", "join", "--db", fleet.database("snasa"), "--hub",
                        "http://\(Self.name):\(old.port)", "--token-file", token, "--insecure-http",
                    ]))
            try #require(joined.status == 0, "\(joined)")
            _ = try fleet.spawn(
                "snasa", "/usr/bin/unshare",
                Self.words(fleet, [Programs.samband, "node", "serve", "--db", fleet.database("snasa")]))
            try await until("the node serves") { fleet.notes("snasa").contains(" serving ") }

            // The name is gone, and with it the line.
            try Self.set(fleet, hosts: "")
            old.set(.refuse)
            try await fleet.write("snasa", "INSERT INTO patient VALUES('s-1', 'here')")
            try await fleet.write("verran", "INSERT INTO patient VALUES('v-1', 'there')")
            var said = ""
            try await until("status says that the name is not found: \(said)") {
                said = try await fleet.json("snasa", "status")["trouble"]?.string ?? ""
                return said.contains("name of the hub is not found")
            }
            // It is another machine's now.
            try Self.set(fleet, hosts: "\(Self.net).3 \(Self.name)\n")
            try await Self.untilBoth(fleet, have: 1, "after the name came back with another address")
            try await until("no trouble is left") { try await fleet.json("snasa", "status")["trouble"]?.string == nil }

            // The machine is gone without a word while a pull waits there, and the name moves back.
            new.set(.silent)
            old.set(.pass)
            try Self.set(fleet, hosts: "\(Self.net).2 \(Self.name)\n")
            try await fleet.write("snasa", "INSERT INTO patient VALUES('s-2', 'here')")
            try await fleet.write("verran", "INSERT INTO patient VALUES('v-2', 'there')")
            try await Self.untilBoth(fleet, have: 2, "after the old address fell silent")
        }
    }
}
