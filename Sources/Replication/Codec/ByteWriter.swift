/// Appends the primitive forms of Samband's bytes (Protocol/Bytes.md#primitives).
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package var count: Int { bytes.count }

    package mutating func byte(_ value: UInt8) { bytes.append(value) }

    /// Seven bits a byte, lowest first, the top bit says "more" (LEB128, unsigned).
    package mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    package mutating func varint(_ value: Int) {
        precondition(value >= 0, "a count is never negative")
        varint(UInt64(value))
    }

    /// Eight bytes, little-endian.
    package mutating func fixed64(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func fixed32(_ value: UInt32) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func raw(_ other: some Sequence<UInt8>) { bytes.append(contentsOf: other) }

    /// The length as a varint, then the bytes.
    package mutating func counted(_ other: [UInt8]) {
        varint(other.count)
        bytes.append(contentsOf: other)
    }

    /// One value of a row: a varint holding length × 8 + type, then what the type needs: 0 null, 1 integer
    /// (zigzag varint), 2 real (eight bytes, IEEE 754, little-endian), 3 text, 4 blob.
    package mutating func cell(_ value: Value) {
        switch value {
        case .null: null()
        case .integer(let x): integer(x)
        case .real(let x): real(x)
        case .text(let x): x.withUnsafeBytes { text($0) }
        case .blob(let x): x.withUnsafeBytes { blob($0) }
        }
    }

    /// The same for a value that lies in other bytes.
    package mutating func cell(_ cell: CellView, in other: Span<UInt8>) {
        switch cell {
        case .null: null()
        case .integer(let x): integer(x)
        case .real(let x): real(x)
        case .text(let range): other.extracting(range).withUnsafeBytes { text($0) }
        case .blob(let range): other.extracting(range).withUnsafeBytes { blob($0) }
        }
    }

    package mutating func null() { bytes.append(0) }

    package mutating func integer(_ x: Int64) {
        bytes.append(1)
        zigzag(x)
    }

    /// A signed number: 0, -1, 1, -2 … as 0, 1, 2, 3 …
    package mutating func zigzag(_ x: Int64) { varint(UInt64(bitPattern: (x << 1) ^ (x >> 63))) }

    /// What is not a number is written as NULL, as SQLite stores it.
    package mutating func real(_ x: Double) {
        if x.isNaN { return null() }
        bytes.append(2)
        fixed64(x.bitPattern)
    }

    package mutating func text(_ raw: UnsafeRawBufferPointer) {
        varint(UInt64(raw.count) << 3 | 3)
        bytes.append(contentsOf: raw)
    }

    package mutating func blob(_ raw: UnsafeRawBufferPointer) {
        varint(UInt64(raw.count) << 3 | 4)
        bytes.append(contentsOf: raw)
    }

    package mutating func stamp(_ stamp: Stamp) {
        fixed64(stamp.hlc)
        varint(UInt64(stamp.replica))
        varint(stamp.seq)
    }
}
