import Foundation
import TestKit
import Testing

/// What a service manager hears: a datagram socket, as systemd has one.
private final class Ear: Sendable {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        try #require(isBound)
    }

    deinit { close(descriptor) }

    /// The words that are there, none of which is heard twice.
    func words() -> [String] {
        var all: [String] = []
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            guard count >= 0 else { return all }
            all += String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n").map(String.init)
        }
    }
}

extension RealProcesses {
    @Suite("Hub and node as services", .serialized)
    struct ServiceTests {
        @Test("a process whose database's thread hangs says no more that it is well", arguments: ["hub", "node"])
        func hangs(role: String) async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: role == "node" ? ["snasa"] : [])
            let name = role == "node" ? "snasa" : RealFleet.hub
            #expect(try await fleet.stop(name) == 0)
            let ear = try Ear(fleet.folder.file("notify"))
            let process = try fleet.spawn(
                "watched", "/usr/bin/env",
                [
                    "NOTIFY_SOCKET=" + fleet.folder.file("notify"), "WATCHDOG_USEC=100000", Programs.samband, role,
                    "serve", "--db", fleet.database(name),
                ] + (role == "hub" ? ["--listen", "127.0.0.1:0"] : []))
            var heard: [String] = []
            try await until("it serves and is well: \(heard) \(process.errors)") {
                heard += ear.words()
                return heard.contains("READY=1") && heard.contains("WATCHDOG=1")
            }
            #expect(heard.first == "READY=1")
            #expect(heard.contains { $0.hasPrefix("STATUS=") }, "\(heard)")

            let holder = try fleet.spawn(
                "holder", Programs.python,
                [Programs.script("hold_thread.py"), "\(process.id)", "samband-\(role)"])
            let isHeld = try await until("its thread is held: \(holder.errors)") { () -> Bool? in
                if holder.output.hasPrefix("held") { return true }
                return holder.ended == nil ? nil : false
            }
            guard isHeld else {
                print("skipped: no thread may be held here: \(holder.errors)")
                #expect(ProcessInfo.processInfo.environment["CI"] == nil, "\(holder.errors)")
                return
            }
            // What was on its way when the thread was held.
            _ = ear.words()
            try await Task.sleep(for: .seconds(1))
            // Twenty were due; the one at most was asked for before.
            #expect(ear.words().count { $0 == "WATCHDOG=1" } <= 1)
            _ = holder.kill()
            try await until("it is well again") { ear.words().contains("WATCHDOG=1") }

            process.send(SIGTERM)
            #expect(try await process.end() == 0)
            #expect(ear.words().contains("STOPPING=1"))
        }

        @Test("a site's database is its group's as far as the umask lets it, the hub's is its owner's")
        func rights() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals)
            let token = try await fleet.invite("snasa")
            let joined = try await fleet.run(
                "/bin/sh",
                [
                    "-c", #"umask 007; exec "$@""#, "sh", Programs.samband, "node", "join", "--db",
                    fleet.database("snasa"), "--hub", fleet.address, "--token-file", token,
                ])
            #expect(joined.status == 0, "\(joined)")
            func rights(_ name: String) throws -> Int? {
                try FileManager.default.attributesOfItem(atPath: fleet.database(name))[.posixPermissions] as? Int
            }
            #expect(try rights("snasa") == 0o660)
            #expect(try rights(RealFleet.hub) == 0o600)
        }
    }
}
