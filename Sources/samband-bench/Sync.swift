import Foundation
import SQLite

/// What bringing rows from one site to another costs, with real processes: hub, author and reader over loopback.
///
/// *Plain* writes the rows into two plain databases, one after the other, in the transactions of the program and with
/// the settings that Samband's own connections have (WAL, synchronous=FULL, a checkpoint every 4000 pages): what a
/// copy at the hub and one at the reader cost at the least. *Ours* begins when the author's program has its first
/// commit and ends when the reader has every row, so with many transactions most of the program's own writing is
/// within it too.
func benchSync(rounds: Int, rows: Int) throws -> Bool {
    let memory = PeakMemory()
    var isMet = true
    for (name, perTransaction) in [("one transaction", rows), ("2,000 rows a transaction", 2000)] {
        isMet =
            try Comparison(name: "sync: \(rows) rows, \(name)", goal: 3).run(
                rounds: rounds,
                plain: { _ in
                    let folder = try BenchFolder()
                    let copies = try ["a.db", "b.db"].map { try folder.plain($0, synchronous: "FULL") }
                    return try seconds {
                        for copy in copies {
                            try Workload.insert(copy, 0..<rows, perTransaction: perTransaction)
                        }
                    }
                },
                ours: { _ in
                    try BenchFleet().carry(rows: rows, perTransaction: perTransaction, memory: memory)
                }) && isMet
    }
    return memory.report(goalBytes: 100_000_000) && isMet
}

/// A hub and two sites as real processes; ended with the value.
private final class BenchFleet {
    private let folder: BenchFolder
    private var processes: [(name: String, process: Process)] = []

    init() throws {
        folder = try BenchFolder()
        let schema = folder.path + "/schema.sql"
        try Workload.registered.write(toFile: schema, atomically: true, encoding: .utf8)
        try run(["hub", "init", "--db", file("hub"), "--fleet", "bench", "--schema", schema])
        let hub = try serve("hub", ["hub", "serve", "--db", file("hub"), "--listen", "127.0.0.1:0"])
        let address = hub.split(separator: " ").first { $0.hasPrefix("http://") } ?? ""
        for site in ["author", "reader"] {
            let token = folder.path + "/token"
            try run(["site", "add", site, "--db", file("hub")]).write(
                toFile: token, atomically: true, encoding: .utf8)
            try run(["node", "join", "--db", file(site), "--hub", String(address), "--token-file", token])
            _ = try serve(site, ["node", "serve", "--db", file(site)])
        }
    }

    deinit {
        for (_, process) in processes {
            process.terminate()
            process.waitUntilExit()
        }
    }

    private func file(_ name: String) -> String { "\(folder.path)/\(name).db" }

    /// Writes rows at the author and waits until the reader has them.
    /// - Returns: seconds from the program's first commit on.
    func carry(rows: Int, perTransaction: Int, memory: PeakMemory) throws -> Double {
        let program = try folder.program("author.db")
        let reader = try Connection(path: file("reader"), mode: .readOnly, busyTimeoutMs: 1000)
        defer { reader.close() }
        let first = min(perTransaction, rows)
        try Workload.insert(program, 0..<first, perTransaction: first)
        let taken = try seconds {
            try Workload.insert(program, first..<rows, perTransaction: perTransaction)
            // Rows are only added, so the last rowid is their number; it is looked up, not counted.
            while try reader.firstInteger("SELECT max(rowid) FROM referral") != Int64(rows) { usleep(1000) }
        }
        for (name, process) in processes { memory.note(name, process.processIdentifier) }
        return taken
    }

    @discardableResult
    private func run(_ words: [String]) throws -> String {
        let (process, output) = try start(words, "out")
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchFailure(words.joined(separator: " ") + " failed")
        }
        return try String(contentsOfFile: output + ".out", encoding: .utf8)
    }

    /// Starts a process and waits for the line that says that it serves.
    private func serve(_ name: String, _ words: [String]) throws -> String {
        let (process, output) = try start(words, name)
        processes.append((name, process))
        let deadline = Date() + 30
        while Date() < deadline, process.isRunning {
            let lines = try String(contentsOfFile: output + ".err", encoding: .utf8).split(separator: "\n")
            if let line = lines.first(where: { $0.contains(" serving ") }) { return String(line) }
            usleep(1000)
        }
        throw BenchFailure("\(name) did not start")
    }

    private func start(_ words: [String], _ name: String) throws -> (Process, String) {
        let tool = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: "samband")
        guard FileManager.default.isExecutableFile(atPath: tool.path) else {
            throw BenchFailure("\(tool.path) is missing: swift build -c release --product samband")
        }
        let output = folder.path + "/" + name
        let process = Process()
        process.executableURL = tool
        process.arguments = words
        process.standardInput = FileHandle.nullDevice
        for end in ["out", "err"] { try Data().write(to: URL(fileURLWithPath: "\(output).\(end)")) }
        process.standardOutput = FileHandle(forWritingAtPath: output + ".out")
        process.standardError = FileHandle(forWritingAtPath: output + ".err")
        try process.run()
        return (process, output)
    }
}

struct BenchFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
