import Foundation
import HTTP
import HubService
import JSONText
import NodeService
import SQLite

/// A hub and its sites in one process, each with the service that ships, on files of their own. Everything that happens is
/// an act of the test: nothing polls, and the clock stands still between two acts. So a history replays exactly.
package final class ServicesFleet {
    package let folder: String
    package let clock: HandClock
    private var hub: HubService
    /// Each is made once: a router takes its time.
    private var hubHandler: any Handler
    private var handlers: [String: any Handler] = [:]
    package private(set) var sites: [String] = []
    private let numbers: DrawnNumbers
    private var nodes: [String: NodeService] = [:]
    private var lines: [String: FleetLine] = [:]
    private var clocks: [String: MachineClock] = [:]
    private var programs: [String: Connection] = [:]

    /// Opens a fleet on copies of a template's files.
    ///
    /// - Parameters:
    ///   - skewsMs: how far the clock of each site's machine is off.
    ///   - seed: what the replica numbers follow that are drawn from here on.
    package init(_ template: FleetTemplate, skewsMs: [String: Int64] = [:], seed: UInt64) throws {
        folder = FleetFolder.new()
        try template.copy(to: folder)
        clock = HandClock(startMs: template.endsMs)
        numbers = DrawnNumbers(seed: seed)
        hub = try ServicesFleet.openHub(folder, clock, numbers)
        hubHandler = hub.operatorHandler
        for site in template.sites {
            clocks[site] = MachineClock(clock, skewMs: skewsMs[site] ?? 0)
            try open(site)
        }
    }

    deinit {
        for program in programs.values { program.close() }
        // Only rubbish in the temporary folder.
        try? FileManager.default.removeItem(atPath: folder)
    }

    static func openHub(_ folder: String, _ clock: HandClock, _ numbers: DrawnNumbers) throws -> HubService {
        try HubService(
            path: folder + "/hub.db", limitsSites: false, drawReplica: { numbers.draw() }, now: clock.reading())
    }

    package func path(_ place: String) -> String { "\(folder)/\(place).db" }

    /// The line of a site.
    package func line(_ site: String) -> FleetLine { lines[site]! }

    private func open(_ site: String) throws {
        let line = lines[site] ?? FleetLine(hub.networkHandler)
        lines[site] = line
        let secrets = SecretsFolder(of: path(site), credentials: nil)
        let clock = clocks[site] ?? MachineClock(clock, skewMs: 0)
        clocks[site] = clock
        let node = try NodeService(
            path: path(site), push: line, pull: line, secret: try secrets.read().token, secretsFolder: secrets,
            now: { clock.nowMs })
        nodes[site] = node
        handlers[site] = node.operatorHandler
        if !sites.contains(site) { sites.append(site) }
    }

    // MARK: acts

    /// The clock of a site's machine goes so far wrong. Its node notices at its next contact with the hub.
    package func setClock(of site: String, skewMs: Int64) { clocks[site]!.set(skewMs: skewMs) }

    /// Invites a site and joins it.
    package func join(_ site: String) async throws {
        clock.advance(ms: 10)
        let line = FleetLine(hub.networkHandler)
        lines[site] = line
        try await ServicesFleet.join(site, at: folder, hub, line)
        try open(site)
    }

    static func join(_ site: String, at folder: String, _ hub: HubService, _ line: FleetLine) async throws {
        let answer = try await ask(hub.operatorHandler, .post, ["site"], [], ["name": .string(site)]).json
        guard let token = answer["token"]?.string else { throw Answered(json: answer) }
        _ = try await Joining.join(
            path: "\(folder)/\(site).db", hub: "http://hub", token: token, transport: line, pause: .zero)
    }

    /// A program at a site writes: one transaction, of which nothing stands when a statement is refused.
    package func write(_ site: String, _ sql: String) throws {
        clock.advance(ms: 10)
        let program = try program(at: site)
        try program.execute("BEGIN IMMEDIATE")
        do {
            try program.execute(sql)
            try program.execute("COMMIT")
        } catch {
            try? program.execute("ROLLBACK")  // OR ROLLBACK has done it already
            throw error
        }
    }

    /// What a program reads at a site or at the hub: of each row the columns, as text.
    package func rows(_ place: String, _ sql: String) throws -> [[String]] {
        let statement = try program(at: place).cached(sql)
        defer { statement.reset() }
        var found: [[String]] = []
        while try statement.step() { found.append((0..<statement.columnCount).map { statement.string($0) }) }
        return found
    }

    /// The site's node looks for what was written and seals it as a change set.
    package func seal(_ site: String) async {
        clock.advance(ms: 1)
        await nodes[site]!.onCommit()
    }

    /// The site's node pushes and pulls once.
    package func sync(_ site: String) async throws {
        clock.advance(ms: 10)
        _ = try await nodes[site]!.syncOnce()
    }

    /// The site's node seals and pushes, and takes nothing in.
    package func push(_ site: String) async throws {
        await seal(site)
        clock.advance(ms: 10)
        _ = try await nodes[site]!.pushAll()
    }

    /// The site's node takes in what the hub has, and pushes nothing.
    package func pull(_ site: String) async throws {
        clock.advance(ms: 10)
        _ = try await nodes[site]!.pullAll(waitMs: 0)
    }

    private func program(at site: String) throws -> Connection {
        if let open = programs[site] { return open }
        let program = try Connection(path: path(site), mode: .readWrite, busyTimeoutMs: 5000)
        try program.execute("PRAGMA foreign_keys = ON")
        programs[site] = program
        return program
    }

    // MARK: files that are put back

    /// Keeps a copy of a site's file as it is.
    package func keepFile(of site: String, as name: String) throws {
        try? FileManager.default.removeItem(atPath: path(name))  // one that was kept before
        try program(at: site).execute("VACUUM INTO '\(path(name))'")
    }

    /// The site's machine begins anew with the copy.
    package func putBackFile(of site: String, from name: String) async throws {
        await nodes[site]!.close()
        nodes[site] = nil
        handlers[site] = nil
        programs.removeValue(forKey: site)?.close()
        remove(path(site))
        try FileManager.default.copyItem(atPath: path(name), toPath: path(site))
        try open(site)
    }

    /// The hub writes a backup.
    package func backUpHub(as name: String) async throws {
        // What it has noted of its sites' progress goes along, whether or not its timer has come round.
        await hub.close()
        try? FileManager.default.removeItem(atPath: path(name))  // one that was made before
        let answer = try await ask(.post, ["backup"], ["to": .string(path(name))])
        guard answer.status == 200 else { throw Answered(json: answer.json) }
    }

    /// The hub is lost, and its backup takes its place.
    package func restoreHub(from name: String) async throws {
        await hub.close()
        programs.removeValue(forKey: "hub")?.close()
        remove(path("hub"))
        try FileManager.default.copyItem(atPath: path(name), toPath: path("hub"))
        try startHub()
    }

    /// The hub's process ends and another begins on its file.
    package func restartHub() async throws {
        await hub.close()
        try startHub()
    }

    private func startHub() throws {
        hub = try ServicesFleet.openHub(folder, clock, numbers)
        hubHandler = hub.operatorHandler
        let handler = hub.networkHandler
        for line in lines.values { line.lead(to: handler) }
    }

    private func remove(_ path: String) { for end in ["", "-wal", "-shm"] { unlink(path + end) } }

    // MARK: asking

    /// What the hub answers its operator.
    package func ask(
        _ method: HTTP.Method, _ path: [String], query: [(String, String)] = [], _ body: JSON? = nil
    ) async throws -> (status: Int, json: JSON) {
        if method == .post { clock.advance(ms: 10) }
        return try await ServicesFleet.ask(hubHandler, method, path, query, body)
    }

    /// What a site's node answers its operator.
    package func ask(
        at site: String, _ method: HTTP.Method, _ path: [String], query: [(String, String)] = [], _ body: JSON? = nil
    ) async throws -> (status: Int, json: JSON) {
        try await ServicesFleet.ask(handlers[site]!, method, path, query, body)
    }

    private static func ask(
        _ handler: any Handler, _ method: HTTP.Method, _ path: [String], _ query: [(String, String)], _ body: JSON?
    ) async throws -> (status: Int, json: JSON) {
        let target = Target(path: ["v1"] + path, query: query.map { QueryItem($0.0, $0.1) })
        var request = Request(method, target)
        if let body { request.body = Body(bytes: try body.bytes()) }
        let response = await handler.respond(to: request)
        return (response.status.code, try JSON(parsing: try await response.body.collect(limit: 1 << 24)))
    }

    /// A reader of a place's file: `hub` or a site.
    package func reader(_ place: String) throws -> Connection {
        try Connection(path: path(place), mode: .readOnly, busyTimeoutMs: 5000)
    }

    /// Everybody notes what is only in memory; the fleet can still be asked.
    package func writeNotes() async {
        for site in sites { await nodes[site]!.close() }
        await hub.close()
    }
}

/// An answer that is none of what was asked for.
package struct Answered: Error {
    package let json: JSON

    package init(json: JSON) { self.json = json }
}
