import Replication

// What a node and its hub tell each other beside the frames of change sets.

/// What a node shows when it joins.
package struct JoinRequest: Shape {
    package let secret = Key("secret", .text)
    package let bundleKey = Key("bundle_key", .base64(32))
    package let token = Key("token", .text)
    package init() {}
}

/// What it is from then on.
package struct JoinAnswer: Shape {
    package let site = Key("site", .text)
    package let replica = Key("replica", .replica)
    package let fleet = Key("fleet", .text)
    package init() {}
}

/// New secrets of a node.
package struct RotateRequest: Shape {
    package let secret = Key("secret", .text)
    package let bundleKey = Key("bundle_key", .base64(32))
    package init() {}
}

/// What a node remembers of itself and of the order.
package struct GreetingRequest: Shape {
    package let epochs = Key("epochs", .epochs)
    package let sealed = Key("sealed", .count)
    package let run = Key(optional: "run", .text)
    package let position = Key("position", .count)
    package let line = Key(optional: "line", .list(.splitStep))
    package let logBegins = Key(optional: "log_begins", .count)
    package let vector = Key(optional: "vector", .vector)
    package let digest = Key(optional: "digest", .base64, absent: .null)
    package init() {}
}

/// One epoch of a hub.
package struct EpochMembers: Shape {
    package let hub = Key("hub", .replica)
    package let base = Key("base", .count)
    package init() {}
}

/// That a replica goes on from another of its site.
package struct SplitStepMembers: Shape {
    package let replica = Key("replica", .replica)
    package let from = Key("from", .dot)
    package let at = Key("at", .count)
    package init() {}
}

/// What the hub remembers, and what the node has to do first.
package struct GreetingAnswer: Shape {
    package let replica = Key("replica", .replica)
    package let hub = Key("hub", .replica)
    package let epochs = Key("epochs", .epochs)
    package let recovery = Key(nullable: "recovery", .object(RecoveryOrder.self))
    package let vector = Key("vector", .vector)
    package let known = Key("known", .object(KnownChangeSet.self))
    package let staged = Key(optional: "staged", .object(StagedPush.self), absent: .null)
    package let twin = Key("twin", .bool)
    package let hubTimeMs = Key("hub_time_ms", .integer)
    package init() {}
}

/// A change set that the hub holds.
package struct KnownChangeSet: Shape {
    package let seq = Key("seq", .count)
    package let digest = Key("digest", .base64(32))
    package init() {}
}

/// The first segments of a change set, which the hub keeps of a push that was cut.
package struct StagedPush: Shape {
    package let seq = Key("seq", .count)
    package let segments = Key("segments", .count)
    package init() {}
}

extension Message where Members == StagedPush {
    package init?(_ staged: (seq: UInt64, segments: Int)?) {
        guard let staged else { return nil }
        self.init { ($0.seq, $0.segments) = (staged.seq, UInt64(staged.segments)) }
    }
}

/// What a node has to do when it has followed a hub that was lost.
package struct RecoveryOrder: Shape {
    package let what = Key("do", .text)
    package let after = Key("after", .count)
    package let at = Key(optional: "at", .count)
    package let testify = Key(optional: "testify", .bool)
    package let without = Key(optional: "without", .list(.dot))
    package init() {}
}

extension Message where Members == RecoveryOrder {
    package init(_ step: RecoveryStep) {
        self.init {
            switch step {
            case .handIn(let after): ($0.what, $0.after) = ("hand_in", after)
            case .wait(let after): ($0.what, $0.after) = ("wait", after)
            case .rejoin(let after, let testify): ($0.what, $0.after, $0.testify) = ("rejoin", after, testify)
            case .follow(let from, let at): ($0.what, $0.after, $0.at) = ("follow", from, at)
            }
        }
    }

    /// Nil for a step that this version does not know.
    package var step: RecoveryStep? {
        switch self.what {
        case "hand_in": .handIn(after: self.after)
        case "wait": .wait(after: self.after)
        case "rejoin": .rejoin(after: self.after, testify: self.testify ?? false)
        case "follow": self.at.map { .follow(from: self.after, at: $0) }
        default: nil
        }
    }
}

/// What the hub holds after a push.
package struct PushAnswer: Shape {
    package let vector = Key("vector", .vector)
    package let staged = Key(optional: "staged", .object(StagedPush.self), absent: .null)
    package let hubTimeMs = Key("hub_time_ms", .integer)
    package init() {}
}

/// How far a node has come, and how long it would wait.
package struct PullRequest: Shape {
    package let position = Key("position", .count)
    package let sealed = Key("sealed", .count)
    package let waitMs = Key(optional: "wait_ms", .count)
    package let clockOffsetMs = Key(optional: "clock_offset_ms", .integer)
    package let resume = Key(optional: "resume", .object(PullResume.self))
    package init() {}
}

/// Where a pull goes on that was cut.
package struct PullResume: Shape {
    package let change = Key("change", .dot)
    package let segment = Key("segment", .count)
    package init() {}
}

/// What a node asks whose file was put back or copied.
package struct SplitQuestion: Shape {
    package let replica = Key("replica", .replica)
    package let sealed = Key("sealed", .count)
    package let position = Key("position", .count)
    package let ticket = Key("ticket", .base64(16))
    package let digests = Key("digests", .digests)
    package init() {}
}

/// What the hub answers to a split: `narrow`, or `replica` and `at`.
package struct SplitReply: Shape {
    package let narrow = Key(optional: "narrow", .object(SplitRange.self))
    package let replica = Key(optional: "replica", .replica)
    package let at = Key(optional: "at", .count)
    package init() {}
}

/// Between which change sets digests are needed.
package struct SplitRange: Shape {
    package let above = Key("above", .count)
    package let below = Key("below", .count)
    package init() {}
}

extension Message where Members == SplitReply {
    package init(_ answer: SplitAnswer) {
        self.init {
            switch answer {
            case .narrow(let above, let below):
                $0.narrow = Message<SplitRange> { ($0.above, $0.below) = (above, below) }
            case .goOn(let replica, let at): ($0.replica, $0.at) = (replica, at)
            }
        }
    }

    /// Nil when it is no answer to a split.
    package var answer: SplitAnswer? {
        if let range = self.narrow {
            return range.below > range.above ? .narrow(above: range.above, below: range.below) : nil
        }
        guard let replica = self.replica, let at = self.at else { return nil }
        return .goOn(as: replica, at: at)
    }
}

/// What a node offers to a restored hub.
package struct OfferRequest: Shape {
    package let sets = Key("sets", .list(.offeredSet))
    package init() {}
}

/// One change set of them.
package struct OfferedSetMembers: Shape {
    package let change = Key("change", .dot)
    package let digest = Key("digest", .base64(32))
    package let position = Key(optional: "position", .count, absent: .null)
    package let whole = Key("whole", .bool)
    package init() {}
}

/// What the hub wants of them.
package struct OfferAnswer: Shape {
    package let wanted = Key("wanted", .list(.dot))
    package init() {}
}

/// How many change sets it has kept.
package struct HandedInAnswer: Shape {
    package let kept = Key("kept", .count)
    package init() {}
}

/// That a node has handed in all.
package struct DoneRequest: Shape {
    package let sealed = Key("sealed", .count)
    package init() {}
}

/// An answer whose status says all.
package struct EmptyAnswer: Shape {
    package init() {}
}
