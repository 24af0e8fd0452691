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
        router.on(.post, "/v1/conflict/{id}/resolve") { request, parameters throws(Problem) in
            try await hub.resolve(parameters["id"], request)
        }
        router.on(.post, "/v1/sync") { _, _ throws(Problem) in
            throw Problem(
                .unprocessableContent, type: "https://samband.invalid/problem/refused", title: "A hub does not sync",
                detail: "The database is the hub's: its nodes come to it.", next: "Name a node's file with --db.")
        }
        router.on(.get, "/v1/operator") { _, _ throws(Problem) in try await hub.operatorList() }
        router.on(.post, "/v1/operator") { request, _ throws(Problem) in try await hub.addOperator(request) }
        router.on(.post, "/v1/operator/{name}/revoke") { _, parameters throws(Problem) in
            try await hub.revokeOperator(parameters["name"])
        }
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
                "withheld": .integer(Int64(counts.withheld)), "sites": .array(sites),
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

    /// `{"take":…}`, `{"set":{…}}`, `{"restore":true}` or `{"delete":true}`, with "by", "reason" and "changed";
    /// "dry_run" tries it and changes nothing: the answer is the conflict as it is.
    func resolve(_ id: String, _ request: Request) async throws(Problem) -> Response {
        let body = try await request.json()
        guard let number = UInt64(id) else {
            throw Problem(
                .notFound, title: "There is no such thing", detail: "Conflicts have numbers, not \(id.prefix(40)).",
                next: "See: samband conflict list.")
        }
        let choice = try choice(body)
        let dryRun = body["dry_run"]?.bool ?? false
        let view = try answering { () throws(StoreError) -> ConflictView? in
            _ = try store.resolve(
                number, choice, changed: body["changed"]?.integer.map { UInt64(clamping: $0) },
                by: request.person(body), reason: body["reason"]?.string, nowMs: now(),
                dryRun: dryRun)
            return try store.conflictView(number)
        }
        if !dryRun { orderGrew() }
        return try .json(view?.json ?? .null)
    }

    private func choice(_ body: JSON) throws(Problem) -> Choice {
        var choices: [Choice] = []
        if let site = body["take"]?.string { choices.append(site == "now" ? .now : .take(site: site)) }
        if let object = body["set"]?.object {
            var values: [String: Value] = [:]
            for member in object.members {
                guard let value = Value(json: member.value) else {
                    throw Problem(
                        .badRequest, title: "A value is no SQLite value", detail: "Column \(member.name).",
                        next: "Give a number, a string, null or {\"blob\":\"…\"}.")
                }
                values[member.name] = value
            }
            choices.append(.set(values))
        }
        if body["restore"]?.bool == true { choices.append(.restore) }
        if body["delete"]?.bool == true { choices.append(.delete) }
        guard choices.count == 1 else {
            throw Problem(
                .badRequest, title: "One choice is needed", detail: "\(choices.count) were given.",
                next: "Use one of take, set, restore and delete.")
        }
        return choices[0]
    }
}
