import Replication
import TableModel
import Testing

@testable import ConflictStore
@testable import HubDatabase
@testable import OrderedLog

/// A restored hub may be of another version than the one that was lost, whose records knew other columns (promise 5).
@Suite("What a lost hub of another version told")
struct ToldRowTests {
    /// A hub restored from a backup, and the number of the one that was lost.
    private func restored() throws -> (TestFleet, lost: UInt32) {
        let fleet = try TestFleet(Schemas.wards)
        for site in ["snasa", "verran"] { try fleet.join(site) }
        try fleet.meet()
        try fleet.backUpHub()
        let lost = fleet.hub.replica
        try fleet.restoreHub()
        return (fleet, lost)
    }

    /// A site hands in an arbitration of the lost hub that carries one row of a table of our own.
    private func handIn(
        _ fleet: TestFleet, _ lost: UInt32, table: Int, _ id: Int64, _ cells: [(column: Int, value: Value)]
    ) throws {
        let kind = BlockKind(table: table, operation: .carried, columns: cells.map(\.column))
        var builder = SegmentBuilder()
        builder.add(
            kind, key: [.integer(id)], values: cells.map(\.value), stamps: cells.map { _ in .zero })
        builder.close()
        let segment = try #require(builder.takeFinished().first)
        let header = ChangeSetHeader(
            kind: .arbitration, dot: Dot(replica: lost, seq: 1000), hlc: fleet.nowMs << 16, position: 0,
            contextDelta: VectorClock([]), schemaVersion: 1, rowCount: 1, conflict: 0,
            previous: ChangeSetHeader.firstPrevious, segmentDigests: [SHA256.digest(segment)])
        let node = fleet.nodes["snasa"]!
        try fleet.hub.keepHanded(
            [DeliveredChangeSet(header: header, delivery: Delivery(position: 1000), segments: [segment])],
            from: node.replica, epochs: node.epochs())
    }

    private static let policy: [(column: Int, value: Value)] = [
        (0, .text("stay")), (1, .text("note")), (2, .text("newest")), (3, .null), (4, .text("kari")),
        (5, .integer(1_800_000_000_000)),
    ]

    private func policies(_ fleet: TestFleet) throws -> [String] {
        try fleet.rows("hub", "SELECT column_name, policy, unit, set_by FROM samband_policy")
    }

    @Test("a policy comes back from a row that has a column less")
    func fewerColumns() throws {
        let (fleet, lost) = try restored()
        try handIn(
            fleet, lost, table: ConflictTable.policyNumber, 1, Self.policy.filter { $0.column != 3 })
        try fleet.hub.acceptRecovery(nowMs: fleet.nowMs)
        #expect(try policies(fleet) == ["note|newest|NULL|kari"])
    }

    @Test("a person's decision counts from a row that has a column less")
    func decision() throws {
        let (fleet, lost) = try restored()
        let columns = ConflictTable.travelling.first { $0.number == ConflictTable.conflictNumber }!.dataColumns
        let values: [String: Value] = [
            "kind": .text("cell"), "table_number": .integer(2), "table_name": .text("stay"), "key": .blob([1]),
            "canonical": .blob([7]), "column_index": .integer(3), "column_name": .text("note"),
            "state": .text("settled"), "settlement": .text("person"), "opened_at": .integer(1), "changed": .integer(1),
            "base": .blob([]), "sides": .blob([]), "decided_by": .text("kari"), "decided_at": .integer(5),
            "decided_how": .text("take"), "reason": .text("seen"), "earlier": .blob([]),
        ]
        let cells = columns.enumerated().filter { $0.element != "shown" }
            .map { (column: $0.offset, value: values[$0.element] ?? .null) }
        try handIn(fleet, lost, table: ConflictTable.conflictNumber, 12, cells)
        let found = try LostRecords(RecoveredSets(connection: fleet.hub.connection))
        let record = try #require(found.conflicts[LostRecords.Name(hub: lost, id: 12)])
        #expect(record.isByPerson && record.columnIndex == 3 && record.canonical == [7])
        #expect(record.decision == Decision(by: "kari", atMs: 5, how: "take", reason: "seen"))
    }

    @Test("a row that has a column more is refused, and the hub goes on waiting for a version that knows it")
    func moreColumns() throws {
        let (fleet, lost) = try restored()
        let error = #expect(throws: StoreError.self) {
            try handIn(
                fleet, lost, table: ConflictTable.policyNumber, 1, Self.policy + [(column: 6, value: .text("x"))])
        }
        #expect(error?.description.contains("a column that table samband_policy does not have") == true)
        #expect(fleet.hub.isRecovering)
        try handIn(fleet, lost, table: ConflictTable.policyNumber, 1, Self.policy)
        try fleet.hub.acceptRecovery(nowMs: fleet.nowMs)
        #expect(try policies(fleet) == ["note|newest|NULL|kari"])
    }
}
