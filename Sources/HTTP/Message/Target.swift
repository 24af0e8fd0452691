/// One `name=value` of a query, both decoded.
package struct QueryItem: Hashable, Sendable {
    package let name: String
    /// Nil when the item has no "=".
    package let value: String?

    package init(_ name: String, _ value: String?) {
        self.name = name
        self.value = value
    }
}

/// What a request asks for: a path and a query (RFC 9112 section 3.2), decoded once and strictly.
///
/// A segment is what stands between two slashes, with its percent-encoding undone: `/v1/sites/sn%C3%A5sa` has
/// the segments `v1`, `sites`, `snåsa`. `/` has none, and a slash at the end gives an empty last segment. A path
/// with `.` or `..` in it, encoded or not, a bad percent-encoding, a control character or text that is not UTF-8
/// is no target: nothing behind this type has to think of them.
package struct Target: Hashable, Sendable, CustomStringConvertible {
    /// The decoded segments of the path. Empty for "/" and for "*".
    package let path: [String]
    /// The decoded items of the query, in order. "+" stands for a space, as forms send it.
    package let query: [QueryItem]
    /// The target as it stands in the request line, origin-form or "*".
    package let text: String

    /// "*", which only OPTIONS may ask for (RFC 9112 section 3.2.4).
    package static let asterisk = Target(path: [], query: [], text: "*")

    /// The target in origin-form; nil when it is not a path with perhaps a query, or breaks a rule above.
    package init?(_ text: String) {
        guard text.utf8.first == UInt8(ascii: "/") else { return nil }
        let parts = text.utf8.split(
            separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        var path: [String] = []
        if parts[0].count > 1 {
            for raw in parts[0].dropFirst().split(
                separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            {
                // RFC 3986 section 6.2.2.3: dot segments would mean another path to whoever removes them.
                guard let segment = Percent.decode(raw, plusIsSpace: false), segment != ".", segment != ".."
                else { return nil }
                path.append(segment)
            }
        }
        var query: [QueryItem] = []
        if parts.count == 2 {
            for raw in parts[1].split(separator: UInt8(ascii: "&")) {
                let sides = raw.split(
                    separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
                guard let name = Percent.decode(sides[0], plusIsSpace: true) else { return nil }
                if sides.count == 1 {
                    query.append(QueryItem(name, nil))
                } else {
                    guard let value = Percent.decode(sides[1], plusIsSpace: true) else { return nil }
                    query.append(QueryItem(name, value))
                }
            }
        }
        self.init(path: path, query: query, text: text)
    }

    /// The target of these segments and items, encoded as needed. A segment that could not be sent (`.`, `..`, a
    /// control character) is a bug of the caller and traps.
    package init(path: [String], query: [QueryItem] = []) {
        var text = path.isEmpty ? "/" : ""
        for segment in path {
            text += "/" + Percent.encode(segment)
        }
        for (index, item) in query.enumerated() {
            text += index == 0 ? "?" : "&"
            text += Percent.encode(item.name)
            if let value = item.value { text += "=" + Percent.encode(value) }
        }
        guard let target = Target(text) else { preconditionFailure("no target can be made of \(path)") }
        self = target
    }

    private init(path: [String], query: [QueryItem], text: String) {
        self.path = path
        self.query = query
        self.text = text
    }

    /// The value of the first query item of this name, nil when there is none or it has no "=".
    package func query(_ name: String) -> String? {
        query.first { $0.name == name }?.value
    }

    package var description: String { text }
}

/// Percent-encoding (RFC 3986 section 2.1).
enum Percent {
    /// The text behind the bytes, nil when a byte may not stand there, a "%" is not followed by two hexadecimal
    /// digits, or the result holds a control character or is not UTF-8.
    static func decode(_ bytes: Substring.UTF8View, plusIsSpace: Bool) -> String? {
        var plain = true
        for byte in bytes {
            if byte == UInt8(ascii: "%") || byte == UInt8(ascii: "+") {
                plain = false
            } else if !Octet.isTarget(byte) {
                return nil
            }
        }
        if plain { return String(Substring(bytes)) }
        var decoded: [UInt8] = []
        var rest = bytes.makeIterator()
        while let byte = rest.next() {
            if byte == UInt8(ascii: "+"), plusIsSpace {
                decoded.append(Octet.space)
            } else if byte == UInt8(ascii: "%") {
                guard let high = rest.next().flatMap(Octet.hexValue),
                    let low = rest.next().flatMap(Octet.hexValue)
                else { return nil }
                let value = high << 4 | low
                guard value >= 0x20, value != 0x7f else { return nil }
                decoded.append(value)
            } else {
                decoded.append(byte)
            }
        }
        return String(validating: decoded, as: UTF8.self)
    }

    static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            if Octet.isUnreserved(byte) {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}
