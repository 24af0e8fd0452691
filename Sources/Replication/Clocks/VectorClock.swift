/// What a database has seen: for each replica the highest seq with no gap before it. A replica that is not in
/// it has been seen up to 0. (Fidge 1988, Mattern 1989; "version vector" in Parker et al. 1983.)
package struct VectorClock: Hashable, Sendable {
    private var seqs: [UInt32: UInt64]

    package init() { seqs = [:] }

    /// From pairs; a seq of 0 says nothing and is left out.
    package init(_ pairs: some Sequence<(UInt32, UInt64)>) {
        seqs = [:]
        for (replica, seq) in pairs { advance(replica, to: seq) }
    }

    package subscript(replica: UInt32) -> UInt64 { seqs[replica] ?? 0 }

    /// True when the change set of this dot has been seen.
    package func covers(_ dot: Dot) -> Bool { self[dot.replica] >= dot.seq }

    /// True when everything that `other` has seen has been seen here too.
    package func covers(_ other: VectorClock) -> Bool {
        other.seqs.allSatisfy { self[$0.key] >= $0.value }
    }

    /// Raises one component; never lowers it.
    package mutating func advance(_ replica: UInt32, to seq: UInt64) {
        if seq > self[replica] { seqs[replica] = seq }
    }

    /// The least upper bound: of each component the larger.
    package mutating func merge(_ other: VectorClock) {
        for (replica, seq) in other.seqs { advance(replica, to: seq) }
    }

    /// The components by replica number, ascending: the order of every encoding.
    package var entries: [(replica: UInt32, seq: UInt64)] {
        seqs.sorted { $0.key < $1.key }.map { (replica: $0.key, seq: $0.value) }
    }

    package var isEmpty: Bool { seqs.isEmpty }

    /// The components in which this vector clock is above an older one of the same replica: how a context is
    /// written, as a delta to the replica's previous one.
    package func delta(since older: VectorClock) -> VectorClock {
        VectorClock(entries.filter { $0.seq > older[$0.replica] }.map { ($0.replica, $0.seq) })
    }
}
