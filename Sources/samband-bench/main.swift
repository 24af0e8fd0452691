import Foundation

// samband-bench capture|seal|apply|sync [ROWS] [ROUNDS]: what Samband costs, as a ratio to plain SQLite in the same run.
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
    default:
        FileHandle.standardError.write(
            Data("usage: samband-bench capture|seal|apply|sync [ROWS] [ROUNDS]\n".utf8))
        exit(64)
    }
    exit(isMet ? 0 : 1)
} catch {
    FileHandle.standardError.write(Data("error: \(error)\n".utf8))
    exit(70)
}
