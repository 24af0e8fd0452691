import SimulationKit
import Synchronization

/// The time of a fleet, which stands still until the test moves it: what is stamped does not depend on the machine.
package final class HandClock: Sendable {
    private let time: Mutex<UInt64>

    package init(startMs: UInt64) { time = Mutex(startMs) }

    package var nowMs: UInt64 { time.withLock { $0 } }

    package func advance(ms: UInt64) { time.withLock { $0 += ms } }

    /// The clock of a machine that is right.
    package func reading() -> @Sendable () -> UInt64 { { self.nowMs } }
}

/// The clock of a machine, which may be set wrong.
final class MachineClock: Sendable {
    private let clock: HandClock
    private let skewMs: Mutex<Int64>

    init(_ clock: HandClock, skewMs: Int64) {
        self.clock = clock
        self.skewMs = Mutex(skewMs)
    }

    var nowMs: UInt64 { UInt64(Int64(clock.nowMs) + skewMs.withLock { $0 }) }

    func set(skewMs: Int64) { self.skewMs.withLock { $0 = skewMs } }
}

/// Replica numbers in no order of the sites, the same in every run.
package final class DrawnNumbers: Sendable {
    private let random: Mutex<SeededRandom>

    package init(seed: UInt64) { random = Mutex(SeededRandom(seed: seed)) }

    package func draw() -> UInt32 { random.withLock { UInt32($0.int(1...Int(Int32.max) - 1)) } }
}
