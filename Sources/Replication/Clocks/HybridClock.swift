/// The hybrid logical clock of one database: 48 bits of milliseconds since 1970 and 16 of counter. What it
/// gives out is greater than every value seen so far and follows physical time when that runs ahead.
/// (Kulkarni, Demirbas et al. 2014, "Logical Physical Clocks".)
package struct HybridClock: Hashable, Sendable {
    /// The greatest value given out or seen.
    package private(set) var last: UInt64

    package init(last: UInt64 = 0) { self.last = last }

    /// A value greater than all before it. `nowMs` is physical time in milliseconds since 1970, already
    /// corrected by the known offset to the hub's clock.
    package mutating func tick(nowMs: UInt64) -> UInt64 {
        last = next(nowMs: nowMs)
        return last
    }

    /// The value that the next tick at this time would give.
    package func next(nowMs: UInt64) -> UInt64 { max(last + 1, HybridClock.value(ms: nowMs)) }

    /// Takes in a value that came from elsewhere.
    package mutating func observe(_ hlc: UInt64) { last = max(last, hlc) }

    /// The first value of a millisecond. Milliseconds beyond 48 bits (the year 10889) stick at the end.
    package static func value(ms: UInt64) -> UInt64 { min(ms, 0xffff_ffff_ffff) << 16 }

    /// The milliseconds since 1970 within a value.
    package static func milliseconds(_ hlc: UInt64) -> UInt64 { hlc >> 16 }
}
