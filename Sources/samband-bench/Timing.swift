import Foundation

/// Times two ways of doing the same in turn, so that the machine's moods fall on both, and tells the ratio.
struct Comparison {
    let name: String
    /// The ratio that is not to be exceeded; nil when it is only told.
    let goal: Double?

    /// Runs `plain` and `ours` alternately, each on files of its own, and prints medians and the ratio.
    /// - Returns: true when the goal holds.
    func run(
        rounds: Int, plain: (Int) throws -> Double, ours: (Int) throws -> Double
    ) rethrows -> Bool {
        var plainTimes: [Double] = []
        var ourTimes: [Double] = []
        for round in 0..<rounds {
            if round % 2 == 0 {
                plainTimes.append(try plain(round))
                ourTimes.append(try ours(round))
            } else {
                ourTimes.append(try ours(round))
                plainTimes.append(try plain(round))
            }
        }
        let ratio = median(zip(ourTimes, plainTimes).map { $0 / $1 })
        let goalText = goal.map { ratio <= $0 ? "goal \($0): met" : "goal \($0): MISSED" } ?? ""
        print(
            "\(name.padding(toLength: 44, withPad: " ", startingAt: 0)) plain \(ms(median(plainTimes)))  "
                + "ours \(ms(median(ourTimes)))  ratio \(String(format: "%.2f", ratio))  \(goalText)")
        return goal.map { ratio <= $0 } ?? true
    }
}

func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
}

func ms(_ seconds: Double) -> String { String(format: "%8.1f ms", seconds * 1000) }

/// Seconds that `body` takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    let taken = try clock.measure(body)
    return Double(taken.components.seconds) + Double(taken.components.attoseconds) / 1e18
}
