import Foundation
import HTTP
import JSONText
import Presentation
import Replication
import Synchronization
import Testing

@testable import HubDatabase
@testable import HubService
@testable import NodeService

@Suite("The edge, read by somebody who means harm or has no luck")
struct ReviewedEdgeTests {
    let fleet: ServiceFleet
    let snasa: NodeService

    init() async throws {
        fleet = try ServiceFleet(ExchangeTests.schema)
        snasa = try await fleet.join("snasa")
    }

    /// JSON with its digest, as a node sends it.
    private func proven(_ path: String, _ json: JSON, _ headers: Headers = [:]) throws -> Request {
        let bytes = try json.bytes()
        var request = Request(
            .post, path: path.split(separator: "/").map(String.init), headers: headers, body: Body(bytes: bytes))
        request.headers.set(ContentDigest.name, ContentDigest.field(of: bytes))
        return request
    }

    private func offer(_ secret: Int) async throws -> Status {
        let json: JSON = [
            "secret": .string("made-up-\(secret)-0123456789-0123456789-0123456789"),
            "bundle_key": .string(Base64.encode([UInt8](repeating: UInt8(secret & 255), count: 32))),
        ]
        return await fleet.hub.networkHandler.respond(to: try proven("v1/rotate", json, try await fleet.caller(snasa)))
            .status
    }

    @Test("a made-up join token does not make the hub read its log anew")
    func madeUpToken() async throws {
        let verran = try await fleet.join("verran")
        for site in ["snasa", "verran"] { try fleet.write(site, "INSERT INTO note VALUES('\(site)', x'01')") }
        for node in [snasa, verran, snasa] { _ = try await node.syncOnce() }
        let held = await fleet.hub.heldOfLog
        #expect(held > 0)
        let json: JSON = [
            "token": "made-up", "secret": .string(String(repeating: "s", count: 43)),
            "bundle_key": .string(Base64.encode([UInt8](repeating: 1, count: 32))),
        ]
        #expect(await fleet.hub.networkHandler.respond(to: try proven("v1/join", json)).status == .forbidden)
        #expect(await fleet.hub.heldOfLog == held)
    }

    @Test("whoever has a site's secret cannot fill the audit with changes of it, and a repeated change costs nothing")
    func secretsWithoutEnd() async throws {
        var statuses: [Status] = []
        for number in 0..<40 { statuses.append(try await offer(number)) }
        #expect(statuses.first == .ok && statuses.last == .serviceUnavailable)
        let rows = try fleet.value("hub", "SELECT count(*) FROM samband_audit WHERE what = 'site.rotate'")
        #expect(rows == "\(Allowance.secrets)")
        #expect(try await offer(statuses.lastIndex(of: .ok)!) == .ok)
    }

    @Test("a retired site that asks on and on is slowed down like any other")
    func retiredAsks() async throws {
        let request = AccessTests.request(.post, "/v1/pull", token: await snasa.secret)
        _ = await fleet.hub.networkHandler.respond(to: AccessTests.post("/v1/site/snasa/retire"))
        _ = await fleet.hub.operatorHandler.respond(to: AccessTests.post("/v1/site/snasa/retire"))
        #expect(await fleet.hub.networkHandler.respond(to: request).status == .forbidden)
        #expect(await fleet.hub.budgets["snasa"] != nil, "what it asked has cost it")
        await fleet.hub.charge("snasa", us: SiteBudget.burstUs + 50_000)
        #expect(await fleet.hub.networkHandler.respond(to: request).status == .serviceUnavailable)
    }

    @Test("what a retired site writes gets into the quarantine of a hub that was restored, too")
    func retiredAndRestored() async throws {
        try fleet.write("snasa", "INSERT INTO note VALUES('before', x'01')")
        _ = try await snasa.syncOnce()
        _ = await fleet.hub.operatorHandler.respond(to: AccessTests.post("/v1/site/snasa/retire"))
        let restored = try HubService(path: fleet.path("hub"), restored: .fromBackup, now: wallMs)
        let node = try fleet.node("snasa", Line(restored.networkHandler))
        try fleet.write("snasa", "INSERT INTO note VALUES('after', x'02')")
        await #expect(throws: ExchangeError.self) { _ = try await node.syncOnce() }
        let kept = try await json(restored.operatorHandler, AccessTests.request(.get, "/v1/site/snasa/quarantine"))
        #expect(kept["change_sets"]?.array?.count == 1)
        let trouble = try await json(node.operatorHandler, AccessTests.request(.get, "/v1/status"))["trouble"]?.string
        #expect(trouble?.contains("Site snasa has no part in the fleet any more") == true, "\(trouble ?? "none")")
    }

    @Test("the log of a database that is gone is not taken for that of the one that comes in its place")
    func leftLog() async throws {
        let token = try await fleet.add("verran")
        let line = Line(fleet.hub.networkHandler)
        func join() async throws {
            _ = try await Joining.join(path: fleet.path("verran"), hub: "http://hub", token: token, transport: line)
        }
        for end in ["-wal", "-journal"] {
            let left = fleet.path("verran") + end
            try "what was written last".write(toFile: left, atomically: false, encoding: .utf8)
            do {
                try await join()
                Issue.record("it joined beside \(end)")
            } catch let error as ExchangeError {
                #expect("\(error)".contains(left))
            }
            #expect(FileManager.default.fileExists(atPath: left), "it may be all that is left of somebody's work")
            try FileManager.default.removeItem(atPath: left)
        }
        #expect(!FileManager.default.fileExists(atPath: fleet.path("verran")))
        // What a joining that was killed has left goes; the token is good still.
        let part = fleet.path("verran") + ".part"
        for end in ["", "-wal", "-journal"] { try "x".write(toFile: part + end, atomically: false, encoding: .utf8) }
        try await join()
        for end in ["", "-wal", "-journal"] { #expect(!FileManager.default.fileExists(atPath: part + end)) }
    }

    @Test("secrets that another node has left in the folder are not taken for those of the one that joins")
    func leftSecrets() async throws {
        let folder = SecretsFolder(of: fleet.path("verran"), credentials: nil)
        try FileManager.default.createDirectory(
            atPath: folder.path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for name in ["token", "token.next", "token.former", "bundle-key", "bundle-key.next"] {
            try String(repeating: "x", count: 43).write(
                toFile: "\(folder.path)/\(name)", atomically: false, encoding: .utf8)
        }
        let verran = try await fleet.join("verran")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["bundle-key", "token"])
        _ = try await verran.syncOnce()
    }

    /// Answers so many requests for a snapshot in the hub's place.
    private final class BusyLine: Transport {
        private let hub: any Handler
        private let answer: @Sendable () -> Response
        private let left: Mutex<Int>

        init(_ hub: any Handler, times: Int, _ answer: @escaping @Sendable () -> Response) {
            self.hub = hub
            self.answer = answer
            left = Mutex(times)
        }

        func send(_ request: Request) async throws -> Response {
            let isBusy = left.withLock { left in
                guard request.target.path.last == "snapshot", left > 0 else { return false }
                left -= 1
                return true
            }
            return isBusy ? answer() : await hub.respond(to: request)
        }
    }

    @Test("a joining waits for a hub that is busy, and says in its words what else the hub says")
    func busyHub() async throws {
        let busy = BusyLine(fleet.hub.networkHandler, times: 10) {
            Problem(.serviceUnavailable, title: "Busy", detail: "Others.", next: "Wait.", retryAfterSeconds: 1).response
        }
        let token = try await fleet.add("verran")
        _ = try await Joining.join(
            path: fleet.path("verran"), hub: "http://hub", token: token, transport: busy, pause: .milliseconds(1))
        let refusing = BusyLine(fleet.hub.networkHandler, times: 1) {
            Problem(.forbidden, title: "No", detail: "The site is paused.", next: "Ask.").response
        }
        let other = try await fleet.add("mosvik")
        do {
            _ = try await Joining.join(
                path: fleet.path("mosvik"), hub: "http://hub", token: other, transport: refusing)
            Issue.record("it joined")
        } catch {
            #expect("\(error)" == "No: The site is paused. Ask.")
        }
    }

    @Test("operators from afar are let in while the hub gathers, and a token that a backup has again can be taken back")
    func operatorsOfARestoredHub() async throws {
        let (admin, viewer) = (
            try await fleet.operatorToken("kari", role: "admin"), try await fleet.operatorToken("eva", role: "viewer")
        )
        let restored = try HubService(path: fleet.path("hub"), restored: .fromBackup, now: wallMs)
        #expect(await restored.recoveryTrouble != nil)
        func ask(_ request: Request) async -> Status { await restored.networkHandler.respond(to: request).status }
        #expect(await ask(AccessTests.request(.get, "/v1/status", token: viewer)) == .ok)
        #expect(await ask(AccessTests.post("/v1/operator/eva/revoke", token: admin)) == .ok)
        #expect(await ask(AccessTests.request(.get, "/v1/status", token: viewer)) == .unauthorized)
    }

    @Test("of a site that has nothing to hand in nothing is read, let alone held in memory")
    func nothingToHandIn() async throws {
        _ = try await snasa.syncOnce()
        let read = Mutex(0)
        let endless = Body {
            read.withLock { $0 += 1 }
            return read.withLock { $0 } > 1000 ? nil : [UInt8](repeating: 0, count: 1 << 10)
        }
        for path in ["sets", "offer"] {
            let request = Request(
                .post, path: ["v1", "recovery", path], headers: try await fleet.caller(snasa), body: endless)
            #expect(await fleet.hub.networkHandler.respond(to: request).status == .unprocessableContent)
        }
        #expect(read.withLock { $0 } == 0)
    }

    @Test("segments of a push that were held when its site was retired are not left behind")
    func leftSegments() async throws {
        let replica = await snasa.number
        _ = await fleet.hub.operatorHandler.respond(to: AccessTests.post("/v1/site/snasa/retire"))
        #expect(try await !fleet.hub.stage([[1, 2, 3]], of: Dot(replica: replica, seq: 1)))
        #expect(try fleet.value("hub", "SELECT count(*) FROM samband_staged") == "0")
    }
}

extension HubService {
    /// What memory holds of the log, in words of eight bytes.
    fileprivate var heldOfLog: Int { store.index.index.words }

    fileprivate func stage(_ segments: [[UInt8]], of dot: Dot) throws -> Bool {
        try store.stage(segments, of: dot, from: 0)
    }
}
