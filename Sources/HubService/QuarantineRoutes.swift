import HTTP
import HubDatabase
import JSONText
import Presentation
import Replication
import TableModel

/// What a retired site still sends: taken in whole and kept apart, so that nothing that somebody wrote is dropped, and
/// nothing of it gets into the fleet. Its node hears so with each pull. (Protocol/HTTP.md#a-paused-site-a-retired-site)
extension HubService {
    /// The greeting of a retired site: what the hub has of it, and nothing of anybody else.
    func greetRetired(_ caller: SiteCaller) throws(Problem) -> Response {
        let (end, epochs) = try answering { () throws(StoreError) in
            (try store.quarantineEnd(of: caller.replica), try store.greeting(of: caller.replica).epochs)
        }
        return try .proven(
            Message<GreetingAnswer> {
                $0.vector = VectorClock([(caller.replica, end.seq)])
                $0.staged = Message(end.staged)
                $0.replica = caller.replica
                $0.hub = store.replica
                $0.epochs = epochs
                $0.recovery = nil
                $0.known = Message { ($0.seq, $0.digest) = (end.seq, end.digest) }
                $0.twin = false
                $0.hubTimeMs = Int64(now())
            })
    }

    /// Takes the push of a retired site; the answer names its own change sets only.
    func quarantine(_ request: Request, _ caller: SiteCaller) async throws(Problem) -> Response {
        var intake = QuarantineIntake(caller)
        // Nobody waits for it: it has no claim to the hub's time, new or not.
        defer { charge(caller.site, us: intake.usedUs) }
        do {
            while let piece = try await request.body.next() { try intake.take(piece, store, nowMs: now()) }
            try intake.finish()
        } catch {
            throw problem(error, in: "push", ifDamaged: "What came whole is kept; the rest is sent again by itself.")
        }
        let end = try answering { () throws(StoreError) in try store.quarantineEnd(of: caller.replica) }
        return try .proven(
            Message<PushAnswer> {
                $0.vector = VectorClock([(caller.replica, end.seq)])
                $0.staged = Message(end.staged)
                $0.hubTimeMs = Int64(now())
            })
    }

    /// What is kept of a retired site, without any value.
    func quarantineList(_ name: String) throws(Problem) -> Response {
        let sets = try answering { () throws(StoreError) in try store.quarantined(ofSite: name) }
        return try .json([
            "site": .string(name),
            "change_sets": .array(
                sets.map { set in
                    [
                        "change": .string("\(set.dot)"), "written_at": .string(rfc3339(ms: set.writtenMs)),
                        "received_at": .string(rfc3339(ms: set.receivedMs)),
                        "rows": .integer(Int64(clamping: set.rows)),
                        "bytes": .integer(Int64(set.bytes)), "whole": .bool(set.isWhole),
                    ]
                }),
        ])
    }
}

/// Takes the frames of a push apart and keeps them as they are: nothing but their digests is looked at.
private struct QuarantineIntake {
    private let caller: HubService.SiteCaller
    private var reader = FrameReader(
        bodyMaxBytes: Limits.pushedFrameBytes, headerMaxBytes: Limits.pushedHeaderBytes)
    private var header: ChangeSetHeader?
    /// True when that one is here whole.
    private var isKnown = false
    /// The number of its segment that comes next, and of the first that is not here.
    private var next = 0
    private var firstMissing = 0
    /// How much is new of what came.
    private(set) var kept = 0
    private(set) var usedUs = RequestCost.request

    init(_ caller: HubService.SiteCaller) { self.caller = caller }

    mutating func take(_ piece: [UInt8], _ store: HubStore, nowMs: UInt64) throws {
        let before = threadTimeUs()
        defer { usedUs += threadTimeUs() - before + Double(piece.count) * RequestCost.bodyByte }
        reader.append(piece)
        while let frame = try reader.next() {
            switch frame {
            case .header(let header, let delivery): try begin(header, delivery, store, nowMs)
            case .segment(let bytes): try add(bytes, store)
            case .end: throw CodecError(reading: "push", at: 0, why: "an end frame, which only a pull has")
            }
            if let header, next == header.segmentDigests.count { self.header = nil }
        }
    }

    private mutating func begin(
        _ header: ChangeSetHeader, _ delivery: Delivery, _ store: HubStore, _ nowMs: UInt64
    ) throws {
        guard self.header == nil else {
            throw CodecError(reading: "push", at: 0, why: "a change set begins before the one before has ended")
        }
        let here = try store.beginQuarantined(header, site: caller.site, nowMs: nowMs)
        isKnown = here == nil
        next = Int(clamping: delivery.firstSegment)
        guard next <= here ?? header.segmentDigests.count else {
            throw StoreError(
                .missing, doing: "keeping change set \(header.dot)", why: "its first segments are not here",
                hint: "The site sends them again by itself.")
        }
        firstMissing = here ?? 0
        self.header = header
        if here != nil, header.segmentDigests.isEmpty { kept += 1 }
    }

    private mutating func add(_ bytes: [UInt8], _ store: HubStore) throws {
        guard let header else { throw CodecError(reading: "push", at: 0, why: "a segment without its header") }
        guard SHA256.digest(bytes) == header.segmentDigests[next] else {
            throw CodecError(reading: "push", at: 0, why: "a segment whose digest does not fit its header")
        }
        if !isKnown, next == firstMissing {
            try store.keepQuarantined([bytes], from: next, of: header, site: caller.site)
            firstMissing += 1
            kept += 1
        }
        next += 1
    }

    func finish() throws(CodecError) {
        guard header == nil, reader.isAtBorder else {
            throw CodecError(reading: "push", at: 0, why: "it ends within a change set")
        }
    }
}
