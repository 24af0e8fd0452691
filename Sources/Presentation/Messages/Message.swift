import JSONText
import ReplicaStore
import Replication

/// A JSON object that one end writes and the other reads. Each member is spelt once, in `fields`: the writer, the reader
/// and the page of routes (Protocol/HTTP.md, "Routes") take it from there.
package protocol Message: Sendable {
    /// With values that reading replaces.
    init()
    static var fields: [Field<Self>] { get }
}

extension Message {
    /// Makes one and sets its members: `JoinAnswer { $0.site = name }`.
    package init<Failure: Error>(_ set: (inout Self) throws(Failure) -> Void) throws(Failure) {
        self.init()
        try set(&self)
    }

    package var json: JSON {
        var object = JSON.Object()
        for field in Self.fields { object[field.description.name] = field.write(self) }
        return .object(object)
    }

    /// Nil when a required member is missing or has another form. Members without a field are ignored.
    package init?(json: JSON) {
        self.init()
        for field in Self.fields where !field.read(json[field.description.name], &self) { return nil }
    }

    package static var described: [FieldDescription] { fields.map(\.description) }
}

/// One member of a message, for people.
package struct FieldDescription: Sendable {
    package enum Need: String, Sendable {
        case required = "yes"
        /// It must be there, and may be null.
        case nullable = "yes, or null"
        /// Another form than its own counts as absent.
        case optional = "no"
    }

    package let name: String
    package let form: String
    package let need: Need
    package let meaning: String
    /// The members of the object, or of the objects of the array, that it is.
    package var inner: [FieldDescription] = []

    package init(
        _ name: String, _ form: String, _ need: Need, _ meaning: String, inner: [FieldDescription] = []
    ) {
        self.name = name
        self.form = form
        self.need = need
        self.meaning = meaning
        self.inner = inner
    }

    /// One that may be missing.
    package init(_ name: String, _ form: String, _ meaning: String) { self.init(name, form, .optional, meaning) }
}

/// One member of a message: its name, its form, and the property that it travels in.
package struct Field<Whole> {
    package let description: FieldDescription
    /// Nil where the member is left out.
    let write: (Whole) -> JSON?
    /// False when the message cannot be read without it.
    let read: (JSON?, inout Whole) -> Bool

    /// A required member.
    package init<Value>(
        _ name: String, _ path: WritableKeyPath<Whole, Value>, _ form: Form<Value>, _ meaning: String
    ) {
        description = FieldDescription(name, form.name, .required, meaning, inner: form.inner)
        write = { form.write($0[keyPath: path]) }
        read = { json, whole in
            guard let value = json.flatMap(form.read) else { return false }
            whole[keyPath: path] = value
            return true
        }
    }

    /// A member that must be there, and may be null.
    package init<Value>(
        nullable name: String, _ path: WritableKeyPath<Whole, Value?>, _ form: Form<Value>, _ meaning: String
    ) {
        description = FieldDescription(name, form.name, .nullable, meaning, inner: form.inner)
        write = { $0[keyPath: path].map(form.write) ?? .null }
        read = { json, whole in
            whole[keyPath: path] = json.flatMap(form.read)
            return json == .null || whole[keyPath: path] != nil
        }
    }

    /// A member that may be missing; nil is written as `absent`: null, or not at all.
    package init<Value>(
        optional name: String, _ path: WritableKeyPath<Whole, Value?>, _ form: Form<Value>, absent: JSON? = nil,
        _ meaning: String
    ) {
        description = FieldDescription(name, form.name, .optional, meaning, inner: form.inner)
        write = { $0[keyPath: path].map(form.write) ?? absent }
        read = { json, whole in
            whole[keyPath: path] = json.flatMap(form.read)
            return true
        }
    }
}

/// How a value stands in JSON, and what the page calls that.
package struct Form<Value> {
    package let name: String
    package let write: (Value) -> JSON
    /// Nil for anything else.
    package let read: (JSON) -> Value?
    package var inner: [FieldDescription] = []
}

extension Form where Value == JSON {
    /// Any value; its reader looks closer.
    package static func value(_ name: String) -> Form { Form(name: name, write: { $0 }, read: { $0 }) }
}

extension Form where Value == String {
    package static var text: Form { Form(name: "text", write: { .string($0) }, read: \.string) }
}

extension Form where Value == Bool {
    package static var bool: Form { Form(name: "true or false", write: { .bool($0) }, read: \.bool) }
}

extension Form where Value == Int64 {
    package static var integer: Form { Form(name: "integer", write: { .integer($0) }, read: \.integer) }
}

extension Form where Value == Double {
    package static var number: Form {
        Form(
            name: "number", write: { Int64(exactly: $0).map { .integer($0) } ?? .real($0) }, read: \.number)
    }
}

extension Form where Value == UInt64 {
    package static var count: Form {
        Form(
            name: "integer, 0 or more", write: { .integer(Int64(clamping: $0)) },
            read: { $0.integer.flatMap { UInt64(exactly: $0) } })
    }
}

extension Form where Value == UInt32 {
    package static var replica: Form {
        Form(
            name: "replica number", write: { .integer(Int64($0)) },
            read: { $0.integer.flatMap { $0 > 0 ? UInt32(exactly: $0) : nil } })
    }
}

extension Form where Value == [UInt8] {
    /// So many bytes in base64 (RFC 4648, section 4).
    package static func base64(_ count: Int) -> Form {
        Form(
            name: "\(count) bytes in base64", write: { .string(Base64.encode($0)) },
            read: { $0.string.flatMap { Base64.decode($0) }.flatMap { $0.count == count ? $0 : nil } })
    }
}

extension Form where Value == Dot {
    package static var dot: Form {
        Form(name: "text `replica:seq`", write: { .string("\($0)") }, read: { $0.string.flatMap { Dot($0) } })
    }
}

extension Form where Value == VectorClock {
    package static var vector: Form {
        Form(name: "object: seq by replica", write: { $0.json }, read: { VectorClock(json: $0) })
    }
}

extension Form where Value: Message {
    package static var object: Form {
        Form(name: "object", write: { $0.json }, read: { Value(json: $0) }, inner: Value.described)
    }
}

/// An array, all of whose elements have one form.
package func list<Element>(of form: Form<Element>) -> Form<[Element]> {
    Form(
        name: form.inner.isEmpty ? "array of \(form.name)" : "array of objects",
        write: { .array($0.map(form.write)) },
        read: { json in
            guard let members = json.array else { return nil }
            let elements = members.compactMap(form.read)
            return elements.count == members.count ? elements : nil
        }, inner: form.inner)
}
