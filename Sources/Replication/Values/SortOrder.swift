/// How SQLite sorts values: NULL, then numbers by value, then text by its collation, then blobs.
/// https://www.sqlite.org/datatype3.html#sort_order
package enum SortOrder {
    /// Negative when `a` comes first, positive when `b` does, 0 when SQLite finds them equal.
    package static func compare(_ a: Value, _ b: Value, _ collation: Collation) -> Int {
        switch (a, b) {
        case (.integer(let x), .integer(let y)): x < y ? -1 : x > y ? 1 : 0
        case (.real(let x), .real(let y)): x < y ? -1 : x > y ? 1 : 0
        case (.integer(let x), .real(let y)): compare(x, y)
        case (.real(let x), .integer(let y)): -compare(y, x)
        case (.text(let x), .text(let y)): compare(x, y, collation)
        case (.blob(let x), .blob(let y)): compare(x[...], y[...])
        default: rank(a) - rank(b)
        }
    }

    private static func rank(_ value: Value) -> Int {
        switch value {
        case .null: 0
        case .integer, .real: 1
        case .text: 2
        case .blob: 3
        }
    }

    /// An integer against a real, exactly: most integers above 2⁵³ are no double.
    private static func compare(_ x: Int64, _ y: Double) -> Int {
        if y < -0x1p63 { return 1 }
        if y >= 0x1p63 { return -1 }
        let whole = Int64(y)
        if x != whole { return x < whole ? -1 : 1 }
        return Double(x) < y ? -1 : Double(x) > y ? 1 : 0
    }

    private static func compare(_ x: [UInt8], _ y: [UInt8], _ collation: Collation) -> Int {
        switch collation {
        case .binary: return compare(x[...], y[...])
        case .nocase:
            for (a, b) in zip(x, y) {
                let (a, b) = (folded(a), folded(b))
                if a != b { return Int(a) - Int(b) }
                // NOCASE looks no further than a NUL.
                if a == 0 { break }
            }
            return x.count - y.count
        case .rtrim: return compare(trimmed(x), trimmed(y))
        }
    }

    private static func compare(_ x: ArraySlice<UInt8>, _ y: ArraySlice<UInt8>) -> Int {
        for (a, b) in zip(x, y) where a != b { return Int(a) - Int(b) }
        return x.count - y.count
    }

    private static func folded(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte + 0x20 : byte }

    private static func trimmed(_ text: [UInt8]) -> ArraySlice<UInt8> {
        text[..<((text.lastIndex { $0 != 0x20 } ?? -1) + 1)]
    }
}
