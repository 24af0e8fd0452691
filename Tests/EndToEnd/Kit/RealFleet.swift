import Foundation
import HTTP
import JSONText
import Synchronization
import TestKit

/// A hub and its sites as real processes on loopback, each with a database file that stock programs write.
///
///     let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa", "verran"])
///     try await fleet.write("snasa", "INSERT INTO referral(id, status) VALUES('r-1', 'new')")
///     try await fleet.untilEqual()
///
/// Everything ends and goes with the last reference to it.
final class RealFleet: Sendable {
    let folder: TemporaryFolder
    private let warden: Warden
    private let places: [String: String]
    private let listen: String?
    private let wrapping: [String]
    private let state = Mutex(State())

    private struct State {
        var running: [String: ChildProcess] = [:]
        var sites: [String] = []
        var address = ""
    }

    /// The name under which the hub goes among the sites.
    static let hub = "hub"

    /// Creates and starts the hub, lets the sites join, and starts them.
    ///
    /// - Parameters:
    ///   - places: folders for the files of those that are not to be in the fleet's own.
    ///   - listen: where the hub listens, if not at a port that the system picks.
    ///   - wrapping: a program and its words that run each node.
    init(
        schema: String, sites: [String] = [], places: [String: String] = [:], listen: String? = nil,
        wrapping: [String] = []
    ) async throws {
        self.places = places
        self.listen = listen
        self.wrapping = wrapping
        folder = try TemporaryFolder()
        warden = try Warden()
        let file = folder.file("schema.sql")
        try schema.write(toFile: file, atomically: false, encoding: .utf8)
        try await must(
            "hub", "init", "--db", database(Self.hub), "--fleet", "Inn-Trøndelag", "--schema", file)
        try await start(Self.hub)
        for site in sites {
            try await join(site)
            try await start(site)
        }
    }

    deinit {
        for (_, process) in state.withLock({ $0.running }) { end(process) }
    }

    var sites: [String] { state.withLock { $0.sites } }
    /// Hub and sites.
    var everyone: [String] { [Self.hub] + sites }
    /// The hub's address, as it is given to sites.
    var address: String { state.withLock { $0.address } }

    /// A line to the hub that fails as a test wants.
    func line() throws -> FaultProxy {
        guard let port = address.split(separator: ":").last.flatMap({ UInt16($0) }) else {
            throw ChildProcess.Failure(description: "the hub has no address yet")
        }
        return try FaultProxy(to: port)
    }

    func database(_ name: String) -> String { places[name].map { "\($0)/\(name).db" } ?? folder.file(name + ".db") }

    // MARK: processes

    /// Starts the process of the hub or a site and waits for the line that says that it serves.
    func start(_ name: String) async throws {
        let process = try launch(name)
        let line = try await until("\(name) serves") { () -> String? in
            let errors = process.errors
            if let status = process.ended {
                throw ChildProcess.Failure(description: "\(name) ended with \(status): \(errors)")
            }
            return errors.split(separator: "\n").first { $0.contains(" serving ") }.map(String.init)
        }
        if name == Self.hub, let url = line.split(separator: " ").first(where: { $0.hasPrefix("http://") }) {
            state.withLock { $0.address = String(url) }
        }
    }

    private func launch(_ name: String) throws -> ChildProcess {
        // The first time the system picks a free port; sites remember it, so it stays.
        let address =
            listen ?? (self.address.isEmpty ? "127.0.0.1:0" : String(self.address.dropFirst("http://".count)))
        let words =
            name == Self.hub
            ? ["hub", "serve", "--db", database(name), "--listen", address]
            : ["node", "serve", "--db", database(name)]
        let all = (name == Self.hub ? [] : wrapping) + [Programs.samband] + words
        let process = try ChildProcess(all[0], Array(all.dropFirst()), in: folder.path)
        warden.note(begun: process.id)
        if let former = state.withLock({ $0.running.updateValue(process, forKey: name) }) { end(former) }
        return process
    }

    private func end(_ process: ChildProcess) {
        _ = process.kill()
        warden.note(ended: process.id)
    }

    private func take(_ name: String) throws -> ChildProcess {
        guard let process = state.withLock({ $0.running.removeValue(forKey: name) }) else {
            throw ChildProcess.Failure(description: "\(name) does not run")
        }
        return process
    }

    /// kill -9.
    func kill(_ name: String) throws { end(try take(name)) }

    /// SIGTERM, and the process's exit status.
    func stop(_ name: String) async throws -> Int32 {
        let process = try take(name)
        defer { end(process) }
        process.send(SIGTERM)
        return try await process.end()
    }

    /// The id of a running process; nil when there is none.
    func processID(_ name: String) -> pid_t? { state.withLock { $0.running[name]?.id } }

    /// The most memory that each running process has had, in MB. (proc_pid_status(5), VmHWM)
    func memory() throws -> String {
        let processes = state.withLock { $0.running }
        return try processes.sorted { $0.key < $1.key }.map { name, process in
            let status = try String(contentsOfFile: "/proc/\(process.id)/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
            return "\(name) \((Int(line.filter(\.isNumber)) ?? 0) / 1000)"
        }.joined(separator: ", ")
    }

    /// What a running process has said on standard error.
    func notes(_ name: String) -> String { state.withLock { $0.running[name]?.errors ?? "" } }

    /// Starts another program, which is killed with the fleet.
    func spawn(_ label: String, _ program: String, _ arguments: [String]) throws -> ChildProcess {
        let process = try ChildProcess(program, arguments, in: folder.path)
        warden.note(begun: process.id)
        if let former = state.withLock({ $0.running.updateValue(process, forKey: label) }) { end(former) }
        return process
    }

    // MARK: commands

    /// Runs a program to its end.
    func run(_ program: String, _ arguments: [String], input: String = "") async throws -> Answer {
        let process = try ChildProcess(program, arguments, input: input, in: folder.path)
        warden.note(begun: process.id)
        defer { end(process) }
        let status = try await process.end()
        return Answer(words: arguments, status: status, output: process.output, errors: process.errors)
    }

    func samband(_ words: String...) async throws -> Answer { try await run(Programs.samband, words) }

    /// A command of the tool that has to succeed; its output.
    @discardableResult
    func must(_ words: String...) async throws -> String { try await succeed(Programs.samband, words) }

    private func succeed(_ program: String, _ words: [String], input: String = "") async throws -> String {
        let answer = try await run(program, words, input: input)
        guard answer.status == 0 else { throw ChildProcess.Failure(description: "\(answer)") }
        return answer.output
    }

    /// What a reading verb says about the hub's or a site's database.
    func json(_ name: String, _ words: String...) async throws -> JSON {
        let text = try await succeed(Programs.samband, words + ["--db", database(name), "--json"])
        return try JSON(parsing: Array(text.utf8))
    }

    /// Gives a site a place in the fleet.
    /// - Returns: the path of the file with its join token.
    func invite(_ site: String) async throws -> String {
        let token = try await must("site", "add", site, "--db", database(Self.hub))
        let file = folder.file(site + ".token")
        try token.write(toFile: file, atomically: false, encoding: .utf8)
        return file
    }

    /// Tries to join, at an address that nobody else has.
    func tryToJoin(_ site: String, at address: String) async throws -> Answer {
        let file = try await invite(site)
        let words = [
            Programs.samband, "node", "join", "--db", database(site), "--hub", address, "--token-file", file,
        ]
        let all = wrapping + words
        let answer = try await run(all[0], Array(all.dropFirst()))
        if answer.status == 0 { state.withLock { $0.sites.append(site) } }
        return answer
    }

    /// - Parameter line: what the site reaches the hub through; nil for the way there.
    func join(_ site: String, through line: FaultProxy? = nil) async throws {
        let file = try await invite(site)
        let address = line.map { "http://127.0.0.1:\($0.port)" } ?? self.address
        try await must("node", "join", "--db", database(site), "--hub", address, "--token-file", file)
        state.withLock { $0.sites.append(site) }
    }

    // MARK: stock programs

    /// Writes or reads with the sqlite3 shell, as any program of the site would.
    @discardableResult
    func write(_ name: String, _ sql: String) async throws -> String {
        try await succeed(
            Programs.sqlite, ["-bail", database(name)], input: ".timeout 120000\n" + sql + ";\n")
    }

    /// Writes with Python's sqlite3: one transaction.
    func writeFromPython(_ name: String, _ sql: String) async throws {
        let program = """
            import sqlite3, sys
            with sqlite3.connect(sys.argv[1], timeout=120) as connection:
                connection.execute(sys.argv[2])
            """
        _ = try await succeed(Programs.python, ["-c", program, database(name), sql])
    }

    // MARK: meeting

    /// Waits until everything that was written is everywhere.
    func untilMet() async throws {
        var seen = ""
        try await until("all have met: \(seen)", everyMs: 100) {
            let hub = try await json(Self.hub, "status")
            var haveAll = true
            seen = "hub \(hub["vector"] ?? .null)"
            for site in sites {
                let status = try await json(site, "status")
                let has =
                    status["pending"] == 0 && status["in_flight"] == 0 && status["vector"] == hub["vector"]
                if !has {
                    seen +=
                        "; \(site) \((try? status.bytes()).map { String(decoding: $0, as: UTF8.self) } ?? "")"
                }
                haveAll = haveAll && has
            }
            return haveAll
        }
    }

    /// The rows of replicated tables as text, in order.
    func content(_ name: String) async throws -> String {
        let tables = try await write(
            name, "SELECT name FROM samband_table ORDER BY name"
        ).split(separator: "\n").map(String.init)
        var text = ""
        for table in tables {
            text += try await write(
                name, ".mode quote\n.print -- \(table)\nSELECT * FROM \"\(table)\" ORDER BY 1, 2")
        }
        return text
    }
}
