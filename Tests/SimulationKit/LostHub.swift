import Replication

/// The time from one restoration of the hub to the next, as a database knows it.
package struct SeenEpoch: Hashable, Sendable {
    package let number: UInt64
    package let hub: UInt32
    package let base: UInt64

    package init(number: UInt64, hub: UInt32, base: UInt64) {
        self.number = number
        self.hub = hub
        self.base = base
    }
}

/// What a node says of itself when it greets the hub.
package struct Follower: Hashable, Sendable {
    package let replica: UInt32
    package let epochs: [SeenEpoch]
    package let sealed: UInt64
    package let position: UInt64
    /// Of what it has at its position; nil when it has nothing there.
    package let digest: [UInt8]?

    package init(replica: UInt32, epochs: [SeenEpoch], sealed: UInt64, position: UInt64, digest: [UInt8]?) {
        self.replica = replica
        self.epochs = epochs
        self.sealed = sealed
        self.position = position
        self.digest = digest
    }
}

/// A change set that a node has and a restored hub may lack.
package struct SeenOffer: Hashable, Sendable {
    package let dot: Dot
    package let digest: [UInt8]
    package let place: UInt64?
    package let isWhole: Bool

    package init(dot: Dot, digest: [UInt8], place: UInt64?, isWhole: Bool) {
        self.dot = dot
        self.digest = digest
        self.place = place
        self.isWhole = isWhole
    }
}

/// What a restored hub tells a node to do before anything else.
package enum RecoveryAsked: Hashable, Sendable {
    case handIn(after: UInt64)
    case wait
    /// Behind `from`; the repair stands at `at`.
    case follow(from: UInt64, at: UInt64)
}

/// What has become of the small file that says how far the hub had come, when the hub's own file is put back.
package enum SeatFate: String, Hashable, Sendable, CaseIterable {
    /// It is on the machine still.
    case kept
    /// It went with the machine.
    case lost
}

/// A hub that cannot be lost.
extension HubEnd {
    package var isRecovering: Bool { false }
    package func lose(image: Int?, seat: SeatFate) throws {}
    package func recoveryStep(of follower: Follower) throws -> RecoveryAsked? { nil }
    package func checkOrder(of follower: Follower) throws {}
    package func wanted(_ offers: [SeenOffer], from follower: Follower) throws -> [Dot] { [] }
    package func keep(_ handed: Arrival, from follower: Follower) throws {}
    package func noteHeard(_ follower: Follower, nowMs: UInt64) throws {}
    package func acceptRecovery(nowMs: UInt64) throws {}
}

extension NodeEnd {
    package func follower() throws -> Follower {
        Follower(replica: replica, epochs: [], sealed: 0, position: try position(), digest: nil)
    }
    package func offers(after position: UInt64) throws -> [SeenOffer] { [] }
    package func handedBytes(_ dots: [Dot]) throws -> [UInt8] { [] }
    package func isDiverged(_ error: any Error) -> Bool { false }
}
