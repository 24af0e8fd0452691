import Foundation
import HTTP
import HubService
import JSONText
import NodeService
import Testing

@Suite("Backups, as they are asked for")
struct BackupTests {
    private static func ask(_ path: String) -> Request {
        Request(.post, path: ["v1", "backup"], body: Body(text: #"{"to":"\#(path)"}"#))
    }

    @Test("the hub writes it where it is told to, and its status says when and how far from then on")
    func status() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let snasa = try await fleet.join("snasa")
        try fleet.write("snasa", "INSERT INTO note VALUES('a', x'00')")
        _ = try await snasa.syncOnce()
        #expect(try await json(fleet.hub.operatorHandler, Request(.get, path: ["v1", "status"]))["backup"] == .null)
        let made = try await json(fleet.hub.operatorHandler, Self.ask(fleet.path("backup")))
        let status = try await json(fleet.hub.operatorHandler, Request(.get, path: ["v1", "status"]))
        #expect(made["file"]?.string == fleet.path("backup"))
        #expect(made["vector"] == status["vector"])
        #expect(status["backup"] == ["at": made["at"]!, "position": made["position"]!])
        #expect(try fleet.value("backup", "SELECT count(*) FROM note") == "1")

        let again = try await json(fleet.hub.operatorHandler, Self.ask(fleet.path("backup")))
        #expect(again["status"] == 422)
        #expect(again["detail"]?.string?.contains("already there") == true)
    }

    @Test("a path that is none of the hub's is refused, and so is a node")
    func refused() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let snasa = try await fleet.join("snasa")
        for path in ["backup.db", "", #"/tmp/a\u0000b"#] {
            #expect(try await json(fleet.hub.operatorHandler, Self.ask(path))["status"] == 400)
        }
        let node = try await json(snasa.operatorHandler, Self.ask(fleet.path("backup")))
        #expect(node["status"] == 422)
        #expect(node["next"]?.string?.contains("VACUUM INTO") == true)
        #expect(!FileManager.default.fileExists(atPath: fleet.path("backup")))
    }

    @Test("who asked and goes away ends it: nothing is left, and the next one is made")
    func cancelled() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let hub = fleet.hub
        let path = fleet.path("backup")
        let status = await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await hub.operatorHandler.respond(to: Self.ask(path)).status
        }.value
        #expect(status == .serviceUnavailable)
        #expect(try FileManager.default.contentsOfDirectory(atPath: fleet.folder).allSatisfy { !$0.contains("backup") })
        #expect(try await json(hub.operatorHandler, Self.ask(path))["file"]?.string == path)
    }
}
