/// What stands in front of a change set's segments (Protocol/Bytes.md#header).
package struct ChangeSetHeader: Hashable, Sendable {
    package enum Kind: UInt8, Hashable, Sendable {
        /// Local transactions of a site, or of the hub's own database.
        case local = 1
        /// What the hub adds in the transaction that merges.
        case arbitration = 2
        /// A person's decision at the hub.
        case decision = 3
    }

    package static let format: UInt8 = 1

    package let kind: Kind
    package let dot: Dot
    package let hlc: UInt64
    /// The place in the hub's order that the author had reached.
    package let position: UInt64
    /// What the author had seen beyond what it had seen when it sealed its previous change set; its own
    /// component is not in it, for that is seq - 1.
    package let contextDelta: VectorClock
    package let schemaVersion: UInt32
    package let rowCount: UInt64
    /// The conflict that a decision settles; 0 when there is none.
    package let conflict: UInt64
    /// The digest of the replica's previous change set; `firstPrevious` before its first.
    package let previous: [UInt8]
    /// The SHA-256 of each segment, in order. None when the change set has no rows.
    package let segmentDigests: [[UInt8]]

    package init(
        kind: Kind, dot: Dot, hlc: UInt64, position: UInt64, contextDelta: VectorClock, schemaVersion: UInt32,
        rowCount: UInt64, conflict: UInt64, previous: [UInt8], segmentDigests: [[UInt8]]
    ) {
        precondition(previous.count == 32, "a digest has 32 bytes")
        self.kind = kind
        self.dot = dot
        self.hlc = hlc
        self.position = position
        self.contextDelta = contextDelta
        self.schemaVersion = schemaVersion
        self.rowCount = rowCount
        self.conflict = conflict
        self.previous = previous
        self.segmentDigests = segmentDigests
    }

    /// The same change set under another name, at another place of a chain.
    package init(_ other: ChangeSetHeader, dot: Dot, contextDelta: VectorClock, previous: [UInt8]) {
        self.init(
            kind: other.kind, dot: dot, hlc: other.hlc, position: other.position, contextDelta: contextDelta,
            schemaVersion: other.schemaVersion, rowCount: other.rowCount, conflict: other.conflict, previous: previous,
            segmentDigests: other.segmentDigests)
    }

    /// The same change set with another stamp, behind a chain that is another.
    package init(_ other: ChangeSetHeader, hlc: UInt64, previous: [UInt8]) {
        self.init(
            kind: other.kind, dot: other.dot, hlc: hlc, position: other.position, contextDelta: other.contextDelta,
            schemaVersion: other.schemaVersion, rowCount: other.rowCount, conflict: other.conflict, previous: previous,
            segmentDigests: other.segmentDigests)
    }

    package var stamp: Stamp { Stamp(hlc: hlc, dot: dot) }

    /// The digest that names this change set's content: SHA-256 over these header bytes, which hold the digests
    /// of the segments and that of the replica's previous change set. So the digests of a replica are a chain.
    package var digest: [UInt8] { SHA256.digest(encoded()) }

    package static let firstPrevious = [UInt8](repeating: 0, count: 32)

    /// The header's bytes; there is one way to write a header.
    package func encoded() -> [UInt8] {
        var out = ByteWriter()
        out.byte(Self.format)
        out.byte(kind.rawValue)
        out.varint(UInt64(dot.replica))
        out.varint(dot.seq)
        out.fixed64(hlc)
        out.varint(position)
        let entries = contextDelta.entries
        out.varint(entries.count)
        for entry in entries {
            out.varint(UInt64(entry.replica))
            out.varint(entry.seq)
        }
        out.varint(UInt64(schemaVersion))
        out.varint(rowCount)
        out.varint(conflict)
        out.raw(previous)
        out.varint(segmentDigests.count)
        for digest in segmentDigests { out.raw(digest) }
        return out.bytes
    }

    package init(_ bytes: [UInt8]) throws(CodecError) {
        let span = bytes.span
        var reader = ByteReader(0..<bytes.count, reading: "change set header")
        guard try reader.byte(span) == Self.format else {
            throw reader.refuse("a format that this version does not know")
        }
        guard let kind = Kind(rawValue: try reader.byte(span)) else {
            throw reader.refuse("a kind of change set that this version does not know")
        }
        let replica = try reader.uint32(span, of: "a replica number")
        let seq = try reader.varint(span)
        guard replica > 0, seq > 0 else { throw reader.refuse("a dot with a zero") }
        let hlc = try reader.fixed64(span)
        let position = try reader.varint(span)
        let count = try reader.count(span, of: "vector clock components", atMost: Limits.vectorComponents)
        var pairs: [(UInt32, UInt64)] = []
        for _ in 0..<count {
            let component = try reader.uint32(span, of: "a replica number")
            let value = try reader.varint(span)
            guard value > 0, component > pairs.last?.0 ?? 0, component != replica else {
                throw reader.refuse("a context that is not in order")
            }
            pairs.append((component, value))
        }
        self.init(
            kind: kind, dot: Dot(replica: replica, seq: seq), hlc: hlc, position: position,
            contextDelta: VectorClock(pairs), schemaVersion: try reader.uint32(span, of: "a schema version"),
            rowCount: try reader.varint(span), conflict: try reader.varint(span),
            previous: try readDigest(&reader, span), segmentDigests: try readDigests(&reader, span))
        guard reader.isAtEnd else { throw reader.refuse("bytes behind the end") }
    }
}

func readDigests(_ reader: inout ByteReader, _ bytes: Span<UInt8>) throws(CodecError) -> [[UInt8]] {
    let count = try reader.count(bytes, of: "segments", atMost: Limits.segmentsPerChangeSet)
    var digests: [[UInt8]] = []
    for _ in 0..<count {
        digests.append(try readDigest(&reader, bytes))
    }
    return digests
}

func readDigest(_ reader: inout ByteReader, _ bytes: Span<UInt8>) throws(CodecError) -> [UInt8] {
    bytes.extracting(try reader.skip(32)).withUnsafeBufferPointer { Array($0) }
}
