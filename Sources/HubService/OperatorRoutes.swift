import HTTP
import JSONText
import Presentation
import ReplicaStore
import Replication

/// The routes of the operators: through the control socket of the hub's machine, and from afar.
struct OperatorRoutes {
    let hub: HubService

    func add(to router: inout Router) {
        let hub = self.hub
        router.on(.get, "/v1/status") { _, _ throws(Problem) in try await hub.status() }
        router.on(.get, "/v1/site") { _, _ throws(Problem) in try await .json(.array(hub.siteList())) }
        router.on(.post, "/v1/site") { request, _ throws(Problem) in try await hub.addSite(request) }
        addDecisions(to: &router)
        router.on(.post, "/v1/sync") { _, _ throws(Problem) in
            throw Problem(
                .unprocessableContent, type: "https://samband.invalid/problem/refused", title: "A hub does not sync",
                detail: "The database is the hub's: its nodes come to it.", next: "Name a node's file with --db.")
        }
        router.on(.post, "/v1/policy") { request, _ throws(Problem) in try await hub.setPolicy(request) }
        router.on(.get, "/v1/operator") { _, _ throws(Problem) in try await hub.operatorList() }
        router.on(.post, "/v1/operator") { request, _ throws(Problem) in try await hub.addOperator(request) }
        router.on(.post, "/v1/operator/{name}/revoke") { _, parameters throws(Problem) in
            try await hub.revokeOperator(parameters["name"])
        }
        router.on(.post, "/v1/backup") { request, _ throws(Problem) in try await hub.backup(request) }
        ReadRoutes.add(to: &router) { body throws(Problem) in try await hub.reading(body) }
    }
}

extension HubService {
    func reading(_ body: @Sendable (any ReadableStore) throws(Problem) -> Response) throws(Problem) -> Response {
        try body(store)
    }

    /// CLI.md's `status` of a hub.
    func status() throws(Problem) -> Response {
        let sites = try siteList()
        let json = try answering { () throws(StoreError) -> JSON in
            let counts = try store.counts()
            return [
                "role": "hub", "fleet": .string(store.fleet), "replica": .integer(Int64(store.replica)),
                "schema_version": 1, "vector": try store.vector().json, "frontier": try store.frontier().json,
                "conflicts": ["open": .integer(Int64(counts.conflictsOpen))],
                "trouble": (recoveryTrouble ?? diskWatch.sentence(file: path)).map { .string($0) } ?? .null,
                "withheld": .integer(Int64(counts.withheld)), "backup": try store.newestBackup()?.status ?? .null,
                "sites": .array(sites),
            ]
        }
        return try .json(json)
    }

    func siteList() throws(Problem) -> [JSON] {
        try answering { () throws(StoreError) in
            let last = try store.lastPosition()
            return try store.sites().map { site in
                [
                    "name": .string(site.name), "state": .string(site.state),
                    "replica": site.replica.map { .integer(Int64($0)) } ?? .null,
                    "connected": .bool(site.replica.map { isConnected($0) } ?? false),
                    "last_contact": site.lastContactMs.map { .string(rfc3339(ms: $0)) } ?? .null,
                    "behind": .integer(Int64(site.replica == nil ? 0 : last - min(site.acknowledged, last))),
                    "split_from": site.splitFrom.map { .string("\($0)") } ?? .null,
                    "clock_offset_ms": site.clockOffsetMs.map { .integer($0) } ?? .null,
                ]
            }
        }
    }

    /// `{"name":…, "expires_hours":24}` → the one-time token, once.
    func addSite(_ request: Request) async throws(Problem) -> Response {
        let body = try await request.json(limit: 4096)
        guard let name = body["name"]?.string else {
            throw Problem(.badRequest, title: "The request is not complete", detail: "A site has a name.", next: "")
        }
        let hours = body["expires_hours"]?.number ?? 24
        guard hours > 0, hours <= 24 * 365 else {
            throw Problem(
                .badRequest, title: "The time is out of range", detail: "A token lasts up to a year.",
                next: "Give hours between 1 and 8760.")
        }
        let token = randomToken()
        let expires = now() + UInt64(hours * 3_600_000)
        try answering { () throws(StoreError) in
            try store.addSite(name, tokenDigest: SHA256.digest(Array(token.utf8)), expiresMs: expires)
        }
        return try .json([
            "name": .string(name), "token": .string(token), "expires": .string(rfc3339(ms: expires)),
        ])
    }
}
