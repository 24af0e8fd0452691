import Replication
import Testing

@testable import ConflictStore
@testable import HubDatabase
@testable import OrderedLog
@testable import TableModel

/// What a site that means harm, a wrong clock or an unlucky moment can do to a hub that was restored (promises 5, 7
/// and 10).
@Suite("A restored hub, reviewed")
struct ReviewedRecoveryTests {
    private func fleet() throws -> TestFleet {
        let fleet = try TestFleet(Schemas.wards)
        for site in ["snasa", "verran"] { try fleet.join(site) }
        try fleet.meet()
        return fleet
    }

    private func expectInStep(_ fleet: TestFleet, _ wards: [String]) throws {
        for place in ["hub"] + fleet.nodes.keys.sorted() {
            #expect(try fleet.rows(place, "SELECT * FROM ward ORDER BY 1") == wards, "\(place)")
        }
        for site in fleet.nodes.keys { #expect(try fleet.nodes[site]!.inFlightCount() == 0, "\(site)") }
    }

    /// A change set as nobody wrote it.
    private func forged(
        _ kind: ChangeSetHeader.Kind, _ dot: Dot, _ fleet: TestFleet, place: UInt64 = 0,
        context: [(UInt32, UInt64)] = [], previous: [UInt8] = ChangeSetHeader.firstPrevious, segment: [UInt8]
    ) -> DeliveredChangeSet {
        let header = ChangeSetHeader(
            kind: kind, dot: dot, hlc: fleet.nowMs << 16, position: 0, contextDelta: VectorClock(context),
            schemaVersion: 1, rowCount: 1, conflict: 0, previous: previous,
            segmentDigests: [SHA256.digest(segment)])
        return DeliveredChangeSet(header: header, delivery: Delivery(position: place), segments: [segment])
    }

    private func ward(_ fleet: TestFleet, _ id: String, _ name: String) -> [UInt8] {
        let table = fleet.hub.tables.first { $0.name == "ward" }!
        return OperationReader.encode(
            BlockKind(table: table.number, operation: .insert, columns: table.allColumns), key: [.text(id)],
            values: [.text(name)])
    }

    private func handIn(_ fleet: TestFleet, _ site: String, _ set: DeliveredChangeSet) throws {
        let node = fleet.nodes[site]!
        try fleet.hub.keepHanded([set], from: node.replica, epochs: node.epochs())
    }

    @Test("a hub whose clock is behind loses nothing of what it may not take yet, and goes on when it is right")
    func clockBehind() throws {
        let fleet = try fleet()
        try fleet.backUpHub()
        try fleet.write("snasa", "INSERT INTO ward VALUES('w4', 'one')")
        try fleet.meet()
        fleet.nowMs += 90_000
        try fleet.write("snasa", "INSERT INTO ward VALUES('w5', 'two')")
        try fleet.meet()
        try fleet.write("snasa", "INSERT INTO ward VALUES('w6', 'unsent')")
        try fleet.seal("snasa")
        fleet.nowMs -= 89_000
        try fleet.restoreHub()
        for site in ["snasa", "verran", "snasa", "verran"] { _ = try? fleet.greet(site) }
        fleet.nowMs += 200_000
        for site in ["snasa", "verran", "snasa", "verran"] { _ = try? fleet.greet(site) }
        try fleet.meet()
        try expectInStep(fleet, ["w1|A", "w2|B", "w4|one", "w5|two", "w6|unsent"])
        try fleet.write("snasa", "INSERT INTO ward VALUES('w7', 'on')")
        try fleet.meet()
        try expectInStep(fleet, ["w1|A", "w2|B", "w4|one", "w5|two", "w6|unsent", "w7|on"])
    }

    @Test("nobody hands in under the number of the hub itself: it could not go on under it")
    func ownNumber() throws {
        let fleet = try fleet()
        try fleet.backUpHub()
        try fleet.restoreHub()
        let set = forged(.local, Dot(replica: fleet.hub.replica, seq: 1), fleet, segment: ward(fleet, "w8", "forged"))
        #expect(throws: StoreError.self) { try handIn(fleet, "snasa", set) }
        for site in ["snasa", "verran", "snasa"] { try fleet.greet(site) }
        #expect(!fleet.hub.isRecovering)
        try expectInStep(fleet, ["w1|A", "w2|B"])
    }

    @Test("what cannot be read as a lost hub's arbitration is refused when it comes")
    func arbitrations() throws {
        let fleet = try fleet()
        let lost = fleet.hub.replica
        try fleet.backUpHub()
        try fleet.restoreHub()
        let negative = OperationReader.encode(
            BlockKind(table: ConflictTable.conflictNumber, operation: .evicted, columns: []), key: [.integer(-1)],
            values: [])
        let wide = OperationReader.encode(
            BlockKind(table: ConflictTable.conflictNumber, operation: .evicted, columns: []),
            key: [.integer(1), .integer(2)], values: [])
        for segment in [[1, 2, 3], negative, wide] {
            let set = forged(.arbitration, Dot(replica: lost, seq: 900), fleet, place: 5, segment: segment)
            #expect(throws: (any Error).self) { try handIn(fleet, "snasa", set) }
        }
        // A site's own replica arbitrates nothing, nor decides.
        for kind in [ChangeSetHeader.Kind.arbitration, .decision] {
            let dot = Dot(replica: fleet.nodes["verran"]!.replica, seq: 900)
            let set = forged(kind, dot, fleet, place: 5, segment: ward(fleet, "w8", "forged"))
            #expect(throws: StoreError.self) { try handIn(fleet, "snasa", set) }
        }
        // Counts beyond what the tables hold.
        for (dot, context) in [
            (Dot(replica: lost, seq: .max), []), (Dot(replica: 77, seq: 1), [(lost, UInt64.max)]),
        ] {
            let set = forged(.local, dot, fleet, context: context, segment: ward(fleet, "w8", "forged"))
            #expect(throws: StoreError.self) { try handIn(fleet, "snasa", set) }
        }
        for site in ["snasa", "verran", "snasa"] { try fleet.greet(site) }
        try expectInStep(fleet, ["w1|A", "w2|B"])
    }

    @Test("epochs that a site makes up do not make the hub believe it, nor stop it")
    func madeUpEpochs() throws {
        let fleet = try fleet()
        let snasa = fleet.nodes["snasa"]!
        let first = try snasa.epochs()
        // A hub that was never restored has nobody to follow another.
        for made in [
            first + [Epoch(number: 1, hub: 4711, base: 1 << 40)], [Epoch(number: 0, hub: 4711, base: 0)],
        ] {
            #expect(throws: StoreError.self) {
                _ = try fleet.hub.recoveryStep(of: snasa.replica, epochs: made, sealed: 0)
            }
            #expect(throws: StoreError.self) {
                try fleet.hub.keepHanded([], from: snasa.replica, epochs: made)
            }
            #expect(throws: StoreError.self) {
                try fleet.hub.noteHeard(snasa.replica, epochs: made, sealed: 0, nowMs: fleet.nowMs)
            }
        }
        try fleet.backUpHub()
        try fleet.restoreHub()
        // Ahead of the hub's own order.
        let ahead = first + [Epoch(number: 1, hub: 4711, base: 1 << 40)]
        let shared = try fleet.hub.lastPosition()
        #expect(
            try fleet.hub.recoveryStep(of: snasa.replica, epochs: ahead, sealed: 0) == .handIn(after: shared))
        try fleet.hub.noteHeard(snasa.replica, epochs: ahead, sealed: 0, nowMs: fleet.nowMs)
        try fleet.greet("verran")
        _ = try fleet.order(for: snasa.replica, after: shared)
        try fleet.greet("snasa")
        try fleet.meet()
        try expectInStep(fleet, ["w1|A", "w2|B"])
    }

    @Test("who follows the restored hub hands nothing in any more, and a repeated word changes nothing")
    func followers() throws {
        let fleet = try fleet()
        let snasa = fleet.nodes["snasa"]!
        let former = try snasa.epochs()
        try fleet.backUpHub()
        try fleet.restoreHub()
        for site in ["snasa", "verran"] { try fleet.greet(site) }
        let end = try fleet.hub.lastPosition()
        // The answer to the last word was lost.
        try fleet.hub.noteHeard(snasa.replica, epochs: former, sealed: 0, nowMs: fleet.nowMs)
        #expect(try fleet.hub.lastPosition() == end)
        try fleet.greet("snasa")
        try fleet.hub.acknowledge(snasa.replica, position: snasa.position(), sealed: 0, nowMs: fleet.nowMs)
        let set = forged(
            .decision, Dot(replica: former[0].hub, seq: 900), fleet, segment: ward(fleet, "w8", "forged"))
        #expect(throws: StoreError.self) {
            try fleet.hub.keepHanded([set], from: snasa.replica, epochs: former)
        }
        #expect(throws: StoreError.self) {
            try fleet.hub.noteHeard(snasa.replica, epochs: former, sealed: 0, nowMs: fleet.nowMs)
        }
        #expect(try fleet.hub.lastPosition() == end)
    }

    @Test("an author is believed before who hands in something else in its name")
    func authorFirst() throws {
        let fleet = try fleet()
        let verran = fleet.nodes["verran"]!
        try fleet.backUpHub()
        try fleet.write("verran", "INSERT INTO ward VALUES('w4', 'true')")
        try fleet.meet()
        try fleet.restoreHub()
        let dot = try #require(try verran.offers(after: 0, maxBytes: .max).last).header.dot
        let set = forged(.local, dot, fleet, place: 1, segment: ward(fleet, "w4", "forged"))
        try handIn(fleet, "snasa", set)
        for site in ["snasa", "verran", "snasa"] { try fleet.greet(site) }
        try fleet.meet()
        try expectInStep(fleet, ["w1|A", "w2|B", "w4|true"])
    }

    @Test("an author that comes late with what others lacked of it goes on, and its newer write is not undone")
    func gap() throws {
        let fleet = try fleet()
        let late = try fleet.hub.admit(site: "inderoy", nowMs: fleet.nowMs)
        try fleet.backUpHub()
        try fleet.write("verran", "UPDATE ward SET name = 'older' WHERE id = 'w1'")
        try fleet.push("verran")
        try fleet.write("verran", "INSERT INTO ward VALUES('w4', 'only')")
        try fleet.push("verran")
        // Its log begins here.
        try fleet.join("inderoy", as: late)
        try fleet.write("verran", "UPDATE ward SET name = 'newer' WHERE id = 'w1'")
        try fleet.push("verran")
        try fleet.pull("inderoy")
        try fleet.restoreHub()
        try fleet.greet("inderoy")
        try fleet.hub.acceptRecovery(nowMs: fleet.nowMs)
        for site in ["inderoy", "verran", "snasa", "inderoy", "verran"] { try fleet.greet(site) }
        try fleet.write("verran", "INSERT INTO ward VALUES('w5', 'on')")
        try fleet.meet()
        let name = try fleet.rows("hub", "SELECT name FROM ward WHERE id = 'w1'")
        let isDisputed = try fleet.hub.conflicts(includeSettled: false).contains { $0.key == [.text("w1")] }
        #expect(name == ["newer"] || isDisputed, "\(name)")
        let only = try fleet.rows("hub", "SELECT name FROM ward WHERE id = 'w4'")
        #expect(try only == ["only"] || !fleet.hub.withheld().isEmpty)
        #expect(try fleet.rows("hub", "SELECT name FROM ward WHERE id = 'w5'") == ["on"])
        for site in fleet.nodes.keys.sorted() {
            #expect(
                try fleet.rows(site, "SELECT * FROM ward ORDER BY 1")
                    == fleet.rows("hub", "SELECT * FROM ward ORDER BY 1"), "\(site)")
            #expect(try fleet.nodes[site]!.inFlightCount() == 0)
        }
    }

    @Test("a change set of the lost order that cannot be taken in keeps nobody who has it from following")
    func leftOut() throws {
        let fleet = try fleet()
        try fleet.backUpHub()
        try fleet.write("verran", "INSERT INTO ward VALUES('w4', 'cannot be taken')")
        try fleet.meet()
        try fleet.write("verran", "INSERT INTO ward VALUES('w5', 'goes on')")
        try fleet.push("verran")
        try fleet.restoreHub()
        try fleet.greet("snasa")
        // As if its content were refused: nothing that the tests can write is by now.
        try fleet.hub.connection.execute(
            "UPDATE samband_handed SET state = 'refused', why = 'test' WHERE place IS NOT NULL")
        try fleet.hub.acceptRecovery(nowMs: fleet.nowMs)
        #expect(try fleet.greet("snasa") == nil)
        #expect(
            try fleet.rows("snasa", "SELECT id FROM ward ORDER BY 1") == ["w1", "w2"], "the rows came with the repair")
        // Its author has it still.
        for site in ["verran", "snasa"] { try fleet.greet(site) }
        try fleet.meet()
        try expectInStep(fleet, ["w1|A", "w2|B", "w4|cannot be taken", "w5|goes on"])
    }

    @Test("nobody puts a change set of his own between those of another")
    func chain() throws {
        let fleet = try fleet()
        let verran = fleet.nodes["verran"]!
        try fleet.backUpHub()
        for name in ["one", "two", "three"] {
            try fleet.write("verran", "INSERT INTO ward VALUES('\(name)', NULL)")
            try fleet.push("verran")
        }
        try fleet.pull("snasa")
        try fleet.restoreHub()
        let snasa = fleet.nodes["snasa"]!
        let real = try (1...3).map { try #require(try snasa.handedIn(Dot(replica: verran.replica, seq: $0))) }
        try handIn(fleet, "snasa", real[0])
        try handIn(fleet, "snasa", real[2])
        let dot = Dot(replica: verran.replica, seq: 2)
        for previous in [ChangeSetHeader.firstPrevious, real[0].header.digest] {
            let set = forged(.local, dot, fleet, place: 5, previous: previous, segment: ward(fleet, "w8", "forged"))
            #expect(throws: StoreError.self) { try handIn(fleet, "snasa", set) }
        }
        try handIn(fleet, "snasa", real[1])
        for site in ["snasa", "verran", "snasa"] { try fleet.greet(site) }
        try fleet.meet()
        try expectInStep(fleet, ["one|NULL", "three|NULL", "two|NULL", "w1|A", "w2|B"])
    }

    @Test("what is handed in is bounded for each replica, and what was taken is not kept twice")
    func bounded() throws {
        let fleet = try fleet()
        try fleet.backUpHub()
        for number in 0..<3 {
            try fleet.write("snasa", "INSERT INTO ward VALUES('n\(number)', hex(zeroblob(2000)))")
            try fleet.seal("snasa")
        }
        try fleet.restoreHub()
        fleet.hub.handedBytesLimit = 5000
        let snasa = fleet.nodes["snasa"]!
        let sets = try (1...3).map { try #require(try snasa.handedIn(Dot(replica: snasa.replica, seq: $0))) }
        try handIn(fleet, "snasa", sets[0])
        try handIn(fleet, "snasa", sets[1])
        #expect(throws: StoreError.self) { try handIn(fleet, "snasa", sets[2]) }
        try fleet.hub.acceptRecovery(nowMs: fleet.nowMs)
        #expect(try fleet.rows("hub", "SELECT count(*) FROM samband_handed_segment") == ["0"])
        for site in ["snasa", "verran", "snasa"] { try fleet.greet(site) }
        try fleet.meet()
        #expect(try fleet.rows("hub", "SELECT count(*) FROM ward WHERE id GLOB 'n*'") == ["3"])
    }

    @Test("a decision of a hub between the backup's and this one comes back as a person's")
    func middleEpoch() throws {
        let fleet = try fleet()
        try fleet.backUpHub()
        try fleet.restoreHub()
        for site in ["snasa", "verran", "snasa"] { try fleet.greet(site) }
        try fleet.write("snasa", "UPDATE stay SET note = 'a' WHERE id = 's1'")
        try fleet.write("verran", "UPDATE stay SET note = 'b' WHERE id = 's1'")
        try fleet.meet()
        let id = try #require(try fleet.hub.conflicts(includeSettled: false).first).id
        _ = try fleet.hub.resolve(
            id, .set(["note": .text("c")]), changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs)
        try fleet.meet()
        try fleet.restoreHub()
        for site in ["snasa", "verran", "snasa"] { try fleet.greet(site) }
        try fleet.meet()
        for place in ["hub", "snasa", "verran"] { #expect(try fleet.rows(place, "SELECT note FROM stay") == ["c"]) }
        let settled = try #require(try fleet.hub.conflicts(includeSettled: true).first)
        #expect(!settled.life.isOpen)
        #expect(settled.decision?.by == "kari")
    }

    @Test("who deletes a row is told of all that another wrote there unseen, not of its last write only")
    func wholeSide() throws {
        let fleet = try fleet()
        try fleet.write("verran", "UPDATE stay SET first = 1 WHERE id = 's1'")
        try fleet.push("verran")
        try fleet.write("verran", "UPDATE stay SET last = 9 WHERE id = 's1'")
        try fleet.push("verran")
        try fleet.write("snasa", "DELETE FROM stay WHERE id = 's1'")
        try fleet.push("snasa")
        let conflict = try #require(try fleet.hub.conflicts(includeSettled: false).first)
        let side = try #require(conflict.life.sides.first { $0.dot.replica == fleet.nodes["verran"]!.replica })
        #expect(Set(side.row?.values.map { $0 } ?? []) == [.integer(1), .integer(9)])
    }
}
