import Foundation
import HTTP
import JSONText

/// The keys and types of a JSON value as text, keys in order of their names: `{id:integer,opened_at:time}`.
/// The members of an object named in `free` are data, and shown as `{…}`; of an array, its distinct shapes.
func shape(_ json: JSON, free: Set<String> = [], name: String = "") -> String {
    switch json {
    case .null: return "null"
    case .bool: return "bool"
    case .integer: return "integer"
    case .real: return "real"
    case .string(let text): return isTime(text) ? "time" : "string"
    case .array(let elements):
        return "[" + Set(elements.map { shape($0, free: free) }).sorted().joined(separator: "|") + "]"
    case .object(let object):
        if free.contains(name) { return "{…}" }
        let members = object.members.sorted { $0.name < $1.name }
        return "{"
            + members.map { "\($0.name):\(shape($0.value, free: free, name: $0.name))" }.joined(
                separator: ",") + "}"
    }
}

/// RFC 3339 in UTC.
private func isTime(_ text: String) -> Bool {
    text.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/) != nil
}
