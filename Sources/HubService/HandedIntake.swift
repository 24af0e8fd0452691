import HubDatabase
import Replication
import TableModel

/// Takes the frames of what a site hands in to a restored hub apart, and keeps the change sets that have come whole.
package struct HandedIntake {
    private let replica: UInt32
    private let epochs: [Epoch]
    private var reader = FrameReader()
    private var header: (header: ChangeSetHeader, delivery: Delivery)?
    private var segments: [[UInt8]] = []
    private var whole: [DeliveredChangeSet] = []
    private var wholeBytes = 0
    /// How many change sets the hub has kept.
    package private(set) var kept = 0

    /// So many bytes are kept in one transaction.
    private static let keptAtOnce = 1 << 20

    /// - Parameter epochs: those that the site follows, as it said in its greeting.
    package init(from replica: UInt32, epochs: [Epoch]) {
        self.replica = replica
        self.epochs = epochs
    }

    /// The next piece has come, of any size.
    package mutating func take(_ piece: [UInt8], _ store: HubStore) throws {
        try gather(piece)
        if wholeBytes >= Self.keptAtOnce { try keepWhole(store) }
    }

    /// The bytes have ended as they should.
    package mutating func finish(_ store: HubStore) throws {
        try keepWhole(store)
        guard header == nil, reader.isAtBorder else {
            throw CodecError(reading: "handed in", at: 0, why: "it ends within a change set")
        }
    }

    /// Keeps what has come whole: at the end, and when the line was cut.
    package mutating func keepWhole(_ store: HubStore) throws(StoreError) {
        let sets = whole
        whole = []
        wholeBytes = 0
        if !sets.isEmpty { try store.keepHanded(sets, from: replica, epochs: epochs) }
        kept += sets.count
    }

    private mutating func gather(_ piece: [UInt8]) throws(CodecError) {
        reader.append(piece)
        while let frame = try reader.next() {
            switch frame {
            case .header(let header, let delivery):
                guard self.header == nil else {
                    throw CodecError(
                        reading: "handed in", at: 0, why: "a change set begins before the one before has ended")
                }
                self.header = (header, delivery)
            case .segment(let bytes):
                guard header != nil else {
                    throw CodecError(reading: "handed in", at: 0, why: "a segment without its header")
                }
                segments.append(bytes)
            case .end: throw CodecError(reading: "handed in", at: 0, why: "an end frame, which only a pull has")
            }
            finishChangeSet()
        }
    }

    private mutating func finishChangeSet() {
        guard let (header, delivery) = header else { return }
        let count = delivery.isEffective ? delivery.effectiveDigests.count : header.segmentDigests.count
        guard segments.count >= count else { return }
        wholeBytes += segments.reduce(200) { $0 + $1.count }
        whole.append(DeliveredChangeSet(header: header, delivery: delivery, segments: segments))
        self.header = nil
        segments = []
    }
}
