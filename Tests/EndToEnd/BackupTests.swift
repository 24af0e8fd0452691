import Foundation
import HTTP
import JSONText
import Testing

extension RealProcesses {
    @Suite("Backups of a real hub", .serialized)
    struct BackupTests {
        @Test("backups taken while sites write are sound, whole, and each a later state of the one hub")
        func underTraffic() async throws {
            let fleet = try await RealFleet(schema: Schemas.traffic, sites: ["snasa", "verran"])
            let traffic = try Traffic(fleet, seed: 7)
            var before = 0
            var vectors: [JSON] = []
            for number in 1...4 {
                try await until("more was written") { traffic.count > before + 20 }
                before = traffic.count
                if number == 4 {
                    // Nobody runs it: the command does the work itself.
                    _ = try await fleet.stop("hub")
                }
                let made = try await fleet.json("hub", "backup", "--to", fleet.database("copy-\(number)"))
                #expect(made["file"]?.string?.hasSuffix("/copy-\(number).db") == true)
                let status = try await fleet.json("hub", "status")
                #expect(
                    status["backup"] == ["at": try #require(made["at"]), "position": try #require(made["position"])])
                vectors.append(try #require(made["vector"]))
            }
            _ = try await traffic.stop()
            try await fleet.start("hub")
            try await fleet.untilMet()
            vectors.append(try #require(try await fleet.json("hub", "status")["vector"]))
            for (number, (earlier, later)) in zip(vectors, vectors.dropFirst()).enumerated() {
                for member in earlier.object?.members ?? [] {
                    let mine = try #require(member.value.integer)
                    #expect(later[member.name]?.integer ?? 0 >= mine, "backup \(number + 1), \(member.name)")
                }
                let copy = "copy-\(number + 1)"
                #expect(try await fleet.write(copy, "PRAGMA integrity_check; PRAGMA foreign_key_check") == "ok\n")
                #expect(try await fleet.write(copy, "PRAGMA journal_mode") == "delete\n")
                #expect(try await fleet.json(copy, "status")["vector"] == earlier)
            }
        }

        @Test("a file that is there is refused and stays; what fails leaves nothing; a node is told what to do")
        func refusals() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa"])
            let hub = fleet.database("hub")
            let done = try await fleet.samband("backup", "--to", fleet.database("copy"), "--db", hub)
            #expect(done.status == 0, "\(done)")
            #expect(done.output.hasPrefix("verified   \(fleet.database("copy"))\n"), "\(done)")
            let before = try Data(contentsOf: URL(fileURLWithPath: fleet.database("copy")))
            let again = try await fleet.samband("backup", "--to", fleet.database("copy"), "--db", hub)
            #expect(again.status == 64, "\(again)")
            #expect(again.errors.contains("already there"), "\(again)")
            #expect(try Data(contentsOf: URL(fileURLWithPath: fleet.database("copy"))) == before)

            let node = try await fleet.samband("backup", "--to", fleet.database("n"), "--db", fleet.database("snasa"))
            #expect(node.status == 64, "\(node)")
            #expect(node.errors.contains("Back up the hub's file"), "\(node)")
            let full = try await fleet.samband("backup", "--to", "/dev/full/x.db", "--db", hub)
            #expect(full.status == 74, "\(full)")
            let names = try FileManager.default.contentsOfDirectory(atPath: fleet.folder.path)
            #expect(names.filter { $0.contains("samband-new") || $0 == "n.db" } == [])
        }
    }
}
