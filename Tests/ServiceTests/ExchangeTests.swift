import Foundation
import HTTP
import Testing

@testable import HubService
@testable import NodeService
import Presentation

@Suite("Hub and node over a line")
struct ExchangeTests {
    static let schema = """
        CREATE TABLE note(id TEXT PRIMARY KEY NOT NULL, body BLOB) STRICT;
        INSERT INTO samband_table(name) VALUES('note');
        """

    @Test("a write at one site is at the other after each has synced once")
    func plain() async throws {
        let fleet = try ServiceFleet(Self.schema)
        let snasa = try await fleet.join("snasa")
        let verran = try await fleet.join("verran")
        try fleet.write("snasa", "INSERT INTO note VALUES('a', x'01')")
        #expect(try await snasa.syncOnce().pushed == 1)
        _ = try await verran.syncOnce()
        #expect(try fleet.value("verran", "SELECT hex(body) FROM note") == "01")
        let status = try await json(snasa.operatorHandler, Request(.get, path: ["v1", "status"]))
        #expect(status["pending"] == 0 && status["in_flight"] == 0 && status["link"] == "up")
        #expect(status["site"] == "snasa")
    }

    @Test("a join whose answer was lost succeeds with the same token, and a second machine with it is refused")
    func joinAgain() async throws {
        let fleet = try ServiceFleet(Self.schema)
        let token = try await fleet.add("snasa")
        let line = Line(fleet.hub.networkHandler)
        line.set { $0.cutAnswerAfter = 0 }
        await #expect(throws: ExchangeError.self) {
            try await Joining.join(path: fleet.path("snasa"), hub: "http://hub", token: token, transport: line)
        }
        _ = try await Joining.join(path: fleet.path("snasa"), hub: "http://hub", token: token, transport: line)
        #expect(try fleet.value("snasa", "SELECT site FROM samband_status") == "snasa")
        await #expect(throws: ExchangeError.self) {
            try await Joining.join(path: fleet.path("other"), hub: "http://hub", token: token, transport: line)
        }
        #expect(try fleet.value("hub", "SELECT count(*) FROM samband_replica WHERE site = 'snasa'") == "1")
    }

    @Test("a push that was cut goes on behind its last whole segment")
    func resumePush() async throws {
        let fleet = try ServiceFleet(Self.schema)
        let line = Line(fleet.hub.networkHandler)
        let snasa = try await fleet.join("snasa", line: line)
        try fleet.write(
            "snasa",
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
            INSERT INTO note SELECT 'n' || i, randomblob(200000) FROM n
            """)
        await snasa.onCommit()
        // The empty push that asks comes first: it has no body to cut.
        _ = try? await snasa.pushAllForTest(cutting: line, after: 5 << 20)
        let before = line.bytesUp
        #expect(try await snasa.syncOnce().pushed == 1)
        #expect(line.bytesUp - before < 5 << 20, "at most the segments that had not come whole are sent again")
        #expect(try fleet.value("hub", "SELECT count(*) FROM note") == "40")
    }

    @Test("a pull that was cut goes on behind its last whole segment")
    func resumePull() async throws {
        let fleet = try ServiceFleet(Self.schema)
        let snasa = try await fleet.join("snasa")
        let line = Line(fleet.hub.networkHandler)
        let verran = try await fleet.join("verran", line: line)
        try fleet.write(
            "snasa",
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
            INSERT INTO note SELECT 'n' || i, randomblob(200000) FROM n
            """)
        _ = try await snasa.syncOnce()
        // Whatever stands before it in the order is taken first.
        await #expect(throws: ExchangeError.self) { try await verran.pullAllForTest(cutting: line, after: 5 << 20) }
        let before = line.bytesDown
        _ = try await verran.syncOnce()
        #expect(line.bytesDown - before < 5 << 20)
        #expect(try fleet.value("verran", "SELECT count(*) FROM note") == "40")
    }

    @Test("without a line nothing is lost, and the state of the line is to be read with one SELECT")
    func offline() async throws {
        let fleet = try ServiceFleet(Self.schema)
        let line = Line(fleet.hub.networkHandler)
        let snasa = try await fleet.join("snasa", line: line)
        _ = try await snasa.syncOnce()
        line.set { $0.isDown = true }
        try fleet.write("snasa", "INSERT INTO note VALUES('a', NULL), ('b', NULL)")
        await #expect(throws: ExchangeError.self) { try await snasa.syncOnce() }
        #expect(try fleet.value("snasa", "SELECT link || ' ' || pending FROM samband_status") == "down 2")
        line.set { $0.isDown = false }
        _ = try await snasa.syncOnce()
        #expect(try fleet.value("snasa", "SELECT link || ' ' || pending FROM samband_status") == "up 0")
        #expect(try fleet.value("hub", "SELECT count(*) FROM note") == "2")
    }

    @Test("running nodes keep in step by themselves: a commit here is seen there")
    func live() async throws {
        let fleet = try ServiceFleet(Self.schema)
        let snasa = try await fleet.join("snasa")
        let verran = try await fleet.join("verran")
        let watch = try CommitWatch(path: fleet.path("snasa"))
        let arrival = try CommitWatch(path: fleet.path("verran"))
        let running = Task {
            await withDiscardingTaskGroup { group in
                group.addTask { await snasa.run() }
                group.addTask { await verran.run() }
                group.addTask { for await _ in watch.commits { await snasa.onCommit() } }
            }
        }
        try fleet.write("snasa", "INSERT INTO note VALUES('live', NULL)")
        for await _ in arrival.commits {
            if try fleet.value("verran", "SELECT count(*) FROM note") == "1" { break }
        }
        watch.stop()
        arrival.stop()
        running.cancel()
        await fleet.hub.drain()
        await running.value
        // The view is read without a node that runs: what it says must be true when there is none.
        #expect(try fleet.value("snasa", "SELECT link FROM samband_status") == "down")
        #expect(try fleet.value("verran", "SELECT link FROM samband_status") == "down")
    }

    @Test("who shows no secret of an active site gets nothing")
    func unauthorized() async throws {
        let fleet = try ServiceFleet(Self.schema)
        _ = try await fleet.join("snasa")
        for path in [["v1", "push"], ["v1", "pull"]] {
            let response = await fleet.hub.networkHandler.respond(
                to: Request(.post, path: path, headers: ["authorization": "Bearer wrong"], body: Body(text: "{}")))
            #expect(response.status == .unauthorized)
        }
    }
}

extension NodeService {
    /// Pushes over a line that is cut after so many bytes of the push's body.
    func pushAllForTest(cutting line: Line, after bytes: Int) async throws -> Int {
        line.set { $0.cutRequestAfter = bytes }
        return try await pushAll()
    }

    func pullAllForTest(cutting line: Line, after bytes: Int) async throws -> Int {
        line.set { $0.cutAnswerAfter = bytes }
        return try await pullAll(waitMs: 0)
    }
}

extension ExchangeTests {
    @Test("a table that was dropped and made anew is said loudly, and the others go on")
    func droppedTable() async throws {
        let fleet = try ServiceFleet(
            "CREATE TABLE other(id TEXT PRIMARY KEY NOT NULL) STRICT; INSERT INTO samband_table(name) VALUES('other');"
                + Self.schema)
        let snasa = try await fleet.join("snasa")
        try fleet.write("snasa", "DROP TABLE note; CREATE TABLE note(id TEXT PRIMARY KEY NOT NULL)")
        try fleet.write("snasa", "INSERT INTO note VALUES('unseen'); INSERT INTO other VALUES('seen')")
        await snasa.onCommit()
        _ = try await snasa.syncOnce()
        let status = try await json(snasa.operatorHandler, Request(.get, path: ["v1", "status"]))
        #expect(status["trouble"]?.string?.contains("note") == true)
        #expect(try fleet.value("hub", "SELECT count(*) FROM other") == "1")
    }
}

@Suite("What a careful reading of the services found")
struct ReviewedServiceTests {
    @Test("who joins where another site's secret lies becomes the site that its own token names")
    func oldSecret() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let snasa = try await fleet.join("snasa")
        try fleet.write("snasa", "INSERT INTO note VALUES('first', NULL)")
        _ = try await snasa.syncOnce()
        await snasa.close()
        // The file is lost, the secret is not; the operators invite the machine as another site.
        for end in ["", "-wal", "-shm"] { unlink(fleet.path("snasa") + end) }
        let token = try await fleet.add("snasa2")
        let line = Line(fleet.hub.networkHandler)
        let site = try await Joining.join(path: fleet.path("snasa"), hub: "http://hub", token: token, transport: line)
        #expect(site == "snasa2")
        let again = try fleet.node("snasa", line)
        try fleet.write("snasa", "INSERT INTO note VALUES('second', NULL)")
        _ = try await again.syncOnce()
        #expect(try fleet.value("hub", "SELECT group_concat(id) FROM note") == "first,second")
    }

    @Test("a pull that a newer one displaces is told so, for two processes with one credential must not spin")
    func displaced() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let snasa = try await fleet.join("snasa")
        _ = try await snasa.syncOnce()
        let body = #"{"position":\#(try await snasa.positionForTest()),"sealed":0,"wait_ms":30000}"#
        let secret = await snasa.secret
        let hub = fleet.hub
        let number = await hub.replicaForTest()
        let ask: @Sendable () async -> Status = {
            await hub.networkHandler.respond(
                to: Request(
                    .post, path: ["v1", "pull"],
                    headers: [
                        "authorization": FieldValue("Bearer " + secret)!, "samband-hub": FieldValue(number)!,
                        ContentDigest.name: ContentDigest.field(of: Array(body.utf8)),
                    ],
                    body: Body(text: body))
            ).status
        }
        async let first = ask()
        while await !hub.hasWaiterForTest() { await Task.yield() }
        async let second = ask()
        #expect(await first == .conflict)
        await hub.drain()
        #expect(await second == .ok)
    }

    @Test("a snapshot leaves nothing behind, and what a killed process left goes at the next start")
    func leftovers() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let left = fleet.folder + "/.samband-snapshot-1-1"
        try Data("rows".utf8).write(to: URL(fileURLWithPath: left))
        _ = try HubService(path: fleet.folder + "/hub.db", now: wallMs)
        _ = try await fleet.join("snasa")
        let names = try FileManager.default.contentsOfDirectory(atPath: fleet.folder)
        #expect(
            !names.contains { $0.hasPrefix(".samband-snapshot") || $0.hasSuffix(".part") || $0.hasSuffix(".joining") })
    }
}

extension NodeService {
    func positionForTest() throws -> UInt64 { try store.position() }
}

extension HubService {
    func replicaForTest() -> String { "\(store.replica)" }
    func hasWaiterForTest() -> Bool { isWaiting }
}
