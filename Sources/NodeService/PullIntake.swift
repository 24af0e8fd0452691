import ReplicaStore
import Replication

/// Takes the frames of one pull apart and gathers whole hub transactions.
struct PullIntake {
    private var reader = FrameReader()
    private var header: ChangeSetHeader?
    private var delivery = Delivery()
    private var segments: [[UInt8]] = []
    private var kept: PartialPull?
    private var open: HubTransaction = []
    /// Hub transactions that have come whole, and about how many bytes they are.
    private(set) var whole: [HubTransaction] = []
    private(set) var wholeBytes = 0
    private(set) var end: StreamEnd?

    init(partial: PartialPull?) { kept = partial }

    mutating func append(_ piece: [UInt8]) throws(CodecError) {
        reader.append(piece)
        while let frame = try reader.next() {
            guard end == nil else { throw CodecError(reading: "pull", at: 0, why: "a frame behind the end frame") }
            switch frame {
            case .header(let header, let delivery):
                guard self.header == nil else {
                    throw CodecError(reading: "pull", at: 0, why: "a change set begins before the one before has ended")
                }
                self.header = header
                self.delivery = delivery
                segments = try keptSegments(header, delivery)
            case .segment(let bytes):
                guard header != nil else {
                    throw CodecError(reading: "pull", at: 0, why: "a segment without its header")
                }
                segments.append(bytes)
                wholeBytes += bytes.count
            case .end(let end): self.end = end
            }
            finishChangeSet()
        }
    }

    private func keptSegments(_ header: ChangeSetHeader, _ delivery: Delivery) throws(CodecError) -> [[UInt8]] {
        guard delivery.firstSegment > 0 else { return [] }
        guard let kept, kept.header == header, kept.segments.count >= Int(clamping: delivery.firstSegment) else {
            throw CodecError(reading: "pull", at: 0, why: "a change set without its first segments")
        }
        return Array(kept.segments.prefix(Int(delivery.firstSegment)))
    }

    private mutating func finishChangeSet() {
        guard let header else { return }
        let count =
            delivery.isEcho ? 0 : delivery.isEffective ? delivery.effectiveDigests.count : header.segmentDigests.count
        guard segments.count >= count else { return }
        open.append(DeliveredChangeSet(header: header, delivery: delivery, segments: segments))
        wholeBytes += 200
        self.header = nil
        segments = []
        if delivery.endsTransaction {
            whole.append(open)
            open = []
        }
    }

    mutating func takeWhole() -> [HubTransaction] {
        defer {
            whole = []
            wholeBytes = 0
        }
        return whole
    }

    /// The segments of the change set that had not come whole, to go on behind them. Only the first of a hub
    /// transaction can be: what came before it within the transaction would come again.
    var rest: PartialPull? {
        guard let header, open.isEmpty, !segments.isEmpty else { return nil }
        return PartialPull(header: header, segments: segments)
    }
}
