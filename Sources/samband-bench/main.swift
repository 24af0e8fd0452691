import Foundation

// samband-bench capture|seal|apply|sync [ROWS] [ROUNDS]: what Samband costs, as a ratio to plain SQLite in the same run.
// samband-bench merge [ROWS] [ROUNDS] [CASES]: what a site that returns costs, as a ratio to taking the same blind.
let arguments = CommandLine.arguments.dropFirst()
let rows = arguments.dropFirst().first.flatMap { Int($0) } ?? 50_000
let rounds = arguments.dropFirst(2).first.flatMap { Int($0) } ?? 5
do {
    let isMet: Bool
    switch arguments.first {
    case "capture": isMet = try benchCapture(rounds: rounds, rows: rows)
    case "seal": isMet = try benchSeal(rounds: rounds, rows: rows)
    case "apply": isMet = try benchApply(rounds: rounds, rows: rows)
    case "sync": isMet = try benchSync(rounds: rounds, rows: arguments.count > 1 ? rows : 100_000)
    case "merge":
        let chosen = arguments.dropFirst(3).first.map { $0.split(separator: ",").map(String.init) }
        isMet = try benchMerge(
            rounds: arguments.count > 2 ? rounds : 3, rows: arguments.count > 1 ? rows : 100_000, cases: chosen)
    case "merge-part": isMet = try benchMergePart(Array(arguments.dropFirst()))
    default:
        FileHandle.standardError.write(
            Data("usage: samband-bench capture|seal|apply|sync|merge [ROWS] [ROUNDS]\n".utf8))
        exit(64)
    }
    exit(isMet ? 0 : 1)
} catch {
    FileHandle.standardError.write(Data("error: \(error)\n".utf8))
    exit(70)
}
