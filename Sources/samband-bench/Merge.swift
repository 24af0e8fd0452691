import Foundation
import Glibc
import HubDatabase
import NodeDatabase
import Replication
import SQLite

/// What a site costs that comes back with `rows` changes while the others have made as many: at the hub when it
/// pushes, and at the site when it pulls. *Blind* is the same taken where nothing is concurrent: the same change sets at
/// a hub without the others', the others' at a site without any of its own. Every part is a process of its own on fresh
/// copies of the files, so that its peak of memory is its own.
func benchMerge(rounds: Int, rows: Int, cases: [String]?) throws -> Bool {
    var isMet = true
    for which in MergeCase.allCases where cases?.contains(which.rawValue) ?? true {
        for (shape, perSet) in [("in 2,000s", 2000), ("as one", rows)] {
            let folder = try BenchFolder()
            try part(["prepare", which.rawValue, "\(rows)", "\(perSet)", folder.path])
            let bench = MergeBench(folder: folder)
            for round in 0..<rounds { try bench.run(round) }
            isMet = bench.report("\(which.title), \(shape)") && isMet
        }
    }
    return isMet
}

/// The rounds of one case.
private final class MergeBench {
    private let folder: BenchFolder
    private var measured: [String: [Measured]] = [:]

    init(folder: BenchFolder) { self.folder = folder }

    func run(_ round: Int) throws {
        let parts = ["blind hub", "hub", "blind node", "node"]
        for name in round % 2 == 0 ? parts : parts.reversed() { try run(name) }
        try run("echo")
    }

    private func run(_ name: String) throws {
        // The files that a part changes are copies; what it only reads it reads where it is.
        let arguments =
            switch name {
            case "blind hub": ["push", try copy("blind.db", "blind-hub.db"), file("returning.db")]
            case "hub": ["push", try copy("hub.db", "met-hub.db"), file("returning.db")]
            case "blind node": ["pull", try copy("hub.db", "giver.db"), try copy("reader.db", "blind-node.db")]
            case "node": ["pull", try copy("hub.db", "giver.db"), try copy("returning.db", "met-node.db")]
            default: ["pull", file("met-hub.db"), file("met-node.db")]
            }
        let line = try part(arguments)
        guard let result = Measured(line) else { throw BenchFailure("\(name) measured nothing: \(line)") }
        measured[name, default: []].append(result)
        if name == "echo" { try part(["compare", file("met-hub.db"), file("met-node.db")]) }
    }

    private func file(_ name: String) -> String { folder.path + "/" + name }

    private func copy(_ from: String, _ to: String) throws -> String {
        for suffix in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: file(to) + suffix) {
            try FileManager.default.removeItem(atPath: file(to) + suffix)
        }
        try FileManager.default.copyItem(atPath: file(from), toPath: file(to))
        return file(to)
    }

    func report(_ title: String) -> Bool {
        print("merge: \(title)")
        var isMet = true
        for (place, blind) in [("hub", "blind hub"), ("node", "blind node"), ("echo", nil)] {
            let ours = measured[place] ?? []
            var line = "  \(place.padding(toLength: 5, withPad: " ", startingAt: 0))"
            if let blind {
                let others = measured[blind] ?? []
                let ratio = median(zip(ours, others).map { $0.seconds / $1.seconds })
                let ofProcessor = median(zip(ours, others).map { $0.processor / $1.processor })
                line +=
                    "blind \(ms(median(others.map(\.seconds))))  ours \(ms(median(ours.map(\.seconds))))"
                    + "  ratio \(String(format: "%.2f (processor %.2f)", ratio, ofProcessor))"
                    + "  goal 2: \(ratio <= 2 ? "met" : "MISSED")"
                isMet = isMet && ratio <= 2
            } else {
                line += "                   ours \(ms(median(ours.map(\.seconds))))"
            }
            let peak = ours.map(\.peak).max() ?? 0
            line += "  peak \(peak / 1_000_000) MB"
            if let blind { line += " (blind \((measured[blind]?.map(\.peak).max() ?? 0) / 1_000_000))" }
            line += "  goal 100: \(peak <= 100_000_000 ? "met" : "MISSED")"
            isMet = isMet && peak <= 100_000_000
            print(line)
        }
        return isMet
    }
}

private struct Measured {
    let seconds: Double
    let processor: Double
    let peak: Int

    init?(_ line: String) {
        let words = line.split(separator: " ").compactMap { Double($0) }
        guard words.count == 3 else { return nil }
        (seconds, processor, peak) = (words[0], words[1], Int(words[2]))
    }
}

/// Runs one part in a process of its own.
/// - Returns: what it printed.
@discardableResult
private func part(_ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    process.arguments = ["merge-part"] + arguments
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw BenchFailure(arguments.joined(separator: " ") + " failed") }
    return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
}

/// One part: `prepare CASE ROWS PER-SET FOLDER`, `push HUB NODE`, `pull HUB NODE` or `compare HUB NODE`.
func benchMergePart(_ words: [String]) throws -> Bool {
    func word(_ index: Int) throws -> String {
        guard index < words.count else { throw BenchFailure("merge-part: too few arguments") }
        return words[index]
    }
    switch try word(0) {
    case "prepare":
        guard let which = MergeCase(rawValue: try word(1)), let rows = Int(try word(2)), let perSet = Int(try word(3))
        else { throw BenchFailure("merge-part: no such case") }
        try MergeFleet(which: which, rows: rows, perSet: perSet, folder: try word(4)).prepare()
    case "push":
        let hub = try HubStore(path: try word(1))
        let node = try NodeStore(path: try word(2))
        try measure { try push(node, to: hub) }
    case "pull":
        let hub = try HubStore(path: try word(1))
        let node = try NodeStore(path: try word(2))
        try measure { try pull(node, from: hub) }
    case "compare": return try areEqual(try word(1), try word(2))
    default: throw BenchFailure("merge-part: \(words)")
    }
    return true
}

/// Prints seconds, seconds of processor and the peak of memory.
private func measure(_ body: () throws -> Void) throws {
    let before = processorSeconds()
    let taken = try seconds(body)
    print(taken, processorSeconds() - before, PeakMemory.bytes(of: "self"))
}

private func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Whether hub and site hold equal rows: what was measured is worth nothing otherwise.
private func areEqual(_ hub: String, _ node: String) throws -> Bool {
    let connection = try Connection(path: hub, mode: .readOnly, busyTimeoutMs: 1000)
    defer { connection.close() }
    let attach = try connection.prepare("ATTACH ?1 AS site")
    try attach.bind(at: 1, text: node)
    try attach.run()
    let names = try connection.prepare("SELECT name FROM samband_table")
    var tables: [String] = ["samband_conflict"]
    while try names.step() { tables.append(names.string(0)) }
    for table in tables {
        for (one, other) in [("main", "site"), ("site", "main")] {
            let differs = try connection.firstInteger(
                "SELECT EXISTS(SELECT * FROM \(one).\(table) EXCEPT SELECT * FROM \(other).\(table))")
            if differs != 0 {
                FileHandle.standardError.write(Data("\(table) differs between hub and site\n".utf8))
                return false
            }
        }
    }
    return true
}
