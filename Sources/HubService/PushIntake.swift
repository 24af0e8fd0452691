import HubDatabase
import Replication
import TableModel

/// Takes the frames of one push apart and hands whole change sets to the store, several in one transaction, so
/// that they share one fsync. Of a large change set memory holds what came last; the rest is staged. It knows nothing of
/// the line: who reads it hands over each piece as it comes, and says in the end whether the line was cut.
package struct PushIntake {
    let replica: UInt32
    private let room: Room
    private var reader = FrameReader(
        bodyMaxBytes: Limits.pushedFrameBytes, headerMaxBytes: Limits.pushedHeaderBytes)
    private var header: ChangeSetHeader?
    /// False for a change set that is known already.
    private var isNew = true
    /// How many segments of it are staged, and those behind them.
    private var staged = 0
    private var held: [[UInt8]] = []
    private var heldBytes = 0
    private var stagedMs: UInt64 = 0
    private var whole: [ChangeSet] = []
    private var wholeBytes = 0
    /// Set when something has been ingested; the one who wakes the others clears it.
    package var hasIngested = false
    /// True once segments were staged that were not here.
    package private(set) var hasStaged = false

    /// How much waits in memory before it is staged.
    package struct Room: Sendable {
        /// Change sets of more segments than this are checked before they are whole, and staged as they come.
        package var largeFrom = 4
        /// Segments wait in memory up to so many bytes, and so long: a fast line shares an fsync among many.
        package var heldMaxBytes = 16 << 20
        package var heldMaxMs: UInt64 = 1_000

        package init() {}
    }

    package init(replica: UInt32, room: Room = Room()) {
        self.replica = replica
        self.room = room
    }

    /// The next piece of the push has come, of any size.
    package mutating func take(_ piece: [UInt8], _ store: HubStore, nowMs: UInt64) throws {
        reader.append(piece)
        while let frame = try reader.next() {
            switch frame {
            case .header(let header, let delivery): try begin(header, delivery, store, nowMs)
            case .segment(let bytes): try add(bytes, store, nowMs)
            case .end: throw CodecError(reading: "push", at: 0, why: "an end frame, which only a pull has")
            }
            try finishChangeSet(store)
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
        isNew = true
        if header.segmentDigests.count > room.largeFrom {
            // Before much of it is held: may it come at all?
            try ingest(store, nowMs)
            isNew = try store.check(header, from: replica, nowMs: nowMs)
        }
        self.header = header
        staged = 0
        stagedMs = nowMs
        guard delivery.firstSegment > 0 else { return }
        staged = Int(clamping: delivery.firstSegment)
        guard try !isNew || staged <= store.stagedCount(of: header), staged <= header.segmentDigests.count else {
            throw StoreError(
                .missing, doing: "taking in change set \(header.dot)", why: "its first segments are not here",
                hint: "The site sends them again by itself.")
        }
    }

    private mutating func add(_ bytes: [UInt8], _ store: HubStore, _ nowMs: UInt64) throws {
        guard let header else { throw CodecError(reading: "push", at: 0, why: "a segment without its header") }
        if header.segmentDigests.count > room.largeFrom {
            // Checked as it comes, so that nobody fills the disk with what will be refused.
            guard SHA256.digest(bytes) == header.segmentDigests[staged + held.count] else {
                throw CodecError(reading: "push", at: 0, why: "a segment whose digest does not fit its header")
            }
        }
        held.append(bytes)
        heldBytes += bytes.count
        let isLast = staged + held.count == header.segmentDigests.count
        if header.segmentDigests.count > room.largeFrom, !isLast,
            heldBytes >= room.heldMaxBytes || nowMs >= stagedMs + room.heldMaxMs
        {
            try stage(store)
            stagedMs = nowMs
        }
    }

    private mutating func stage(_ store: HubStore) throws(StoreError) {
        guard let header, !held.isEmpty else { return }
        if isNew {
            if try store.stagedCount(of: header) < staged + held.count { hasStaged = true }
            guard try store.stage(held, of: header.dot, from: staged) else {
                throw StoreError(
                    .missing, doing: "keeping the first part of change set \(header.dot)",
                    why: "what comes before it is not here", hint: "The site sends it again by itself.")
            }
        }
        staged += held.count
        held = []
        heldBytes = 0
    }

    private mutating func finishChangeSet(_ store: HubStore) throws(StoreError) {
        guard let header, staged + held.count == header.segmentDigests.count else { return }
        var segments = held
        if staged > 0, isNew { segments = try store.stagedSegments(of: header.dot, count: staged) + held }
        whole.append(ChangeSet(header: header, segments: segments))
        wholeBytes += segments.reduce(0) { $0 + $1.count }
        self.header = nil
        held = []
        heldBytes = 0
        staged = 0
    }

    private mutating func ingest(_ store: HubStore, _ nowMs: UInt64) throws {
        guard !whole.isEmpty else { return }
        let sets = whole
        whole = []
        wholeBytes = 0
        if try store.ingest(sets, from: replica, nowMs: nowMs) > 0 { hasIngested = true }
    }

    /// The push has ended as it should.
    package mutating func finish(_ store: HubStore, nowMs: UInt64) throws {
        try ingest(store, nowMs)
        guard header == nil, reader.isAtBorder else {
            throw CodecError(reading: "push", at: 0, why: "it ends within a change set")
        }
    }

    /// The line was cut: keeps the segments that came whole.
    package mutating func keepRest(_ store: HubStore) throws(StoreError) { try stage(store) }
}
