import Replication

/// What a column does to a value that is stored in it. https://www.sqlite.org/datatype3.html#type_affinity
package enum Affinity: Sendable, Equatable {
    case text
    case numeric
    case integer
    case real
    /// Values stay as they are: BLOB, no type at all, or ANY in a STRICT table.
    case none

    /// The affinity of a declared type; the types of STRICT tables are exact names.
    package init(declaredType: String, isStrict: Bool) {
        let type = declaredType.uppercased()
        if isStrict, type == "ANY" {
            self = .none
        } else if type.contains("INT") {
            self = .integer
        } else if type.contains("CHAR") || type.contains("CLOB") || type.contains("TEXT") {
            self = .text
        } else if type.isEmpty || type.contains("BLOB") {
            self = .none
        } else if type.contains("REAL") || type.contains("FLOA") || type.contains("DOUB") {
            self = .real
        } else {
            self = .numeric
        }
    }
}

extension Affinity {
    /// True when a column of this affinity stores the value as it is. https://www.sqlite.org/datatype3.html#type_affinity
    package func keeps(_ cell: CellView, _ bytes: Span<UInt8>) -> Bool {
        switch (self, cell) {
        case (.none, _), (_, .blob), (.text, .text): true
        default: stores(cell.value(in: bytes))
        }
    }

    /// The same for a value of its own.
    package func stores(_ value: Value) -> Bool {
        switch (self, value) {
        case (.none, _), (_, .null), (_, .blob), (.text, .text): true
        case (.text, _): false
        case (.real, .integer): false
        case (.integer, .real(let number)), (.numeric, .real(let number)): Int64(exactly: number) == nil
        case (_, .text): !looksNumeric(value)
        default: true
        }
    }

    /// Text that becomes a number: digits with sign, point, exponent, and white space around them.
    private func looksNumeric(_ value: Value) -> Bool {
        guard case .text(let bytes) = value else { return false }
        let inner = bytes.drop { isSpace($0) }.reversed().drop { isSpace($0) }.reversed()
        guard !inner.isEmpty, inner.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }) else { return false }
        return Double(String(decoding: inner, as: UTF8.self)).map { $0.isFinite } ?? false
    }

    private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
}
