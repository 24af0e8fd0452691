import Replication

/// Headers that every reader must refuse.
enum BadHeaders {
    static let all: [(name: String, bytes: [UInt8], why: String)] = [
        ("empty", [], "it ends too early"),
        ("unknown-format", make(format: 2), "a format that this version does not know"),
        ("kind-0", make(kind: 0), "a kind of change set that this version does not know"),
        ("kind-4", make(kind: 4), "a kind of change set that this version does not know"),
        ("replica-0", make(dot: [0x00, 0x01]), "a dot with a zero"),
        ("seq-0", make(dot: [0x01, 0x00]), "a dot with a zero"),
        (
            "replica-above-32-bits", make(dot: [0x80, 0x80, 0x80, 0x80, 0x10, 0x01]),
            "a replica number is above 32 bits"
        ),
        ("seq-not-shortest", make(dot: [0x07, 0x81, 0x80, 0x00]), "a number is not in its shortest form"),
        (
            "context-descends", make(context: [0x02, 0x09, 0x01, 0x08, 0x01]),
            "a context that is not in order"
        ),
        ("context-twice", make(context: [0x02, 0x08, 0x01, 0x08, 0x02]), "a context that is not in order"),
        ("context-of-itself", make(context: [0x01, 0x07, 0x01]), "a context that is not in order"),
        ("context-replica-0", make(context: [0x01, 0x00, 0x01]), "a context that is not in order"),
        ("context-seq-0", make(context: [0x01, 0x08, 0x00]), "a context that is not in order"),
        (
            "context-too-large", make(context: [0x81, 0x80, 0x04]),
            "more vector clock components than the limit of 65536"
        ),
        (
            "schema-version-above-32-bits", make(schema: [0x80, 0x80, 0x80, 0x80, 0x10]),
            "a schema version is above 32 bits"
        ),
        ("previous-truncated", Array(make().prefix(48)), "it ends within 32 bytes that it announced"),
        ("digest-missing", make(segments: [0x01]), "it ends within 32 bytes that it announced"),
        ("too-many-segments", make(segments: [0x81, 0x80, 0x40]), "more segments than the limit of 1048576"),
        ("trailing-byte", make() + [0x00], "bytes behind the end"),
    ]

    static func make(
        format: UInt8 = 1, kind: UInt8 = 1, dot: [UInt8] = [0x07, 0x01], context: [UInt8] = [0x00],
        schema: [UInt8] = [0x01], segments: [UInt8] = [0x00]
    ) -> [UInt8] {
        [format, kind] + dot + [UInt8](repeating: 0x11, count: 8) + [0x00] + context + schema + [0x00, 0x00]
            + [UInt8](repeating: 0, count: 32) + segments
    }
}

/// Streams that every reader must refuse.
enum BadFrames {
    /// The reason for a stream that ends where none may end; the codec leaves that to who reads the stream.
    static let unfinished = "the stream ends within a frame"

    static let all: [(name: String, bytes: [UInt8], why: String)] = [
        ("kind-0", frame(0, []), "a kind of frame that this version does not know"),
        ("kind-4", frame(4, []), "a kind of frame that this version does not know"),
        ("too-large", [0x02, 0x01, 0x00, 0x00, 0x10], "a frame larger than 268435456 bytes"),
        ("truncated-length", Array(frame(2, [0x01]).prefix(4)), unfinished),
        ("truncated-body", Array(frame(2, [0x01, 0x02]).prefix(6)), unfinished),
        ("truncated-checksum", Array(frame(2, [0x01]).dropLast()), unfinished),
        ("checksum-wrong", bent(frame(2, [0x01]), at: 13), "a frame whose checksum does not fit"),
        ("body-bent", bent(frame(2, [0x01, 0x02]), at: 6), "a frame whose checksum does not fit"),
        // Kind and length are covered, too: a segment that a bent bit turned into an end frame, a length that another
        // would make shorter.
        (
            "kind-bent", bent(frame(2, [0x00, 0x00, 0x00, 0x00]), at: 0), "a frame whose checksum does not fit"
        ),
        (
            "length-bent", bent(frame(2, [UInt8](repeating: 0, count: 9)), at: 1) + [UInt8](repeating: 0, count: 8),
            "a frame whose checksum does not fit"
        ),
        (
            "second-frame-bent", frame(2, [0x01]) + bent(frame(2, [0x02]), at: 5),
            "a frame whose checksum does not fit"
        ),
        ("header-empty", frame(1, [0x00]), "it ends too early"),
        ("header-past-its-body", frame(1, [0x05, 0x01]), "it ends within 5 bytes that it announced"),
        (
            "header-refused", head(BadHeaders.make(kind: 9)),
            "a kind of change set that this version does not know"
        ),
        ("header-with-trailing-byte", head(BadHeaders.make() + [0x00]), "bytes behind the end"),
        ("unknown-flag", head(flags: 16), "a flag that this version does not know"),
        (
            "digests-without-flag", head(flags: 1, digests: [0x01] + [UInt8](repeating: 0xab, count: 32)),
            "digests without their flag"
        ),
        ("digest-missing", head(flags: 4, digests: [0x01]), "it ends within 32 bytes that it announced"),
        ("header-frame-trailing-byte", head(digests: [0x00, 0x00]), "bytes behind the end"),
        ("end-truncated", frame(3, [0x00, 0x00, 0x00]), "it ends within a number"),
        ("end-trailing-byte", frame(3, [0x00, 0x00, 0x00, 0x00, 0x00]), "bytes behind the end"),
        (
            "end-vector-descends", frame(3, [0x02, 0x09, 0x01, 0x08, 0x01, 0x00, 0x00, 0x00]),
            "a vector clock out of order"
        ),
        ("end-vector-seq-0", frame(3, [0x01, 0x09, 0x00, 0x00, 0x00, 0x00]), "a vector clock out of order"),
        (
            "end-frontier-replica-0", frame(3, [0x00, 0x00, 0x01, 0x00, 0x01, 0x00]),
            "a vector clock out of order"
        ),
    ]

    private static func frame(_ kind: UInt8, _ body: [UInt8]) -> [UInt8] {
        var out = ByteWriter()
        out.byte(kind)
        out.fixed32(UInt32(body.count))
        out.raw(body)
        out.raw(SHA256.digest(out.bytes).prefix(8))
        return out.bytes
    }

    private static func head(
        _ header: [UInt8] = BadHeaders.make(), flags: UInt8 = 0, digests: [UInt8] = [0x00]
    ) -> [UInt8] {
        var body = ByteWriter()
        body.counted(header)
        body.varint(0)
        body.byte(flags)
        body.varint(0)
        body.raw(digests)
        return frame(1, body.bytes)
    }

    private static func bent(_ bytes: [UInt8], at place: Int) -> [UInt8] {
        var bytes = bytes
        bytes[place] ^= 0x01
        return bytes
    }
}
