import Foundation
import HTTP
import JSONText
import Testing

@testable import HubService
@testable import NodeService

@Suite("Credentials that open nothing")
struct CredentialFailureTests {
    @Test("they are counted by kind, many are an alarm in status, audit and metrics, and none of it shows a secret")
    func alarm() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        _ = try await fleet.join("snasa")
        let viewer = try await fleet.operatorToken("eva", role: "viewer")
        func status() async throws -> String? {
            try await json(fleet.hub.operatorHandler, AccessTests.request(.get, "/v1/status"))["trouble"]?.string
        }
        for number in 1..<CredentialFailures.alarmFrom {
            let request = AccessTests.request(.get, "/v1/status", token: "guess-\(number)")
            #expect(await fleet.hub.networkHandler.respond(to: request).status == .unauthorized)
        }
        _ = await fleet.hub.networkHandler.respond(to: AccessTests.request(.get, "/v1/status"))
        #expect(try await status() == nil, "some happen")
        for number in 0..<30 {
            let request = AccessTests.request(.post, "/v1/pull", token: "another-\(number)")
            _ = await fleet.hub.networkHandler.respond(to: request)
        }
        let trouble = try #require(try await status())
        #expect(trouble.contains("49 requests in 10 minutes showed a credential that opens nothing"), "\(trouble)")
        #expect(
            try fleet.value("hub", "SELECT count(*) FROM samband_audit WHERE what = 'credential.alarm'") == "1",
            "once, however many come")
        let answer = await fleet.hub.networkHandler.respond(
            to: AccessTests.request(.get, "/metrics", token: viewer))
        let page = String(decoding: try await answer.body.collect(limit: 1 << 20), as: UTF8.self)
        #expect(page.contains("samband_credential_failures_total{kind=\"unknown\"} 49\n"), "\(page)")
        #expect(page.contains("samband_credential_failures_total{kind=\"missing\"} 1\n"))
        #expect(page.contains("samband_sites{state=\"active\"} 1\n"))
        #expect(page.contains("samband_site_behind{site=\"snasa\",replica=\""))
        for text in [page, trouble] { #expect(!text.contains("guess-") && !text.contains("another-")) }
    }

    @Test("an alarm ends when it has been quiet, and begins anew; a clock that jumps harms nothing")
    func window() {
        var failures = CredentialFailures()
        let begin: UInt64 = 1_700_000_000_000
        var alarms = 0
        for _ in 0..<100 where failures.note(.unknown, nowMs: begin) { alarms += 1 }
        #expect(alarms == 1)
        #expect(failures.sentence(nowMs: begin + 9 * 60_000) != nil)
        #expect(failures.sentence(nowMs: begin + 11 * 60_000) == nil)
        for _ in 0..<100 where failures.note(.unknown, nowMs: begin + 12 * 60_000) { alarms += 1 }
        #expect(alarms == 2)
        #expect(failures.sentence(nowMs: 0) == nil)
        for _ in 0..<100 { _ = failures.note(.missing, nowMs: 0) }
        #expect(failures.sentence(nowMs: 0) == nil, "who shows none does not guess")
        #expect(failures.sentence(nowMs: .max) == nil)
        #expect(failures.counts[.unknown] == 200 && failures.counts[.missing] == 100)
    }

    @Test("a site that asks for nothing again and again is slowed down; what brings something new goes on")
    func budget() async throws {
        let start = ContinuousClock.now
        var budget = SiteBudget(at: start)
        #expect(budget.wait(at: start) == 0)
        budget.charge(SiteBudget.burstUs, at: start)
        #expect(budget.wait(at: start) == 0)
        budget.charge(50_000, at: start)
        #expect(budget.wait(at: start) == 1_000_000, "a twentieth: fifty milliseconds' work is a second's wait")
        #expect(budget.wait(at: start + .milliseconds(1001)) == 0)
        for _ in 0..<1000 { budget.charge(1e9, at: start) }
        #expect(budget.wait(at: start + .seconds(1200)) == 0, "and it ends")

        let fleet = try ServiceFleet(ExchangeTests.schema)
        let node = try await fleet.join("snasa")
        for number in 0..<50 {
            try fleet.write("snasa", "INSERT INTO note VALUES('\(number)', x'01')")
            _ = try await node.syncOnce()
        }
        #expect(await fleet.hub.budgets["snasa"]?.wait(at: .now) ?? 0 == 0)
        await fleet.hub.charge("snasa", us: 60 * SiteBudget.burstUs)
        let other = try await fleet.join("verran")
        let request = Request(.post, path: ["v1", "push"], headers: try await fleet.caller(node))
        let began = ContinuousClock.now
        let slowed = Task { await fleet.hub.networkHandler.respond(to: request) }
        _ = try await other.syncOnce()
        #expect(await slowed.value.status == .serviceUnavailable)
        // From before the question to after the answer: a busy machine can only lengthen it.
        #expect(ContinuousClock.now - began > .seconds(1), "it is held, so that asking again does not pay")
    }

    @Test("snapshots are made for a site some at once, and then now and again")
    func snapshots() {
        let start = ContinuousClock.now
        var allowance = Allowance(Allowance.snapshots, at: start)
        var taken: [Bool] = []
        for _ in 0..<10 { taken.append(allowance.take(at: start)) }
        #expect(taken.count(where: { $0 }) == Allowance.snapshots)
        let (soon, later) = (allowance.take(at: start + .seconds(60)), allowance.take(at: start + .seconds(400)))
        #expect(!soon && later)
    }
}
