import Foundation
import HTTP
import HubService
import JSONText
import Replication
import SQLite
import Testing

@Suite("Bytes that a push must not have", .serialized)
struct PushTests {
    /// A hub on a copy of its file from before the push.
    struct Hub {
        let path: String
        let service: HubService
        private let watch: Connection

        init(_ scene: Scene) throws {
            path = try scene.fleet.copy(scene.hubBefore, as: "hub-\(UInt64.random(in: 0...UInt64.max)).db")
            service = try HubService(path: path, limitsSites: false, now: TappedFleet.now)
            watch = try Connection(path: path, mode: .readOnly, busyTimeoutMs: 120_000)
        }

        func push(_ body: Body, _ scene: Scene) async throws -> (status: Status, answer: JSON) {
            let response = await service.networkHandler.respond(
                to: Request(.post, path: ["v1", "push"], headers: scene.push.requestHeaders, body: body))
            return (response.status, try JSON(parsing: try await response.body.collect(limit: 1 << 20)))
        }

        /// Changes with every commit.
        func version() throws -> Int64 { try watch.dataVersion() }
    }

    /// What the hub holds before the push, after its first change set, and after both.
    private func states(_ scene: Scene) async throws -> [[String]] {
        var states: [[String]] = []
        let hub = try Hub(scene)
        states.append(try content(hub.path))
        let frames = RawFrame.all(in: scene.push.request)
        let second = try #require(frames.lastIndex { $0.kind == 1 })
        #expect(frames.map(\.kind) == [1, 2, 2, 1, 2, 2], "two change sets of two segments")
        let first = frames[..<second].flatMap(\.bytes)
        #expect(try await hub.push(Body(bytes: first), scene).status == .ok)
        states.append(try content(hub.path))
        #expect(try await hub.push(Body(bytes: scene.push.request), scene).status == .ok)
        states.append(try content(hub.path))
        #expect(Set(states).count == 3)
        return states
    }

    private func expectReason(_ answer: JSON, _ what: String) {
        #expect(answer["title"]?.string?.isEmpty == false && answer["detail"]?.string?.isEmpty == false, "\(what)")
        #expect(answer["type"]?.string != "https://samband.invalid/problem/bug", "\(what)")
    }

    @Test("every bit of a push that is turned on the way is noticed, and what comes of it is a part of the push")
    func bits() async throws {
        let scene = try await Scene.make()
        let states = try await states(scene)
        let hub = try Hub(scene)
        var version = try hub.version()
        let bytes = scene.push.request
        for bit in 0..<bytes.count * 8 {
            let (status, answer) = try await hub.push(Body(bytes: bytes.bent(bit)), scene)
            #expect(status != .ok, "bit \(bit)")
            expectReason(answer, "bit \(bit)")
            if try hub.version() != version {
                version = try hub.version()
                #expect(states.prefix(2).contains(try content(hub.path)), "bit \(bit)")
            }
        }
        #expect(try await hub.push(Body(bytes: bytes), scene).status == .ok)
        #expect(try content(hub.path) == states[2])
        print("a push of \(bytes.count) bytes: \(bytes.count * 8) bits turned")
    }

    @Test("a push that ends anywhere, or is cut anywhere, is taken as far as it came whole, and goes on from there")
    func ends() async throws {
        let scene = try await Scene.make()
        let states = try await states(scene)
        let bytes = scene.push.request
        for isCut in [false, true] {
            let hub = try Hub(scene)
            var version = try hub.version()
            for count in 0..<bytes.count {
                let part = Array(bytes.prefix(count))
                let (status, answer) = try await hub.push(isCut ? cutBody(part) : Body(bytes: part), scene)
                // A body that ends between two change sets is a push of fewer.
                if status != .ok { expectReason(answer, "\(count) bytes") }
                #expect(!isCut || status != .ok, "\(count) bytes")
                if try hub.version() != version {
                    version = try hub.version()
                    #expect(states.prefix(2).contains(try content(hub.path)), "\(count) bytes")
                }
            }
            #expect(try await hub.push(Body(bytes: bytes), scene).status == .ok)
            #expect(try content(hub.path) == states[2])
        }
    }

    @Test("what a site makes up, with digests and checksums that fit, is refused or is a change set like any other")
    func madeUp() async throws {
        let scene = try await Scene.make()
        let frames = RawFrame.all(in: scene.push.request)
        var hub = try Hub(scene)
        var version = try hub.version()
        var outcomes: [Status: Int] = [:]
        let bits = SomeBits("made-up pushes", oneIn: 7)
        for (number, frame) in frames.enumerated() {
            for bit in bits.of(frame.body) {
                let made = RawFrame.fitting(frames, number, frame.body.bent(bit))
                let (status, answer) = try await hub.push(Body(bytes: made.flatMap(\.bytes)), scene)
                outcomes[status, default: 0] += 1
                if status != .ok { expectReason(answer, "frame \(number), bit \(bit)") }
                if try hub.version() == version { continue }
                #expect(try isSound(hub.path), "frame \(number), bit \(bit)")
                // What was taken can be given out.
                if outcomes.values.reduce(0, +) % 16 == 0 {
                    try await expectServes(hub, scene, "frame \(number), bit \(bit)")
                }
                hub = try Hub(scene)
                version = try hub.version()
            }
        }
        #expect((outcomes[.ok] ?? 0) > 0 && outcomes.count > 1)
        print("made-up pushes: \(outcomes.map { "\($0.value) × \($0.key)" }.sorted().joined(separator: ", "))")
    }

    /// A node takes in all that the hub gives out, and holds the same rows.
    private func expectServes(_ hub: Hub, _ scene: Scene, _ what: String) async throws {
        let path = try scene.fleet.copy(scene.nodeBefore, as: "node-made-up.db")
        let node = try scene.fleet.node(path, secretOf: "mosvik", InProcessTransport(hub.service.networkHandler))
        do {
            _ = try await node.syncOnce()
        } catch {
            Issue.record("\(what): \(error)")
            return
        }
        for table in ["ward", "patient", "stay", "stock"] {
            let rows = try content(path).filter { $0.hasPrefix("\(table): ") }
            #expect(rows == (try content(hub.path).filter { $0.hasPrefix("\(table): ") }), "\(what)")
        }
    }
}
