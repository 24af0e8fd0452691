/// A JSON value (RFC 8259), as the rooms hand it to each other. Integers of 64 bits keep every digit, a real number
/// stays one (1.0 is not 1), and the members of an object keep their order.
///
///     let site: JSON = ["name": "snasa", "behind": 0, "ratio": 1.0]
///     try site.bytes()           // {"name":"snasa","behind":0,"ratio":1.0}
///     site["name"]?.string       // "snasa"
package enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    /// A number without fraction and exponent.
    case integer(Int64)
    /// A number with a fraction or an exponent. NaN and the infinities have no place in JSON: writing one throws.
    case real(Double)
    case string(String)
    case array([JSON])
    case object(Object)

    /// The members of a JSON object, in order; no name twice.
    package struct Object: Sendable, Equatable {
        package struct Member: Sendable, Equatable {
            package let name: String
            package var value: JSON
        }

        package private(set) var members: [Member] = []

        package init() {}

        /// A name that is given twice is a bug and traps.
        package init(_ members: [(String, JSON)]) {
            for (name, value) in members {
                precondition(self[name] == nil, "the member \(name) twice")
                self.members.append(Member(name: name, value: value))
            }
        }

        /// For the parser, which has seen to it that no name comes twice.
        init(unique members: [Member]) { self.members = members }

        /// The value under a name, which is compared byte for byte: for Swift, é in one and in two code points are
        /// equal. Setting it keeps its place or puts it behind the others; nil takes it out.
        package subscript(name: String) -> JSON? {
            get { members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value }
            set {
                let index = members.firstIndex { $0.name.utf8.elementsEqual(name.utf8) }
                switch (index, newValue) {
                case (let index?, let value?): members[index].value = value
                case (let index?, nil): members.remove(at: index)
                case (nil, let value?): members.append(Member(name: name, value: value))
                case (nil, nil): break
                }
            }
        }
    }
}

// MARK: Reading

extension JSON {
    /// The member of an object; nil when there is none or this is no object.
    package subscript(name: String) -> JSON? { object?[name] }

    package var isNull: Bool { self == .null }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    package var object: Object? { if case .object(let value) = self { value } else { nil } }

    /// The number, whether it is written as an integer or not.
    package var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .real(let value): value
        default: nil
        }
    }
}

// MARK: Writing in the source

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .real(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(nilLiteral: ()) { self = .null }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSON)...) { self = .object(Object(elements)) }
}

/// Why bytes are no JSON that is taken here, or a value cannot be written as JSON.
package enum JSONError: Error, Equatable, CustomStringConvertible {
    /// The text breaks the grammar at this byte; the text says what was expected or is not allowed.
    case malformed(String, at: Int)
    /// More bytes than the reader allows.
    case tooLarge(limit: Int)
    /// Arrays and objects within each other, deeper than the reader allows.
    case tooDeep(limit: Int, at: Int)
    /// A number beyond 64 bits, or a real one beyond what a double holds.
    case outOfRange(at: Int)
    /// NaN or an infinity, which JSON does not have.
    case notFinite

    package var description: String {
        switch self {
        case .malformed(let what, let at): "\(what), at byte \(at)"
        case .tooLarge(let limit): "more than \(limit) bytes"
        case .tooDeep(let limit, let at): "more than \(limit) levels, at byte \(at)"
        case .outOfRange(let at): "a number out of range, at byte \(at)"
        case .notFinite: "NaN and infinities are no numbers in JSON"
        }
    }
}
