/// How SQLite compares the text of a key column. Others cannot be replicated: two sites could disagree on
/// which keys are the same row. https://www.sqlite.org/datatype3.html#collating_sequences
package enum Collation: String, Sendable {
    case binary = "BINARY"
    case nocase = "NOCASE"
    case rtrim = "RTRIM"
}

/// The shape of a replicated table as far as bytes and merge need it.
package struct TableShape: Hashable, Sendable {
    /// The table's number in the fleet; names may change, numbers do not.
    package let number: Int
    /// The collation of each key column, in the order of the primary key.
    package let keyCollations: [Collation]
    /// How many shipped columns are not part of the key.
    package let dataColumnCount: Int

    package init(number: Int, keyCollations: [Collation], dataColumnCount: Int) {
        self.number = number
        self.keyCollations = keyCollations
        self.dataColumnCount = dataColumnCount
    }
}

/// The identity of a row within the fleet: the table and its key in canonical form, that is as SQLite compares
/// it: 1 and 1.0 are one key, and so are `a` and `A` under NOCASE.
package struct RowID: Hashable, Comparable, Sendable {
    package let table: Int
    package let canonical: [UInt8]

    package init(table: Int, canonical: [UInt8]) {
        self.table = table
        self.canonical = canonical
    }

    package init(shape: TableShape, key: [Value]) {
        precondition(key.count == shape.keyCollations.count, "a key has as many values as its table's key")
        var bytes: [UInt8] = []
        for (value, collation) in zip(key, shape.keyCollations) {
            appendCanonical(value, collation, to: &bytes)
        }
        self.init(table: shape.number, canonical: bytes)
    }

    /// The hash that stands for this row beside a change set's bytes. A match says "perhaps": it is confirmed
    /// on the keys themselves.
    package var hash64: UInt64 { keyHash(table: table, canonical: canonical) }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(table)
        canonical.withUnsafeBytes { hasher.combine(bytes: $0) }
    }

    package static func < (a: RowID, b: RowID) -> Bool {
        a.table != b.table ? a.table < b.table : a.canonical.lexicographicallyPrecedes(b.canonical)
    }
}

/// FNV-1a of 64 bits over the table number (four bytes, little-endian) and the canonical key.
/// http://www.isthe.com/chongo/tech/comp/fnv/
package func keyHash(table: Int, canonical: [UInt8]) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for shift in [0, 8, 16, 24] {
        hash = (hash ^ UInt64(UInt8(truncatingIfNeeded: table >> shift))) &* 0x100_0000_01b3
    }
    for byte in canonical {
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
    }
    return hash
}

/// Appends one key value in canonical form: a byte for the class, then eight bytes big-endian for a number, or
/// the length and the bytes. A real that an integer of 64 bits equals is written as that integer, as SQLite
/// compares the two by value; ASCII letters fold under NOCASE, spaces at the end go under RTRIM.
package func appendCanonical(_ value: Value, _ collation: Collation, to out: inout [UInt8]) {
    switch value {
    case .null: out.append(0)
    case .integer(let x): appendCanonical(integer: x, to: &out)
    case .real(let x):
        if let exact = Int64(exactly: x) {
            appendCanonical(integer: exact, to: &out)
        } else {
            out.append(2)
            appendBigEndian(x.bitPattern, to: &out)
        }
    case .text(let bytes):
        out.append(3)
        switch collation {
        case .binary: appendCounted(bytes[...], to: &out)
        case .nocase:
            // NOCASE compares no further than to a NUL; behind it only the length counts.
            let end = bytes.firstIndex(of: 0) ?? bytes.count
            var folded = bytes.map { $0 >= 0x41 && $0 <= 0x5a ? $0 + 0x20 : $0 }
            for place in end..<folded.count { folded[place] = 0 }
            appendCounted(folded[...], to: &out)
        case .rtrim:
            let end = bytes.lastIndex { $0 != 0x20 }.map { $0 + 1 } ?? 0
            appendCounted(bytes[..<end], to: &out)
        }
    case .blob(let bytes):
        out.append(4)
        appendCounted(bytes[...], to: &out)
    }
}

/// The same for a cell that still lies in its bytes: what needs no folding is not copied first.
package func appendCanonical(
    _ cell: CellView, in bytes: Span<UInt8>, _ collation: Collation, to out: inout [UInt8]
) {
    switch cell {
    case .integer(let x): appendCanonical(integer: x, to: &out)
    case .text(let range) where collation == .binary: appendCounted(3, range, of: bytes, to: &out)
    case .blob(let range): appendCounted(4, range, of: bytes, to: &out)
    default: appendCanonical(cell.value(in: bytes), collation, to: &out)
    }
}

private func appendCounted(_ tag: UInt8, _ range: Range<Int>, of bytes: Span<UInt8>, to out: inout [UInt8]) {
    out.append(tag)
    appendBigEndian(UInt64(range.count), to: &out)
    bytes.extracting(range).withUnsafeBufferPointer { out.append(contentsOf: $0) }
}

private func appendCanonical(integer: Int64, to out: inout [UInt8]) {
    out.append(1)
    appendBigEndian(UInt64(bitPattern: integer), to: &out)
}

private func appendBigEndian(_ bits: UInt64, to out: inout [UInt8]) {
    for shift in stride(from: 56, through: 0, by: -8) { out.append(UInt8(truncatingIfNeeded: bits >> shift)) }
}

private func appendCounted(_ bytes: ArraySlice<UInt8>, to out: inout [UInt8]) {
    appendBigEndian(UInt64(bytes.count), to: &out)
    out.append(contentsOf: bytes)
}
