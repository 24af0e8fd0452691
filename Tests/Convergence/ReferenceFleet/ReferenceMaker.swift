import Replication
import SimulationKit

/// Makes fleets in memory. The number of a table in the bytes is its place and one.
final class ReferenceMaker: FleetMaker {
    let catalogue: Catalogue
    let bug: PlantedBug?
    let rules: MergeRules

    init(_ catalogue: Catalogue, bug: PlantedBug? = nil) {
        self.catalogue = catalogue
        self.bug = bug
        rules = bug?.rules ?? .right
    }

    func number(ofTable table: Int) -> Int { table + 1 }
    func isSystem(table number: Int) -> Bool { false }

    func makeHub(nowMs: UInt64) -> any HubEnd { ReferenceHub(self) }

    func makeNode(for replica: UInt32, of hub: any HubEnd, nowMs: UInt64) -> any NodeEnd {
        guard let hub = hub as? ReferenceHub else { preconditionFailure("a hub of another maker") }
        return ReferenceNode(self, replica: replica, hub: hub)
    }

    func id(_ table: Int, _ key: [Value]) -> RowID {
        RowID(shape: catalogue.shape(table, number: table + 1), key: key)
    }

    func rows(_ table: [RowID: Row]) -> Rows {
        Dictionary(
            uniqueKeysWithValues: table.map { (catalogue.identity($0.key.table - 1, $0.value.key), $0.value) }
        )
    }

    func policy(ofTable number: Int) -> TablePolicy {
        let table = catalogue.tables[number - 1]
        return TablePolicy(columns: table.policies, unit: table.unit)
    }

    /// The rows of a change set by the identity of the code under test, in its order.
    func decodeRows(_ segments: [[UInt8]]) throws -> [(row: RowID, write: DecodedWrite)] {
        try decode(segments).map { (id($0.key.table, $0.value.key), $0.value) }.sorted { $0.0 < $1.0 }
    }

    func logged(_ write: DecodedWrite, _ header: ChangeSetHeader, position: UInt64) -> LoggedOperation {
        let columns = write.cells.keys.sorted()
        return LoggedOperation(
            dot: header.dot, hlc: header.hlc, position: position, seen: header.position,
            operation: write.operation,
            columns: columns, values: columns.map { write.cells[$0]! },
            cellStamps: write.operation.hasStamps ? columns.map { write.stamps[$0]! } : [], deltas: write.deltas)
    }

    /// What is left of a change set after the hub's judgement: the very same bytes when that is all of it.
    func effective(_ parcel: Parcel, _ judged: ReferenceHub.Judged) -> Parcel {
        if judged.isWhole { return parcel }
        var builder = SegmentBuilder()
        for row in judged.effective {
            builder.add(
                BlockKind(table: row.row.table, operation: row.operation, columns: row.cells.map(\.0)),
                key: row.key,
                values: row.cells.map(\.1))
        }
        builder.close()
        let segments = builder.takeFinished()
        return Parcel(
            header: parcel.header, delivery: Delivery(effectiveDigests: segments.map(SHA256.digest)),
            segments: segments)
    }
}
