/// The name of a header field: a token (RFC 9110 section 5.6.2), kept in lower case because names are compared
/// without regard to case (section 5.1). Valid by construction.
package struct FieldName: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// The name in lower case.
    package let text: String

    /// Nil when `text` is empty or holds a byte that no token may hold.
    package init?(_ text: String) {
        guard !text.isEmpty, text.utf8.allSatisfy(Octet.isToken) else { return nil }
        self.text = text.lowercased()
    }

    /// For names written in the source. A name that is no token is a bug and traps.
    package init(stringLiteral text: String) {
        guard let name = FieldName(text) else { preconditionFailure("\(text) is no field name") }
        self = name
    }

    /// For the parser, which has looked at every byte itself.
    init(lowercased text: String) { self.text = text }

    // The names that are looked up for every message: made once.
    static let host = FieldName(lowercased: "host")
    static let connection = FieldName(lowercased: "connection")
    static let expect = FieldName(lowercased: "expect")
    static let contentLength = FieldName(lowercased: "content-length")
    static let transferEncoding = FieldName(lowercased: "transfer-encoding")

    package var description: String { text }
}

/// The value of a header field: visible characters, spaces and tabs, none at either end (RFC 9110 section 5.5).
/// No CR, LF or NUL can be in it, so a value never ends a header early. Valid by construction.
package struct FieldValue: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    package let text: String

    /// Nil when `text` holds a control character or begins or ends with a space or a tab.
    package init?(_ text: String) {
        let bytes = text.utf8
        guard bytes.allSatisfy(Octet.isFieldContent) else { return nil }
        if let first = bytes.first, Octet.isBlank(first) { return nil }
        if let last = bytes.last, Octet.isBlank(last) { return nil }
        self.text = text
    }

    /// For values written in the source. A value that may not be sent is a bug and traps.
    package init(stringLiteral text: String) {
        guard let value = FieldValue(text) else {
            preconditionFailure("\(text.debugDescription) is no field value")
        }
        self = value
    }

    package init(_ number: Int) { text = String(number) }

    /// For the parser, which has looked at every byte itself.
    init(checked text: String) { self.text = text }

    package var description: String { text }
}

/// The header fields of a message, in the order in which they came or were added.
///
///     var headers: Headers = ["content-type": "application/json"]
///     headers.set("etag", FieldValue(tag) ?? "unknown")
///     headers["Content-Type"]  // "application/json"
package struct Headers: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    package struct Field: Sendable, Equatable {
        package let name: FieldName
        package let value: FieldValue
    }

    package private(set) var fields: [Field] = []

    package init() {}

    package init(dictionaryLiteral elements: (FieldName, FieldValue)...) {
        fields = elements.map { Field(name: $0.0, value: $0.1) }
    }

    /// The value under a name; several fields of that name are joined by ", " in their order (RFC 9110 section
    /// 5.3). Nil when there is none.
    package subscript(name: FieldName) -> String? {
        var found: String?
        for field in fields where field.name == name {
            found = found.map { "\($0), \(field.value.text)" } ?? field.value.text
        }
        return found
    }

    /// Each value under a name, in order.
    package func values(_ name: FieldName) -> [String] {
        var values: [String] = []
        for field in fields where field.name == name { values.append(field.value.text) }
        return values
    }

    package func contains(_ name: FieldName) -> Bool {
        fields.contains { $0.name == name }
    }

    /// Adds a field behind the others, also when the name is already there.
    package mutating func add(_ name: FieldName, _ value: FieldValue) {
        fields.append(Field(name: name, value: value))
    }

    /// Puts the one field of this name; what stood there under it goes.
    package mutating func set(_ name: FieldName, _ value: FieldValue) {
        remove(name)
        add(name, value)
    }

    package mutating func remove(_ name: FieldName) {
        fields.removeAll { $0.name == name }
    }
}
