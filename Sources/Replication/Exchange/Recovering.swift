/// The time from one restoration of the hub to the next. Each has its own replica number of the hub and its own order
/// behind `base`; up to there positions mean what they meant in the epoch before. (Protocol/Merge-Model.md#lost-hub)
package struct Epoch: Hashable, Sendable {
    /// 0 for the first hub, one more with each restoration.
    package let number: UInt64
    /// The hub's replica number in it.
    package let hub: UInt32
    package let base: UInt64

    package init(number: UInt64, hub: UInt32, base: UInt64) {
        self.number = number
        self.hub = hub
        self.base = base
    }
}

extension [Epoch] {
    /// The position up to which two databases mean the same by positions: where the first epoch begins that only one of
    /// them knows. Nil when both know the same epochs; 0 when they never shared one.
    package func sharedPosition(with other: [Epoch]) -> UInt64? {
        for index in 0..<Swift.max(count, other.count) {
            guard index < count, index < other.count else {
                return index == 0 ? 0 : index < count ? self[index].base : other[index].base
            }
            if self[index].hub != other[index].hub {
                return index == 0 ? 0 : Swift.min(self[index].base, other[index].base)
            }
        }
        return nil
    }
}

/// What a replica that follows the order of a lost hub is to do next.
package enum RecoveryStep: Hashable, Sendable {
    /// Hand in all it knows behind this position, then say so.
    case handIn(after: UInt64)
    /// It has handed in what it had; the hub still waits for others.
    case wait(after: UInt64)
    /// Follow the new order behind `from`; the repair stands at `at`.
    case follow(from: UInt64, at: UInt64)
    /// It has handed in what it had, but what lies between its own log and the hub's nobody knows: it has to join anew.
    /// With `testify` its tables hold what is in no change set that anybody has handed in: before it joins anew it hands
    /// in all its rows.
    case rejoin(after: UInt64, testify: Bool)
}

/// Where a replica stands in the order that it follows.
package struct OrderPlace: Hashable, Sendable {
    /// It has everything up to here.
    package let position: UInt64
    /// Behind this position it has the change sets themselves; those up to here came with its snapshot.
    package let logBegins: UInt64
    /// What it has seen.
    package let vector: VectorClock

    package init(position: UInt64, logBegins: UInt64, vector: VectorClock) {
        self.position = position
        self.logBegins = logBegins
        self.vector = vector
    }
}

/// A change set that a site knows and the hub may lack.
package struct OfferedSet: Hashable, Sendable {
    package let dot: Dot
    package let digest: [UInt8]
    /// Its position in the order that the site follows; nil while it is in flight.
    package let place: UInt64?
    /// True when the site has it as its author wrote it.
    package let isWhole: Bool

    package init(dot: Dot, digest: [UInt8], place: UInt64?, isWhole: Bool) {
        self.dot = dot
        self.digest = digest
        self.place = place
        self.isWhole = isWhole
    }
}
