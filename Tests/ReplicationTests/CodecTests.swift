import Replication
import SimulationKit
import Testing

/// Random contents of every form that the bytes know.
struct RandomBytes {
    var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    mutating func value() -> Value {
        switch random.int(0...8) {
        case 0: .null
        case 1: .integer(random.pick([.min, .max, 0, -1, 1]))
        case 2: .integer(Int64(bitPattern: random.next()))
        case 3: .real(random.pick([.infinity, -.infinity, -0.0, 0.1, 0x1p-1074]))
        case 4: .real(real())
        case 5, 6: .text(bytes(random.pick([0, 1, 5, 300])))
        default: .blob(bytes(random.pick([0, 1, 5, 300])))
        }
    }

    /// Any bits but those of a NaN, which SQLite has none of.
    private mutating func real() -> Double {
        while true {
            let real = Double(bitPattern: random.next())
            if !real.isNaN { return real }
        }
    }

    mutating func key() -> Value {
        while true {
            let value = value()
            if value != .null { return value }
        }
    }

    mutating func columns(_ operation: Operation) -> [Int] {
        if operation.isKeyOnly { return [] }
        return (0..<random.int(1...6)).map { _ in random.int(0...90) }.reduce(into: Set<Int>()) {
            $0.insert($1)
        }
        .sorted()
    }

    mutating func stamp() -> Stamp {
        Stamp(hlc: random.next(), replica: UInt32(truncatingIfNeeded: random.next()), seq: random.next() >> 8)
    }

    mutating func header() -> ChangeSetHeader {
        let replica = UInt32(random.int(1...9))
        let context = (1...12).map { (UInt32($0), UInt64(random.int(0...3))) }.filter { $0.0 != replica }
        return ChangeSetHeader(
            kind: random.pick([.local, .arbitration, .decision]),
            dot: Dot(replica: replica, seq: 1 + random.next() >> 3), hlc: random.next(),
            position: random.next() >> 1,
            contextDelta: VectorClock(context), schemaVersion: 7, rowCount: random.next() >> 9,
            conflict: UInt64(random.int(0...5)), previous: bytes(32),
            segmentDigests: (0..<random.int(0...3)).map { _ in bytes(32) })
    }
}

struct RowInABlock: Hashable {
    let kind: BlockKind
    let key: [Value]
    let values: [Value]
    let stamps: [Stamp]
    let deltas: [Int64]
}

func rows(of segments: [[UInt8]]) throws -> [RowInABlock] {
    try segments.flatMap { bytes in
        let segment = try Segment(bytes)
        var rows: [RowInABlock] = []
        for block in segment.blocks {
            var cursor = RowCursor(block)
            while cursor.next(bytes.span) {
                rows.append(
                    RowInABlock(
                        kind: block.kind, key: cursor.key.map { $0.value(in: bytes.span) },
                        values: cursor.cells.map { $0.value(in: bytes.span) }, stamps: cursor.cellStamps,
                        deltas: cursor.rowDeltas))
            }
        }
        return rows
    }
}

@Suite("Bytes of change sets")
struct CodecTests {
    private func randomSegments(_ source: inout RandomBytes, rowCount: Int) -> (
        rows: [RowInABlock], [[UInt8]]
    ) {
        var builder = SegmentBuilder()
        var rows: [RowInABlock] = []
        for _ in 0..<rowCount {
            let operation = source.random.pick(Operation.allCases)
            let columns = source.columns(operation)
            let kind = BlockKind(
                table: source.random.int(0...3), operation: operation, columns: columns,
                scope: source.random.chance(20) ? source.bytes(3) : [],
                deltas: operation.mayHaveDeltas ? columns.filter { _ in source.random.chance(20) } : [])
            let row = RowInABlock(
                kind: kind, key: (0..<source.random.int(1...3)).map { _ in source.key() },
                values: columns.map { _ in source.value() },
                stamps: operation.hasStamps ? columns.map { _ in source.stamp() } : [],
                deltas: kind.deltas.map { _ in Int64(bitPattern: source.random.next()) })
            // A block's rows have keys of one shape; the store never mixes them in one table.
            if rows.contains(where: { $0.kind == kind && $0.key.count != row.key.count }) { continue }
            builder.add(kind, key: row.key, values: row.values, stamps: row.stamps, deltas: row.deltas)
            rows.append(row)
        }
        builder.close()
        return (rows, builder.takeFinished())
    }

    @Test("rows of every form come back exactly, in blocks of their kind")
    func segments() throws {
        var source = RandomBytes(seed: 3)
        for _ in 0..<300 {
            let (written, segments) = randomSegments(&source, rowCount: source.random.int(1...30))
            let read = try rows(of: segments)
            #expect(Dictionary(grouping: read, by: \.kind) == Dictionary(grouping: written, by: \.kind))
        }
    }

    @Test("a change set larger than a segment lies in several")
    func large() throws {
        var builder = SegmentBuilder()
        let kind = BlockKind(table: 1, operation: .insert, columns: [0])
        for number in 0..<40 {
            builder.add(
                kind, key: [.integer(Int64(number))], values: [.blob([UInt8](repeating: 7, count: 100_000))])
        }
        builder.close()
        let segments = builder.takeFinished()
        #expect(segments.count == 4)
        #expect(try rows(of: segments).map(\.key) == (0..<40).map { [.integer($0)] })
        #expect(builder.takeFinished().isEmpty)
    }

    @Test("headers come back exactly, and the digest chains")
    func headers() throws {
        var source = RandomBytes(seed: 5)
        for _ in 0..<500 {
            let header = source.header()
            #expect(try ChangeSetHeader(header.encoded()) == header)
        }
    }

    @Test("frames come back exactly from pieces of any size")
    func frames() throws {
        var source = RandomBytes(seed: 9)
        for _ in 0..<200 {
            var frames: [Frame] = []
            for _ in 0..<source.random.int(1...5) { frames.append(randomFrame(&source)) }
            let bytes = frames.flatMap { $0.encoded() }
            var reader = FrameReader()
            var read: [Frame] = []
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, start + source.random.int(1...200))
                reader.append(Array(bytes[start..<end]))
                start = end
                while let frame = try reader.next() { read.append(frame) }
            }
            #expect(read == frames)
            #expect(reader.isAtBorder)
        }
    }

    private func randomFrame(_ source: inout RandomBytes) -> Frame {
        switch source.random.int(0...2) {
        case 0:
            let isEffective = source.random.chance(50)
            return .header(
                source.header(),
                Delivery(
                    position: source.random.next() >> 4, endsTransaction: source.random.chance(50),
                    isEcho: source.random.chance(50),
                    effectiveDigests: isEffective
                        ? (0..<source.random.int(0...2)).map { _ in source.bytes(32) } : nil,
                    firstSegment: UInt64(source.random.int(0...9))))
        case 1: return .segment(source.bytes(source.random.int(0...500)))
        default:
            let clock = VectorClock([
                (UInt32(2), UInt64(5)), (UInt32(7), UInt64(source.random.int(1...1000))),
            ])
            return .end(
                StreamEnd(vector: clock, position: 12, frontier: VectorClock(), hubTimeMs: 1_700_000_000_000))
        }
    }

    @Test("a segment that is cut anywhere is refused, or is a whole segment of fewer blocks")
    func cutSegments() throws {
        var source = RandomBytes(seed: 13)
        for _ in 0..<30 {
            let (written, segments) = randomSegments(&source, rowCount: 6)
            for bytes in segments {
                for length in 0..<bytes.count {
                    if let read = try? rows(of: [Array(bytes.prefix(length))]) {
                        #expect(read.count < written.count)
                    }
                }
            }
        }
    }

    @Test("a bit turned anywhere in a segment, a header or a frame is refused or read as something valid")
    func bentBits() throws {
        var source = RandomBytes(seed: 17)
        for _ in 0..<10 {
            let (_, segments) = randomSegments(&source, rowCount: 4)
            for bytes in segments { forEachBend(bytes) { _ = try? rows(of: [$0]) } }
            forEachBend(source.header().encoded()) { bent in
                // What is read writes itself back: there is one way to write a header.
                if let header = try? ChangeSetHeader(bent) { #expect(header.encoded() == bent) }
            }
            let frame = randomFrame(&source)
            forEachBend(frame.encoded()) { bent in
                var reader = FrameReader()
                reader.append(bent)
                let read = try? reader.next()
                #expect(read == nil, "no bend goes unnoticed")
            }
        }
    }

    private func forEachBend(_ bytes: [UInt8], _ body: ([UInt8]) -> Void) {
        for place in bytes.indices {
            for bit in 0..<8 {
                var bent = bytes
                bent[place] ^= 1 << UInt8(bit)
                body(bent)
            }
        }
    }

    @Test("a header that is cut anywhere is refused")
    func cutHeaders() {
        var source = RandomBytes(seed: 19)
        for _ in 0..<50 {
            let bytes = source.header().encoded()
            for length in 0..<bytes.count {
                #expect(throws: CodecError.self) { try ChangeSetHeader(Array(bytes.prefix(length))) }
            }
        }
    }

    @Test("random bytes trap nothing")
    func noise() {
        var source = RandomBytes(seed: 23)
        for _ in 0..<20_000 {
            var bytes = source.bytes(source.random.int(0...60))
            if !bytes.isEmpty { bytes[0] = 1 }
            _ = try? rows(of: [bytes])
            _ = try? ChangeSetHeader(bytes)
            var reader = FrameReader(bodyMaxBytes: 1 << 20)
            reader.append(bytes)
            while let frame = try? reader.next() { _ = frame }
        }
    }

    @Test(
        "what the format does not allow is refused",
        arguments: [
            ("a varint that is not in its shortest form", [1, 1, 0x81, 0x00] as [UInt8]),
            ("another format", [2]),
            ("an operation without a name", [1, 6, 1, 0, 1, 1, 0]),
            ("a key that is NULL", [1, 4, 1, 0, 1, 1, 0, 1, 0]),
            ("a delete with values", [1, 4, 1, 0, 1, 1, 1, 0, 2, 1, 0, 2, 1, 0]),
            ("a block without rows", [1, 4, 1, 0, 0, 1, 0, 0]),
            ("a block without a key", [1, 1, 1, 0, 1, 0, 0]),
            ("a column with a value too many", [1, 4, 1, 0, 1, 1, 0, 4, 1, 0, 1, 0]),
            ("more rows than bytes", [1, 4, 1, 0, 0x80, 0x80, 4, 1, 0, 2, 1, 0]),
            ("a value of an unknown type", [1, 4, 1, 0, 1, 1, 0, 1, 5]),
        ])
    func refused(why: String, bytes: [UInt8]) {
        #expect(throws: CodecError.self) { try Segment(bytes) }
    }
}
