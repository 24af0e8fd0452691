import Foundation
import HTTP
@testable import HubService
import JSONText
@testable import NodeService
import Presentation
import Testing

@Suite("What one credential may take, and what a node does when the hub has enough")
struct OverloadTests {
    /// A site that asks as its node would.
    private struct Site {
        let secret: String
        let position: UInt64
        let hub: String

        init(_ fleet: ServiceFleet, _ name: String) async throws {
            let node = try await fleet.join(name)
            _ = try await node.syncOnce()
            secret = await node.secret
            position = try await node.positionForTest()
            hub = await fleet.hub.replicaForTest()
        }

        func pull(waitMs: Int) -> Request {
            let body = Array(#"{"position":\#(position),"sealed":0,"wait_ms":\#(waitMs)}"#.utf8)
            return Request(
                .post, path: ["v1", "pull"],
                headers: [
                    "authorization": FieldValue("Bearer \(secret)")!, "samband-hub": FieldValue(hub)!,
                    ContentDigest.name: ContentDigest.field(of: body),
                ], body: Body(bytes: body))
        }
    }

    @Test("a credential with as many requests under way as it may have is told 503, and others are not concerned")
    func perCredential() async throws {
        var limits = HTTP.Limits()
        limits.requestsPerCredential = 2
        limits.pollsPerSite = 9
        let fleet = try ServiceFleet(ExchangeTests.schema, limits: limits)
        let verran = try await Site(fleet, "verran")
        // After the other's joining, which is a change to all: its pull has nothing to come back with.
        let snasa = try await Site(fleet, "snasa")
        let handler = fleet.hub.networkHandler
        do {
            let waiting = (0..<2).map { _ in
                let request = snasa.pull(waitMs: 60_000)
                return Task { await handler.respond(to: request) }
            }
            while await fleet.hub.waiting < 2 { await Task.yield() }
            let third = await handler.respond(to: snasa.pull(waitMs: 0))
            #expect(third.status == .serviceUnavailable)
            #expect(third.headers["retry-after"] == "5")
            let problem = try JSON(parsing: third.body.bytes ?? [])
            #expect(problem["title"] == "Too many requests at once")
            #expect(await handler.respond(to: verran.pull(waitMs: 0)).status == .ok)
            for task in waiting { task.cancel() }
            for task in waiting { _ = await task.value }
        }
        // An answer that is still being taken has its place; dropped, it gives it back.
        do {
            let answers = [
                await handler.respond(to: snasa.pull(waitMs: 0)), await handler.respond(to: snasa.pull(waitMs: 0)),
            ]
            #expect(answers.allSatisfy { $0.status == .ok })
            #expect(await handler.respond(to: snasa.pull(waitMs: 0)).status == .serviceUnavailable)
            withExtendedLifetime(answers) {}
        }
        #expect(await handler.respond(to: snasa.pull(waitMs: 0)).status == .ok)
    }

    @Test("a frame larger than a site may push is refused when it is announced, not when it has come")
    func frame() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let snasa = try await Site(fleet, "snasa")
        func type(announcing length: Int) async throws -> String {
            let bytes = [UInt8(2)] + (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
            let request = Request(
                .post, path: ["v1", "push"],
                headers: [
                    "authorization": FieldValue("Bearer \(snasa.secret)")!, "samband-hub": FieldValue(snasa.hub)!,
                ], body: Body(bytes: bytes))
            let problem = try await json(fleet.hub.networkHandler, request)
            #expect(problem["status"] == 400)
            return problem["detail"]?.string ?? ""
        }
        #expect(try await type(announcing: 32 << 20).contains("ends within"))
        #expect(try await type(announcing: 32 << 20 + 1).contains("larger than \(32 << 20) bytes"))
    }

    @Test("one more pull of a site than may wait sends the oldest away")
    func polls() async throws {
        var limits = HTTP.Limits()
        limits.pollsPerSite = 2
        let fleet = try ServiceFleet(ExchangeTests.schema, limits: limits)
        let snasa = try await Site(fleet, "snasa")
        let handler = fleet.hub.networkHandler
        var tasks: [Task<Status, Never>] = []
        for number in 0..<3 {
            let request = snasa.pull(waitMs: 60_000)
            tasks.append(Task { await handler.respond(to: request).status })
            // One after the other: who came first is the oldest.
            while number < 2, await fleet.hub.waiting <= number { await Task.yield() }
        }
        #expect(await tasks[0].value == .conflict)
        #expect(await fleet.hub.waiting == 2)
        await fleet.hub.drain()
        for task in tasks.dropFirst() { #expect(await task.value == .ok) }
    }

    @Test("a node that is told to come back later does, and not before", .timeLimit(.minutes(5)))
    func retryAfter() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let line = Line(fleet.hub.networkHandler)
        let snasa = try await fleet.join("snasa", line: line)
        try fleet.write("snasa", "INSERT INTO note VALUES('n-1', x'00')")
        line.set { $0.stranger = Problem(.serviceUnavailable, title: "Full", retryAfterSeconds: 2).response }
        let running = Task { await snasa.run() }
        while await snasa.watchdog.sentence == nil { try await Task.sleep(for: .milliseconds(1)) }
        line.set {
            $0.stranger = nil
            $0.askedAt = []
        }
        while line.askedAt.count < 2 { try await Task.sleep(for: .milliseconds(5)) }
        // One of the two loops may still have been under way; whoever asks then has waited. Both moments are noted
        // where they happen, so a busy machine can only lengthen what is between them.
        let refused = try #require(line.strangerAt)
        #expect(line.askedAt[1] - refused > .milliseconds(1_500))
        running.cancel()
        await running.value
    }
}
