/// What a single byte may be in HTTP, as one table for each question.
enum Octet {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0a
    static let carriageReturn: UInt8 = 0x0d
    static let space: UInt8 = 0x20
    static let colon: UInt8 = 0x3a

    /// token = 1*tchar (RFC 9110 section 5.6.2).
    static func isToken(_ byte: UInt8) -> Bool { has(byte, token) }
    /// field-vchar, SP and HTAB; obs-text counts as visible (RFC 9110 section 5.5).
    static func isFieldContent(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7f || byte == tab }
    /// OWS and BWS (RFC 9110 section 5.6.3).
    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }
    static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
    /// pchar, "/" and "?" without "%", which is looked at on its own (RFC 3986 section 3.3 and 3.4).
    static func isTarget(_ byte: UInt8) -> Bool { has(byte, target) }
    /// unreserved (RFC 3986 section 2.3).
    static func isUnreserved(_ byte: UInt8) -> Bool { has(byte, unreserved) }

    /// The value of a hexadecimal digit, nil for any other byte.
    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// Two words of 64 bits: bit n says whether byte n belongs.
    private typealias Table = (low: UInt64, high: UInt64)
    private static let alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    private static let token = table(alphanumeric + "!#$%&'*+-.^_`|~")
    private static let unreserved = table(alphanumeric + "-._~")
    private static let target = table(alphanumeric + "-._~" + "!$&'()*+,;=" + ":@" + "/?")

    private static func table(_ characters: String) -> Table {
        characters.utf8.reduce(into: (0, 0)) { table, byte in
            if byte < 64 { table.low |= 1 << UInt64(byte) } else { table.high |= 1 << UInt64(byte - 64) }
        }
    }

    private static func has(_ byte: UInt8, _ table: Table) -> Bool {
        if byte < 64 { return table.low >> UInt64(byte) & 1 == 1 }
        return byte < 128 && table.high >> UInt64(byte - 64) & 1 == 1
    }
}
