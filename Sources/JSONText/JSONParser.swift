extension JSON {
    /// How much a reader takes, whatever it is sent.
    package struct Bounds: Sendable {
        /// Bytes of a whole text.
        package var bytes: Int
        /// Arrays and objects within each other.
        package var depth: Int

        package init(bytes: Int = 1 << 20, depth: Int = 32) {
            self.bytes = bytes
            self.depth = depth
        }
    }

    /// Reads exactly one value, with white space around it, by the letter of RFC 8259. Refused besides: a name twice
    /// in one object, half of a surrogate pair, text that is not UTF-8, an integer beyond 64 bits.
    package init(parsing bytes: [UInt8], within bounds: Bounds = Bounds()) throws(JSONError) {
        if bytes.count > bounds.bytes { throw .tooLarge(limit: bounds.bytes) }
        var parser = JSONParser(bytes: bytes, depthLimit: bounds.depth)
        self = try parser.whole()
    }
}

/// One pass over the bytes, one function for each rule of the grammar.
private struct JSONParser {
    let bytes: [UInt8]
    let depthLimit: Int
    var at = 0
    var depth = 0

    init(bytes: [UInt8], depthLimit: Int) {
        self.bytes = bytes
        self.depthLimit = depthLimit
    }

    var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    mutating func whole() throws(JSONError) -> JSON {
        skipBlanks()
        let value = try value()
        skipBlanks()
        if at < bytes.count { throw .malformed("something behind the value", at: at) }
        return value
    }

    mutating func value() throws(JSONError) -> JSON {
        switch next {
        case UInt8(ascii: "{"): return try nested { parser throws(JSONError) in try parser.object() }
        case UInt8(ascii: "["): return try nested { parser throws(JSONError) in try parser.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return try number()
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: throw .malformed("a value is missing", at: at)
        }
    }

    /// Section 2: four characters are blank, no others.
    mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { at += 1 }
    }

    mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: byte) else { return false }
        at += 1
        return true
    }

    mutating func word(_ text: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard bytes[at...].starts(with: wanted) else { throw .malformed("no value begins like this", at: at) }
        at += wanted.count
        return value
    }

    mutating func nested(_ read: (inout JSONParser) throws(JSONError) -> JSON) throws(JSONError) -> JSON {
        depth += 1
        defer { depth -= 1 }
        if depth > depthLimit { throw .tooDeep(limit: depthLimit, at: at) }
        at += 1
        skipBlanks()
        return try read(&self)
    }

    mutating func array() throws(JSONError) -> JSON {
        if take("]") { return .array([]) }
        var values: [JSON] = []
        while true {
            values.append(try value())
            skipBlanks()
            if take("]") { return .array(values) }
            guard take(",") else { throw .malformed("expected , or ]", at: at) }
            skipBlanks()
        }
    }

    mutating func object() throws(JSONError) -> JSON {
        if take("}") { return .object(JSON.Object()) }
        var members: [JSON.Object.Member] = []
        var names: Set<String.Exact> = []
        while true {
            guard next == UInt8(ascii: "\"") else { throw .malformed("a name in quotes is missing", at: at) }
            let start = at
            let name = try string()
            guard names.insert(String.Exact(name)).inserted else {
                throw .malformed("a name comes twice", at: start)
            }
            skipBlanks()
            guard take(":") else { throw .malformed("expected :", at: at) }
            skipBlanks()
            members.append(JSON.Object.Member(name: name, value: try value()))
            skipBlanks()
            if take("}") { return .object(JSON.Object(unique: members)) }
            guard take(",") else { throw .malformed("expected , or }", at: at) }
            skipBlanks()
        }
    }

    // MARK: Numbers (section 6)

    mutating func digits() throws(JSONError) {
        let start = at
        while let byte = next, byte &- 0x30 < 10 { at += 1 }
        if at == start { throw .malformed("a digit is missing", at: at) }
    }

    mutating func number() throws(JSONError) -> JSON {
        let start = at
        var isInteger = true
        _ = take("-")
        if !take("0") { try digits() }
        if take(".") {
            isInteger = false
            try digits()
        }
        if take("e") || take("E") {
            isInteger = false
            if !take("+") { _ = take("-") }
            try digits()
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if isInteger {
            guard let value = Int64(text) else { throw .outOfRange(at: start) }
            return .integer(value)
        }
        guard let value = Double(text), value.isFinite else { throw .outOfRange(at: start) }
        return .real(value)
    }

    // MARK: Strings (section 7)

    mutating func string() throws(JSONError) -> String {
        let start = at
        at += 1
        var text: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                guard let whole = String(validating: text, as: UTF8.self) else {
                    throw .malformed("a string that is not UTF-8", at: start)
                }
                return whole
            case UInt8(ascii: "\\"):
                text += UTF8.encode(try escape())!
            case 0..<0x20:
                throw .malformed("a control character in a string", at: at)
            default:
                text.append(byte)
                at += 1
            }
        }
        throw .malformed("a string without end", at: start)
    }

    mutating func escape() throws(JSONError) -> Unicode.Scalar {
        let start = at
        at += 1
        guard let byte = next else { throw .malformed("a string without end", at: start) }
        at += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw .malformed("an escape that JSON does not have", at: start)
        }
        let unit = try unit(start)
        if let scalar = Unicode.Scalar(unit) { return scalar }
        // A pair of surrogates stands for one character beyond U+FFFF; a lone one for none.
        guard (0xd800...0xdbff).contains(unit), take("\\"), take("u") else {
            throw .malformed("half of a surrogate pair", at: start)
        }
        let low = try self.unit(start)
        guard (0xdc00...0xdfff).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (UInt32(unit - 0xd800) << 10 | UInt32(low - 0xdc00)))
        else { throw .malformed("half of a surrogate pair", at: start) }
        return scalar
    }

    mutating func unit(_ start: Int) throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = next.flatMap(hexValue) else {
                throw .malformed("four hexadecimal digits are missing", at: start)
            }
            unit = unit << 4 | UInt16(digit)
            at += 1
        }
        return unit
    }
}

/// The value of a hexadecimal digit, nil for any other byte.
private func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
}

extension String {
    /// Equal only when every byte is: for Swift, é in one and in two code points are the same string.
    fileprivate struct Exact: Hashable {
        let bytes: [UInt8]
        init(_ text: String) { bytes = Array(text.utf8) }
    }
}
