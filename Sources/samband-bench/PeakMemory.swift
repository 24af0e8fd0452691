import Foundation

/// The most memory that each process ever had.
final class PeakMemory {
    private var peaks: [String: Int] = [:]

    /// Notes the peak of a process so far.
    func note(_ name: String, _ process: Int32) {
        peaks[name] = max(peaks[name] ?? 0, PeakMemory.bytes(of: "\(process)"))
    }

    /// VmHWM, the peak of the resident set, in bytes. (proc_pid_status(5))
    static func bytes(of process: String) -> Int {
        let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0) * 1024
    }

    /// Prints them all; true when none is beyond the goal.
    func report(goalBytes: Int) -> Bool {
        for (name, peak) in peaks.sorted(by: { $0.key < $1.key }) {
            let verdict = peak <= goalBytes ? "met" : "MISSED"
            print(
                "sync: peak memory of \(name): \(peak / 1_000_000) MB  goal \(goalBytes / 1_000_000): \(verdict)"
            )
        }
        return peaks.values.allSatisfy { $0 <= goalBytes }
    }
}
