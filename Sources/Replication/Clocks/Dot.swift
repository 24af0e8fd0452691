/// The name of a change set: the replica that authored it and its place in that replica's own count, which runs
/// 1, 2, 3 … without gaps. A dot never names two contents.
package struct Dot: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let replica: UInt32
    package let seq: UInt64

    package init(replica: UInt32, seq: UInt64) {
        self.replica = replica
        self.seq = seq
    }

    /// As the command line shows it: `8070:41`.
    package var description: String { "\(replica):\(seq)" }

    /// Reads `replica:seq`; nil when the text is anything else.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let replica = UInt32(parts[0]), let seq = UInt64(parts[1]) else { return nil }
        self.init(replica: replica, seq: seq)
    }

    package static func < (a: Dot, b: Dot) -> Bool {
        a.replica != b.replica ? a.replica < b.replica : a.seq < b.seq
    }
}

extension [Dot] {
    /// True when a change set is one of those that end with these, each the last of its replica.
    package func holds(_ dot: Dot) -> Bool { contains { $0.replica == dot.replica && dot.seq <= $0.seq } }
}

/// What orders concurrent writes of one cell the same way everywhere: the hybrid logical clock first, then the
/// replica, then its count. The zero stamp is below every write: a carried cell has it when the write that it
/// repeats is no longer in the log.
package struct Stamp: Hashable, Comparable, Sendable {
    package let hlc: UInt64
    package let replica: UInt32
    package let seq: UInt64

    package init(hlc: UInt64, replica: UInt32, seq: UInt64) {
        self.hlc = hlc
        self.replica = replica
        self.seq = seq
    }

    package init(hlc: UInt64, dot: Dot) {
        self.init(hlc: hlc, replica: dot.replica, seq: dot.seq)
    }

    package static let zero = Stamp(hlc: 0, replica: 0, seq: 0)

    /// The stamp of what a policy decides, just above the greatest HLC among the writes it decides between: above every
    /// replica's write of that HLC, and above what the hub decided before, also before it was restored.
    ///
    /// - Parameters:
    ///   - epoch: how often the hub was restored.
    ///   - seq: of the hub's change set that brings the decision.
    package static func decided(hlc: UInt64, epoch: UInt64, seq: UInt64) -> Stamp {
        Stamp(hlc: hlc, replica: .max, seq: epoch << 48 | seq & 0xffff_ffff_ffff)
    }

    /// True for a stamp of that form; the hub gives out no replica number so great.
    package var isDecided: Bool { replica == .max }

    package static func < (a: Stamp, b: Stamp) -> Bool {
        if a.hlc != b.hlc { return a.hlc < b.hlc }
        if a.replica != b.replica { return a.replica < b.replica }
        return a.seq < b.seq
    }
}
