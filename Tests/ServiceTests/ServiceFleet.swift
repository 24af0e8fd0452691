import Foundation
import HTTP
import HubDatabase
import HubService
import JSONText
import NodeService
import SQLite
import Synchronization

/// A hub and nodes in one process: the services that ship, joined by a line that can be cut.
final class ServiceFleet: Sendable {
    let folder: String
    let hub: HubService

    init(
        _ schema: String, limits: HTTP.Limits = HTTP.Limits(), hubNow: @escaping @Sendable () -> UInt64 = wallMs
    ) throws {
        folder = NSTemporaryDirectory() + "samband-service-\(UInt64.random(in: 0...UInt64.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try HubCreation.create(
            path: folder + "/hub.db", fleet: "test", migrations: [(name: "001.sql", sql: schema)], nowMs: hubNow())
        hub = try HubService(path: folder + "/hub.db", limits: limits, now: hubNow)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func path(_ site: String) -> String { "\(folder)/\(site).db" }

    /// Adds a site and gives its join token.
    func add(_ site: String) async throws -> String {
        let answer = try await json(
            hub.operatorHandler, Request(.post, path: ["v1", "site"], body: Body(text: #"{"name":"\#(site)"}"#)))
        guard let token = answer["token"]?.string else { throw Unanswered(answer: answer) }
        return token
    }

    /// Joins a site over a line of its own.
    func join(_ site: String, line: Line? = nil) async throws -> NodeService {
        let token = try await add(site)
        let line = line ?? Line(hub.networkHandler)
        _ = try await Joining.join(path: path(site), hub: "http://hub", token: token, transport: line)
        return try node(site, line)
    }

    func node(
        _ site: String, _ line: Line, now: @escaping @Sendable () -> UInt64 = wallMs
    ) throws -> NodeService {
        let folder = SecretsFolder(of: path(site), credentials: nil)
        return try NodeService(
            path: path(site), push: line, pull: line, secret: try folder.read().token, secretsFolder: folder, now: now)
    }

    /// A program at the site writes.
    func write(_ site: String, _ sql: String) throws {
        let program = try Connection(path: path(site), mode: .readWrite, busyTimeoutMs: 120_000)
        defer { program.close() }
        try program.execute("PRAGMA foreign_keys = ON")
        try program.execute(sql)
    }

    func value(_ place: String, _ sql: String) throws -> String? {
        let reader = try Connection(path: path(place), mode: .readOnly, busyTimeoutMs: 120_000)
        defer { reader.close() }
        return try reader.firstString(sql)
    }
}

@Sendable func wallMs() -> UInt64 { UInt64(Date().timeIntervalSince1970 * 1000) }

func json(_ handler: any Handler, _ request: Request) async throws -> JSON {
    let response = await handler.respond(to: request)
    return try JSON(parsing: try await response.body.collect(limit: 1 << 24))
}

/// The line between a node and the hub: takes everything across, or is down, or cuts a body after so many bytes.
final class Line: Transport {
    private let handler: any Handler
    private let state = Mutex(State())

    struct State {
        var isDown = false
        /// Bytes of the next response's body that come through; then the line is cut, once.
        var cutAnswerAfter: Int?
        /// How many more answers are cut there.
        var cutsLeft = 0
        var cutRequestAfter: Int?
        /// The next response in the hub's place, as often as somebody asks.
        var stranger: Response?
        /// Bytes of the next request's body that come through; then the hub hears no more of it, not even its end.
        var stallRequestAfter: Int?
        var bytesUp = 0
        var bytesDown = 0
        /// The moment of each request, and of the last one that was answered in the hub's place.
        var askedAt: [ContinuousClock.Instant] = []
        var strangerAt: ContinuousClock.Instant?
        var stalled: [Task<Void, Never>] = []
    }

    struct Cut: Error {}

    init(_ handler: any Handler) { self.handler = handler }

    func set(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
    var bytesUp: Int { state.withLock { $0.bytesUp } }
    /// When each request was sent; `set` may empty it.
    var askedAt: [ContinuousClock.Instant] { state.withLock { $0.askedAt } }
    var strangerAt: ContinuousClock.Instant? { state.withLock { $0.strangerAt } }
    var bytesDown: Int { state.withLock { $0.bytesDown } }

    func send(_ request: Request) async throws -> Response {
        state.withLock { $0.askedAt.append(.now) }
        // Cuts are meant for what is long: not for a request without a body, nor for a greeting.
        let (isDown, cutRequest, cutAnswer) = takeCuts(
            hasBody: request.body.length != 0, isGreeting: request.target.path.last == "hello")
        if isDown { throw Cut() }
        let stranger = state.withLock { state in
            if state.stranger != nil { state.strangerAt = .now }
            return state.stranger
        }
        if let stranger { return stranger }
        if let room = state.withLock({ $0.stallRequestAfter }), request.body.length != 0 {
            state.withLock { $0.stallRequestAfter = nil }
            return try await stall(request, after: room)
        }
        var request = request
        request.body = counted(request.body, cut: cutRequest) { $0.bytesUp += $1 }
        var response = await handler.respond(to: request)
        if cutRequest != nil { throw Cut() }
        response.body = counted(response.body, cut: cutAnswer) { $0.bytesDown += $1 }
        return response
    }

    /// The node's side of the line breaks, and the hub's does not notice.
    private func stall(_ request: Request, after room: Int) async throws -> Response {
        let (broken, breaks) = AsyncStream.makeStream(of: Void.self)
        let left = Mutex(room)
        var request = request
        let body = request.body
        request.body = Body {
            guard let piece = try await body.next() else { return nil }
            let isOver = left.withLock { left in
                left -= piece.count
                return left < 0
            }
            if isOver {
                breaks.yield()
                // Until the task is cancelled, with the line.
                try await Task.sleep(for: .seconds(3600))
            }
            return piece
        }
        let stalled = request
        let hubs = Task.detached { [handler] in _ = await handler.respond(to: stalled) }
        state.withLock { $0.stalled.append(hubs) }
        for await _ in broken { break }
        throw Cut()
    }

    deinit { for task in state.withLock({ $0.stalled }) { task.cancel() } }

    private func takeCuts(hasBody: Bool, isGreeting: Bool) -> (Bool, Int?, Int?) {
        state.withLock { (state: inout State) -> (Bool, Int?, Int?) in
            if state.isDown || isGreeting || (state.cutRequestAfter != nil && !hasBody) {
                return (state.isDown, nil, nil)
            }
            let cuts = (state.isDown, state.cutRequestAfter, state.cutAnswerAfter)
            state.cutRequestAfter = nil
            if state.cutsLeft > 0 { state.cutsLeft -= 1 } else { state.cutAnswerAfter = nil }
            return cuts
        }
    }

    private func counted(
        _ body: Body, cut: Int?, _ count: @escaping @Sendable (inout State, Int) -> Void
    ) -> Body {
        let left = Mutex(cut)
        return Body(length: cut == nil ? body.length : nil) { [self] in
            guard var piece = try await body.next() else { return nil }
            let isCut = left.withLock { left in
                guard let room = left else { return false }
                left = room - piece.count
                if room <= 0 { return true }
                if piece.count > room { piece = Array(piece.prefix(room)) }
                return false
            }
            if isCut { throw Cut() }
            state.withLock { count(&$0, piece.count) }
            return piece
        }
    }
}

/// An answer without what was asked for.
struct Unanswered: Error {
    let answer: JSON
}
