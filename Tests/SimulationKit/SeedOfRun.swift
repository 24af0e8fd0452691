import Foundation

/// Where a run of random histories starts and how long it is. `SAMBAND_SEED` replays one history, and
/// `SAMBAND_HISTORIES` multiplies how many are run, in percent of what the test asks for.
package enum SeedOfRun {
    /// The seeds to run: the one named by the environment, or `count` beginning with `first`.
    package static func seeds(from first: UInt64, count: Int) -> [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        if let text = environment["SAMBAND_SEED"], let seed = UInt64(text) { return [seed] }
        let percent = environment["SAMBAND_HISTORIES"].flatMap { Int($0) } ?? 100
        let offset = environment["SAMBAND_FIRST_SEED"].flatMap { UInt64($0) } ?? 0
        return (0..<max(1, count * percent / 100)).map { first + offset + UInt64($0) }
    }
}
