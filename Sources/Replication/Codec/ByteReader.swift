/// Reads the primitive forms of Samband's bytes, strictly: nothing is read beyond the end, a varint is in its
/// shortest form, an unknown type is refused.
package struct ByteReader: Sendable {
    /// The offset of the next byte.
    package private(set) var offset: Int
    /// One past the last byte that may be read.
    package let end: Int
    private let reading: StaticString

    /// Reads `range` of the bytes that every call is handed.
    package init(_ range: Range<Int>, reading: StaticString) {
        offset = range.lowerBound
        end = range.upperBound
        self.reading = reading
    }

    package var isAtEnd: Bool { offset == end }

    package func refuse(_ why: String) -> CodecError {
        CodecError(reading: "\(reading)", at: offset, why: why)
    }

    package mutating func byte(_ bytes: Span<UInt8>) throws(CodecError) -> UInt8 {
        guard offset < end else { throw refuse("it ends too early") }
        defer { offset += 1 }
        return bytes[offset]
    }

    /// A number in its shortest form, and in no other.
    package mutating func varint(_ bytes: Span<UInt8>) throws(CodecError) -> UInt64 {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard offset < end else { throw refuse("it ends within a number") }
            let byte = bytes[offset]
            offset += 1
            if shift == 63 && byte > 1 { throw refuse("a number is larger than 64 bits") }
            result |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 {
                if byte == 0 && shift > 0 { throw refuse("a number is not in its shortest form") }
                return result
            }
            shift += 7
        }
    }

    /// A count or length that is at most `limit`, named for the error.
    package mutating func count(
        _ bytes: Span<UInt8>, of what: StaticString, atMost limit: Int
    ) throws(CodecError) -> Int {
        let value = try varint(bytes)
        guard value <= UInt64(limit) else { throw refuse("more \(what) than the limit of \(limit)") }
        return Int(value)
    }

    package mutating func uint32(_ bytes: Span<UInt8>, of what: StaticString) throws(CodecError) -> UInt32 {
        guard let value = UInt32(exactly: try varint(bytes)) else { throw refuse("\(what) is above 32 bits") }
        return value
    }

    package mutating func fixed64(_ bytes: Span<UInt8>) throws(CodecError) -> UInt64 {
        let range = try skip(8)
        return bytes.bytes.unsafeLoadUnaligned(fromByteOffset: range.lowerBound, as: UInt64.self).littleEndian
    }

    package mutating func fixed32(_ bytes: Span<UInt8>) throws(CodecError) -> UInt32 {
        let range = try skip(4)
        return bytes.bytes.unsafeLoadUnaligned(fromByteOffset: range.lowerBound, as: UInt32.self).littleEndian
    }

    /// Passes over `count` bytes and says where they lie.
    package mutating func skip(_ count: Int) throws(CodecError) -> Range<Int> {
        guard count <= end - offset else { throw refuse("it ends within \(count) bytes that it announced") }
        defer { offset += count }
        return offset..<offset + count
    }

    /// A length and that many bytes.
    package mutating func counted(
        _ bytes: Span<UInt8>, of what: StaticString, atMost limit: Int
    ) throws(CodecError) -> Range<Int> {
        try skip(try count(bytes, of: what, atMost: limit))
    }

    /// One value of a row; see `ByteWriter.cell`.
    package mutating func cell(_ bytes: Span<UInt8>) throws(CodecError) -> CellView {
        let head = try varint(bytes)
        switch head & 7 {
        case 0 where head == 0: return .null
        case 1 where head == 1: return .integer(try zigzag(bytes))
        case 2 where head == 2:
            let real = Double(bitPattern: try fixed64(bytes))
            // SQLite would store NULL in its place, in a key too. https://www.sqlite.org/c3ref/bind_blob.html
            guard !real.isNaN else { throw refuse("a real that is not a number") }
            return .real(real)
        case 3: return .text(try skip(try length(head)))
        case 4: return .blob(try skip(try length(head)))
        default: throw refuse("a value has a type that this version does not know")
        }
    }

    /// See `ByteWriter.zigzag`.
    package mutating func zigzag(_ bytes: Span<UInt8>) throws(CodecError) -> Int64 {
        let number = try varint(bytes)
        return Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1)
    }

    private func length(_ head: UInt64) throws(CodecError) -> Int {
        guard head >> 3 <= UInt64(Limits.segmentMaxBytes) else { throw refuse("a value is above the limit") }
        return Int(head >> 3)
    }

    package mutating func stamp(_ bytes: Span<UInt8>) throws(CodecError) -> Stamp {
        let hlc = try fixed64(bytes)
        let replica = try uint32(bytes, of: "a replica number")
        return Stamp(hlc: hlc, replica: replica, seq: try varint(bytes))
    }
}
