/// What a node asks when the hub holds other change sets of its replica than it has sealed itself.
package struct SplitRequest: Sendable {
    /// The replica as which it has acted so far, and its last own seq.
    package let replica: UInt32
    package let sealed: UInt64
    /// Digests of own change sets by seq, ascending: all of them, or some that lie apart.
    package let digests: [(seq: UInt64, digest: [UInt8])]
    /// The place in the hub's order up to which it has everything.
    package let position: UInt64
    /// Drawn and kept by the node before it asks first, so that a lost answer is given again.
    package let ticket: [UInt8]

    package init(
        replica: UInt32, sealed: UInt64, digests: [(seq: UInt64, digest: [UInt8])], position: UInt64, ticket: [UInt8]
    ) {
        self.replica = replica
        self.sealed = sealed
        self.digests = digests
        self.position = position
        self.ticket = ticket
    }
}

/// That a replica goes on from another of its site.
package struct SplitStep: Hashable, Sendable {
    package let replica: UInt32
    /// The last change set of the other that is its own as well; with seq 0 there is none.
    package let from: Dot
    package let atMs: UInt64

    package init(replica: UInt32, from: Dot, atMs: UInt64) {
        self.replica = replica
        self.from = from
        self.atMs = atMs
    }
}

/// What the hub answers.
package enum SplitAnswer: Hashable, Sendable {
    /// From behind `at` on it is another replica.
    case goOn(as: UInt32, at: UInt64)
    /// The last change set that both have alike lies at or behind `above` and before `below`: digests from in between are
    /// needed.
    case narrow(above: UInt64, below: UInt64)
}
