import Glibc
import HTTP
import HubDatabase
import HubFromNodes
import HubService
import JSONText
import NodeService
import TableModel

/// The services of the rooms behind the tool, on real files and with the machine's clock.
struct RoomServices: Services {
    func createHub(path: String, fleet: String, migrations: [Migration]) async throws -> DatabaseFacts {
        try HubCreation.create(
            path: path, fleet: fleet, migrations: migrations.map { (name: $0.name, sql: $0.sql) },
            nowMs: RoomServices.now(), by: localPerson(getuid()))
        return try DatabaseFacts(path: path)
    }

    func buildHub(path: String, from files: [String]) async throws -> JSON {
        let built = try HubFromNodes.build(from: files, to: path, by: localPerson(getuid()), nowMs: RoomServices.now())
        let facts = try DatabaseFacts(path: path)
        return [
            "fleet": .string(facts.fleet), "replica": .integer(Int64(facts.replica)),
            "log_begins": .integer(Int64(built.logBegins)),
            "files": .array(
                built.sources.map { source in
                    [
                        "file": .string(source.file), "site": .string(source.site),
                        "replica": .integer(Int64(source.replica)), "position": .integer(Int64(source.position)),
                        "in_flight": .integer(Int64(source.inFlight)), "unsealed": .integer(Int64(source.unsealed)),
                        "base": .bool(source.isBase),
                    ]
                }),
            "left_out": .array(built.leftOut.map { .string($0) }), "recovery": built.report.json,
        ]
    }

    func joinNode(
        path: String, hub: String, token: String, transport: any Transport
    ) async throws -> DatabaseFacts {
        _ = try await Joining.join(path: path, hub: hub, token: token, transport: transport)
        return try DatabaseFacts(path: path)
    }

    func open(
        path: String, connect: @escaping @Sendable (String) throws -> any Transport
    ) async throws -> OpenedDatabase {
        let facts = try DatabaseFacts(path: path)
        if facts.role == "hub" {
            let hub = try HubService(path: path, now: RoomServices.now)
            return OpenedDatabase(
                .hub(
                    networkHandler: hub.networkHandler, begin: { try await hub.begin(acceptClock: $0) },
                    drain: { await hub.drain() }),
                operatorHandler: hub.operatorHandler, close: { await hub.close() })
        }
        let folder = SecretsFolder(of: path)
        // A push does not queue behind the pull that waits.
        let node = try NodeService(
            path: path, push: try connect(facts.hub), pull: try connect(facts.hub), secret: try folder.read().token,
            secretsFolder: folder, now: RoomServices.now)
        return OpenedDatabase(
            .node(run: { try await RoomServices.run(node, path) }), operatorHandler: node.operatorHandler,
            close: { await node.close() })
    }

    /// The node's own work: what programs commit is sealed, and the exchange goes on beside it.
    private static func run(_ node: NodeService, _ path: String) async throws {
        let watch = try CommitWatch(path: path)
        defer { watch.stop() }
        await withDiscardingTaskGroup { group in
            group.addTask { for await _ in watch.commits { await node.onCommit() } }
            group.addTask { await node.run() }
        }
    }

    /// Milliseconds since 1970.
    @Sendable private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}
