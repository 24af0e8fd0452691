/// True when who had reached `seen` of the hub's order had seen what stands at `position`. The hub takes nothing in before
/// its context, and a site takes the order in without gaps: so the position says the same as the context.
/// (Protocol/Merge-Model.md#had-seen)
@inlinable
package func hadSeen(_ position: UInt64, upTo seen: UInt64) -> Bool { position <= seen }

/// A write of which it is known what its author had seen: by its position in the hub's order, or because it is the
/// author's own. (Protocol/Merge-Model.md#had-seen)
package protocol AuthoredWrite {
    var dot: Dot { get }
    /// The position that its author had reached.
    var seen: UInt64 { get }
    /// Where its author went on from under other replica numbers: the last dot of each that was its own.
    var line: [Dot] { get }
}

extension AuthoredWrite {
    /// True when the author had seen what stands there, whoever wrote it.
    @inlinable
    package func hadSeen(position: UInt64) -> Bool { Replication.hadSeen(position, upTo: seen) }

    /// True when a change set is by the same author, if it may have gone on under another replica number since.
    @inlinable
    package func isByAuthor(of other: Dot) -> Bool { dot.replica == other.replica || line.holds(other) }

    /// True when the author had seen that change set, which stands at `position`; nil while it has none. What is its own
    /// it has seen wherever it stands, up to this write.
    @inlinable
    package func hadSeen(_ other: Dot, at position: UInt64?) -> Bool {
        if dot.replica == other.replica { return other.seq < dot.seq }
        if let position, hadSeen(position: position) { return true }
        return line.holds(other)
    }
}
