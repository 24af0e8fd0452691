import HTTP
import JSONText

/// SQLite's values for people, written as SQL literals, so that text, number and NULL are told apart and a value can
/// be copied into a command: `'accepted'`, `12`, `NULL`, `x'0aff'`.
enum ShownValue {
    /// Bytes of a blob that are shown; of a longer one the size is.
    static let blobBytes = 32

    static func text(_ json: JSON) -> String {
        switch json {
        case .null: return "NULL"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return String(value)
        case .real(let value): return value.description
        case .string(let text): return quoted(text)
        case .array: return "[…]"
        case .object:
            if let base64 = json["blob"]?.string { return blob(Base64.decode(base64)) }
            if let base64 = json["text_base64"]?.string {
                return "CAST(\(blob(Base64.decode(base64))) AS TEXT)"
            }
            if let real = json["real"]?.string { return real == "-Inf" ? "-9e999" : "9e999" }
            return "{…}"
        }
    }

    /// `id = 'r-1', status = 'accepted'`.
    static func columns(_ json: JSON, separator: String = ", ") -> String {
        (json.object?.members ?? []).map { "\($0.name) = \(text($0.value))" }.joined(separator: separator)
    }

    private static func quoted(_ text: String) -> String {
        "'" + text.replacing("'", with: "''") + "'"
    }

    private static func blob(_ bytes: [UInt8]?) -> String {
        guard let bytes else { return "x'…'" }
        let digits = bytes.prefix(blobBytes).map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }
        let rest = bytes.count > blobBytes ? "…' (\(bytes.count) bytes)" : "'"
        return "x'" + digits.joined() + rest
    }
}
