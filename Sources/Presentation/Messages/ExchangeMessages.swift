import JSONText
import ReplicaStore
import Replication

// What a node and its hub tell each other beside the frames of change sets.

/// A message by which a node tells the hub the secrets that it has made.
package protocol CarriesSecrets: Message {
    var secret: String { get set }
    var bundleKey: [UInt8] { get set }
}

extension CarriesSecrets {
    fileprivate static var secretFields: [Field<Self>] {
        [
            Field("secret", \.secret, .text, "the bearer token that the node made: 32 bytes or more, without blanks"),
            Field("bundle_key", \.bundleKey, .base64(32), "for changes that travel in files; random"),
        ]
    }
}

package struct RotateRequest: CarriesSecrets {
    package var secret = ""
    package var bundleKey: [UInt8] = []

    package init() {}
    package static var fields: [Field<Self>] { secretFields }
}

package struct JoinRequest: CarriesSecrets {
    package var secret = ""
    package var bundleKey: [UInt8] = []
    package var token = ""

    package init() {}
    package static var fields: [Field<Self>] {
        secretFields + [Field("token", \.token, .text, "the one-time token that `samband site add` printed")]
    }
}

package struct JoinAnswer: Message {
    package var site = ""
    package var replica: UInt32 = 0
    package var fleet = ""

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field("site", \.site, .text, "the name of the site"),
            Field("replica", \.replica, .replica, "as which the node writes from now on"),
            Field("fleet", \.fleet, .text, "the name of the fleet"),
        ]
    }
}

package struct GreetingRequest: Message {
    package var epochs: [Epoch] = []
    package var sealed: UInt64 = 0
    package var run: String?
    package var position: UInt64 = 0
    package var line: [SplitStep]?
    package var logBegins: UInt64?
    package var vector: VectorClock?
    package var digest: [UInt8]?

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field("epochs", \.epochs, .epochs, "the hubs whose order the node has followed, oldest first"),
            Field("sealed", \.sealed, .count, "seq of the node's last own change set; 0: none"),
            Field(
                optional: "run", \.run, .text,
                "drawn by each process of a node when it starts: two that run from one file are noticed by it"),
            Field("position", \.position, .count, "up to which the node has the hub's order"),
            Field(
                optional: "line", \.line, list(of: .object),
                "where the node has split: each replica number it has had, newest last"),
            Field(
                optional: "log_begins", \.logBegins, .count,
                "position up to which its change sets came as rows in a snapshot: that of the snapshot"),
            Field(optional: "vector", \.vector, .vector, "what the node has seen"),
            Field(
                optional: "digest", \.digest, .base64(32), absent: .null,
                "of the change set at `position`, where the node has it; null otherwise"),
        ]
    }
}

extension SplitStep: Message {
    package init() { self.init(replica: 0, from: Dot(replica: 0, seq: 0), atMs: 0) }
    package static var fields: [Field<Self>] {
        [
            Field("replica", \.replica, .replica, "the new number"),
            Field("from", \.from, .dot, "the last change set of the former replica that belongs to it too"),
            Field("at", \.atMs, .count, "when, in milliseconds since 1970"),
        ]
    }
}

/// A change set that the hub holds.
package struct KnownChangeSet: Message {
    package var seq: UInt64 = 0
    package var digest: [UInt8] = []

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field("seq", \.seq, .count, "0: the hub has nothing of this replica"),
            Field("digest", \.digest, .base64(32), "its digest; zero bytes with seq 0"),
        ]
    }
}

/// The first segments of a change set, which the hub keeps of a push that was cut.
package struct StagedPush: Message {
    package var seq: UInt64 = 0
    package var segments: UInt64 = 0

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field("seq", \.seq, .count, "of the change set"),
            Field("segments", \.segments, .count, "how many of its first segments the hub has"),
        ]
    }
}

extension StagedPush {
    package init?(_ staged: (seq: UInt64, segments: Int)?) {
        guard let staged else { return nil }
        self.init { ($0.seq, $0.segments) = (staged.seq, UInt64(staged.segments)) }
    }
}

package struct GreetingAnswer: Message {
    package var replica: UInt32 = 0
    package var hub: UInt32 = 0
    package var epochs: [Epoch] = []
    package var recovery: RecoveryOrder?
    package var vector = VectorClock()
    package var known = KnownChangeSet()
    package var staged: StagedPush?
    package var twin = false
    package var hubTimeMs: Int64 = 0

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field("replica", \.replica, .replica, "as which the hub knows the caller"),
            Field("hub", \.hub, .replica, "the hub's own; the header `samband-hub` names it from now on"),
            Field("epochs", \.epochs, .epochs, "of the hub"),
            Field(
                nullable: "recovery", \.recovery, .object,
                "what the node has to do first, for the hub was restored; null: nothing"),
            Field("vector", \.vector, .vector, "what the hub has seen"),
            Field("known", \.known, .object, "the caller's last change set that the hub holds"),
            Field(optional: "staged", \.staged, .object, absent: .null, "what the hub keeps of a push that was cut"),
            Field("twin", \.twin, .bool, "true: another process acts as this replica; the node splits"),
            Field("hub_time_ms", \.hubTimeMs, .integer, "the hub's clock, milliseconds since 1970"),
        ]
    }
}

/// What a node has to do when it has followed a hub that was lost.
package struct RecoveryOrder: Message {
    package var what = ""
    package var after: UInt64 = 0
    package var at: UInt64?
    package var testify: Bool?
    package var without: [Dot]?

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field("do", \.what, .text, "`hand_in`, `wait`, `follow` or `rejoin`"),
            Field("after", \.after, .count, "the position up to which both mean the same by positions"),
            Field(optional: "at", \.at, .count, "with `follow`: the position at which the hub's own order went on"),
            Field(
                optional: "testify", \.testify, .bool, "with `rejoin`: the node may go on where its file holds all"),
            Field(
                optional: "without", \.without, list(of: .dot),
                "with `follow`: change sets that the restored hub could not take in"),
        ]
    }
}

extension RecoveryOrder {
    package init(_ step: RecoveryStep) {
        self.init()
        switch step {
        case .handIn(let after): (what, self.after) = ("hand_in", after)
        case .wait(let after): (what, self.after) = ("wait", after)
        case .rejoin(let after, let testify): (what, self.after, self.testify) = ("rejoin", after, testify)
        case .follow(let from, let at): (what, after, self.at) = ("follow", from, at)
        }
    }

    /// Nil for a step that this version does not know.
    package var step: RecoveryStep? {
        switch what {
        case "hand_in": .handIn(after: after)
        case "wait": .wait(after: after)
        case "rejoin": .rejoin(after: after, testify: testify ?? false)
        case "follow": at.map { .follow(from: after, at: $0) }
        default: nil
        }
    }
}

package struct PushAnswer: Message {
    package var vector = VectorClock()
    package var staged: StagedPush?
    package var hubTimeMs: Int64 = 0

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field(
                "vector", \.vector, .vector, "what the hub has seen: the caller's own seq in it is acknowledged"),
            Field(optional: "staged", \.staged, .object, absent: .null, "what the hub keeps of a push that was cut"),
            Field("hub_time_ms", \.hubTimeMs, .integer, "the hub's clock, milliseconds since 1970"),
        ]
    }
}

package struct PullRequest: Message {
    package var position: UInt64 = 0
    package var sealed: UInt64 = 0
    package var waitMs: UInt64?
    package var clockOffsetMs: Int64?
    package var resume: PullResume?

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field("position", \.position, .count, "up to which the node has applied the order: the hub notes it"),
            Field("sealed", \.sealed, .count, "seq of the node's last own change set: the hub notes it"),
            Field(
                optional: "wait_ms", \.waitMs, .count,
                "how long the hub waits for news when it has none; 0 when missing, 60,000 at most"),
            Field(
                optional: "clock_offset_ms", \.clockOffsetMs, .integer,
                "milliseconds from the node's clock to the hub's, for `samband site list`"),
            Field(optional: "resume", \.resume, .object, "what the node has kept of a pull that was cut"),
        ]
    }
}

/// Where a pull goes on that was cut.
package struct PullResume: Message {
    package var change = Dot(replica: 0, seq: 0)
    package var segment: UInt64 = 0

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field("change", \.change, .dot, "the last change set of which the node has kept something"),
            Field("segment", \.segment, .count, "how many of its segments the node has kept: from the first on"),
        ]
    }
}

extension SplitRequest: Message {
    package init() { self.init(replica: 0, sealed: 0, digests: [], position: 0, ticket: []) }
    package static var fields: [Field<Self>] {
        [
            Field("replica", \.replica, .replica, "as which the node has acted so far"),
            Field("sealed", \.sealed, .count, "seq of its last own change set"),
            Field("position", \.position, .count, "up to which it has the hub's order"),
            Field("ticket", \.ticket, .base64(16), "random; drawn and kept before it asks first"),
            Field("digests", \.digests, digestPairs, "ascending, 1024 at most: `[seq, digest]` of own change sets"),
        ]
    }

    private static var digestPairs: Form<[(seq: UInt64, digest: [UInt8])]> {
        Form(
            name: "array of `[integer, 32 bytes in base64]`",
            write: { .array($0.map { [.integer(Int64($0.seq)), .string(Base64.encode($0.digest))] }) },
            read: { json in
                guard let list = json.array, list.count <= Limits.splitDigests else { return nil }
                var digests: [(seq: UInt64, digest: [UInt8])] = []
                for pair in list {
                    guard let pair = pair.array, pair.count == 2, let seq = Form.count.read(pair[0]),
                        seq > digests.last?.seq ?? 0, let digest = Form.base64(32).read(pair[1])
                    else { return nil }
                    digests.append((seq, digest))
                }
                return digests
            })
    }
}

/// What the hub answers to a split: `narrow`, or `replica` and `at`.
package struct SplitReply: Message {
    package var narrow: Range?
    package var replica: UInt32?
    package var at: UInt64?

    package struct Range: Message {
        package var above: UInt64 = 0
        package var below: UInt64 = 0

        package init() {}
        package static var fields: [Field<Self>] {
            [
                Field("above", \.above, .count, "up to here both have the same change sets"),
                Field("below", \.below, .count, "here they do not"),
            ]
        }
    }

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field(optional: "narrow", \.narrow, .object, "digests from between are needed: the node asks again"),
            Field(optional: "replica", \.replica, .replica, "the node's new number"),
            Field(optional: "at", \.at, .count, "seq of the last change set that both have alike"),
        ]
    }
}

extension SplitReply {
    package init(_ answer: SplitAnswer) {
        self.init()
        switch answer {
        case .narrow(let above, let below): narrow = Range { ($0.above, $0.below) = (above, below) }
        case .goOn(let replica, let at): (self.replica, self.at) = (replica, at)
        }
    }

    /// Nil when it is no answer to a split.
    package var answer: SplitAnswer? {
        if let narrow { return narrow.below > narrow.above ? .narrow(above: narrow.above, below: narrow.below) : nil }
        guard let replica, let at else { return nil }
        return .goOn(as: replica, at: at)
    }
}

package struct OfferRequest: Message {
    package var sets: [OfferedSet] = []

    package init() {}
    package static var fields: [Field<Self>] {
        [Field("sets", \.sets, list(of: .object), "what the node knows behind the position that it was told")]
    }
}

extension OfferedSet: Message {
    package init() { self.init(dot: Dot(replica: 0, seq: 0), digest: [], place: nil, isWhole: false) }
    package static var fields: [Field<Self>] {
        [
            Field("change", \.dot, .dot, "the change set"),
            Field("digest", \.digest, .base64(32), "its digest"),
            Field(
                optional: "position", \.place, .count, absent: .null,
                "in the order of the hub that the node followed; null for one that it has not come back in"),
            Field("whole", \.isWhole, .bool, "true: as its author wrote it; false: as the lost hub gave it out"),
        ]
    }
}

package struct OfferAnswer: Message {
    package var wanted: [Dot] = []

    package init() {}
    package static var fields: [Field<Self>] {
        [Field("wanted", \.wanted, list(of: .dot), "of those offered, what the hub lacks")]
    }
}

package struct HandedInAnswer: Message {
    package var kept: UInt64 = 0

    package init() {}
    package static var fields: [Field<Self>] { [Field("kept", \.kept, .count, "change sets")] }
}

package struct DoneRequest: Message {
    package var sealed: UInt64 = 0

    package init() {}
    package static var fields: [Field<Self>] {
        [Field("sealed", \.sealed, .count, "seq of the node's last own change set when it had handed in all")]
    }
}

/// An answer whose status says all.
package struct EmptyAnswer: Message {
    package init() {}
    package static var fields: [Field<Self>] { [] }
}
