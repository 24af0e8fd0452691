import Foundation
import Testing

extension RealProcesses {
    @Suite("A process that serves, told to end", .serialized)
    struct SignalTests {
        /// While this is held, whoever opens the file waits. (fcntl(2), "Leases")
        private final class Lease {
            private let descriptor: Int32

            init(_ path: String) throws {
                // The system tells the holder by a signal that somebody waits.
                signal(SIGIO, SIG_IGN)
                descriptor = open(path, O_RDWR | O_CLOEXEC)
                guard descriptor >= 0, fcntl(descriptor, Self.set, F_WRLCK) == 0 else {
                    throw ChildProcess.Failure(description: "no lease of \(path): \(String(cString: strerror(errno)))")
                }
            }

            deinit { close(descriptor) }

            /// True when somebody is opening the file.
            var isWanted: Bool { fcntl(descriptor, Self.get, 0) != F_WRLCK }

            func giveUp() { _ = fcntl(descriptor, Self.set, F_UNLCK) }

            private static let set: Int32 = 1024
            private static let get: Int32 = 1025
        }

        @Test("ends with 0 also when it is told so before it has looked at its database", arguments: ["hub", "node"])
        func early(role: String) async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa"])
            let name = role == "hub" ? RealFleet.hub : "snasa"
            for each in ["snasa", RealFleet.hub] { #expect(try await fleet.stop(each) == 0) }
            for signal in [SIGTERM, SIGINT] {
                let lease = try Lease(fleet.database(name))
                let words = [role, "serve", "--db", fleet.database(name)]
                let process = try fleet.spawn(
                    "early", Programs.samband, role == "hub" ? words + ["--listen", "127.0.0.1:0"] : words)
                try await until("\(role) opens its database") { lease.isWanted }
                process.send(signal)
                lease.giveUp()
                #expect(try await process.end() == 0, "\(process.errors)")
            }
        }
    }
}
