import Foundation
import HTTP
import JSONText
import Replication
import SQLite
import Synchronization
import Testing

@testable import HubService
@testable import NodeService

/// What goes beside the frames: the JSON of requests and answers, and the file that a site begins with.
@Suite("Bent bytes beside the frames", .serialized)
struct AnswerTests {
    /// Answers one path with other bytes than the hub's, and everything else as the hub does.
    final class Bending: Transport {
        private let handler: any Handler
        let bend = Mutex<(path: [String], bytes: @Sendable ([UInt8]) -> [UInt8])?>(nil)

        init(_ handler: any Handler) { self.handler = handler }

        func send(_ request: Request) async throws -> Response {
            let response = await handler.respond(to: request)
            guard let bend = bend.withLock({ $0 }), bend.path == request.target.path else { return response }
            let bytes = bend.bytes(try await response.body.collect(limit: 1 << 24))
            return Response(response.status, headers: response.headers, body: Body(bytes: bytes))
        }
    }

    @Test(
        "a hub's answer to a greeting or to a push with one bit turned, or cut, is none: the node says so and tries again"
    )
    func answers() async throws {
        let scene = try await Scene.make()
        for (path, name) in [("hello", "greet"), ("push", "push")] {
            let answer = try #require(scene.mosvik.last("/v1/\(path)")).answer
            let line = Bending(scene.fleet.hub.networkHandler)
            let file = try scene.fleet.copy(scene.nodeBefore, as: "node-\(name).db")
            let node = try scene.fleet.node(file, secretOf: "mosvik", line)
            let before = try content(file)
            let others = (0..<answer.count * 8).map { answer.bent($0) } + answer.indices.map { Array(answer[..<$0]) }
            for other in others {
                line.bend.withLock { $0 = (["v1", path], { _ in other }) }
                let error = await #expect(throws: ExchangeError.self) {
                    if path == "hello" {
                        _ = try await node.greet()
                    } else {
                        _ = try await node.push([], firstSegment: 0)
                    }
                }
                guard case .unreachable(let why, _)? = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                #expect(why.contains("damaged on the way") || why.contains("not the hub's"))
            }
            #expect(try content(file) == before)
        }
    }

    @Test("a pull's request with one bit turned moves no acknowledgement")
    func requests() async throws {
        let scene = try await Scene.make()
        let hub = scene.fleet.hub
        let query =
            "SELECT group_concat(sent || ' ' || acknowledged || ' ' || acknowledged_sealed) FROM samband_replica"
        let before = try scene.fleet.value("hub.db", query)
        for bit in 0..<scene.pull.request.count * 8 {
            let response = await hub.networkHandler.respond(
                to: Request(
                    .post, path: ["v1", "pull"], headers: scene.pull.requestHeaders,
                    body: Body(bytes: scene.pull.request.bent(bit))))
            #expect(response.status == .badRequest, "bit \(bit)")
        }
        #expect(try scene.fleet.value("hub.db", query) == before)
    }

    @Test("a site joins over a line that bends every message once, and nothing is left of what was bent")
    func join() async throws {
        let fleet = try TappedFleet()
        let added = await fleet.hub.operatorHandler.respond(
            to: Request(.post, path: ["v1", "site"], body: Body(text: #"{"name":"snasa"}"#)))
        let token = try #require(try JSON(parsing: try await added.body.collect(limit: 4096))["token"]?.string)
        let path = fleet.folder.file("snasa.db")
        let tap = Tap(fleet.hub.networkHandler)
        let line = Bending(fleet.hub.networkHandler)
        _ = try await Joining.join(path: fleet.folder.file("first.db"), hub: "http://hub", token: token, transport: tap)
        // The same token with the same secret is answered again: what was bent is asked for anew.
        try FileManager.default.moveItem(
            atPath: Joining.secretPath(of: fleet.folder.file("first.db")), toPath: fleet.folder.file("secret"))
        let folder = SecretsFolder(of: path).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let asked = try JSON(parsing: try #require(tap.last("/v1/join")).request)
        let lines = [
            Base64.encode(SHA256.digest(Array(token.utf8))), asked["secret"]?.string ?? "",
            asked["bundle_key"]?.string ?? "",
        ]
        try (lines.joined(separator: "\n") + "\n").write(
            toFile: folder + "/joining", atomically: false, encoding: .utf8)
        let answer = try #require(tap.last("/v1/join")).answer
        let snapshot = try #require(tap.last("/v1/snapshot")).answer
        var bent: [(path: [String], bytes: [UInt8])] = (0..<answer.count * 8).map { (["v1", "join"], answer.bent($0)) }
        bent += stride(from: 3, to: snapshot.count * 8, by: 24_007).map { (["v1", "snapshot"], snapshot.bent($0)) }
        bent += stride(from: 0, to: snapshot.count, by: 4_093).map { (["v1", "snapshot"], Array(snapshot[..<$0])) }
        for (number, (place, bytes)) in bent.enumerated() {
            line.bend.withLock { $0 = (place, { _ in bytes }) }
            await #expect(throws: ExchangeError.self, "\(number)") {
                _ = try await Joining.join(path: path, hub: "http://hub", token: token, transport: line)
            }
            #expect(!FileManager.default.fileExists(atPath: path), "\(number)")
            #expect(!FileManager.default.fileExists(atPath: path + ".part"), "\(number)")
        }
        line.bend.withLock { $0 = nil }
        #expect(try await Joining.join(path: path, hub: "http://hub", token: token, transport: line) == "snasa")
        print("a join: \(bent.count) messages bent")
    }

    @Test("a request to join with one bit turned is refused, and the token is as good as before")
    func joinRequest() async throws {
        let fleet = try TappedFleet()
        let tap = Tap(fleet.hub.networkHandler)
        _ = try await fleet.join("snasa", over: tap)
        let asked = try #require(tap.last("/v1/join"))
        for bit in 0..<asked.request.count * 8 {
            let response = await fleet.hub.networkHandler.respond(
                to: Request(
                    .post, path: ["v1", "join"], headers: asked.requestHeaders,
                    body: Body(bytes: asked.request.bent(bit))))
            #expect(response.status == .badRequest, "bit \(bit)")
        }
        let again = await fleet.hub.networkHandler.respond(
            to: Request(.post, path: ["v1", "join"], headers: asked.requestHeaders, body: Body(bytes: asked.request)))
        #expect(again.status == .ok)
        #expect(try await again.body.collect(limit: 4096) == asked.answer)
    }
}

extension TappedFleet {
    fileprivate func value(_ name: String, _ sql: String) throws -> String? {
        let reader = try Connection(path: folder.file(name), mode: .readOnly, busyTimeoutMs: 120_000)
        defer { reader.close() }
        return try reader.firstString(sql)
    }
}
