import Glibc
import HTTP
import JSONText
import TableModel
import Testing

@testable import SambandCommand

/// Services whose node stops by itself.
private struct FailingServices: Services {
    let inner = FakeServices([:])

    func createHub(path: String, fleet: String, migrations: [Migration]) async throws -> DatabaseFacts {
        try await inner.createHub(path: path, fleet: fleet, migrations: migrations)
    }
    func buildHub(path: String, from files: [String]) async throws -> JSON {
        try await inner.buildHub(path: path, from: files)
    }
    func joinNode(
        path: String, hub: String, token: String, transport: any Transport
    ) async throws -> DatabaseFacts {
        try await inner.joinNode(path: path, hub: hub, token: token, transport: transport)
    }
    func open(
        path: String, connect: @escaping @Sendable (String) throws -> any Transport
    ) async throws -> OpenedDatabase {
        OpenedDatabase(
            .node(run: { throw Problem(.internalServerError, type: "p/io", title: "The disk failed") }),
            operatorHandler: inner)
    }
}

/// Services whose hub's machine has a clock that cannot be right.
private struct LateServices: Services {
    let inner = FakeServices([:])

    func createHub(path: String, fleet: String, migrations: [Migration]) async throws -> DatabaseFacts {
        try await inner.createHub(path: path, fleet: fleet, migrations: migrations)
    }
    func buildHub(path: String, from files: [String]) async throws -> JSON {
        try await inner.buildHub(path: path, from: files)
    }
    func joinNode(
        path: String, hub: String, token: String, transport: any Transport
    ) async throws -> DatabaseFacts {
        try await inner.joinNode(path: path, hub: hub, token: token, transport: transport)
    }
    func open(
        path: String, connect: @escaping @Sendable (String) throws -> any Transport
    ) async throws -> OpenedDatabase {
        OpenedDatabase(
            .hub(
                networkHandler: inner,
                begin: { isAccepted in
                    if isAccepted { throw StoreError(.inputOutput, doing: "serving", why: "it began", hint: "") }
                    throw StoreError(.wrongClock, doing: "looking at the clock", why: "it is off", hint: "Set it.")
                }, drain: {}), operatorHandler: inner)
    }
}

@Suite("Processes that serve", .serialized)
struct ServingTests {
    @Test(
        "a node whose work fails ends, says why, and leaves neither socket nor lock", .timeLimit(.minutes(5)))
    func failingNode() async throws {
        let world = try FakeWorld()
        let printed = await world.run(words: ["node", "serve"], services: FailingServices())
        #expect(printed.code == .inputOutput)
        #expect(printed.notes.hasSuffix("error: cannot run the node (hub.db): The disk failed\n"))
        #expect(access(world.database + "-samband.sock", F_OK) != 0)
        guard case .taken = try DatabaseLock.attempt(try DatabaseFile(existing: world.database)) else {
            Issue.record("the lock was kept")
            return
        }
    }

    @Test("a hub whose clock cannot be right does not begin, unless it is told that it is", .timeLimit(.minutes(5)))
    func wrongClock() async throws {
        let world = try FakeWorld()
        let printed = await world.run(words: ["hub", "serve", "--listen", "127.0.0.1:0"], services: LateServices())
        #expect(printed.code == .later)
        #expect(printed.notes.contains("looking at the clock: it is off\nhint: Set it.\n"))
        let accepted = await world.run(
            words: ["hub", "serve", "--accept-clock", "--listen", "127.0.0.1:0"], services: LateServices())
        #expect(accepted.notes.contains("it began"))
    }

    @Test("a database of the other kind is refused with the verb that fits")
    func wrongRole() async throws {
        let world = try FakeWorld()
        let printed = await world.run("hub", "serve", "--listen", "127.0.0.1:0")
        #expect(printed.code == .usage)
        #expect(printed.notes.hasSuffix("hint: Run it so: samband node serve --db hub.db\n"))
        #expect(await world.run("hub", "serve", "--listen", "https://hub").code == .usage)
    }
}
