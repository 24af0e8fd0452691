import HTTP
import JSONText
import Presentation
import Explaining
import Replication
import TableModel

extension HubService: ReadingService {
    /// Runs a reading, and records what it shows of rows before it is shown.
    package func reading(
        _ request: Request, _ body: @Sendable (any ReadableStore) throws(Problem) -> Reading
    ) throws(Problem) -> Response {
        let reading = try body(store)
        if let shown = reading.shown { try note(shown, request) }
        return reading.response
    }

    /// The state of the hub, for `samband status`.
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
