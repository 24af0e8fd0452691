import ReplicaStore
import Replication

/// Takes the frames of one push apart and hands whole change sets to the store, several in one transaction, so
/// that they share one fsync.
struct PushIntake {
    let replica: UInt32
    private var reader = FrameReader(bodyMaxBytes: Limits.pushedFrameBytes)
    private var header: ChangeSetHeader?
    private var segments: [[UInt8]] = []
    private var whole: [ChangeSet] = []
    private var wholeBytes = 0
    /// Set when something has been ingested; the one who wakes the others clears it.
    var hasIngested = false

    init(replica: UInt32) { self.replica = replica }

    mutating func take(_ piece: [UInt8], _ store: HubStore, nowMs: UInt64) throws {
        reader.append(piece)
        while let frame = try reader.next() {
            switch frame {
            case .header(let header, let delivery): try begin(header, delivery, store, nowMs)
            case .segment(let bytes):
                guard header != nil else {
                    throw CodecError(reading: "push", at: 0, why: "a segment without its header")
                }
                try check(bytes)
                segments.append(bytes)
            case .end: throw CodecError(reading: "push", at: 0, why: "an end frame, which only a pull has")
            }
            if let header, segments.count == header.segmentDigests.count {
                whole.append(ChangeSet(header: header, segments: segments))
                wholeBytes += segments.reduce(0) { $0 + $1.count }
                self.header = nil
                segments = []
            }
            if wholeBytes >= 1 << 20 || whole.count >= 256 { try ingest(store, nowMs) }
        }
        // Nothing more is at hand: what is whole is taken now rather than when the next piece comes.
        try ingest(store, nowMs)
    }

    private mutating func begin(
        _ header: ChangeSetHeader, _ delivery: Delivery, _ store: HubStore, _ nowMs: UInt64
    ) throws {
        guard self.header == nil else {
            throw CodecError(reading: "push", at: 0, why: "a change set begins before the one before has ended")
        }
        guard header.dot.replica == replica else {
            throw StoreError(
                .refused, doing: "taking in change set \(header.dot)", why: "the caller is replica \(replica)",
                hint: "A site sends its own change sets only.")
        }
        if header.segmentDigests.count > Self.checkedFrom {
            // Before much of it is held: may it come at all?
            try ingest(store, nowMs)
            try store.check(header, from: replica, nowMs: nowMs)
        }
        self.header = header
        segments = []
        if delivery.firstSegment > 0, let staged = try store.staged(of: replica), staged.seq == header.dot.seq {
            segments = Array(try store.stagedSegments(of: header.dot).prefix(Int(clamping: delivery.firstSegment)))
        }
        guard segments.count == Int(clamping: delivery.firstSegment), segments.count <= header.segmentDigests.count
        else {
            throw StoreError(
                .missing, doing: "taking in change set \(header.dot)", why: "its first segments are not here",
                hint: "The site sends them again by itself.")
        }
    }

    /// A large change set is checked as it comes, so that nobody fills the memory with what will be refused.
    private func check(_ bytes: [UInt8]) throws {
        guard let header, header.segmentDigests.count > Self.checkedFrom else { return }
        guard SHA256.digest(bytes) == header.segmentDigests[segments.count] else {
            throw CodecError(reading: "push", at: 0, why: "a segment whose digest does not fit its header")
        }
    }

    /// Change sets of more segments than this are checked before they are whole.
    private static let checkedFrom = 4

    private mutating func ingest(_ store: HubStore, _ nowMs: UInt64) throws {
        guard !whole.isEmpty else { return }
        let sets = whole
        whole = []
        wholeBytes = 0
        if try store.ingest(sets, from: replica, nowMs: nowMs) > 0 { hasIngested = true }
    }

    /// The push has ended as it should.
    mutating func finish(_ store: HubStore, nowMs: UInt64) throws {
        try ingest(store, nowMs)
        guard header == nil, reader.isAtBorder else {
            throw CodecError(reading: "push", at: 0, why: "it ends within a change set")
        }
    }

    /// The line was cut: keeps the segments that came whole.
    func keepRest(_ store: HubStore) throws(StoreError) {
        guard let header, !segments.isEmpty else { return }
        try store.stage(segments, of: header.dot)
    }
}
