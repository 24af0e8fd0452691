import HTTP
import JSONText
import Explaining
import Presentation
import Replication
import TableModel

typealias NodeRoute = ServedRoute<NodeService>

extension NodeService: ReadingService {
    /// What the programs and operators of this machine reach through the control socket.
    package nonisolated var operatorHandler: any Handler {
        var router = Router()
        router.add(Self.routes, of: self)
        return router
    }

    /// All that a node serves. What only a hub does is refused with the way there.
    static let routes = ownRoutes + hubRoutes + ReadRoutes.table()

    private static let ownRoutes = [
        NodeRoute(.get, "/v1/status", for: .ownMachine) {
            node, _, _ throws(Problem) in try await node.status()
        },
        NodeRoute(
            .post, "/v1/sync", for: .ownMachine, .writes, answers: .json(SyncAnswer.described),
            problems: [.hubUnreachable, .hubRefused, .recovering]
        ) { node, _, _ throws(Problem) in try await node.sync() },
        NodeRoute(
            .post, "/v1/secret/rotate", for: .ownMachine, .writes,
            problems: [.hubUnreachable, .hubRefused]
        ) { node, _, _ throws(Problem) in try await node.rotateRoute() },
    ]

    private static let hubRoutes =
        [
            "/metrics", "/v1/site", "/v1/site/{name}/quarantine", "/v1/operator", "/v1/audit", "/v1/audit/verify",
        ].map { refusal(.get, $0, atHub) }
        + [
            "/v1/conflict/{id}/resolve", "/v1/conflict/{id}/undo", "/v1/record/merge", "/v1/record/unmerge",
            "/v1/policy", "/v1/site", "/v1/site/{name}/pause", "/v1/site/{name}/resume", "/v1/site/{name}/retire",
            "/v1/operator", "/v1/operator/{name}/revoke", "/v1/audit/row", "/v1/audit/keep",
        ].map { refusal(.post, $0, atHub) }
        + [refusal(.post, "/v1/backup", backupAtHub)]

    private static func refusal(_ method: Method, _ pattern: String, _ problem: Problem) -> NodeRoute {
        NodeRoute(
            method, pattern, for: .ownMachine, problems: [.misused]
        ) { _, _, _ throws(Problem) in throw problem }
    }

    private static let atHub = Problem(
        type: .misused, title: "This is done at the hub",
        detail: "The database is a node's.", next: "Name the hub's file with --db, or ask its operators.")

    private static let backupAtHub = Problem(
        type: .misused, title: "A backup is of the hub",
        detail: "The database is a node's: what it has sent is at the hub, and a new file is made from there.",
        next: "Back up the hub's file. To keep a copy of this one too, with what has not been sent yet: "
            + "sqlite3 FILE \"VACUUM INTO 'COPY'\"")
}

extension NodeService {
    /// Runs a reading; a node has no audit.
    package func reading(
        _ request: Request, _ body: @Sendable (any ReadableStore) throws(Problem) -> Reading
    ) throws(Problem) -> Response { try body(store).response }

    /// What `samband status` shows of a node. (Protocol/Command-Line.md#status-of-a-node)
    func status() throws(Problem) -> Response {
        let json = try answering { () throws(StoreError) -> JSON in
            let counts = try store.counts()
            return [
                "role": "node", "fleet": .string(store.fleet), "site": .string(store.site),
                "replica": .integer(Int64(store.replica)), "hub": .string(try store.hubAddress()),
                "link": .string(link.isUp ? "up" : "down"), "link_since": .string(rfc3339(ms: link.sinceMs)),
                "last_contact": link.lastContactMs.map { .string(rfc3339(ms: $0)) } ?? .null,
                "clock_offset_ms": .integer(offsetMs), "notice": try notice(),
                "trouble": watchdog.sentence.map { .string($0) } ?? .null,
                "pending": .integer(Int64(try store.pendingCount(acknowledged: acknowledged))),
                "in_flight": .integer(Int64(try store.inFlightCount())), "schema_version": 1,
                "vector": try store.vector().json, "conflicts": ["open": .integer(Int64(counts.conflictsOpen))],
                "withheld": .integer(Int64(counts.withheld)),
            ]
        }
        return try .json(json)
    }

    /// What has happened to this database that its operators are to know, for a week.
    private func notice() throws(StoreError) -> JSON {
        guard let notice = try store.notice(), localNow() < notice.atMs + Self.noticeMs else { return .null }
        return ["text": .string(notice.text), "at": .string(rfc3339(ms: notice.atMs))]
    }

    private static let noticeMs: UInt64 = 7 * 86_400_000

    /// One push and one pull.
    func sync() async throws(Problem) -> Response {
        let done: (pushed: Int, pulled: Int)
        do {
            done = try await syncOnce()
        } catch {
            throw problem(error)
        }
        let vector = try answering { () throws(StoreError) in try store.vector() }
        return try .json(
            Message<SyncAnswer> {
                ($0.pushed, $0.pulled, $0.vector) = (Int64(done.pushed), Int64(done.pulled), vector)
            })
    }

    /// Why an exchange with the hub came to nothing, for whoever asked for it.
    func problem(_ error: ExchangeError) -> Problem {
        switch error {
        case .store(let error): return Problem(error)
        case .refused(let code, let title, let detail, let next):
            let (status, type): (Status, ProblemType) =
                switch code {
                case 401, 403: (.forbidden, .hubRefused)
                case 408, 429, 503: (.serviceUnavailable, .busy)
                case 409: (.conflict, .changed)
                case 500...599: (.internalServerError, .io)
                default: (.unprocessableContent, .hubRefused)
                }
            return Problem(type: type, status: status, title: title, detail: detail, next: next)
        case .unreachable(let why, .gathering):
            return Problem(
                type: .recovering, title: "The hub was restored from a backup", detail: "\(why).",
                next: "Everything is kept; it goes by itself. What the hub waits for, it says: samband recover status.")
        case .unreachable(let why, _):
            return Problem(
                type: .hubUnreachable,
                title: "The hub cannot be reached", detail: "\(why).",
                next: "Everything is kept; it goes by itself when the line is back.")
        }
    }
}
