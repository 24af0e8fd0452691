import NodeDatabase
import Replication
import TableModel

/// The bytes of one push, a piece at a time: memory holds one piece. It knows nothing of the line: who sends it asks for a
/// piece whenever the line takes one.
package struct PushStream: Sendable {
    private let sets: [NodeStore.Outgoing]
    private var set = 0
    private var segment: Int
    private var headerIsDue = true

    /// Small frames are put together until a piece has so many bytes.
    private static let pieceBytes = 1 << 18

    /// - Parameter firstSegment: the hub holds those before it of the first change set.
    package init(_ sets: [NodeStore.Outgoing], firstSegment: UInt64 = 0) {
        self.sets = sets
        segment = Int(clamping: firstSegment)
    }

    /// The next piece; nil at the end.
    package mutating func next(from store: NodeStore) throws(StoreError) -> [UInt8]? {
        guard set < sets.count else { return nil }
        var out: [UInt8] = []
        while set < sets.count && out.count < Self.pieceBytes {
            let current = sets[set]
            if headerIsDue {
                out += Frame.header(current.header, Delivery(firstSegment: UInt64(segment))).encoded()
                headerIsDue = false
            }
            if segment < current.segmentCount {
                out += Frame.segment(try store.segment(of: current, number: segment)).encoded()
                segment += 1
            }
            if segment >= current.segmentCount {
                set += 1
                segment = 0
                headerIsDue = true
            }
        }
        return out
    }
}

/// The bytes of what is handed in to a restored hub, a piece at a time: memory holds one change set.
package struct HandedStream: Sendable {
    private var dots: ArraySlice<Dot>

    private static let pieceBytes = 1 << 18

    /// - Parameter dots: the change sets that the hub wants.
    package init(_ dots: [Dot]) { self.dots = dots[...] }

    /// The next piece; nil at the end. What is not in the log any more is left out.
    package mutating func next(from store: NodeStore) throws(StoreError) -> [UInt8]? {
        var out: [UInt8] = []
        while out.count < Self.pieceBytes, let dot = dots.popFirst() {
            guard let set = try store.handedIn(dot) else { continue }
            out += Frame.header(set.header, set.delivery).encoded()
            for segment in set.segments { out += Frame.segment(segment).encoded() }
        }
        return out.isEmpty ? nil : out
    }
}
