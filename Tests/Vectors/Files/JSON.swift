import Foundation

/// As much of JSON as the vectors need. Numbers of 64 bits are strings in it, so that no reader rounds them.
enum JSON: Hashable, Sendable {
    case null
    case number(Int)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    struct Unexpected: Error {}

    static func read(_ text: String) throws -> JSON {
        try JSON(JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed))
    }

    private init(_ any: Any) throws {
        switch any {
        case is NSNull: self = .null
        case let text as String: self = .string(text)
        case let list as [Any]: self = .array(try list.map { try JSON($0) })
        case let object as [String: Any]: self = .object(try object.mapValues { try JSON($0) })
        case let number as NSNumber: self = .number(number.intValue)
        default: throw Unexpected()
        }
    }

    /// What fits goes on one line; keys in order.
    func text(indent: Int = 0) -> String {
        let line = compact
        if line.utf8.count + indent <= 110 { return line }
        let inner = String(repeating: " ", count: indent + 2)
        let outer = String(repeating: " ", count: indent)
        switch self {
        case .array(let list):
            let lines = list.map { inner + $0.text(indent: indent + 2) }
            return "[\n\(lines.joined(separator: ",\n"))\n\(outer)]"
        case .object(let object):
            let lines = object.sorted { $0.key < $1.key }.map {
                "\(inner)\(JSON.quoted($0.key)): \($0.value.text(indent: indent + 2))"
            }
            return "{\n\(lines.joined(separator: ",\n"))\n\(outer)}"
        default: return line
        }
    }

    private var compact: String {
        switch self {
        case .null: "null"
        case .number(let number): "\(number)"
        case .string(let text): JSON.quoted(text)
        case .array(let list): "[\(list.map(\.compact).joined(separator: ", "))]"
        case .object(let object):
            "{\(object.sorted { $0.key < $1.key }.map { "\(JSON.quoted($0.key)): \($0.value.compact)" }.joined(separator: ", "))}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case _ where scalar.value < 0x20:
                out += "\\u00" + HexText.digits(UInt8(scalar.value))
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
