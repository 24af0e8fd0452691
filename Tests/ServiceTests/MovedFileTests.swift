import Foundation
import HTTP
import HubService
import JSONText
import NodeService
import SQLite
import Testing

@Suite("A file that is removed or replaced under the process that runs on it")
struct MovedFileTests {
    private func rename(_ from: String, _ to: String) throws {
        try FileManager.default.moveItem(atPath: from, toPath: to)
    }

    private func status(_ handler: any Handler) async throws -> JSON {
        try await json(handler, Request(.get, path: ["v1", "status"]))
    }

    @Test(
        "the hub acknowledges nothing, says what to do, and goes on when the file is back",
        arguments: ["", "-wal", "-shm"])
    func hub(end: String) async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let snasa = try await fleet.join("snasa")
        _ = try await snasa.syncOnce()
        try fleet.write("snasa", "INSERT INTO note VALUES('a', x'00')")
        try rename(fleet.path("hub") + end, fleet.path("aside"))
        for isReplaced in [false, true] {
            if isReplaced { try Data(count: 4096).write(to: URL(fileURLWithPath: fleet.path("hub") + end)) }
            do {
                _ = try await snasa.syncOnce()
                Issue.record("the hub has acknowledged what is lost with it")
            } catch {
                let text = "\(error)"
                #expect(text.contains("hub.db\(end)") && text.contains(isReplaced ? "put in the place" : "removed"))
            }
            let trouble = try await status(fleet.hub.operatorHandler)["trouble"]?.string ?? ""
            #expect(trouble.contains("hub.db\(end)") && trouble.contains("acknowledged"), "\(trouble)")
            #expect(try await status(snasa.operatorHandler)["in_flight"] == 1)
            let answer = await fleet.hub.operatorHandler.respond(
                to: Request(.post, path: ["v1", "backup"], body: Body(text: #"{"to":"\#(fleet.path("backup"))"}"#)))
            #expect(answer.status == .serviceUnavailable)
        }
        try FileManager.default.removeItem(atPath: fleet.path("hub") + end)
        try rename(fleet.path("aside"), fleet.path("hub") + end)
        _ = try await snasa.syncOnce()
        #expect(try await status(fleet.hub.operatorHandler)["trouble"] == .null)
        #expect(try fleet.value("hub", "SELECT count(*) FROM note") == "1")
    }

    @Test("a node takes nothing in and is not up, says what to do, and goes on when the file is back")
    func node() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let (snasa, verran) = (try await fleet.join("snasa"), try await fleet.join("verran"))
        _ = try await snasa.syncOnce()
        try fleet.write("verran", "INSERT INTO note VALUES('v', x'00')")
        _ = try await verran.syncOnce()
        // A copy with the same rows takes its place, and a program writes there.
        let ends = ["", "-wal", "-shm"]
        for end in ends {
            try FileManager.default.copyItem(atPath: fleet.path("snasa") + end, toPath: fleet.path("copy") + end)
        }
        for end in ends { try rename(fleet.path("snasa") + end, fleet.path("aside") + end) }
        for end in ends { try rename(fleet.path("copy") + end, fleet.path("snasa") + end) }
        try fleet.write("snasa", "INSERT INTO note VALUES('s', x'00')")
        await snasa.onCommit()
        let seen = try await status(snasa.operatorHandler)
        #expect(seen["trouble"]?.string?.contains("another file was put in the place of") == true)
        do {
            _ = try await snasa.syncOnce()
            Issue.record("the node exchanges from a file that is not there")
        } catch { #expect("\(error)".contains("Start this process anew")) }
        #expect(try await status(snasa.operatorHandler)["link"] == "down")
        #expect(try fleet.value("aside", "SELECT count(*) FROM note") == "0")
        await snasa.close()

        // A process on the file that stands there now goes on with it.
        let anew = try fleet.node("snasa", Line(fleet.hub.networkHandler))
        _ = try await anew.syncOnce()
        #expect(try await status(anew.operatorHandler)["trouble"] == .null)
        #expect(try fleet.value("snasa", "SELECT count(*) FROM note") == "2")
        #expect(try fleet.value("hub", "SELECT count(*) FROM note") == "2")
    }
}
