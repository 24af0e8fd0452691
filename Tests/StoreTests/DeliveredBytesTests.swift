import Replication
import Testing

@testable import OrderedLog
@testable import TableModel

/// What a node is handed as the hub's is looked at before it is applied: the hub may run another schema, or be none.
@Suite("Bytes that a node is handed")
struct DeliveredBytesTests {
    static let schema = """
        CREATE TABLE item(id TEXT PRIMARY KEY NOT NULL, x INTEGER, y INTEGER);
        INSERT INTO samband_table(name) VALUES('item');
        INSERT INTO item VALUES('k', 1, 1);
        """

    /// The next set of the hub's order for a second site, with other bytes than the hub gave out.
    private func taking(_ bytes: [UInt8], digest: (([UInt8]) -> [UInt8])? = nil) throws -> StoreError {
        let fleet = try TestFleet(Self.schema)
        for site in ["snasa", "verran"] { try fleet.join(site) }
        try fleet.write("snasa", "UPDATE item SET x = 2")
        try fleet.push("snasa")
        try fleet.pull("verran")
        try fleet.write("snasa", "UPDATE item SET x = 3")
        try fleet.push("snasa")
        let node = try #require(fleet.nodes["verran"])
        let order = try fleet.order(for: node.replica, after: node.position())
        let set = try #require(order.last?.last)
        var delivery = set.delivery
        delivery.isEffective = true
        delivery.effectiveDigests = [digest?(bytes) ?? SHA256.digest(bytes)]
        let other = DeliveredChangeSet(header: set.header, delivery: delivery, segments: [bytes])
        let error = try #require(throws: StoreError.self) { try node.take([[other]], nowMs: fleet.nowMs) }
        #expect(try fleet.rows("verran", "SELECT * FROM item") == ["k|2|1"])
        return error
    }

    private func update(_ columns: [Int], operation: Operation = .update, keys: Int = 1) -> [UInt8] {
        let kind = BlockKind(table: 1, operation: operation, columns: columns)
        return OperationReader.encode(
            kind, key: (0..<keys).map { _ in .text(Array("k".utf8)) }, values: columns.map { .integer(Int64($0)) })
    }

    @Test(
        "a block that does not fit the table is refused, named, and nothing is applied",
        arguments: [
            ([9], Operation.update, 1, "a column that table item does not have"),
            ([0, 2], .update, 1, "a column that table item does not have"),
            ([0], .insert, 1, "an insert into item without all columns"),
            ([], .update, 1, "an update of item without columns"),
            ([0], .update, 2, "a key of 2 columns for table item"),
        ])
    func misfit(_ columns: [Int], _ operation: Operation, _ keys: Int, _ why: String) throws {
        let error = try taking(update(columns, operation: operation, keys: keys))
        #expect(error.why == why)
    }

    @Test("a segment that is not the one its header names is refused")
    func otherSegment() throws {
        let error = try taking(update([0]), digest: { SHA256.digest($0 + [0]) })
        #expect(error.why == "a segment's digest does not fit")
    }
}
