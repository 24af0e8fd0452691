import OrderedLog
import Replication

/// The rows of the change set that is being merged, its segments at hand: read by their ordinals, so that no more of
/// them are decoded at a time than are worked on.
package final class IncomingRows {
    package let entry: LogEntry
    package let segments: [Segment]
    /// The sorted key hashes.
    package let hashes: [UInt64]
    /// It had another replica number when it met others at its author's: of two stamps with one time the other may have
    /// been the greater there. So its author gets the rows that meet others as they stand.
    /// (Protocol/Merge-Model.md#split)
    package let isRenumbered: Bool
    private let shapes: [Int: TableShape]
    private(set) lazy var locations = RowLocations(segments, shapes: shapes)

    package init(
        _ entry: LogEntry, _ segments: [Segment], hashes: [UInt64], shapes: [Int: TableShape],
        isRenumbered: Bool = false
    ) {
        self.isRenumbered = isRenumbered
        self.entry = entry
        self.segments = segments
        self.hashes = hashes
        self.shapes = shapes
    }

    package var count: Int { hashes.count }

    /// Whether the change set holds the row. (Two keys may share a hash; who asks is then too careful, never wrong.)
    package func contains(_ row: RowID) -> Bool { KeyHashes.contains(hashes, row.hash64) }

    func ordinals(of row: RowID) -> ArraySlice<UInt32> { locations.ordinals(of: row.hash64) }

    /// What the change set does to the rows with these ordinals, which ascend.
    package func operations(at ordinals: [UInt32]) throws -> [(ordinal: UInt32, found: RowFinder.Found)] {
        var all: [(ordinal: UInt32, found: RowFinder.Found)] = []
        all.reserveCapacity(ordinals.count)
        try locations.walk(ordinals, segment: { segments[$0] }) { ordinal, kind, cursor, span in
            guard let shape = shapes[kind.table] else { return }
            all.append((ordinal, OperationReader.found(kind, cursor, span, shape, entry)))
        }
        return all
    }
}

/// Steps through ascending ordinals beside a walk over all rows.
struct OrdinalSteps {
    private let ordinals: [UInt32]
    private var next = 0

    init(_ ordinals: [UInt32]) { self.ordinals = ordinals }

    /// Whether this ordinal is among them. To be asked for every row, in order.
    package mutating func takes(_ ordinal: UInt32) -> Bool {
        guard next < ordinals.count, ordinals[next] == ordinal else { return false }
        next += 1
        return true
    }
}
