import JSONText

/// The members of a JSON object that one end writes and the other reads: a struct of keys. Each name is spelt here only;
/// the writer, the reader and the page of routes (Protocol/Routes.md) take it from here.
///
///     struct JoinAnswer: Shape {
///         let site = Key("site", .text)
///         let replica = Key("replica", .replica)
///     }
///     let answer = Message<JoinAnswer> { $0.site = "snasa"; $0.replica = 8070 }
///     answer.json                       // {"site":"snasa","replica":8070}
package protocol Shape {
    init()
}

extension Shape {
    fileprivate static var keys: [any AnyKey] {
        Mirror(reflecting: Self()).children.compactMap { $0.value as? any AnyKey }
    }

    package static var described: [MemberDescription] { keys.map(\.description) }
}

/// A JSON object of a shape.
@dynamicMemberLookup
package struct Message<Members: Shape>: Sendable {
    private var object = JSON.Object()

    /// Makes one whose members stand in the order in which they are set.
    package init<Failure: Error>(_ set: (inout Self) throws(Failure) -> Void) throws(Failure) {
        try set(&self)
    }

    /// Nil when a required member is missing or has another form. Members that the shape does not name are ignored.
    package init?(json: JSON) {
        object = json.object ?? JSON.Object()
        guard Members.keys.allSatisfy({ $0.fits(json[$0.description.name]) }) else { return nil }
    }

    package var json: JSON { .object(object) }

    /// A member. To read a required one that was never set is a bug and traps.
    package subscript<Value>(dynamicMember path: KeyPath<Members, Key<Value>>) -> Value {
        get {
            let key = Members()[keyPath: path]
            guard let value = key.read(object[key.description.name]) else {
                preconditionFailure("the message has no \(key.description.name)")
            }
            return value
        }
        set {
            let key = Members()[keyPath: path]
            object[key.description.name] = key.write(newValue)
        }
    }
}

/// One member of a message.
package struct Key<Value>: AnyKey {
    package let description: MemberDescription
    /// Nil where the member is left out.
    fileprivate let write: (Value) -> JSON?
    /// Nil when the message cannot be read with this.
    fileprivate let read: (JSON?) -> Value?

    package init(_ name: String, _ form: Form<Value>) {
        description = MemberDescription(name, form.name, .required, form.inner)
        write = form.write
        read = { $0.flatMap(form.read) }
    }

    /// A member that must be there, and may be null.
    package init<Wrapped>(nullable name: String, _ form: Form<Wrapped>) where Value == Wrapped? {
        description = MemberDescription(name, form.name, .nullable, form.inner)
        write = { $0.map(form.write) ?? .null }
        read = { json in json == .null ? .some(nil) : json.flatMap(form.read).map { .some($0) } }
    }

    /// A member that may be missing; nil is written as `absent`: null, or not at all.
    package init<Wrapped>(optional name: String, _ form: Form<Wrapped>, absent: JSON? = nil)
    where Value == Wrapped? {
        description = MemberDescription(name, form.name, .optional, form.inner)
        write = { $0.map(form.write) ?? absent }
        read = { .some($0.flatMap(form.read)) }
    }

    fileprivate func fits(_ json: JSON?) -> Bool { read(json) != nil }
}

private protocol AnyKey {
    var description: MemberDescription { get }
    func fits(_ json: JSON?) -> Bool
}

/// One member of a message, for the page of routes. What it means is said there.
package struct MemberDescription: Sendable {
    package enum Need: String, Sendable {
        case required = "yes"
        case nullable = "yes, or null"
        /// Another form than its own counts as absent.
        case optional = "no"
    }

    package let name: String
    package let form: String
    package let need: Need
    /// The members of the object, or of the objects of the array, that it is.
    package let inner: [MemberDescription]

    package init(_ name: String, _ form: String, _ need: Need = .optional, _ inner: [MemberDescription] = []) {
        (self.name, self.form, self.need, self.inner) = (name, form, need, inner)
    }
}
