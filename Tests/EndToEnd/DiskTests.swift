import Foundation
import JSONText
import TestKit
import Testing

extension RealProcesses {
    @Suite("Disks that fill up, and files that others hold", .serialized)
    struct DiskTests {
        private func trouble(_ fleet: RealFleet, _ name: String) async throws -> String {
            try await fleet.json(name, "status")["trouble"]?.string ?? ""
        }

        private func untilSays(_ fleet: RealFleet, _ name: String, _ words: String) async throws {
            var said = ""
            try await until("\(name) says \"\(words)\": \(said)", everyMs: 100) {
                said = try await trouble(fleet, name)
                return said.contains(words)
            }
        }

        /// Rows of so many bytes altogether, 100,000 each.
        private func rows(_ prefix: String, megabytes: Int) -> String {
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(megabytes * 10))
            INSERT INTO referral(id, picture) SELECT '\(prefix)-' || i, randomblob(100000) FROM n
            """
        }

        @Test(
            "a full disk at a node and at the hub: said in status, nothing lost, and over when there is room",
            .enabled(if: SmallDisk.canBeHad))
        func full() async throws {
            for place in ["snasa", RealFleet.hub] {
                let disk = try SmallDisk(megabytes: 24)
                let fleet = try await RealFleet(
                    schema: Schemas.referrals, sites: ["snasa", "verran"], places: [place: disk.path])
                try await fleet.untilMet()
                let ballast = try disk.fill(leaving: 3 << 20)
                try await fleet.write("verran", rows("v", megabytes: 6))
                try await untilSays(fleet, place, "is full")
                if place == RealFleet.hub { try await untilSays(fleet, "verran", "The disk is full") }
                // It goes on answering, and what was there is there.
                #expect(try await fleet.write(place, "PRAGMA quick_check") == "ok\n")
                #expect(try await fleet.write(place, "SELECT count(*) FROM referral") == "0\n")
                unlink(ballast)
                try await fleet.untilMet()
                for name in fleet.everyone {
                    #expect(try await fleet.write(name, "SELECT count(*) FROM referral") == "60\n")
                    try await until("\(name) has no trouble any more", everyMs: 100) {
                        try await trouble(fleet, name).isEmpty
                    }
                }
            }
        }

        @Test("a file that is removed or replaced is noticed while nobody writes: said in status, and not up")
        func moved() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa"])
            try await fleet.untilMet()
            for name in ["snasa", RealFleet.hub] {
                let file = fleet.database(name)
                try FileManager.default.moveItem(atPath: file, toPath: file + ".aside")
                try await untilSays(fleet, name, "was removed while this process runs on it")
                try FileManager.default.copyItem(atPath: file + ".aside", toPath: file)
                try await untilSays(fleet, name, "another file was put in the place of")
                if name == "snasa" {
                    try await until("the node is not up") { try await fleet.json(name, "status")["link"] == "down" }
                }
                try FileManager.default.removeItem(atPath: file)
                try FileManager.default.moveItem(atPath: file + ".aside", toPath: file)
                try await until("\(name) has no trouble any more") { try await trouble(fleet, name).isEmpty }
            }
            try await fleet.write("snasa", "INSERT INTO referral(id) VALUES('r-1')")
            try await fleet.untilMet()
            #expect(try await fleet.write(RealFleet.hub, "SELECT id FROM referral") == "r-1\n")
        }

        @Test("a program that holds a write transaction: said in status, and over when it ends")
        func locked() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa", "verran"])
            try await fleet.untilMet()
            let enough = fleet.folder.file("enough")
            let holder = try fleet.spawn(
                "holder", Programs.sqlite,
                [
                    fleet.database("snasa"), "BEGIN IMMEDIATE", "INSERT INTO patient VALUES('held', 'here')",
                    ".system while [ ! -e \(enough) ]; do sleep 0.1; done", "COMMIT",
                ])
            try await fleet.write("verran", "INSERT INTO patient VALUES('p-1', 'there')")
            try await untilSays(fleet, "snasa", "locked")
            #expect(try await fleet.write("snasa", "SELECT count(*) FROM patient") == "0\n")
            try Data().write(to: URL(fileURLWithPath: enough))
            #expect(try await holder.end() == 0)
            try await fleet.untilMet()
            for name in fleet.everyone {
                #expect(try await fleet.write(name, "SELECT count(*) FROM patient") == "2\n")
            }
            try await until("no trouble is left", everyMs: 100) { try await trouble(fleet, "snasa").isEmpty }
        }
    }
}

/// A file system of its own in memory, of a few megabytes; gone with the value.
final class SmallDisk: Sendable {
    let path: String

    /// Mounting takes root. Elsewhere the tests that need it are left out, and say so.
    static let canBeHad: Bool = {
        if geteuid() == 0, let disk = try? SmallDisk(megabytes: 1) { return !disk.path.isEmpty }
        print("left out: a disk that fills up can only be mounted by root")
        return false
    }()

    init(megabytes: Int) throws {
        path = NSTemporaryDirectory() + "samband-disk-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let answer = try ChildProgram.run("mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m,mode=700", "tmpfs", path])
        guard answer.status == 0 else { throw ChildProcess.Failure(description: answer.errors) }
    }

    deinit {
        // Lazily: a process that is just being killed may still have a file open.
        _ = try? ChildProgram.run("umount", ["-l", path])
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Takes all room but so many bytes.
    /// - Returns: the path of the file that has it.
    func fill(leaving bytes: Int) throws -> String {
        let file = path + "/ballast"
        var about = statvfs()
        guard statvfs(path, &about) == 0 else { throw ChildProcess.Failure(description: "statvfs failed") }
        let free = Int(about.f_bavail) * Int(about.f_frsize)
        guard FileManager.default.createFile(atPath: file, contents: Data(count: max(0, free - bytes))) else {
            throw ChildProcess.Failure(description: "no ballast")
        }
        return file
    }
}
