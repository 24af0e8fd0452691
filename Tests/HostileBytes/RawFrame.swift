import Replication

/// A frame as the line sees it, whatever its body means.
struct RawFrame {
    let kind: UInt8
    var body: [UInt8]

    var bytes: [UInt8] {
        var out = ByteWriter()
        out.byte(kind)
        out.fixed32(UInt32(body.count))
        out.raw(body)
        out.raw(SHA256.digest(out.bytes).prefix(8))
        return out.bytes
    }

    static func all(in bytes: [UInt8]) -> [RawFrame] {
        var frames: [RawFrame] = []
        var rest = bytes[...]
        while rest.count >= 5 {
            let head = Array(rest.prefix(5))
            let length = Int(head[1]) | Int(head[2]) << 8 | Int(head[3]) << 16 | Int(head[4]) << 24
            frames.append(RawFrame(kind: head[0], body: Array(rest.dropFirst(5).prefix(length))))
            rest = rest.dropFirst(5 + length + 8)
        }
        return frames
    }

    /// The frames with another body at one place, and every digest that names what it was naming what it is.
    static func fitting(_ frames: [RawFrame], _ place: Int, _ body: [UInt8]) -> [RawFrame] {
        var frames = frames
        let before = frames[place]
        frames[place].body = body
        var changed = [(before, frames[place])]
        while let (old, new) = changed.popLast() {
            let (named, now) = (old.digest, new.digest)
            for index in frames.indices where frames[index].kind == 1 {
                guard let at = find(named, in: frames[index].body) else { continue }
                let former = frames[index]
                frames[index].body.replaceSubrange(at..<at + 32, with: now)
                changed.append((former, frames[index]))
            }
        }
        return frames
    }

    /// The same push, the segments of every change set parted in two where there are blocks enough.
    @Sendable static func inTwoSegments(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var previous: [UInt8]?
        var header: ChangeSetHeader?
        for frame in all(in: bytes) {
            if frame.kind == 1 {
                var reader = ByteReader(0..<frame.body.count, reading: "frame")
                guard let range = try? reader.counted(frame.body.span, of: "header bytes", atMost: 1 << 20) else {
                    return bytes
                }
                header = try? ChangeSetHeader(Array(frame.body[range]))
                continue
            }
            guard let before = header, let segment = try? Segment(frame.body) else { return bytes }
            var parts = [frame.body]
            if segment.blocks.count > 1 {
                let middle = segment.blocks[segment.blocks.count / 2 - 1]
                let end =
                    ((middle.keySections + middle.valueSections + middle.stampSections + middle.deltaSections)
                        .map(\.upperBound).max() ?? 0)
                parts = [Array(frame.body[..<end]), [frame.body[0]] + frame.body[end...]]
            }
            let now = ChangeSetHeader(
                kind: before.kind, dot: before.dot, hlc: before.hlc, position: before.position,
                contextDelta: before.contextDelta, schemaVersion: before.schemaVersion, rowCount: before.rowCount,
                conflict: before.conflict, previous: previous ?? before.previous,
                segmentDigests: parts.map { SHA256.digest($0) })
            out += Frame.header(now, Delivery()).encoded()
            for part in parts { out += Frame.segment(part).encoded() }
            previous = now.digest
        }
        return out
    }

    /// What other frames name this one by: a segment by the digest of its bytes, a header by that of its own.
    private var digest: [UInt8] {
        guard kind == 1 else { return SHA256.digest(body) }
        var reader = ByteReader(0..<body.count, reading: "frame")
        let range = try? reader.counted(body.span, of: "header bytes", atMost: Limits.headerMaxBytes)
        return SHA256.digest(Array(body[range ?? 0..<0]))
    }

    private static func find(_ digest: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= 32 else { return nil }
        return (0...bytes.count - 32).first { bytes[$0..<$0 + 32].elementsEqual(digest) }
    }
}
