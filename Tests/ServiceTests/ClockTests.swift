import Foundation
import HTTP
import JSONText
import Synchronization
import Testing

@testable import HubService
@testable import NodeService

/// A clock that a test sets.
final class TestClock: Sendable {
    private let ms: Mutex<UInt64>

    init(_ ms: UInt64) { self.ms = Mutex(ms) }

    func set(_ new: UInt64) { ms.withLock { $0 = new } }
    func pass(_ more: UInt64) { ms.withLock { $0 += more } }
    @Sendable func now() -> UInt64 { ms.withLock { $0 } }
}

@Suite("Clocks that are wrong")
struct WrongClockTests {
    static let noon: UInt64 = 1_795_348_800_000
    static let year2099: UInt64 = 4_070_908_800_000
    let hubClock = TestClock(noon)
    let clock = TestClock(noon)
    let fleet: ServiceFleet
    let snasa: NodeService
    let verran: NodeService

    init() async throws {
        fleet = try ServiceFleet(ExchangeTests.schema, hubNow: hubClock.now)
        try await fleet.join("snasa").close()
        snasa = try fleet.node("snasa", Line(fleet.hub.networkHandler), now: clock.now)
        try await fleet.join("verran").close()
        verran = try fleet.node("verran", Line(fleet.hub.networkHandler), now: hubClock.now)
        try fleet.write("snasa", "INSERT INTO note VALUES('a', x'00')")
        _ = try await snasa.syncOnce()
        _ = try await verran.syncOnce()
    }

    private func bodies(_ place: String) throws -> String? {
        try fleet.value(place, "SELECT group_concat(id || hex(body), ' ') FROM (SELECT * FROM note ORDER BY id)")
    }

    private func status(_ handler: any Handler) async throws -> JSON {
        try await json(handler, Request(.get, path: ["v1", "status"]))
    }

    @Test("what a node off line stamped with 2099 is in step after the first contact, and no such stamp gets in")
    func ahead() async throws {
        clock.set(Self.year2099)
        for value in 1...3 {
            try fleet.write(
                "snasa",
                "UPDATE note SET body = x'0\(value)' WHERE id = 'a'; INSERT INTO note VALUES('s\(value)', NULL)")
            await snasa.onCommit()
        }
        hubClock.pass(3_600_000)
        try fleet.write("verran", "INSERT INTO note VALUES('v', NULL)")
        _ = try await verran.syncOnce()
        _ = try await snasa.syncOnce()
        _ = try await verran.syncOnce()
        #expect(try bodies("hub") == "a03 s1 s2 s3 v")
        #expect(try bodies("snasa") == bodies("hub") && bodies("verran") == bodies("hub"))
        let greatest = try #require(
            try fleet.value("hub", "SELECT max(hlc) FROM samband_change").flatMap { UInt64($0) })
        #expect(greatest >> 16 <= hubClock.now() + 60_000)
        let shown = try await status(snasa.operatorHandler)
        #expect(shown["notice"]?["text"]?.string?.contains("clock") == true)
        #expect(shown["trouble"] == .null && shown["pending"] == 0)
        let offset = try #require(shown["clock_offset_ms"]?.integer)
        #expect(offset < -2_000_000_000_000)
        let site = try await status(fleet.hub.operatorHandler)["sites"]?.array?.first { $0["name"] == "snasa" }
        #expect(site?["clock_offset_ms"]?.integer == offset)
        // A write above one that it has seen wins, also when the clock is right again and the offset is not known yet.
        clock.set(hubClock.now())
        try fleet.write("snasa", "UPDATE note SET body = x'07' WHERE id = 'a'")
        await snasa.onCommit()
        _ = try await snasa.syncOnce()
        try fleet.write("snasa", "UPDATE note SET body = x'08' WHERE id = 'a'")
        _ = try await snasa.syncOnce()
        _ = try await verran.syncOnce()
        #expect(try bodies("verran") == "a08 s1 s2 s3 v")
        #expect(try fleet.value("hub", "SELECT count(*) FROM samband_conflict") == "0")
    }

    @Test("a node at 1970 loses nothing, and its writes over what it has seen stand")
    func behind() async throws {
        clock.set(1000)
        try fleet.write("snasa", "UPDATE note SET body = x'01' WHERE id = 'a'")
        await snasa.onCommit()
        _ = try await snasa.syncOnce()
        clock.set(5000)
        try fleet.write("snasa", "UPDATE note SET body = x'02' WHERE id = 'a'")
        _ = try await snasa.syncOnce()
        _ = try await verran.syncOnce()
        #expect(try bodies("verran") == "a02")
        #expect(try fleet.value("hub", "SELECT count(*) FROM samband_conflict") == "0")
        let site = try await status(fleet.hub.operatorHandler)["sites"]?.array?.first { $0["name"] == "snasa" }
        #expect(try #require(site?["clock_offset_ms"]?.integer) > 1_000_000_000_000)
    }

    @Test("own rows in flight are after new stamps as the hub will have them")
    func inFlight() async throws {
        clock.set(Self.year2099)
        try fleet.write("snasa", "UPDATE note SET body = x'01' WHERE id = 'a'")
        await snasa.onCommit()
        hubClock.pass(10_000)
        try fleet.write("verran", "UPDATE note SET body = x'02' WHERE id = 'a'")
        _ = try await verran.syncOnce()
        // It takes the other write in while its own is in flight with a time to come.
        _ = try await snasa.pullAllForTest()
        #expect(try bodies("snasa") == "a01")
        _ = try await snasa.syncOnce()
        _ = try await verran.syncOnce()
        #expect(try bodies("hub") == bodies("snasa") && bodies("verran") == bodies("snasa"))
        #expect(try fleet.value("hub", "SELECT count(*) FROM samband_conflict WHERE state = 'open'") == "1")
    }

    @Test(
        "a hub whose clock is a day off does not begin unless somebody says that it is right", arguments: [true, false])
    func hubOff(isAhead: Bool) async throws {
        await fleet.hub.close()
        let now = isAhead ? Self.noon + 86_400_001 : Self.noon - 86_400_001
        let hub = try HubService(path: fleet.folder + "/hub.db", now: { now })
        do {
            try await hub.begin(acceptClock: false)
            Issue.record("it began")
        } catch {
            #expect(error.kind == .wrongClock)
            #expect(error.why.contains(isAhead ? "1 days after" : "1 days before"))
            #expect(error.hint.contains("--accept-clock"))
        }
        // Nor is anything decided by it.
        let answer = await hub.operatorHandler.respond(
            to: Request(.post, path: ["v1", "site"], body: Body(text: #"{"name":"inderoy"}"#)))
        #expect(answer.status == .serviceUnavailable)
        try await hub.begin(acceptClock: true)
        let again = try HubService(path: fleet.folder + "/hub.db", now: { now + 1000 })
        try await again.begin(acceptClock: false)
    }

    @Test("after a clock that was ahead has been set right and accepted, every site goes on")
    func accepted() async throws {
        hubClock.set(Self.noon + 30 * 86_400_000)
        clock.set(hubClock.now())
        try fleet.write("snasa", "UPDATE note SET body = x'01' WHERE id = 'a'")
        _ = try await snasa.syncOnce()
        _ = try await verran.syncOnce()
        hubClock.set(Self.noon + 60_000)
        clock.set(hubClock.now())
        try await fleet.hub.begin(acceptClock: true)
        for (site, value) in [("snasa", 2), ("verran", 3), ("snasa", 4)] {
            try fleet.write(site, "UPDATE note SET body = x'0\(value)' WHERE id = 'a'")
            _ = try await (site == "snasa" ? snasa : verran).syncOnce()
            _ = try await (site == "snasa" ? verran : snasa).syncOnce()
        }
        #expect(try bodies("hub") == "a04" && bodies("verran") == "a04")
        #expect(try fleet.value("hub", "SELECT count(*) FROM samband_conflict") == "0")
    }

    @Test("a quiet weekend is no reason to doubt the clock of a hub that ran")
    func weekend() async throws {
        try await fleet.hub.begin(acceptClock: false)
        hubClock.pass(3 * 86_400_000)
        // As the note that is made now and again would have it.
        await fleet.hub.drain()
        let again = try HubService(path: fleet.folder + "/hub.db", now: hubClock.now)
        try await again.begin(acceptClock: false)
    }
}
