/// What a column of the policy `sum` holds: an absolute value and what was added to it. In 128 bits, so that only the sum
/// itself can be too large, and no step on the way. (Protocol/Merge-Model.md#sum)
package struct WideSum: Hashable, Sendable {
    private var total: Int128

    package init(_ value: Int64 = 0, adding deltas: [Int64] = []) {
        total = deltas.reduce(Int128(value)) { $0 + Int128($1) }
    }

    package mutating func add(_ delta: Int64) { total += Int128(delta) }
    package mutating func add(_ other: WideSum) { total += other.total }
    package mutating func subtract(_ other: WideSum) { total -= other.total }

    /// Nil when it is beyond 64 bits.
    package var value: Int64? { Int64(exactly: total) }
}
