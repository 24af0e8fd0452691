import Replication
import Testing

@testable import ConflictStore
@testable import RecordViews
@testable import TableModel

@Suite("Policies at a hub and its nodes")
struct PolicyTests {
    static let schema = """
        CREATE TABLE stock(id TEXT PRIMARY KEY NOT NULL, pieces INTEGER NOT NULL, counted TEXT, note TEXT) STRICT;
        CREATE TABLE patient(id TEXT PRIMARY KEY NOT NULL, street TEXT, town TEXT, phone TEXT);
        CREATE TABLE visit(id TEXT PRIMARY KEY NOT NULL, site TEXT NOT NULL, remark TEXT);
        INSERT INTO samband_table(name) VALUES('stock'), ('patient');
        INSERT INTO samband_table(name, scope_column) VALUES('visit', 'site');
        INSERT INTO samband_policy(table_name, column_name, policy) VALUES('stock', 'counted', 'max');
        INSERT INTO stock VALUES('gauze', 100, '2011-11-01', NULL);
        INSERT INTO patient VALUES('p-1', 'Storgata 1', 'Steinkjer', NULL);
        """

    func fleet() throws -> TestFleet {
        let fleet = try TestFleet(Self.schema)
        for site in ["inderoy", "snasa", "verran"] { try fleet.join(site) }
        return fleet
    }

    private func set(
        _ fleet: TestFleet, _ table: String, _ column: String?, _ policy: Policy?, unit: PolicyUnit? = nil
    ) throws {
        fleet.nowMs += 1
        try fleet.hub.setPolicy(
            table: table, column: column, policy: policy, unit: unit, by: "kari", nowMs: fleet.nowMs)
    }

    private func everywhere(_ fleet: TestFleet, _ sql: String, _ rows: [String]) throws {
        for place in ["hub", "inderoy", "snasa", "verran"] { #expect(try fleet.rows(place, sql) == rows, "\(place)") }
    }

    @Test("a policy of a migration settles at once, and its record says which")
    func migration() throws {
        let fleet = try fleet()
        try fleet.write("snasa", "UPDATE stock SET counted = '2011-12-24'")
        try fleet.seal("snasa")
        try fleet.write("verran", "UPDATE stock SET counted = '2011-12-01'")
        try fleet.meet()
        try everywhere(fleet, "SELECT counted FROM stock", ["2011-12-24"])
        let record = try #require(try fleet.hub.conflicts(includeSettled: true).first)
        #expect(record.life.settlement == .policy && record.decision?.by == "policy" && record.decision?.how == "max")
        #expect(Set(record.life.sides.map(\.value)) == [.text("2011-12-24"), .text("2011-12-01")])
        #expect(record.base == .cell(.text("2011-11-01")))
        try everywhere(fleet, "SELECT decided_by, decided_how FROM samband_conflict", ["policy|max"])
    }

    @Test("set at the hub, a sum holds there at once, reaches the nodes, and their next change sets bring deltas")
    func sum() throws {
        let fleet = try fleet()
        // Sealed before the policy was known, and sent after it: an absolute write.
        try fleet.write("inderoy", "UPDATE stock SET pieces = pieces - 10")
        try fleet.seal("inderoy")
        try set(fleet, "Stock", "PIECES", .sum)
        try fleet.meet()
        try everywhere(fleet, "SELECT pieces FROM stock", ["90"])
        let rows = "SELECT table_name, column_name, policy, unit, set_by FROM samband_policy WHERE policy = 'sum'"
        try everywhere(fleet, rows, ["stock|pieces|sum|NULL|kari"])
        for round in 1...3 {
            for site in ["inderoy", "snasa", "verran"] {
                try fleet.write(site, "UPDATE stock SET pieces = pieces + \(round)")
                try fleet.seal(site)
            }
        }
        try fleet.meet()
        try fleet.meet()
        try everywhere(fleet, "SELECT pieces FROM stock", ["108"])
        #expect(try fleet.hub.conflicts(includeSettled: false).isEmpty)
        // A site that joins later has it from the snapshot.
        try fleet.join("mosvik")
        for site in ["mosvik", "snasa"] { try fleet.write(site, "UPDATE stock SET pieces = pieces + 1") }
        try fleet.meet()
        try everywhere(fleet, "SELECT pieces FROM stock", ["110"])
    }

    @Test("a node that learns of a sum with writes of its own under way loses none of them")
    func underWay() throws {
        let fleet = try fleet()
        try set(fleet, "stock", "pieces", .sum)
        try fleet.pull("verran")
        try fleet.write("snasa", "UPDATE stock SET pieces = 70")
        try fleet.write("verran", "UPDATE stock SET pieces = pieces + 5")
        try fleet.pull("snasa")
        try fleet.write("snasa", "UPDATE stock SET pieces = pieces + 1")
        try fleet.meet()
        try fleet.meet()
        // 70 was sealed when it was still an absolute write; 1 and 5 are added to it.
        try everywhere(fleet, "SELECT pieces FROM stock", ["76"])
    }

    @Test("columns set as a unit ship and settle as one from then on, and part of a decision is all of it")
    func unit() throws {
        let fleet = try fleet()
        try set(fleet, "patient", "street", .manual, unit: .row)
        try set(fleet, "patient", "town", .manual, unit: .row)
        try fleet.meet()
        try fleet.write("snasa", "UPDATE patient SET street = 'Sentrum 5', phone = '1'")
        try fleet.seal("snasa")
        try fleet.write("verran", "UPDATE patient SET town = 'Malm'")
        try fleet.meet()
        try everywhere(fleet, "SELECT street, town, phone FROM patient", ["Storgata 1|Malm|1"])
        let open = try #require(try fleet.hub.conflicts(includeSettled: false).first)
        #expect(open.kind == .cell && open.column == nil && open.life.sides.count == 2)
        #expect(open.life.sides[0].row == [0: .text("Sentrum 5"), 1: .text("Steinkjer")])
        #expect(open.base == .row([.text("Storgata 1"), .text("Steinkjer"), .text("1")]))
        _ = try fleet.hub.resolve(
            open.id, .set(["town": .text("Snåsa")]), changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs)
        try fleet.meet()
        try everywhere(fleet, "SELECT street, town FROM patient", ["Storgata 1|Snåsa"])
        _ = try fleet.hub.undo(open.id, changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs)
        _ = try fleet.hub.resolve(
            open.id, .take(site: "snasa"), changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs)
        try fleet.meet()
        try everywhere(fleet, "SELECT street, town, phone FROM patient", ["Sentrum 5|Steinkjer|1"])
    }

    @Test("a policy set on one column of a unit is set on all, and is taken back for all")
    func unitPolicy() throws {
        let fleet = try fleet()
        try set(fleet, "patient", "street", nil, unit: .row)
        try set(fleet, "patient", "town", .hub, unit: .row)
        func policies() throws -> [String] {
            try fleet.hub.policyViews().filter { $0.table == "patient" }
                .map { "\($0.column ?? "") \($0.policy ?? "–") \($0.unit)" }
        }
        #expect(try policies() == ["street hub row", "town hub row"])
        try set(fleet, "patient", "street", nil)
        #expect(try policies() == ["street – row", "town – row"])
        try set(fleet, "patient", "street", nil, unit: .column)
        try set(fleet, "patient", nil, .newest)
        #expect(try policies() == [" newest column", "street – column", "town – row"])
    }

    @Test("a policy that does not fit is refused with reason and remedy, and nothing is changed")
    func refused() throws {
        let fleet = try fleet()
        let before = try fleet.hub.policyViews()
        let position = try fleet.hub.lastPosition()
        for (table, column, policy, why) in [
            ("stock", "note", Policy.sum, "an INTEGER column of a STRICT table"),
            ("stock", "none", .newest, "there is no such column"), ("stock", "id", .newest, "part of the key"),
            ("patient", "phone", .owner, "no scope column"), ("patient", nil, .sum, "STRICT"),
        ] {
            let error = #expect(throws: StoreError.self) { try set(fleet, table, column, policy) }
            #expect(error?.kind == .refused && error?.why.contains(why) == true, "\(String(describing: error))")
        }
        #expect(throws: StoreError.self) { try set(fleet, "nothing", nil, .newest) }
        #expect(try fleet.hub.policyViews() == before && fleet.hub.lastPosition() == position)
    }

    @Test("the owner is the site whose name the row bears, in whichever incarnation it wrote")
    func owner() throws {
        let fleet = try fleet()
        try set(fleet, "visit", nil, .owner)
        try set(fleet, "visit", "site", .manual)
        try fleet.write("verran", "INSERT INTO visit VALUES('v-1', 'snasa', 'first')")
        try fleet.meet()
        try fleet.write("snasa", "UPDATE visit SET remark = 'of the owner'")
        try fleet.seal("snasa")
        try fleet.write("verran", "UPDATE visit SET remark = 'newer'")
        try fleet.meet()
        try fleet.meet()
        try everywhere(fleet, "SELECT remark FROM visit", ["of the owner"])
        #expect(try fleet.hub.conflicts(includeSettled: true).map(\.decision?.how) == ["owner"])
    }

    @Test("programs at a node cannot set policies, and a node whose table was made anew goes on without it")
    func guarded() throws {
        let fleet = try fleet()
        #expect(throws: (any Error).self) {
            try fleet.write("snasa", "INSERT INTO samband_policy(table_name, policy) VALUES('stock', 'newest')")
        }
        try fleet.write(
            "snasa", "DROP TABLE visit; CREATE TABLE visit(id TEXT PRIMARY KEY NOT NULL, site TEXT NOT NULL, remark)")
        try set(fleet, "stock", "pieces", .sum)
        try fleet.meet()
        for site in ["snasa", "verran"] { try fleet.write(site, "UPDATE stock SET pieces = pieces + 1") }
        try fleet.meet()
        try fleet.meet()
        try everywhere(fleet, "SELECT pieces FROM stock", ["102"])
    }

    @Test("what sites that know of no join yet added to the row that went is added to the one that remains")
    func joined() throws {
        let fleet = try fleet()
        try set(fleet, "stock", "pieces", .sum)
        try set(fleet, "stock", "note", nil, unit: .row)
        try set(fleet, "stock", "counted", .newest, unit: .row)
        try fleet.write("verran", "INSERT INTO stock VALUES('Gauze', 40, NULL, NULL)")
        try fleet.meet()
        try fleet.meet()
        for site in ["snasa", "verran"] {
            try fleet.write(
                site, "UPDATE stock SET pieces = pieces + 3; UPDATE stock SET note = '\(site)' WHERE id = 'gauze'")
            try fleet.seal(site)
        }
        _ = try fleet.hub.mergeRecords(
            table: "stock", key: [.text("Gauze")], into: [.text("gauze")], by: "kari", reason: nil, nowMs: fleet.nowMs,
            dryRun: false)
        try fleet.meet()
        try fleet.meet()
        // Each raised both rows by three.
        try everywhere(fleet, "SELECT id, pieces FROM stock", ["gauze|112"])
    }
}
