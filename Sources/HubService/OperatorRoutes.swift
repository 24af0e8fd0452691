import HTTP
import HubDatabase
import JSONText
import Presentation
import Reading
import Replication
import TableModel

/// The routes of the operators: through the control socket of the hub's machine, and from afar.
struct OperatorRoutes {
    let hub: HubService

    func add(to router: inout Router) {
        let hub = self.hub
        router.on(.get, "/v1/status") { _, _ throws(Problem) in try await hub.status() }
        addDecisions(to: &router)
        router.on(.post, "/v1/sync") { _, _ throws(Problem) in
            throw Problem(
                .unprocessableContent, type: "https://samband.invalid/problem/refused", title: "A hub does not sync",
                detail: "The database is the hub's: its nodes come to it.", next: "Name a node's file with --db.")
        }
        router.on(.post, "/v1/policy") { request, _ throws(Problem) in try await hub.setPolicy(request) }
        router.on(.get, "/v1/operator") { _, _ throws(Problem) in try await hub.operatorList() }
        router.on(.post, "/v1/operator") { request, _ throws(Problem) in try await hub.addOperator(request) }
        router.on(.post, "/v1/operator/{name}/revoke") { request, parameters throws(Problem) in
            try await hub.revokeOperator(parameters["name"], request)
        }
        router.on(.post, "/v1/backup") { request, _ throws(Problem) in try await hub.backup(request) }
        ReadRoutes.add(to: &router) { request, body throws(Problem) in try await hub.reading(request, body) }
        router.on(.get, "/metrics") { _, _ throws(Problem) in try await hub.metrics() }
        addSites(to: &router)
        AuditRoutes(hub: hub).add(to: &router)
    }

    private func addSites(to router: inout Router) {
        let hub = self.hub
        router.on(.get, "/v1/site") { _, _ throws(Problem) in try await .json(.array(hub.siteList())) }
        router.on(.post, "/v1/site") { request, _ throws(Problem) in try await hub.addSite(request) }
        for step in SiteStep.allCases {
            router.on(.post, "/v1/site/{name}/\(step.rawValue)") { request, parameters throws(Problem) in
                try await hub.step(step, parameters["name"], request)
            }
        }
        router.on(.get, "/v1/site/{name}/quarantine") { _, parameters throws(Problem) in
            try await hub.quarantineList(parameters["name"])
        }
        router.on(.post, "/v1/secret/rotate") { _, _ throws(Problem) in
            throw Problem(
                .unprocessableContent, type: "https://samband.invalid/problem/refused",
                title: "A hub has no site's secrets", detail: "The database is the hub's: a site's node makes its own.",
                next: "Name a node's file with --db.")
        }
    }
}

extension HubService {
    func reading(
        _ request: Request, _ body: @Sendable (any ReadableStore) throws(Problem) -> Reading
    ) throws(Problem) -> Response {
        let reading = try body(store)
        if let shown = reading.shown { try note(shown, request) }
        return reading.response
    }

    /// What `samband status` shows of a hub. (Protocol/Command-Line.md#status-of-a-hub)
    func status() throws(Problem) -> Response {
        let sites = try siteList()
        let json = try answering { () throws(StoreError) -> JSON in
            let counts = try store.counts()
            return [
                "role": "hub", "fleet": .string(store.fleet), "replica": .integer(Int64(store.replica)),
                "schema_version": 1, "vector": try store.vector().json, "frontier": try store.frontier().json,
                "conflicts": ["open": .integer(Int64(counts.conflictsOpen))],
                "trouble": trouble().map { .string($0) } ?? .null,
                "withheld": .integer(Int64(counts.withheld)), "backup": try store.newestBackup()?.status ?? .null,
                "sites": .array(sites),
            ]
        }
        return try .json(json)
    }

    /// What is wrong, the worst first; nil when nothing is.
    private func trouble() -> String? {
        diskWatch.look(nowMs: now()) { [store] () throws(StoreError) in try store.checkFiles() }
        let disk = diskWatch.sentence(file: path)
        return recoveryTrouble ?? disk ?? failures.sentence(nowMs: now())
    }

    func siteList() throws(Problem) -> [JSON] {
        try answering { () throws(StoreError) in
            let last = try store.lastPosition()
            let quarantine = try store.quarantineCounts()
            return try store.sites().map { site in
                [
                    "name": .string(site.name), "state": .string(site.state),
                    "replica": site.replica.map { .integer(Int64($0)) } ?? .null,
                    "connected": .bool(site.replica.map { isConnected($0) } ?? false),
                    "last_contact": site.lastContactMs.map { .string(rfc3339(ms: $0)) } ?? .null,
                    "behind": .integer(Int64(site.replica == nil ? 0 : last - min(site.acknowledged, last))),
                    "split_from": site.splitFrom.map { .string("\($0)") } ?? .null,
                    "clock_offset_ms": site.clockOffsetMs.map { .integer($0) } ?? .null,
                    "quarantined": .integer(Int64(quarantine[site.name]?.changeSets ?? 0)),
                ]
            }
        }
    }
}
