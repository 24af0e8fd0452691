import JSONText
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
            return ["text_base64": .string(Base64.encode(bytes))]
        case .blob(let bytes): return ["blob": .string(Base64.encode(bytes))]
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
            if let text = json["blob"]?.string, let bytes = Base64.decode(text) {
                self = .blob(bytes)
            } else if let text = json["text_base64"]?.string, let bytes = Base64.decode(text) {
                self = .text(bytes)
            } else if let text = json["real"]?.string, ["Inf", "-Inf"].contains(text) {
                self = .real(text == "Inf" ? .infinity : -.infinity)
            } else {
                return nil
            }
        }
    }
}
