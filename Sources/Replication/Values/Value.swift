/// A value of SQLite with its exact type and bytes. https://www.sqlite.org/datatype3.html
///
/// Two reals are equal here when their bits are, so that a value which crosses the wire can be compared for
/// having arrived unchanged. Text is bytes: SQLite lets a program store what is not UTF-8.
package enum Value: Hashable, Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text([UInt8])
    case blob([UInt8])

    package static func == (a: Value, b: Value) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.integer(let x), .integer(let y)): x == y
        case (.real(let x), .real(let y)): x.bitPattern == y.bitPattern
        case (.text(let x), .text(let y)), (.blob(let x), .blob(let y)): x == y
        default: false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .integer(let x): hasher.combine(x)
        case .real(let x): hasher.combine(x.bitPattern)
        case .text(let x): hasher.combine(x)
        case .blob(let x):
            hasher.combine(4)
            hasher.combine(x)
        }
    }

    package static func text(_ string: String) -> Value { .text(Array(string.utf8)) }
}

/// A cell that still lies in the bytes it came in: numbers by value, text and blob as a range of those bytes.
/// So applying a change set hands SQLite pointers and copies nothing.
package enum CellView: Hashable, Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(Range<Int>)
    case blob(Range<Int>)

    /// The value itself, copied out of the bytes it lies in.
    package func value(in bytes: Span<UInt8>) -> Value {
        switch self {
        case .null: .null
        case .integer(let x): .integer(x)
        case .real(let x): .real(x)
        case .text(let range): .text(copy(range, of: bytes))
        case .blob(let range): .blob(copy(range, of: bytes))
        }
    }
}

private func copy(_ range: Range<Int>, of bytes: Span<UInt8>) -> [UInt8] {
    bytes.extracting(range).withUnsafeBufferPointer { Array($0) }
}
