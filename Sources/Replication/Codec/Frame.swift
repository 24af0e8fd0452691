/// The unit of a push, a pull and a bundle (Protocol/Bytes.md#frame): a kind, a length, the body and the first eight
/// bytes of the SHA-256 of all that, so that a line which cuts or bends bytes is noticed at once.
package enum Frame: Hashable, Sendable {
    /// Begins a change set: its header as the author wrote it, and how it is to be taken.
    case header(ChangeSetHeader, Delivery)
    /// The next segment of the change set begun last.
    case segment([UInt8])
    /// Ends a pull: what the hub has, and what every active site is known to have.
    case end(StreamEnd)

    package static let lengthBytes = 5
    package static let checksumBytes = 8
}

/// How a change set comes along a pull.
package struct Delivery: Hashable, Sendable {
    /// Its place in the hub's order; 0 in a push.
    package var position: UInt64
    /// True when nothing more belongs to the same hub transaction: what has come may be applied.
    package var endsTransaction: Bool
    /// True for the receiver's own change set: the header alone comes back, to say where it landed.
    package var isEcho: Bool
    /// True when the segments are not the author's, but what is left of them after the hub's judgement; their
    /// digests are those of `effectiveDigests`.
    package var isEffective: Bool
    package var effectiveDigests: [[UInt8]]
    /// True for what the receiver keeps in its log and does not apply: it follows the order of a hub that was restored
    /// from here on, and the repair that ends the transaction brings every row that may differ.
    package var isAbsorbed: Bool
    /// The segment that comes first; those before it the receiver said it has.
    package var firstSegment: UInt64

    package init(
        position: UInt64 = 0, endsTransaction: Bool = false, isEcho: Bool = false,
        effectiveDigests: [[UInt8]]? = nil, firstSegment: UInt64 = 0, isAbsorbed: Bool = false
    ) {
        self.isAbsorbed = isAbsorbed
        self.position = position
        self.endsTransaction = endsTransaction
        self.isEcho = isEcho
        self.isEffective = effectiveDigests != nil
        self.effectiveDigests = effectiveDigests ?? []
        self.firstSegment = firstSegment
    }
}

/// The last frame of a pull.
package struct StreamEnd: Hashable, Sendable {
    /// The hub's vector clock at the end of what was sent.
    package let vector: VectorClock
    /// The position up to which the receiver now has everything.
    package let position: UInt64
    /// The vector clock that every active site is known to have reached.
    package let frontier: VectorClock
    /// The hub's time in milliseconds since 1970.
    package let hubTimeMs: UInt64

    package init(vector: VectorClock, position: UInt64, frontier: VectorClock, hubTimeMs: UInt64) {
        self.vector = vector
        self.position = position
        self.frontier = frontier
        self.hubTimeMs = hubTimeMs
    }
}

extension Frame {
    /// The frame as it goes over the line, checksum included.
    package func encoded() -> [UInt8] {
        var body = ByteWriter()
        let kind: UInt8
        switch self {
        case .header(let header, let delivery):
            kind = 1
            body.counted(header.encoded())
            body.varint(delivery.position)
            body.byte(
                (delivery.endsTransaction ? 1 : 0) | (delivery.isEcho ? 2 : 0)
                    | (delivery.isEffective ? 4 : 0) | (delivery.isAbsorbed ? 8 : 0))
            body.varint(delivery.firstSegment)
            body.varint(delivery.effectiveDigests.count)
            for digest in delivery.effectiveDigests { body.raw(digest) }
        case .segment(let bytes):
            kind = 2
            body.raw(bytes)
        case .end(let end):
            kind = 3
            body.vector(end.vector)
            body.varint(end.position)
            body.vector(end.frontier)
            body.varint(end.hubTimeMs)
        }
        var out = ByteWriter()
        out.byte(kind)
        out.fixed32(UInt32(body.count))
        out.raw(body.bytes)
        out.raw(SHA256.digest(out.bytes).prefix(Self.checksumBytes))
        return out.bytes
    }
}

extension ByteWriter {
    /// The number of components, then replica and seq of each, by replica number ascending.
    package mutating func vector(_ clock: VectorClock) {
        let entries = clock.entries
        varint(entries.count)
        for entry in entries {
            varint(UInt64(entry.replica))
            varint(entry.seq)
        }
    }
}

extension ByteReader {
    /// A vector clock whose replicas ascend; see `ByteWriter.vector`.
    package mutating func vector(_ bytes: Span<UInt8>) throws(CodecError) -> VectorClock {
        let count = try count(bytes, of: "vector clock components", atMost: Limits.vectorComponents)
        var pairs: [(UInt32, UInt64)] = []
        for _ in 0..<count {
            let replica = try uint32(bytes, of: "a replica number")
            let seq = try varint(bytes)
            guard replica > pairs.last?.0 ?? 0, seq > 0 else { throw refuse("a vector clock out of order") }
            pairs.append((replica, seq))
        }
        return VectorClock(pairs)
    }
}

/// Takes frames out of bytes that come in pieces of any size. Holds one unfinished frame at most.
package struct FrameReader: Sendable {
    private var pending: [UInt8] = []
    private var start = 0
    /// The frame that is coming, where it is a large one; what comes behind it is in `pending`.
    private var large: LargeFrame?
    private let bodyMaxBytes: Int
    private let headerMaxBytes: Int

    /// A frame that announces more than `bodyMaxBytes`, or `headerMaxBytes` for one that begins a change set, is refused
    /// before any of it is kept.
    package init(bodyMaxBytes: Int = Limits.segmentMaxBytes, headerMaxBytes: Int = Limits.segmentMaxBytes) {
        self.bodyMaxBytes = bodyMaxBytes
        self.headerMaxBytes = min(headerMaxBytes, bodyMaxBytes)
    }

    /// Takes the next piece.
    package mutating func append(_ bytes: [UInt8]) {
        if start > 0 {
            pending.removeFirst(start)
            start = 0
        }
        pending.append(contentsOf: large?.take(bytes[...]) ?? bytes[...])
    }

    /// True when no part of a frame is waiting for the rest: where a stream may end.
    package var isAtBorder: Bool { large == nil && start == pending.count }

    /// The next whole frame, or nil until more bytes have come.
    package mutating func next() throws(CodecError) -> Frame? {
        if large == nil {
            guard pending.count - start >= Frame.lengthBytes else { return nil }
            let (kind, length) = try readHead()
            let bodyStart = start + Frame.lengthBytes
            let end = bodyStart + length + Frame.checksumBytes
            if end <= pending.count {
                let body = Array(pending[bodyStart..<bodyStart + length])
                var hash = SHA256()
                hash.update(Array(pending[start..<bodyStart]))
                hash.update(body)
                guard hash.finish().prefix(Frame.checksumBytes).elementsEqual(pending[bodyStart + length..<end]) else {
                    throw FrameReader.misfit(at: end)
                }
                start = end
                return try decode(kind: kind, body)
            }
            guard length >= LargeFrame.fromBytes else { return nil }
            var frame = LargeFrame(kind: kind, length: length, head: Array(pending[start..<bodyStart]))
            pending = Array(frame.take(pending[bodyStart...]))
            start = 0
            large = frame
        }
        guard large?.isWhole == true, var frame = large else { return nil }
        large = nil
        guard let body = frame.takeBody() else { throw FrameReader.misfit(at: frame.end) }
        return try decode(kind: frame.kind, body)
    }

    private static func misfit(at end: Int) -> CodecError {
        CodecError(reading: "frame", at: end, why: "a frame whose checksum does not fit")
    }

    private func readHead() throws(CodecError) -> (kind: UInt8, length: Int) {
        let span = pending.span
        var reader = ByteReader(start..<pending.count, reading: "frame")
        let kind = try reader.byte(span)
        let length = Int(try reader.fixed32(span))
        guard (1...3).contains(kind) else {
            throw reader.refuse("a kind of frame that this version does not know")
        }
        let most = kind == 1 ? headerMaxBytes : bodyMaxBytes
        guard length <= most else { throw reader.refuse("a frame larger than \(most) bytes") }
        return (kind, length)
    }

    private func decode(kind: UInt8, _ body: [UInt8]) throws(CodecError) -> Frame {
        if kind == 2 { return .segment(body) }
        let span = body.span
        var reader = ByteReader(0..<body.count, reading: "frame")
        let frame: Frame
        if kind == 1 {
            let range = try reader.counted(span, of: "header bytes", atMost: Limits.headerMaxBytes)
            let header = try ChangeSetHeader(Array(body[range]))
            let position = try reader.varint(span)
            let flags = try reader.byte(span)
            guard flags < 16 else { throw reader.refuse("a flag that this version does not know") }
            let first = try reader.varint(span)
            let digests = try readDigests(&reader, span)
            guard flags & 4 != 0 || digests.isEmpty else { throw reader.refuse("digests without their flag") }
            frame = .header(
                header,
                Delivery(
                    position: position, endsTransaction: flags & 1 != 0, isEcho: flags & 2 != 0,
                    effectiveDigests: flags & 4 != 0 ? digests : nil, firstSegment: first,
                    isAbsorbed: flags & 8 != 0))
        } else {
            frame = .end(
                StreamEnd(
                    vector: try reader.vector(span), position: try reader.varint(span),
                    frontier: try reader.vector(span), hubTimeMs: try reader.varint(span)))
        }
        guard reader.isAtEnd else { throw reader.refuse("bytes behind the end") }
        return frame
    }
}

/// A frame that comes in many pieces. They are kept as they come and put together only when the checksum fits: one that
/// was made up costs its own size, and no copies.
private struct LargeFrame: Sendable {
    static let fromBytes = 1 << 18

    let kind: UInt8
    private let length: Int
    private var pieces: [[UInt8]] = []
    private var missing: Int
    private var hash = SHA256()
    private var checksum: [UInt8] = []

    init(kind: UInt8, length: Int, head: [UInt8]) {
        self.kind = kind
        self.length = length
        missing = length
        hash.update(head)
    }

    var isWhole: Bool { missing == 0 && checksum.count == Frame.checksumBytes }
    var end: Int { Frame.lengthBytes + length + Frame.checksumBytes }

    /// Takes what belongs to it.
    /// - Returns: the rest.
    mutating func take(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let piece = bytes.prefix(missing)
        if !piece.isEmpty {
            hash.update(Array(piece))
            keep(piece)
            missing -= piece.count
        }
        let behind = bytes.dropFirst(piece.count)
        if missing > 0 { return behind }
        let last = behind.prefix(Frame.checksumBytes - checksum.count)
        checksum += last
        return behind.dropFirst(last.count)
    }

    /// Small ones together: a million of a byte each would take many times their size.
    private mutating func keep(_ piece: ArraySlice<UInt8>) {
        if let last = pieces.indices.last, pieces[last].count + piece.count <= Self.fromBytes {
            pieces[last] += piece
        } else {
            pieces.append(Array(piece))
        }
    }

    /// The body, when all of it has come; nil when the checksum does not fit. Nothing is left here then.
    mutating func takeBody() -> [UInt8]? {
        guard hash.finish().prefix(Frame.checksumBytes).elementsEqual(checksum) else { return nil }
        var body: [UInt8] = []
        body.reserveCapacity(length)
        for index in pieces.indices {
            body += pieces[index]
            pieces[index] = []
        }
        return body
    }
}
