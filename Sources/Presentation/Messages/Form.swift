import JSONText
import Replication

/// How a value stands in JSON, and what the page of routes calls that.
package struct Form<Value> {
    package let name: String
    package let write: (Value) -> JSON
    /// Nil for anything else.
    package let read: (JSON) -> Value?
    package var inner: [MemberDescription] = []
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
        Form(name: "number", write: { Int64(exactly: $0).map { .integer($0) } ?? .real($0) }, read: \.number)
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
    /// Bytes in base64 (RFC 4648, section 4).
    package static var base64: Form {
        Form(
            name: "bytes in base64", write: { .string(Base64.encode($0)) },
            read: { $0.string.flatMap { Base64.decode($0) } })
    }

    /// So many of them.
    package static func base64(_ count: Int) -> Form {
        Form(
            name: "\(count) \(base64.name)", write: base64.write,
            read: { base64.read($0).flatMap { $0.count == count ? $0 : nil } })
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

extension Form {
    /// An object of a shape.
    package static func object<Members>(_ shape: Members.Type) -> Form where Value == Message<Members> {
        Form(name: "object", write: { $0.json }, read: { Message(json: $0) }, inner: Members.described)
    }

    /// A value of ours that travels as an object of a shape.
    static func object<Members>(
        _ write: @escaping (Value) -> Message<Members>, _ read: @escaping (Message<Members>) -> Value
    ) -> Form {
        Form(
            name: "object", write: { write($0).json }, read: { Message(json: $0).map(read) }, inner: Members.described)
    }

    /// An array, all of whose elements have one form.
    package static func list<Element>(_ form: Form<Element>) -> Form where Value == [Element] {
        Form(
            name: form.inner.isEmpty ? "array of \(form.name)" : "array of objects",
            write: { .array($0.map(form.write)) },
            read: { json in
                guard let members = json.array else { return nil }
                let elements = members.compactMap(form.read)
                return elements.count == members.count ? elements : nil
            }, inner: form.inner)
    }
}

extension Form where Value == [Epoch] {
    /// The epochs of a hub, oldest first: the place in the array is the number of the epoch.
    package static var epochs: Form {
        let list = Form<[Message<EpochMembers>]>.list(.object(EpochMembers.self))
        return Form(
            name: "array of objects, not empty",
            write: { epochs in
                list.write(epochs.map { epoch in Message { ($0.hub, $0.base) = (epoch.hub, epoch.base) } })
            },
            read: { json in
                guard let members = list.read(json), !members.isEmpty else { return nil }
                return members.enumerated().map { Epoch(number: UInt64($0), hub: $1.hub, base: $1.base) }
            }, inner: list.inner)
    }
}

extension Form where Value == SplitStep {
    package static var splitStep: Form {
        .object(
            { step in Message<SplitStepMembers> { ($0.replica, $0.from, $0.at) = (step.replica, step.from, step.atMs) }
            },
            { SplitStep(replica: $0.replica, from: $0.from, atMs: $0.at) })
    }
}

extension Form where Value == OfferedSet {
    package static var offeredSet: Form {
        .object(
            { set in
                Message<OfferedSetMembers> {
                    ($0.change, $0.digest, $0.position, $0.whole) = (set.dot, set.digest, set.place, set.isWhole)
                }
            },
            { OfferedSet(dot: $0.change, digest: $0.digest, place: $0.position, isWhole: $0.whole) })
    }
}

extension Form where Value == [(seq: UInt64, digest: [UInt8])] {
    /// Digests of change sets, ascending by seq.
    package static var digests: Form {
        Form(
            name: "array of `[seq, 32 bytes in base64]`",
            write: { .array($0.map { [.integer(Int64($0.seq)), .string(Base64.encode($0.digest))] }) },
            read: { json in
                guard let list = json.array, list.count <= Limits.splitDigests else { return nil }
                var digests: Value = []
                for pair in list {
                    guard let pair = pair.array, pair.count == 2, let seq = Form<UInt64>.count.read(pair[0]),
                        seq > digests.last?.seq ?? 0, let digest = Form<[UInt8]>.base64(32).read(pair[1])
                    else { return nil }
                    digests.append((seq, digest))
                }
                return digests
            })
    }
}
