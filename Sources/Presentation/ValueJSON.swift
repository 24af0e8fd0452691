import HTTP
import Replication

/// SQLite's values in JSON: number, string, null; a BLOB as `{"blob":"<base64>"}`, a text that is not UTF-8 as
/// `{"text_base64":"…"}`, an infinity as `{"real":"Inf"}` or `{"real":"-Inf"}`.
extension Value {
    package var json: JSON {
        switch self {
        case .null: return .null
        case .integer(let x): return .integer(x)
        case .real(let x):
            if x.isFinite { return .real(x) }
            return ["real": .string(x > 0 ? "Inf" : "-Inf")]
        case .text(let bytes):
            // A NUL is a character like another in JSON; what is not UTF-8 is not a string at all.
            if let text = String(validating: bytes, as: UTF8.self) { return .string(text) }
            return ["text_base64": .string(base64(bytes))]
        case .blob(let bytes): return ["blob": .string(base64(bytes))]
        }
    }

    /// Reads a value from its JSON form; nil for a form that is none.
    package init?(json: JSON) {
        switch json {
        case .null: self = .null
        case .integer(let x): self = .integer(x)
        case .real(let x): self = .real(x)
        case .string(let text): self = .text(text)
        case .bool, .array: return nil
        case .object:
            if let text = json["blob"]?.string, let bytes = fromBase64(text) {
                self = .blob(bytes)
            } else if let text = json["text_base64"]?.string, let bytes = fromBase64(text) {
                self = .text(bytes)
            } else if let text = json["real"]?.string, ["Inf", "-Inf"].contains(text) {
                self = .real(text == "Inf" ? .infinity : -.infinity)
            } else {
                return nil
            }
        }
    }
}

private let base64Alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

/// RFC 4648 section 4.
package func base64(_ bytes: [UInt8]) -> String {
    var out: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        var bits: UInt32 = 0
        for offset in 0..<3 { bits = bits << 8 | UInt32(offset < group.count ? group[start + offset] : 0) }
        for place in 0..<4 {
            out.append(
                place <= group.count ? base64Alphabet[Int(bits >> UInt32(18 - 6 * place) & 63)] : UInt8(ascii: "="))
        }
    }
    return String(decoding: out, as: UTF8.self)
}

/// RFC 4648 section 4, strictly: padded, no other characters.
package func fromBase64(_ text: String) -> [UInt8]? {
    let characters = Array(text.utf8)
    guard characters.count % 4 == 0 else { return nil }
    var out: [UInt8] = []
    for start in stride(from: 0, to: characters.count, by: 4) {
        let group = characters[start..<start + 4]
        let padding = group.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        guard padding <= 2, padding == 0 || start + 4 == characters.count else { return nil }
        var bits: UInt32 = 0
        for character in group.dropLast(padding) {
            guard let value = base64Alphabet.firstIndex(of: character) else { return nil }
            bits = bits << 6 | UInt32(value)
        }
        bits <<= UInt32(6 * padding)
        for place in 0..<(3 - padding) { out.append(UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * place))) }
    }
    return out
}
