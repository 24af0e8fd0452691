import Replication

/// Headers that every reader must understand.
enum GoodHeaders {
    static let all: [(name: String, bytes: [UInt8])] = [
        ("first", first.encoded()), ("second-of-a-chain", second.encoded()),
        ("context-delta", contextDelta.encoded()), ("arbitration", arbitration.encoded()),
        ("decision", decision.encoded()), ("extremes", extremes.encoded()),
    ]

    static let segmentOfFirst = GoodSegments.segment(
        GoodSegments.block(.insert, columns: [0, 1], key: [.text("r-1")], [.text("new"), .integer(3)]))
    static let segmentOfSecond = GoodSegments.segment(
        GoodSegments.block(.update, columns: [0], key: [.text("r-1")], [.text("accepted")]))
    static let hlc: UInt64 = 1_322_481_600_000 << 16

    static let first = make(seq: 1, segments: [segmentOfFirst])
    static let second = make(
        seq: 2, hlc: hlc + 1, position: 5, context: [(391, 4)], previous: first.digest,
        segments: [segmentOfSecond])

    private static let contextDelta = make(
        seq: 41, hlc: hlc | 0xffff, position: 700, context: [(1, 1), (391, 12), (521, 300), (.max, .max)],
        previous: second.digest, rows: 3, segments: [segmentOfFirst, segmentOfSecond, segmentOfFirst])
    static let arbitration = make(
        kind: .arbitration, replica: 391, seq: 13, context: [(8070, 2)], previous: first.digest,
        segments: [segmentOfFirst])
    private static let decision = make(
        kind: .decision, replica: 391, seq: 14, position: 9, conflict: 17, previous: arbitration.digest,
        segments: [segmentOfSecond])
    private static let extremes = ChangeSetHeader(
        kind: .local, dot: Dot(replica: .max, seq: .max), hlc: .max, position: .max,
        contextDelta: VectorClock(),
        schemaVersion: .max, rowCount: .max, conflict: .max, previous: [UInt8](repeating: 0xff, count: 32),
        segmentDigests: [])

    private static func make(
        kind: ChangeSetHeader.Kind = .local, replica: UInt32 = 8070, seq: UInt64, hlc: UInt64 = hlc,
        position: UInt64 = 0, context: [(UInt32, UInt64)] = [], conflict: UInt64 = 0,
        previous: [UInt8] = ChangeSetHeader.firstPrevious, rows: UInt64? = nil, segments: [[UInt8]]
    ) -> ChangeSetHeader {
        ChangeSetHeader(
            kind: kind, dot: Dot(replica: replica, seq: seq), hlc: hlc, position: position,
            contextDelta: VectorClock(context), schemaVersion: 1, rowCount: rows ?? UInt64(segments.count),
            conflict: conflict, previous: previous, segmentDigests: segments.map { SHA256.digest($0) })
    }
}

/// Streams of frames that every reader must understand.
enum GoodFrames {
    static let all: [(name: String, bytes: [UInt8])] = [
        ("empty-stream", []),
        ("push", stream(.header(GoodHeaders.first, Delivery()), .segment(GoodHeaders.segmentOfFirst))),
        (
            "push-of-two",
            stream(
                .header(GoodHeaders.first, Delivery()), .segment(GoodHeaders.segmentOfFirst),
                .header(GoodHeaders.second, Delivery()), .segment(GoodHeaders.segmentOfSecond))
        ),
        ("push-resumed", stream(.header(GoodHeaders.first, Delivery(firstSegment: 1)))),
        (
            "pull-echo",
            stream(
                .header(GoodHeaders.second, Delivery(position: 6, endsTransaction: true, isEcho: true)), end)
        ),
        (
            "pull-transaction-of-two",
            stream(
                .header(GoodHeaders.first, Delivery(position: 5)), .segment(GoodHeaders.segmentOfFirst),
                .header(GoodHeaders.arbitration, Delivery(position: 6, endsTransaction: true)),
                .segment(GoodHeaders.segmentOfFirst), end)
        ),
        (
            "pull-effective",
            stream(
                .header(
                    GoodHeaders.second,
                    Delivery(
                        position: 6, endsTransaction: true,
                        effectiveDigests: [SHA256.digest(GoodHeaders.segmentOfFirst)])),
                .segment(GoodHeaders.segmentOfFirst), end)
        ),
        (
            "pull-nothing-left",
            stream(
                .header(
                    GoodHeaders.second, Delivery(position: 6, endsTransaction: true, effectiveDigests: [])),
                end)
        ),
        (
            "end-empty",
            stream(.end(StreamEnd(vector: VectorClock(), position: 0, frontier: VectorClock(), hubTimeMs: 0)))
        ),
        ("segment-empty", stream(.segment([]))),
    ]

    static let end = Frame.end(
        StreamEnd(
            vector: VectorClock([(391, 13), (521, 300), (8070, 2)]), position: 6,
            frontier: VectorClock([(391, 12), (8070, 1)]), hubTimeMs: 1_322_481_600_250))

    static func stream(_ frames: Frame...) -> [UInt8] { frames.flatMap { $0.encoded() } }
}
