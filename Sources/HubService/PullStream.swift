import HTTP
import HubDatabase
import Presentation
import Replication
import TableModel

/// The frames of one pull, made while they are being sent: memory holds one segment. One reader pulls it.
actor PullStream {
    private let hub: HubService
    private let replica: UInt32
    private let site: String
    private var position: UInt64
    private var resume: Message<PullResume>?
    private var offers: [HubStore.Offer] = []
    private var nextOffer = 0
    private var nextSegment = 0
    /// Of the next offer: those before it the caller holds.
    private var firstSegment: UInt64 = 0
    private var isEnded = false
    /// True when this replica was given what it asks for before.
    private var isAgain = false

    init(hub: HubService, _ caller: HubService.SiteCaller, position: UInt64, resume: Message<PullResume>?) {
        self.hub = hub
        replica = caller.replica
        site = caller.site
        self.position = position
        self.resume = resume
    }

    /// The next piece; nil behind the end frame. Small frames are put together.
    func next() async throws -> [UInt8]? {
        if isEnded { return nil }
        var out: [UInt8] = []
        while out.count < 1 << 16 {
            if nextOffer == offers.count {
                (offers, isAgain) = try await hub.offers(to: replica, after: position, site: site)
                nextOffer = 0
                skipHeld()
                nextSegment = 0
                if offers.isEmpty {
                    isEnded = true
                    return out + (try await hub.streamEnd(position: position)).encoded()
                }
                position = offers.last!.delivery.position
            }
            out += try await nextFrame()
        }
        return out
    }

    /// Goes on behind what the caller holds of the first hub transaction: whole change sets, and the first segments of the
    /// one that it names. Names it another, all of it is sent.
    private func skipHeld() {
        guard let resume, resume.segment > 0 else { return }
        self.resume = nil
        guard let index = offers.firstIndex(where: { $0.header.dot == resume.change }),
            !offers[..<index].contains(where: { $0.delivery.endsTransaction })
        else { return }
        let offer = offers[index]
        if resume.segment < UInt64(offer.segmentCount) {
            nextOffer = index
            firstSegment = resume.segment
        } else if !offer.delivery.endsTransaction, index + 1 < offers.count {
            nextOffer = index + 1
        }
    }

    private func nextFrame() async throws -> [UInt8] {
        let offer = offers[nextOffer]
        let frame: Frame
        if nextSegment == 0 {
            var delivery = offer.delivery
            delivery.firstSegment = firstSegment
            firstSegment = 0
            frame = .header(offer.header, delivery)
            nextSegment = Int(delivery.firstSegment)
            if nextSegment < offer.segmentCount {
                // The header alone is no piece worth sending: its first segment goes with it.
                let bytes = try await segment(of: offer)
                advance(offer)
                return frame.encoded() + Frame.segment(bytes).encoded()
            }
            nextOffer += 1
            nextSegment = 0
            return frame.encoded()
        }
        frame = .segment(try await segment(of: offer))
        advance(offer)
        return frame.encoded()
    }

    private func segment(of offer: HubStore.Offer) async throws -> [UInt8] {
        try await hub.segment(of: offer, number: nextSegment, to: replica, charging: isAgain ? site : nil)
    }

    private func advance(_ offer: HubStore.Offer) {
        nextSegment += 1
        if nextSegment == offer.segmentCount {
            nextOffer += 1
            nextSegment = 0
        }
    }
}

extension HubService {
    func offers(
        to replica: UInt32, after position: UInt64, site: String
    ) throws(StoreError) -> (offers: [HubStore.Offer], isAgain: Bool) {
        try checkExchange(replica)
        let before = threadTimeUs()
        let offers = try store.offers(to: replica, after: position, limit: 256)
        // What it was given already costs: the first time is free.
        let isAgain = position < given[replica] ?? 0
        if isAgain { charge(site, us: threadTimeUs() - before) }
        given[replica] = max(given[replica] ?? 0, offers.last?.delivery.position ?? position)
        return (offers, isAgain)
    }

    /// - Parameter site: set when the replica was given it before: then it costs.
    func segment(
        of offer: HubStore.Offer, number: Int, to replica: UInt32, charging site: String?
    ) throws(StoreError) -> [UInt8] {
        try checkExchange(replica)
        let before = threadTimeUs()
        let bytes = try store.segment(of: offer, number: number)
        if let site { charge(site, us: threadTimeUs() - before + Double(bytes.count) * RequestCost.bodyByte) }
        return bytes
    }

    /// A pull that is under way ends when its site is paused or retired.
    func checkExchange(_ replica: UInt32) throws(StoreError) {
        guard try store.mayExchange(replica) else {
            throw StoreError(
                .refused, doing: "giving rows to replica \(replica)", why: "its site is paused or retired",
                hint: "See: samband site list.")
        }
    }

    func streamEnd(position: UInt64) throws(StoreError) -> Frame {
        .end(
            StreamEnd(
                vector: try store.vector(), position: position, frontier: try store.frontier(), hubTimeMs: now()))
    }
}
