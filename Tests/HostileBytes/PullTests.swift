import Foundation
import HTTP
import HubService
import JSONText
import Presentation
import Replication
import SQLite
import Synchronization
import Testing

@testable import NodeService

@Suite("Bytes that a pull must not have", .serialized)
struct PullTests {
    /// A node on a copy of its file from before the pull, and a line that answers what the test wants.
    struct Node {
        let path: String
        let service: NodeService
        let line: Answering
        private let watch: Connection

        init(_ scene: Scene, _ line: Answering) async throws {
            path = try scene.fleet.copy(scene.nodeBefore, as: "node-\(UInt64.random(in: 0...UInt64.max)).db")
            service = try scene.fleet.node(path, secretOf: "mosvik", line)
            self.line = line
            watch = try Connection(path: path, mode: .readOnly, busyTimeoutMs: 120_000)
            _ = try await service.greet()
        }

        func version() throws -> Int64 { try watch.dataVersion() }
    }

    /// The hub as the node sees it: everything as it was recorded, but for the pull.
    final class Answering: Transport {
        private let tap: Tap
        private let pull: Tap.Exchange
        let body = Mutex<Body>(.empty)

        init(_ scene: Scene) {
            tap = scene.mosvik
            pull = scene.pull
        }

        func send(_ request: Request) async throws -> Response {
            if request.target.path == ["v1", "pull"] {
                return Response(pull.status, headers: pull.answerHeaders, body: body.withLock { $0 })
            }
            guard let known = tap.last("\(request.target)") else { throw Tap.Down() }
            return Response(known.status, headers: known.answerHeaders, body: Body(bytes: known.answer))
        }
    }

    /// What comes of a pull of these bytes: nil when it was taken.
    private func outcome(_ node: Node, _ body: Body) async -> ExchangeError? {
        node.line.body.withLock { $0 = body }
        do {
            _ = try await node.service.pullAll(waitMs: 0)
            return nil
        } catch { return error }
    }

    private func expectReason(_ error: ExchangeError, _ what: String) {
        #expect("\(error)".count > 20 && !"\(error)".contains("Nothing was changed"), "\(what): \(error)")
    }

    /// What the node holds before the pull, and after each of its hub transactions.
    private func states(_ scene: Scene) async throws -> [[String]] {
        var states: [[String]] = []
        let frames = RawFrame.all(in: scene.pull.answer)
        let line = Answering(scene)
        let node = try await Node(scene, line)
        states.append(try content(node.path))
        for count in 1...frames.count {
            let part = frames.prefix(count).flatMap(\.bytes)
            _ = await outcome(node, cutBody(part))
            let now = try content(node.path)
            if now != states.last { states.append(now) }
        }
        return states
    }

    @Test("every bit of a pull that is turned on the way is noticed, and what is taken of it came before that bit")
    func bits() async throws {
        let scene = try await Scene.make()
        let states = try await states(scene)
        #expect(states.count >= 4)
        let node = try await Node(scene, Answering(scene))
        var version = try node.version()
        let bytes = scene.pull.answer
        for bit in 0..<bytes.count * 8 {
            let error = await outcome(node, Body(bytes: bytes.bent(bit)))
            if let error { expectReason(error, "bit \(bit)") } else { Issue.record("bit \(bit) was taken") }
            if try node.version() != version {
                version = try node.version()
                #expect(states.contains(try content(node.path)), "bit \(bit)")
            }
        }
        #expect(await outcome(node, Body(bytes: bytes)) == nil)
        #expect(try content(node.path) == states.last)
        print("a pull of \(bytes.count) bytes: \(bytes.count * 8) bits turned")
    }

    @Test("a pull that ends anywhere, or is cut anywhere, is taken by whole hub transactions, and goes on from there")
    func ends() async throws {
        let scene = try await Scene.make()
        let states = try await states(scene)
        let bytes = scene.pull.answer
        for isCut in [false, true] {
            let node = try await Node(scene, Answering(scene))
            var version = try node.version()
            var reached = 0
            for count in 0..<bytes.count {
                let part = Array(bytes.prefix(count))
                let error = await outcome(node, isCut ? cutBody(part) : Body(bytes: part))
                if let error {
                    expectReason(error, "\(count) bytes")
                } else {
                    Issue.record("\(count) bytes were taken")
                }
                if try node.version() != version {
                    version = try node.version()
                    let now = try content(node.path)
                    let place = try #require(states.firstIndex(of: now), "\(count) bytes")
                    #expect(place >= reached)
                    reached = place
                }
            }
            #expect(await outcome(node, Body(bytes: bytes)) == nil)
            #expect(try content(node.path) == states.last)
        }
    }

    @Test("what a hub makes up, with digests and checksums that fit, is refused or taken, and the file stays sound")
    func madeUp() async throws {
        let scene = try await Scene.make()
        let frames = RawFrame.all(in: scene.pull.answer)
        let line = Answering(scene)
        var node = try await Node(scene, line)
        var version = try node.version()
        var (taken, refused) = (0, 0)
        let bits = SomeBits("made-up pulls", oneIn: 97)
        for (number, frame) in frames.enumerated() {
            for bit in bits.of(frame.body) {
                let made = RawFrame.fitting(frames, number, frame.body.bent(bit))
                if let error = await outcome(node, Body(bytes: made.flatMap(\.bytes))) {
                    expectReason(error, "frame \(number), bit \(bit)")
                    refused += 1
                } else {
                    taken += 1
                }
                if try node.version() == version { continue }
                #expect(try isSound(node.path), "frame \(number), bit \(bit)")
                node = try await Node(scene, line)
                version = try node.version()
            }
        }
        print("made-up pulls: \(taken) taken, \(refused) refused")
        #expect(taken > 0 && refused > 0)
    }
}
