import NodeDatabase
import Replication
import TableModel

/// Takes the frames of one pull apart and hands whole hub transactions to the store, several in one transaction of the
/// database. Of a large one memory holds what came last; the rest is staged, and the next pull goes on behind it. It knows
/// nothing of the line: who reads it hands over each piece as it comes, and says in the end whether the line was cut.
package struct PullIntake {
    private let room: Room
    private var reader = FrameReader()
    /// What an earlier pull has left; nil once it is known whether this one goes on behind it.
    private var left: [StagedChangeSet]?
    /// The change sets of the hub transaction that is coming.
    private var open: [Coming] = []
    /// Bytes in memory of it, and when some were staged last.
    private var heldBytes = 0
    private var stagedMs: UInt64
    /// Hub transactions that have come whole, and about how many bytes they are.
    private var whole: [HubTransaction] = []
    private var wholeBytes = 0
    package private(set) var end: StreamEnd?

    private struct Coming {
        let header: ChangeSetHeader
        let delivery: Delivery
        /// How many segments are staged, and those behind them.
        var staged = 0
        /// True once its header is staged, and so its place.
        var isKept = false
        var held: [[UInt8]] = []
        var isWhole: Bool { staged + held.count >= delivery.segmentCount(of: header) }
    }

    /// How much waits in memory before it is taken or staged.
    package struct Room: Sendable {
        /// Whole hub transactions wait up to so many bytes for others, to share an fsync.
        package var wholeMaxBytes = 1 << 18
        /// One that is coming waits up to so many bytes, and once it has some, so long.
        package var heldMaxBytes = 16 << 20
        package var heldMaxMs: UInt64 = 1_000
        /// Less of it is sent again rather than kept over a cut.
        package var worthKeepingBytes = 1 << 18

        package init() {}
    }

    /// - Parameters:
    ///   - left: what is kept of an earlier pull, when this one asked the hub to go on behind it.
    ///   - localMs: the time of this machine, not corrected to the hub's.
    package init(left: [StagedChangeSet], room: Room = Room(), localMs: UInt64) {
        self.left = left
        self.room = room
        stagedMs = localMs
    }

    /// The next piece of the pull has come, of any size.
    ///
    /// - Parameter nowMs: the time, corrected to the hub's clock.
    /// - Returns: how many change sets the store has taken in.
    package mutating func take(
        _ piece: [UInt8], _ store: NodeStore, localMs: UInt64, nowMs: UInt64
    ) throws -> Int {
        do {
            let taken = try gather(piece, store, localMs, nowMs)
            return try taken + (wholeBytes >= room.wholeMaxBytes ? takeWhole(store, nowMs: nowMs) : 0)
        } catch let error as CodecError {
            try? store.forgetStaged()  // else it is dropped when the hub does not go on behind it
            throw error
        }
    }

    private mutating func gather(
        _ piece: [UInt8], _ store: NodeStore, _ localMs: UInt64, _ nowMs: UInt64
    ) throws -> Int {
        var taken = 0
        reader.append(piece)
        while let frame = try reader.next() {
            guard end == nil else { throw refuse("a frame behind the end frame") }
            switch frame {
            case .header(let header, let delivery): try begin(header, delivery, store)
            case .segment(let bytes):
                guard let last = open.indices.last, !open[last].isWhole else {
                    throw refuse("a segment without its header")
                }
                open[last].held.append(bytes)
                heldBytes += bytes.count
            case .end(let end):
                guard open.isEmpty else { throw refuse("its end within a hub transaction") }
                self.end = end
            }
            try finishTransaction(store)
            if heldBytes >= room.heldMaxBytes
                || heldBytes >= room.worthKeepingBytes && localMs >= stagedMs + room.heldMaxMs
            {
                // What is staged belongs right behind the position of the database, and goes with the next that is taken.
                taken += try takeWhole(store, nowMs: nowMs)
                try stage(store)
                stagedMs = localMs
            }
        }
        return taken
    }

    private func refuse(_ why: String) -> CodecError { CodecError(reading: "pull", at: 0, why: why) }

    private mutating func begin(_ header: ChangeSetHeader, _ delivery: Delivery, _ store: NodeStore) throws {
        guard open.last?.isWhole != false else { throw refuse("a change set begins before the one before has ended") }
        if let left {
            self.left = nil
            try goOn(behind: left, header, delivery, store)
        } else {
            guard delivery.firstSegment == 0 else { throw refuse("a change set without its first segments") }
            open.append(Coming(header: header, delivery: delivery))
        }
    }

    /// The first change set of a pull: the hub may go on behind what is kept, or begin anew.
    private mutating func goOn(
        behind left: [StagedChangeSet], _ header: ChangeSetHeader, _ delivery: Delivery, _ store: NodeStore
    ) throws {
        var kept = left.map { Coming(header: $0.header, delivery: $0.delivery, staged: $0.segmentCount, isKept: true) }
        if let last = kept.last, last.header == header, last.delivery.position == delivery.position,
            last.staged >= Int(clamping: delivery.firstSegment), delivery.firstSegment > 0
        {
            kept[kept.count - 1].staged = Int(delivery.firstSegment)
            open = kept
        } else if let last = kept.last, last.isWhole, !last.delivery.endsTransaction, delivery.firstSegment == 0,
            last.delivery.position + 1 == delivery.position
        {
            open = kept + [Coming(header: header, delivery: delivery)]
        } else {
            if !left.isEmpty { try store.forgetStaged() }
            guard delivery.firstSegment == 0 else { throw refuse("a change set without its first segments") }
            open = [Coming(header: header, delivery: delivery)]
        }
    }

    private mutating func finishTransaction(_ store: NodeStore) throws {
        guard let last = open.last, last.isWhole, last.delivery.endsTransaction else { return }
        var transaction: HubTransaction = []
        for set in open {
            let staged = set.staged == 0 ? [] : try store.stagedSegments(of: set.header.dot, count: set.staged)
            let segments = staged + set.held
            transaction.append(DeliveredChangeSet(header: set.header, delivery: set.delivery, segments: segments))
            wholeBytes += segments.reduce(200) { $0 + $1.count }
        }
        whole.append(transaction)
        open = []
        heldBytes = 0
    }

    private mutating func stage(_ store: NodeStore) throws(StoreError) {
        for index in open.indices where !open[index].isKept || !open[index].held.isEmpty {
            let set = open[index]
            let anew = !open.contains { $0.isKept }
            try store.stage(set.header, set.delivery, set.held, from: set.staged, anew: anew)
            open[index].isKept = true
            open[index].staged += set.held.count
            open[index].held = []
        }
        heldBytes = 0
    }

    /// Takes in the hub transactions that have come whole: at the end, and when the line was cut.
    ///
    /// - Returns: how many change sets these are.
    package mutating func takeWhole(_ store: NodeStore, nowMs: UInt64) throws(StoreError) -> Int {
        let transactions = whole
        whole = []
        wholeBytes = 0
        guard !transactions.isEmpty else { return 0 }
        do {
            try store.take(transactions, nowMs: nowMs)
        } catch {
            // What is kept may be what is wrong: it comes anew. A disk that failed keeps it for the next attempt.
            if error.fault == nil { try? store.forgetStaged() }
            throw error
        }
        return transactions.reduce(0) { $0 + $1.count }
    }

    /// The line was cut, and what was whole has been taken: keeps what came of a transaction, as far as it is worth it.
    package mutating func keepRest(_ store: NodeStore) throws(StoreError) {
        if heldBytes >= room.worthKeepingBytes || open.contains(where: { $0.isKept }) { try stage(store) }
    }
}
