import Foundation
import HTTP
import SQLite
import Synchronization
import Testing

@testable import HubService
@testable import NodeService

@Suite("Whatever the line does")
struct LineFaultTests {
    private static let large = """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
        INSERT INTO note SELECT 'n' || i, randomblob(200000) FROM n
        """

    private static let strangers: [(Response, String)] = [
        (Response(.ok, "text/html", "<html>Welcome</html>"), "a page answers"),
        (Response(Status(code: 502)!, "text/html", "<html>Bad Gateway</html>"), "answers 502"),
        (Response(Status(code: 302)!, headers: ["location": "http://portal.example/?x=1"]), "sends the node on"),
        (.json(.ok, Array(#"{"replica":"no"}"#.utf8)), "something other than the hub"),
        (Response(.ok, "application/vnd.samband.frames", "<html>Welcome</html>"), "something other than the hub"),
    ]

    @Test("who answers in the hub's place is known for a stranger, changes nothing, and is tried again")
    func strangers() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let line = Line(fleet.hub.networkHandler)
        let snasa = try await fleet.join("snasa", line: line)
        _ = try await snasa.syncOnce()
        try fleet.write("snasa", "INSERT INTO note VALUES('a', NULL)")
        for (stranger, says) in Self.strangers {
            line.set { $0.stranger = stranger }
            for _ in 0..<2 {
                await #expect(throws: ExchangeError.self) { try await snasa.syncOnce() }
                await #expect(throws: ExchangeError.self) { try await snasa.pullAll(waitMs: 0) }
            }
            let status = try await json(snasa.operatorHandler, Request(.get, path: ["v1", "status"]))
            #expect(status["link"] == "down")
            #expect(status["trouble"]?.string?.contains(says) == true, "\(status["trouble"] ?? .null)")
            #expect(status["pending"] == 1)
        }
        line.set { $0.stranger = nil }
        #expect(try await snasa.syncOnce().pushed == 1)
        let status = try await json(snasa.operatorHandler, Request(.get, path: ["v1", "status"]))
        #expect(status["link"] == "up" && status["trouble"] == .null)
    }

    @Test("a join that a portal answers is told so and leaves nothing but the secret for the next attempt")
    func joinAtPortal() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let token = try await fleet.add("snasa")
        let line = Line(fleet.hub.networkHandler)
        for (stranger, says) in Self.strangers.prefix(4) {
            line.set { $0.stranger = stranger }
            await #expect {
                try await Joining.join(path: fleet.path("snasa"), hub: "http://hub", token: token, transport: line)
            } throws: { error in
                "\(error)".contains(says)
            }
            #expect(!FileManager.default.fileExists(atPath: fleet.path("snasa")))
        }
        line.set { $0.stranger = nil }
        _ = try await Joining.join(path: fleet.path("snasa"), hub: "http://hub", token: token, transport: line)
    }

    @Test("a join over a line that is cut again and again takes no byte twice")
    func joinInPieces() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let verran = try await fleet.join("verran")
        try fleet.write("verran", Self.large)
        _ = try await verran.syncOnce()
        let whole = Line(fleet.hub.networkHandler)
        _ = try await fleet.join("inderoy", line: whole)
        let token = try await fleet.add("snasa")
        let line = Line(fleet.hub.networkHandler)
        line.set {
            $0.cutAnswerAfter = 1_000_000
            $0.cutsLeft = 20
        }
        _ = try await Joining.join(
            path: fleet.path("snasa"), hub: "http://hub", token: token, transport: line, pause: .zero)
        #expect(line.bytesDown < whole.bytesDown + 100_000)
        #expect(try fleet.value("snasa", "SELECT count(*) FROM note") == "40")
        let snasa = try fleet.node("snasa", Line(fleet.hub.networkHandler))
        #expect(try await snasa.syncOnce().pulled == 0)
    }

    @Test("a join that is cut goes on at a hub that keeps nothing of the first answer, and ends where nothing comes")
    func joinAnew() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let verran = try await fleet.join("verran")
        try fleet.write("verran", Self.large)
        _ = try await verran.syncOnce()
        let token = try await fleet.add("snasa")
        let first = Line(fleet.hub.networkHandler)
        let another = try HubService(path: fleet.folder + "/hub.db", now: wallMs)
        let second = Line(another.networkHandler)
        // Once for the answer to the join, which is shorter.
        first.set {
            $0.cutAnswerAfter = 1_000_000
            $0.cutsLeft = 1
        }
        let asked = Mutex(0)
        let line = Chosen { request in
            guard request.target.path.last == "snapshot" else { return first }
            return asked.withLock {
                $0 += 1; return $0
            } == 1 ? first : second
        }
        _ = try await Joining.join(
            path: fleet.path("snasa"), hub: "http://hub", token: token, transport: line, pause: .zero)
        #expect(try fleet.value("snasa", "SELECT count(*) FROM note") == "40")

        let other = try await fleet.add("inderoy")
        // Once for the answer to the join, which is shorter.
        first.set {
            $0.cutAnswerAfter = 1_000_000
            $0.cutsLeft = 1
        }
        let away = Line(fleet.hub.networkHandler)
        away.set { $0.isDown = true }
        asked.withLock { $0 = 0 }
        await #expect(throws: ExchangeError.self) {
            try await Joining.join(
                path: fleet.path("inderoy"), hub: "http://hub", token: other,
                transport: Chosen { request in
                    guard request.target.path.last == "snapshot" else { return first }
                    return asked.withLock {
                        $0 += 1; return $0
                    } == 1 ? first : away
                }, pause: .zero)
        }
        #expect(asked.withLock { $0 } == 4)
        #expect(!FileManager.default.fileExists(atPath: fleet.path("inderoy") + ".part"))
    }

    @Test("a push whose line is dead without a word does not hold up the next, which goes on behind what has come")
    func deadPush() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let line = Line(fleet.hub.networkHandler)
        let snasa = try await fleet.join("snasa", line: line)
        _ = try await snasa.syncOnce()
        try fleet.write("snasa", Self.large)
        line.set { $0.stallRequestAfter = 5 << 20 }
        await #expect(throws: ExchangeError.self) { try await snasa.syncOnce() }
        let before = line.bytesUp
        #expect(try await snasa.syncOnce().pushed == 1)
        #expect(line.bytesUp - before < 5 << 20)
        #expect(try fleet.value("hub", "SELECT count(*) FROM note") == "40")
    }

    @Test("a node that ends within a large pull goes on behind what has come, and so does one whose hub has ended")
    func restarts() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let snasa = try await fleet.join("snasa")
        let line = Line(fleet.hub.networkHandler)
        let verran = try await fleet.join("verran", line: line)
        _ = try await verran.syncOnce()
        try fleet.write("snasa", Self.large)
        _ = try await snasa.syncOnce()
        line.set { $0.cutAnswerAfter = 5 << 20 }
        await #expect(throws: ExchangeError.self) { try await verran.pullAll(waitMs: 0) }
        await verran.close()
        let again = try fleet.node("verran", line)
        let before = line.bytesDown
        _ = try await again.syncOnce()
        #expect(line.bytesDown - before < 5 << 20)
        #expect(try fleet.value("verran", "SELECT count(*) FROM note") == "40")
        #expect(try fleet.value("verran", "SELECT count(*) FROM samband_staged") == "0")

        // Now the hub: what it had of a push before it ended is in its file.
        let up = Line(fleet.hub.networkHandler)
        let third = try await fleet.join("leksvik", line: up)
        _ = try await third.syncOnce()
        try fleet.write("leksvik", Self.large.replacingOccurrences(of: "'n'", with: "'m'"))
        up.set { $0.cutRequestAfter = 5 << 20 }
        await #expect(throws: ExchangeError.self) { try await third.syncOnce() }
        await third.close()
        let hub = try HubService(path: fleet.folder + "/hub.db", now: wallMs)
        let anew = Line(hub.networkHandler)
        #expect(try await fleet.node("leksvik", anew).syncOnce().pushed == 1)
        #expect(anew.bytesUp < 5 << 20)
    }

    @Test("what is kept of another transaction than the hub sends is dropped, and the pull begins anew")
    func otherContent() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let snasa = try await fleet.join("snasa")
        let line = Line(fleet.hub.networkHandler)
        let verran = try await fleet.join("verran", line: line)
        _ = try await verran.syncOnce()
        try fleet.write("snasa", Self.large)
        _ = try await snasa.syncOnce()
        line.set { $0.cutAnswerAfter = 5 << 20 }
        await #expect(throws: ExchangeError.self) { try await verran.pullAll(waitMs: 0) }
        // As after a hub that was put back: the same place holds other bytes.
        let program = try Connection(path: fleet.path("verran"), mode: .readWrite, busyTimeoutMs: 120_000)
        try program.setTriggersEnabled(false)
        try program.execute("UPDATE samband_staged SET digest = zeroblob(32), bytes = zeroblob(9) WHERE number = 0")
        program.close()
        _ = try? await verran.syncOnce()
        _ = try await verran.syncOnce()
        #expect(try fleet.value("verran", "SELECT count(*) FROM note") == "40")
    }
}

/// Another line for each request.
private struct Chosen: Transport {
    let line: @Sendable (Request) -> Line
    func send(_ request: Request) async throws -> Response { try await line(request).send(request) }
}
