import Foundation
import HTTP
import JSONText
import Replication
import Testing

@testable import HubService
@testable import NodeService

@Suite("A site's file that was put back, or that two machines run")
struct SplitTests {
    let fleet: ServiceFleet
    let snasa: NodeService

    init() async throws {
        fleet = try ServiceFleet(ExchangeTests.schema)
        snasa = try await fleet.join("snasa")
    }

    private func notes(_ place: String) throws -> String? {
        try fleet.value(
            place,
            "SELECT group_concat(id || coalesce('=' || CAST(body AS TEXT), ''), ' ') FROM (SELECT * FROM note ORDER BY id)"
        )
    }

    private func write(_ site: String, _ id: String, _ body: String = "") throws {
        try fleet.write(site, "INSERT INTO note VALUES('\(id)', CAST('\(body)' AS BLOB))")
    }

    private func count(_ sql: String) throws -> String? { try fleet.value("hub", sql) }

    /// The site's file as it is, as a file of that name beside it.
    private func keep(_ site: String, as name: String) throws {
        try fleet.write(site, "PRAGMA wal_checkpoint(TRUNCATE)")
        for (from, to) in [
            (fleet.path(site), fleet.path(name)),
            (SecretsFolder(of: fleet.path(site)).path, SecretsFolder(of: fleet.path(name)).path),
        ] {
            if FileManager.default.fileExists(atPath: to) { try FileManager.default.removeItem(atPath: to) }
            try FileManager.default.copyItem(atPath: from, toPath: to)
        }
    }

    /// The site's node ends, and its file is the one that was kept.
    private func putBack(_ name: String, as site: String, _ node: NodeService) async throws -> NodeService {
        await node.close()
        for end in ["", "-wal", "-shm"] { unlink(fleet.path(site) + end) }
        try FileManager.default.copyItem(atPath: fleet.path(name), toPath: fleet.path(site))
        return try fleet.node(site, Line(fleet.hub.networkHandler))
    }

    private func expectAlike(_ places: String..., sourceLocation: SourceLocation = #_sourceLocation) throws {
        let hub = try notes("hub")
        for place in places { #expect(try notes(place) == hub, sourceLocation: sourceLocation) }
    }

    @Test("a restored node gets its lost change sets back, and what it wrote since goes on under a new number")
    func restored() async throws {
        try write("snasa", "a", "1")
        _ = try await snasa.syncOnce()
        try keep("snasa", as: "backup")
        try write("snasa", "b", "2")
        try fleet.write("snasa", "UPDATE note SET body = CAST('lost' AS BLOB) WHERE id = 'a'")
        _ = try await snasa.syncOnce()
        let restored = try await putBack("backup", as: "snasa", snasa)
        try write("snasa", "c", "3")
        try fleet.write("snasa", "UPDATE note SET body = CAST('new' AS BLOB) WHERE id = 'a'")
        let done = try await restored.syncOnce()
        #expect(done.pushed == 1)
        #expect(try notes("hub")?.contains("b=2") == true && notes("hub")?.contains("c=3") == true)
        try expectAlike("snasa")
        #expect(try count("SELECT count(*) FROM samband_replica WHERE site = 'snasa' AND state = 'active'") == "1")
        #expect(try count("SELECT count(*) FROM samband_conflict WHERE state = 'open'") == "1")
        let status = try await json(restored.operatorHandler, Request(.get, path: ["v1", "status"]))
        #expect(status["notice"]?["text"]?.string?.contains("put back") == true)
        #expect(status["trouble"] == .null && status["pending"] == 0 && status["in_flight"] == 0)
    }

    @Test("a restored node that has written nothing since takes its lost change sets in")
    func restoredSilent() async throws {
        try keep("snasa", as: "backup")
        try write("snasa", "a", "1")
        _ = try await snasa.syncOnce()
        let restored = try await putBack("backup", as: "snasa", snasa)
        _ = try await restored.syncOnce()
        #expect(try notes("snasa") == "a=1")
        try write("snasa", "b")
        _ = try await restored.syncOnce()
        try expectAlike("snasa")
        #expect(try notes("hub") == "a=1 b=")
    }

    @Test("what was sealed and on its way when the backup was taken is not written twice by the file put back")
    func inFlight() async throws {
        try write("snasa", "a", "1")
        await snasa.onCommit()
        try keep("snasa", as: "backup")
        try write("snasa", "b", "2")
        _ = try await snasa.syncOnce()
        let restored = try await putBack("backup", as: "snasa", snasa)
        // Its author had seen what it deletes, though the hub knows that under the former number.
        try fleet.write("snasa", "DELETE FROM note WHERE id = 'a'")
        try write("snasa", "c", "3")
        _ = try await restored.syncOnce()
        try expectAlike("snasa")
        #expect(try notes("hub") == "b=2 c=3")
        #expect(try count("SELECT count(*) FROM samband_conflict") == "0")
    }

    @Test("a file put back twice, the second time with writes that are at the hub under their new name, has each once")
    func twice() async throws {
        try write("snasa", "a", "1")
        _ = try await snasa.syncOnce()
        try keep("snasa", as: "old")
        try write("snasa", "b", "2")
        _ = try await snasa.syncOnce()
        var node = try await putBack("old", as: "snasa", snasa)
        try write("snasa", "c", "3")
        await node.onCommit()
        try keep("snasa", as: "newer")
        try write("snasa", "d", "4")
        _ = try await node.syncOnce()
        node = try await putBack("newer", as: "snasa", node)
        try write("snasa", "e", "5")
        _ = try await node.syncOnce()
        try expectAlike("snasa")
        #expect(try notes("hub") == "a=1 b=2 c=3 d=4 e=5")
        #expect(try count("SELECT count(*) FROM samband_conflict") == "0")
        // c came in once: a, b, c with it, d, e.
        #expect(
            try count(
                "SELECT count(*) FROM samband_change WHERE kind = 1 AND replica IN (SELECT replica FROM samband_replica WHERE site = 'snasa')"
            )
                == "5")
    }

    @Test("a copy on a second machine becomes a replica of its own, and no write of either is lost")
    func copied() async throws {
        try write("snasa", "a", "1")
        _ = try await snasa.syncOnce()
        try keep("snasa", as: "copy")
        let copy = try fleet.node("copy", Line(fleet.hub.networkHandler))
        for turn in 1...3 {
            try write("snasa", "s\(turn)", "x")
            try write("copy", "c\(turn)", "y")
            try fleet.write("snasa", "UPDATE note SET body = CAST('s\(turn)' AS BLOB) WHERE id = 'a'")
            _ = try await snasa.syncOnce()
            _ = try await copy.syncOnce()
        }
        _ = try await snasa.syncOnce()
        try expectAlike("snasa", "copy")
        #expect(try notes("hub") == "a=s3 c1=y c2=y c3=y s1=x s2=x s3=x")
        let sites = try await json(fleet.hub.operatorHandler, Request(.get, path: ["v1", "site"]))
        #expect(sites.array?.count == 2, "each machine has a line of its own")
        #expect(sites.array?.allSatisfy { $0["state"] == "active" } == true)
    }

    @Test("a copy that has an open pull when the other writes finds out by the echo")
    func copiedOpen() async throws {
        try write("snasa", "a", "1")
        _ = try await snasa.syncOnce()
        try keep("snasa", as: "copy")
        let copy = try fleet.node("copy", Line(fleet.hub.networkHandler))
        // Greeted, and nothing tells the two apart yet.
        _ = try await copy.syncOnce()
        try write("copy", "c")
        await copy.onCommit()
        try write("snasa", "s")
        _ = try await snasa.syncOnce()
        _ = try? await copy.pullAllForTest()
        _ = try await copy.syncOnce()
        _ = try await snasa.syncOnce()
        try expectAlike("snasa", "copy")
        #expect(try notes("hub") == "a=1 c= s=")
    }

    @Test("two machines that run from one file part before either has written, and what both had sealed is there once")
    func idle() async throws {
        try write("snasa", "a", "1")
        await snasa.onCommit()
        try keep("snasa", as: "copy")
        let copy = try fleet.node("copy", Line(fleet.hub.networkHandler))
        _ = try await snasa.syncOnce()
        _ = try await copy.syncOnce()
        await snasa.lineBreaks()
        _ = try await snasa.syncOnce()
        _ = try await snasa.syncOnce()
        let replicas = [await snasa.replicaForTest(), await copy.replicaForTest()]
        #expect(replicas[0] != replicas[1])
        try write("snasa", "b", "2")
        try write("copy", "c", "3")
        _ = try await snasa.syncOnce()
        _ = try await copy.syncOnce()
        _ = try await snasa.syncOnce()
        try expectAlike("snasa", "copy")
        #expect(try notes("hub") == "a=1 b=2 c=3")
        #expect(try count("SELECT count(*) FROM samband_conflict") == "0")
    }

    @Test("a side of one of two machines of a site is taken by the name of its change set")
    func takeSide() async throws {
        try write("snasa", "a", "1")
        _ = try await snasa.syncOnce()
        try keep("snasa", as: "copy")
        let copy = try fleet.node("copy", Line(fleet.hub.networkHandler))
        for site in ["snasa", "copy"] { try fleet.write(site, "UPDATE note SET body = CAST('\(site)' AS BLOB)") }
        _ = try await snasa.syncOnce()
        _ = try await copy.syncOnce()
        let shown = try await json(fleet.hub.operatorHandler, Request(.get, path: ["v1", "conflict", "1"]))
        let sides = try #require(shown["conflict"]?["sides"]?.array)
        #expect(sides.map { $0["site"]?.string } == ["snasa", "snasa"])
        let offered = shown["choices"]?.array?.filter { $0["how"] == "take" }.compactMap { $0["site"]?.string } ?? []
        let changes = sides.compactMap { $0["change"]?.string }
        #expect(offered == changes + ["now"])
        for change in changes {
            _ = try await json(
                fleet.hub.operatorHandler,
                Request(.post, path: ["v1", "conflict", "1", "resolve"], body: Body(text: #"{"take":"\#(change)"}"#)))
            let side = sides.first { $0["change"]?.string == change }
            let now = try await json(fleet.hub.operatorHandler, Request(.get, path: ["v1", "conflict", "1"]))
            #expect(now["conflict"]?["state"] == "settled" && now["conflict"]?["now"] == side?["value"])
            _ = try await json(
                fleet.hub.operatorHandler,
                Request(.post, path: ["v1", "conflict", "1", "undo"], body: Body(text: "{}")))
        }
    }

    @Test("copies of a copy, all off line with writes in common, have each write once")
    func copyOfCopy() async throws {
        try write("snasa", "a", "1")
        _ = try await snasa.syncOnce()
        try keep("snasa", as: "copy")
        let copy = try fleet.node("copy", Line(fleet.hub.networkHandler))
        try write("copy", "shared", "1")
        await copy.onCommit()
        try keep("copy", as: "third")
        let third = try fleet.node("third", Line(fleet.hub.networkHandler))
        try write("third", "t")
        try fleet.write("third", "DELETE FROM note WHERE id = 'shared'")
        try write("copy", "c")
        try write("snasa", "s")
        _ = try await snasa.syncOnce()
        _ = try await copy.syncOnce()
        _ = try await third.syncOnce()
        _ = try await copy.syncOnce()
        _ = try await snasa.syncOnce()
        try expectAlike("snasa", "copy", "third")
        #expect(try notes("hub") == "a=1 c= s= t=")
        #expect(try count("SELECT count(*) FROM samband_conflict") == "0")
        #expect(
            try count("SELECT count(DISTINCT replica) FROM samband_replica WHERE site = 'snasa' AND state = 'active'")
                != "1")
    }

    @Test("a copy made by .dump is found out like any other")
    func dumped() async throws {
        try write("snasa", "a", "1")
        _ = try await snasa.syncOnce()
        // Sealed and on its way; and marked only.
        try write("snasa", "b", "2")
        await snasa.onCommit()
        try write("snasa", "c", "3")
        let shell = "sqlite3 '\(fleet.path("snasa"))' .dump | sqlite3 '\(fleet.path("copy"))'"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", shell]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        try FileManager.default.copyItem(
            atPath: SecretsFolder(of: fleet.path("snasa")).path, toPath: SecretsFolder(of: fleet.path("copy")).path)
        let copy = try fleet.node("copy", Line(fleet.hub.networkHandler))
        try write("copy", "d", "4")
        try write("snasa", "e", "5")
        await copy.onCommit()
        await snasa.onCommit()
        _ = try await snasa.syncOnce()
        _ = try await copy.syncOnce()
        _ = try await snasa.syncOnce()
        try expectAlike("snasa", "copy")
        #expect(try notes("hub") == "a=1 b=2 c=3 d=4 e=5")
    }

    @Test("a file put back to before its first change set")
    func beforeFirst() async throws {
        try keep("snasa", as: "backup")
        try write("snasa", "a", "1")
        _ = try await snasa.syncOnce()
        let restored = try await putBack("backup", as: "snasa", snasa)
        try write("snasa", "b", "2")
        _ = try await restored.syncOnce()
        try expectAlike("snasa")
        #expect(try notes("hub") == "a=1 b=2")
    }

    @Test("a hub restored to before a split takes the replica up again, and nothing is lost")
    func lostHub() async throws {
        try write("snasa", "a", "1")
        _ = try await snasa.syncOnce()
        try keep("snasa", as: "backup")
        await fleet.hub.close()
        try FileManager.default.copyItem(atPath: fleet.path("hub"), toPath: fleet.path("second"))
        try write("snasa", "b", "2")
        _ = try await snasa.syncOnce()
        var node = try await putBack("backup", as: "snasa", snasa)
        try write("snasa", "c", "3")
        _ = try await node.syncOnce()
        let replica = await node.replicaForTest()
        await node.close()
        let hub = try HubService(path: fleet.path("second"), now: wallMs)
        node = try fleet.node("snasa", Line(hub.networkHandler))
        try write("snasa", "d", "4")
        _ = try await node.syncOnce()
        #expect(await node.replicaForTest() == replica)
        #expect(try notes("second") == "a=1 b=2 c=3 d=4")
        #expect(try notes("snasa") == notes("second"))
        #expect(
            try fleet.value("second", "SELECT state FROM samband_replica WHERE split_from IS NULL AND site = 'snasa'")
                == "replaced")
        #expect(try fleet.value("second", "SELECT count(*) FROM samband_conflict") == "0")
        // A number that leads from no replica of the site is nobody's.
        let answer = await hub.networkHandler.respond(
            to: Request(
                .post, path: ["v1", "hello"],
                headers: [
                    "authorization": FieldValue("Bearer " + node.secret)!, "samband-replica": "77",
                    "content-digest": FieldValue(
                        "sha-256=:\(Base64.encode(SHA256.digest(Array(#"{"line":[]}"#.utf8)))):")!,
                ], body: Body(text: #"{"line":[]}"#)))
        #expect(answer.status == .unauthorized)
    }

    @Test("a split whose answer was lost gives the same number again", arguments: [true, false])
    func lostAnswer(writes: Bool) async throws {
        try keep("snasa", as: "backup")
        try write("snasa", "a", "1")
        _ = try await snasa.syncOnce()
        await snasa.close()
        _ = try await putBack("backup", as: "snasa", snasa)
        let line = Line(fleet.hub.networkHandler)
        let restored = try fleet.node("snasa", line)
        if writes { try write("snasa", "b", "2") }
        line.set { $0.cutAnswerAfter = 0 }
        await #expect(throws: ExchangeError.self) { try await restored.syncOnce() }
        _ = try await restored.syncOnce()
        try expectAlike("snasa")
        #expect(try count("SELECT count(*) FROM samband_replica WHERE site = 'snasa'") == "2")
    }
}

extension NodeService {
    func replicaForTest() -> UInt32 { store.replica }
    func lineBreaks() { isGreeted = false }
    func pullAllForTest() async throws -> Int { try await pullAll(waitMs: 0) }
}
