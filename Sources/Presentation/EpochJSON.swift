import JSONText
import Replication

/// How the epochs of a hub, and what a site has to do after a restoration, go over the line.
extension [Epoch] {
    package var json: JSON {
        .array(map { ["hub": .integer(Int64($0.hub)), "base": .integer(Int64($0.base))] })
    }

    /// Nil when it is anything else.
    package init?(json: JSON) {
        guard case .array(let members) = json else { return nil }
        self = []
        for (number, epoch) in members.enumerated() {
            guard let hub = epoch["hub"]?.integer.flatMap({ UInt32(exactly: $0) }), hub > 0,
                let base = epoch["base"]?.integer.flatMap({ UInt64(exactly: $0) })
            else { return nil }
            append(Epoch(number: UInt64(number), hub: hub, base: base))
        }
        if isEmpty { return nil }
    }
}

extension RecoveryStep {
    package var json: JSON {
        switch self {
        case .handIn(let after): ["do": "hand_in", "after": .integer(Int64(after))]
        case .wait(let after): ["do": "wait", "after": .integer(Int64(after))]
        case .rejoin(let after, let testify):
            ["do": "rejoin", "after": .integer(Int64(after)), "testify": .bool(testify)]
        case .follow(let from, let at): ["do": "follow", "after": .integer(Int64(from)), "at": .integer(Int64(at))]
        }
    }

    /// Nil when it is anything else.
    package init?(json: JSON) {
        guard let after = json["after"]?.integer.flatMap({ UInt64(exactly: $0) }) else { return nil }
        switch json["do"]?.string {
        case "hand_in": self = .handIn(after: after)
        case "wait": self = .wait(after: after)
        case "rejoin": self = .rejoin(after: after, testify: json["testify"]?.bool ?? false)
        case "follow":
            guard let at = json["at"]?.integer.flatMap({ UInt64(exactly: $0) }) else { return nil }
            self = .follow(from: after, at: at)
        default: return nil
        }
    }
}
