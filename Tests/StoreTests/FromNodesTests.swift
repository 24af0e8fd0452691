import Foundation
import Replication
import SQLite
import Testing

@testable import HubDatabase
@testable import HubFromNodes

/// A hub that is built from the files of nodes, where no backup is left (promises 4, 5, 6 and 7).
@Suite("A hub built from nodes' files")
struct FromNodesTests {
    private func fleet(_ sites: [String] = ["snasa", "verran"]) throws -> TestFleet {
        let fleet = try TestFleet(Schemas.wards)
        for site in sites { try fleet.join(site) }
        try fleet.meet()
        return fleet
    }

    private func expectInStep(_ fleet: TestFleet, _ wards: [String]) throws {
        for place in ["hub"] + fleet.nodes.keys.sorted() {
            #expect(try fleet.rows(place, "SELECT * FROM ward ORDER BY 1") == wards, "\(place)")
            #expect(try fleet.rows(place, "SELECT count(*) FROM pragma_foreign_key_check") == ["0"])
        }
        for site in fleet.nodes.keys { #expect(try fleet.nodes[site]!.inFlightCount() == 0, "\(site)") }
    }

    @Test("every write of every file is there, the nodes go on, and the report says what came from where")
    func whole() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "INSERT INTO ward VALUES('w3', 'met')")
        try fleet.meet()
        let lost = fleet.hub.replica
        try fleet.write("snasa", "UPDATE ward SET name = 'A2' WHERE id = 'w1'; INSERT INTO ward VALUES('w4', 'sent')")
        try fleet.push("snasa")
        try fleet.write("verran", "INSERT INTO ward VALUES('w5', 'sealed'); DELETE FROM ward WHERE id = 'w3'")
        try fleet.seal("verran")
        try fleet.write("verran", "INSERT INTO ward VALUES('w6', 'not sealed')")
        let result = try fleet.buildHub(from: ["snasa", "verran"])
        #expect(fleet.hub.replica != lost)
        #expect(!fleet.hub.isRecovering, "all sites were heard")
        #expect(try fleet.rows("hub", "SELECT * FROM ward ORDER BY 1") == ["w1|A2", "w2|B", "w4|sent", "w5|sealed"])
        #expect(result.sources.map(\.inFlight) == [1, 1])
        #expect(result.sources.map(\.unsealed) == [0, 1])
        #expect(result.report.replicas.allSatisfy { $0.heard != nil })
        #expect(result.report.taken == 2 && result.report.waiting == 0)
        for site in ["snasa", "verran"] { #expect(try fleet.greet(site) == nil, "\(site)") }
        try fleet.meet()
        try expectInStep(fleet, ["w1|A2", "w2|B", "w4|sent", "w5|sealed", "w6|not sealed"])
        #expect(try fleet.hub.conflicts(includeSettled: true).isEmpty)
        try fleet.join("inderoy")
        try fleet.write("inderoy", "INSERT INTO ward VALUES('w7', 'new')")
        try fleet.meet()
        try expectInStep(fleet, ["w1|A2", "w2|B", "w4|sent", "w5|sealed", "w6|not sealed", "w7|new"])
    }

    @Test("what two sites wrote without the other's knowledge is a conflict with both sides, whichever is the base")
    func conflicts() throws {
        for sites in [["snasa", "verran"], ["verran", "snasa"], ["snasa"], ["verran"]] {
            let fleet = try fleet()
            try fleet.write("snasa", "UPDATE ward SET name = 's' WHERE id = 'w1'; DELETE FROM ward WHERE id = 'w2'")
            try fleet.seal("snasa")
            try fleet.write("verran", "UPDATE ward SET name = 'v' WHERE id = 'w1'")
            try fleet.push("verran")
            try fleet.write("verran", "UPDATE ward SET name = 'kept' WHERE id = 'w2'")
            try fleet.seal("verran")
            // One of the two has had the other's before it: what it had sealed is concurrent with it all the same.
            try fleet.pull("snasa")
            try fleet.buildHub(from: sites)
            for site in ["snasa", "verran", "snasa", "verran"] { try fleet.greet(site) }
            try fleet.meet()
            let open = try fleet.hub.conflicts(includeSettled: false)
            #expect(open.contains { $0.column == "name" && $0.life.sides.count == 2 }, "\(sites)")
            #expect(open.contains { $0.kind == .deleteUpdate || $0.kind == .invalid }, "\(sites) \(open.map(\.kind))")
            let there = try fleet.rows("hub", "SELECT * FROM ward ORDER BY 1")
            try expectInStep(fleet, there)
        }
    }

    @Test("a backup of it is whole, and a hub restored from that goes on")
    func backup() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "INSERT INTO ward VALUES('w3', 'met')")
        try fleet.meet()
        // This one joins late: its log begins late.
        try fleet.join("inderoy")
        try fleet.write("inderoy", "INSERT INTO ward VALUES('w4', 'late')")
        try fleet.push("inderoy")
        try fleet.pull("inderoy")
        try fleet.buildHub(from: ["inderoy"])
        try fleet.hub.acceptRecovery(nowMs: fleet.nowMs)
        let made = try BackupFile.make(
            from: fleet.folder + "/hub.db", to: fleet.folder + "/backup.db", nowMs: fleet.nowMs)
        #expect(made.record.position == (try fleet.hub.lastPosition()))
        try fleet.restoreHub()
        for site in ["inderoy", "snasa", "verran"] { try fleet.greet(site) }
        for site in ["inderoy", "snasa", "verran"] {
            guard case .rejoin = try fleet.greet(site) else { continue }
            try fleet.joinAnew(site)
        }
        try fleet.meet()
        try expectInStep(fleet, ["w1|A", "w2|B", "w3|met", "w4|late"])
    }

    @Test("a site that ends before the new hub's log begins hands in what it has, and has to join anew")
    func behind() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "INSERT INTO ward VALUES('w3', 'met')")
        try fleet.push("snasa")
        try fleet.write("verran", "INSERT INTO ward VALUES('w9', 'unsent')")
        try fleet.seal("verran")
        try fleet.join("inderoy")
        try fleet.write("inderoy", "INSERT INTO ward VALUES('w4', 'late')")
        try fleet.push("inderoy")
        try fleet.pull("inderoy")
        try fleet.buildHub(from: ["inderoy"])
        try fleet.hub.acceptRecovery(nowMs: fleet.nowMs)
        guard case .rejoin? = try fleet.greet("verran") else {
            Issue.record("verran follows a hub whose log begins behind its end")
            return
        }
        #expect(try fleet.hub.recoveryReport().replicas.first { $0.site == "verran" }?.state == "behind")
        try fleet.joinAnew("verran")
        #expect(try fleet.greet("inderoy") == nil)
        guard case .rejoin? = try fleet.greet("snasa") else {
            Issue.record("snasa follows a hub whose log begins behind its end")
            return
        }
        try fleet.joinAnew("snasa")
        try fleet.meet()
        try expectInStep(fleet, ["w1|A", "w2|B", "w3|met", "w4|late", "w9|unsent"])
    }

    @Test("what only the programs of one site keep in its file is no matter of the hub's")
    func ownTables() throws {
        let fleet = try fleet()
        for site in ["snasa", "verran"] { try fleet.write(site, "CREATE TABLE shared_draft(t); ") }
        try fleet.write(
            "snasa",
            "CREATE TABLE draft(t); INSERT INTO draft VALUES('secret'); INSERT INTO shared_draft VALUES('secret');"
                + "CREATE TRIGGER own AFTER INSERT ON ward BEGIN INSERT INTO draft VALUES('x'); END")
        let result = try fleet.buildHub(from: ["snasa", "verran"])
        #expect(try fleet.rows("hub", "SELECT name FROM sqlite_schema WHERE name IN ('draft', 'own')").isEmpty)
        #expect(try fleet.rows("hub", "SELECT count(*) FROM shared_draft") == ["0"])
        if result.sources.first(where: \.isBase)?.site == "snasa" {
            #expect(result.leftOut == ["draft", "shared_draft"])
        }
        #expect(try fleet.rows("snasa", "SELECT count(*) FROM draft") == ["1"], "the site's file is as it was")
    }

    @Test("files that do not fit are refused with the reason, and nothing is left behind")
    func refused() throws {
        let fleet = try fleet()
        let other = try self.fleet()
        let path = fleet.folder + "/new.db"
        try FileManager.default.copyItem(atPath: fleet.folder + "/snasa.db", toPath: fleet.folder + "/twice.db")
        try Data("no database".utf8).write(to: URL(fileURLWithPath: fleet.folder + "/text.db"))
        let mine = fleet.folder + "/snasa.db"
        for (files, why) in [
            ([mine, other.folder + "/snasa.db"], "different fleets"),
            ([mine, fleet.folder + "/twice.db"], "are both replica"),
            ([fleet.folder + "/hub.db"], "database of a hub"), ([], "no file was named"),
            ([fleet.folder + "/text.db"], "reading"), ([fleet.folder + "/none.db"], "reading"),
        ] {
            do {
                _ = try HubFromNodes.build(from: files, to: path, nowMs: fleet.nowMs)
                Issue.record("taken: \(files)")
            } catch {
                #expect("\(error)".contains(why) || why == "reading", "\(error)")
            }
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: fleet.folder).filter { $0.contains("new.db") }
        #expect(left.isEmpty, "\(left)")
    }
}
