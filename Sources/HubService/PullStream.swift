import HubDatabase
import Replication
import TableModel

/// The bytes of one pull, a piece at a time: whole hub transactions behind a position, and an end frame. Memory holds one
/// piece. It knows nothing of the line: who sends it asks for a piece whenever the line takes one.
package struct PullStream: Sendable {
    package let replica: UInt32
    /// Up to there all is in pieces that were made, or in the ones that come next.
    package private(set) var position: UInt64
    private let size: Size
    private var skip: Resume?
    private var offers: [HubStore.Offer] = []
    private var nextOffer = 0
    private var nextSegment = 0
    /// Of the next offer: those before it the caller holds.
    private var firstSegment: UInt64 = 0
    private var isEnded = false

    /// What the caller holds of the first hub transaction: so many segments of this change set, and all before it.
    package struct Resume: Hashable, Sendable {
        package let dot: Dot
        package let segments: UInt64

        package init(dot: Dot, segments: UInt64) {
            self.dot = dot
            self.segments = segments
        }
    }

    /// How much is read and sent at once.
    package struct Size: Sendable {
        package var offers = 256
        package var pieceBytes = 1 << 16

        package init() {}
    }

    package init(to replica: UInt32, after position: UInt64, resume: Resume? = nil, size: Size = Size()) {
        self.replica = replica
        self.position = position
        self.size = size
        skip = resume
    }

    /// The next piece; nil behind the end frame. Small frames are put together.
    package mutating func next(from store: HubStore, nowMs: UInt64) throws(StoreError) -> [UInt8]? {
        if isEnded { return nil }
        var out: [UInt8] = []
        while out.count < size.pieceBytes {
            if nextOffer == offers.count {
                offers = try store.offers(to: replica, after: position, limit: size.offers)
                nextOffer = 0
                skipHeld()
                nextSegment = 0
                guard let last = offers.last else {
                    isEnded = true
                    return out + (try end(store, nowMs)).encoded()
                }
                position = last.delivery.position
            }
            out += try nextFrames(store)
        }
        return out
    }

    private func end(_ store: HubStore, _ nowMs: UInt64) throws(StoreError) -> Frame {
        .end(
            StreamEnd(
                vector: try store.vector(), position: position, frontier: try store.frontier(), hubTimeMs: nowMs))
    }

    /// Goes on behind what the caller holds of the first hub transaction: whole change sets, and the first segments of the
    /// one that it names. If it names another one, all of it is sent.
    private mutating func skipHeld() {
        guard let skip else { return }
        self.skip = nil
        guard let index = offers.firstIndex(where: { $0.header.dot == skip.dot }),
            !offers[..<index].contains(where: { $0.delivery.endsTransaction })
        else { return }
        let offer = offers[index]
        if skip.segments < UInt64(offer.segmentCount) {
            nextOffer = index
            firstSegment = skip.segments
        } else if !offer.delivery.endsTransaction, index + 1 < offers.count {
            nextOffer = index + 1
        }
    }

    /// The header of the next change set with its first segment, for the header alone is no piece worth sending; or one
    /// more segment.
    private mutating func nextFrames(_ store: HubStore) throws(StoreError) -> [UInt8] {
        let offer = offers[nextOffer]
        var out: [UInt8] = []
        if nextSegment == 0 {
            var delivery = offer.delivery
            delivery.firstSegment = firstSegment
            nextSegment = Int(firstSegment)
            firstSegment = 0
            out = Frame.header(offer.header, delivery).encoded()
        }
        if nextSegment < offer.segmentCount {
            out += Frame.segment(try store.segment(of: offer, number: nextSegment)).encoded()
            nextSegment += 1
        }
        if nextSegment >= offer.segmentCount {
            nextOffer += 1
            nextSegment = 0
        }
        return out
    }
}
