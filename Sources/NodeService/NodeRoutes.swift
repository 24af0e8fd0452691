import HTTP
import JSONText
import Presentation
import Replication
import TableModel

/// The routes of a node, through the control socket.
struct NodeRoutes {
    let node: NodeService

    var router: Router {
        let node = self.node
        var router = Router()
        router.on(.get, "/v1/status") { _, _ throws(Problem) in try await node.status() }
        router.on(.post, "/v1/sync") { _, _ throws(Problem) in try await node.sync() }
        for path in [
            "/v1/conflict/{id}/resolve", "/v1/conflict/{id}/undo", "/v1/record/merge", "/v1/record/unmerge",
        ] {
            router.on(.post, path) { _, _ throws(Problem) in throw NodeRoutes.atHub }
        }
        router.on(.post, "/v1/secret/rotate") { _, _ throws(Problem) in try await node.rotateRoute() }
        for path in [
            "/v1/site", "/v1/operator", "/v1/site/{name}/quarantine", "/v1/audit", "/v1/audit/verify", "/metrics",
        ] {
            router.on(.get, path) { _, _ throws(Problem) in throw NodeRoutes.atHub }
        }
        for path in [
            "/v1/site", "/v1/site/{name}/pause", "/v1/site/{name}/resume", "/v1/site/{name}/retire", "/v1/policy",
            "/v1/operator", "/v1/operator/{name}/revoke", "/v1/audit/row", "/v1/audit/keep",
        ] {
            router.on(.post, path) { _, _ throws(Problem) in throw NodeRoutes.atHub }
        }
        router.on(.post, "/v1/backup") { _, _ throws(Problem) in throw NodeRoutes.backupAtHub }
        ReadRoutes.add(to: &router) { _, body throws(Problem) in try await node.reading(body) }
        return router
    }

    private static let atHub = Problem(
        .unprocessableContent, type: "https://samband.invalid/problem/refused", title: "This is done at the hub",
        detail: "The database is a node's.", next: "Name the hub's file with --db, or ask its operators.")

    private static let backupAtHub = Problem(
        .unprocessableContent, type: "https://samband.invalid/problem/refused", title: "A backup is of the hub",
        detail: "The database is a node's: what it has sent is at the hub, and a new file is made from there.",
        next: "Back up the hub's file. To keep a copy of this one too, with what has not been sent yet: "
            + "sqlite3 FILE \"VACUUM INTO 'COPY'\"")
}

extension NodeService {
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

    /// One push and pull → `{"pushed":…, "pulled":…, "vector":…}`.
    func sync() async throws(Problem) -> Response {
        let done: (pushed: Int, pulled: Int)
        do {
            done = try await syncOnce()
        } catch {
            throw problem(error)
        }
        let vector = try answering { () throws(StoreError) in try store.vector() }
        return try .json([
            "pushed": .integer(Int64(done.pushed)), "pulled": .integer(Int64(done.pulled)), "vector": vector.json,
        ])
    }

    /// Why an exchange with the hub came to nothing, for whoever asked for it.
    func problem(_ error: ExchangeError) -> Problem {
        switch error {
        case .store(let error): return Problem(error)
        case .refused(let code, let title, let detail, let next):
            let (status, type): (Status, String) =
                switch code {
                case 401, 403: (.forbidden, "hub-refused")
                case 408, 429, 503: (.serviceUnavailable, "busy")
                case 409: (.conflict, "changed")
                case 500...599: (.internalServerError, "io")
                default: (.unprocessableContent, "hub-refused")
                }
            return Problem(
                status, type: "https://samband.invalid/problem/\(type)", title: title, detail: detail, next: next)
        case .unreachable(let why, _):
            return Problem(
                .serviceUnavailable, type: "https://samband.invalid/problem/hub-unreachable",
                title: "The hub cannot be reached", detail: "\(why).",
                next: "Everything is kept; it goes by itself when the line is back.")
        }
    }
}
