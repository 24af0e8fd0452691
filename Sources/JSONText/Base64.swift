/// Bytes as text (RFC 4648 section 4): with padding, without line breaks, and strict about both.
package enum Base64 {
    private static let letters = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// With padding, as RFC 4648, section 4, has it.
    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var group: UInt32 = 0
            for index in 0..<3 { group = group << 8 | (index < count ? UInt32(bytes[start + index]) : 0) }
            for index in 0..<4 {
                text.append(
                    index <= count ? letters[Int(group >> (18 - 6 * UInt32(index)) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil when the padding is missing or a letter does not belong, bits behind the last byte that are not zero among
    /// them: one value has one text.
    package static func decode(_ text: String) -> [UInt8]? {
        let all = Array(text.utf8)
        guard all.count % 4 == 0 else { return nil }
        let padding = all.suffix(2).filter { $0 == UInt8(ascii: "=") }.count
        var bytes: [UInt8] = []
        bytes.reserveCapacity(all.count / 4 * 3)
        for start in stride(from: 0, to: all.count, by: 4) {
            let kept = start + 4 == all.count ? 4 - padding : 4
            var group: UInt32 = 0
            for index in 0..<4 {
                let letter = all[start + index]
                let value = index < kept ? value(letter) : letter == UInt8(ascii: "=") ? 0 : nil
                guard let value else { return nil }
                group = group << 6 | value
            }
            if kept < 4, group & (kept == 3 ? 0xff : 0xffff) != 0 { return nil }
            for index in 0..<(kept - 1) {
                bytes.append(UInt8(truncatingIfNeeded: group >> (16 - 8 * UInt32(index))))
            }
        }
        return bytes
    }

    private static func value(_ letter: UInt8) -> UInt32? {
        switch letter {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(letter) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(letter) - 97 + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(letter) - 48 + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
