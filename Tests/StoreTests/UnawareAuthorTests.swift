import Replication
import Testing

@testable import ConflictStore

/// A site that has been away writes on, row by row, without knowing that others dispute what it writes: a person at the
/// hub is to see one conflict with its last values (promise 5).
@Suite("A hundred change sets of one who knows of no dispute")
struct UnawareAuthorTests {
    static let schema = """
        CREATE TABLE referral(id TEXT PRIMARY KEY NOT NULL, status INTEGER, note INTEGER);
        CREATE TABLE bed(id TEXT PRIMARY KEY NOT NULL, slot INTEGER UNIQUE, note INTEGER);
        INSERT INTO samband_table(name) VALUES('referral'), ('bed');
        INSERT INTO referral VALUES('r', 0, 0);
        """

    /// Verran does something and pushes it; Snåsa, who knows nothing of it, does another and then writes on.
    private func meet(
        verran: String, snasa: String, then update: (Int) -> String
    ) throws -> (fleet: TestFleet, before: UInt64) {
        let fleet = try TestFleet(Self.schema)
        for site in ["snasa", "verran"] { try fleet.join(site) }
        try fleet.write("verran", verran)
        try fleet.push("verran")
        try fleet.write("snasa", snasa)
        try fleet.seal("snasa")
        for number in 1..<100 {
            try fleet.write("snasa", update(number))
            try fleet.seal("snasa")
        }
        #expect(try fleet.nodes["snasa"]!.inFlightCount() == 100)
        let before = try fleet.hub.lastPosition()
        try fleet.push("snasa")
        return (fleet, before)
    }

    /// One conflict, with Snåsa's last write as its side; at most one change set of the hub in each hub transaction; and
    /// everybody equal.
    private func expectOne(
        _ met: (fleet: TestFleet, before: UInt64), _ kind: ConflictKind, _ side: (ConflictSide) -> Bool
    ) throws {
        let fleet = met.fleet
        let conflicts = try fleet.hub.conflicts(includeSettled: true)
        #expect(conflicts.map(\.kind) == [kind])
        let own = conflicts[0].life.sides.filter { $0.dot.replica == fleet.nodes["snasa"]!.replica }
        #expect(own.count == 1 && own[0].dot.seq == 100 && side(own[0]), "\(own)")
        #expect(conflicts[0].life.isOpen)
        let observer = fleet.nodes["verran"]!.replica
        let order = try fleet.order(for: observer, after: met.before)
        #expect(order.count == 100)
        for transaction in order {
            #expect(transaction.count { $0.header.dot.replica == fleet.hub.replica } <= 1)
        }
        try fleet.meet()
        for table in ["referral", "bed"] {
            let rows = try fleet.rows("hub", "SELECT * FROM \(table) ORDER BY id")
            for site in ["snasa", "verran"] {
                #expect(try fleet.rows(site, "SELECT * FROM \(table) ORDER BY id") == rows)
            }
        }
        #expect(try fleet.nodes["snasa"]!.asideCount() == 0)
    }

    @Test("a cell in dispute")
    func cell() throws {
        let met = try meet(
            verran: "UPDATE referral SET status = 1000 WHERE id = 'r'",
            snasa: "UPDATE referral SET status = 500 WHERE id = 'r'"
        ) { "UPDATE referral SET status = \($0) WHERE id = 'r'" }
        try expectOne(met, .cell) { $0.value == .integer(99) }
        #expect(try met.fleet.hub.conflicts(includeSettled: true)[0].base == .cell(.integer(0)))
    }

    @Test("two inserts of one key")
    func insert() throws {
        let met = try meet(
            verran: "INSERT INTO referral VALUES('s', 1, 1)", snasa: "INSERT INTO referral VALUES('s', 2, 2)"
        ) { "UPDATE referral SET \($0 % 2 == 0 ? "status" : "note") = 1\($0) WHERE id = 's'" }
        try expectOne(met, .insert) { $0.row == [0: .integer(198), 1: .integer(199)] }
    }

    @Test("a row withheld for its UNIQUE value")
    func unique() throws {
        let met = try meet(
            verran: "INSERT INTO bed VALUES('m', 1, 0)", snasa: "INSERT INTO bed VALUES('n', 1, 0)"
        ) { "UPDATE bed SET note = \($0) WHERE id = 'n'" }
        try expectOne(met, .unique) { $0.row == [0: .integer(1), 1: .integer(99)] }
        #expect(try met.fleet.rows("hub", "SELECT id FROM bed") == ["m"])
        // All of it comes in when the value is free, as its author has it.
        try met.fleet.write("verran", "UPDATE bed SET slot = 2 WHERE id = 'm'")
        try met.fleet.meet()
        for place in ["hub", "snasa", "verran"] {
            #expect(try met.fleet.rows(place, "SELECT * FROM bed ORDER BY id") == ["m|2|0", "n|1|99"])
        }
    }

    @Test("a row that another has deleted")
    func delete() throws {
        let met = try meet(
            verran: "DELETE FROM referral WHERE id = 'r'", snasa: "UPDATE referral SET status = 500 WHERE id = 'r'"
        ) { "UPDATE referral SET \($0 % 2 == 0 ? "status" : "note") = \($0) WHERE id = 'r'" }
        try expectOne(met, .deleteUpdate) { $0.row == [0: .integer(98), 1: .integer(99)] }
        #expect(try met.fleet.rows("hub", "SELECT * FROM referral") == ["r|98|99"])
    }
}
