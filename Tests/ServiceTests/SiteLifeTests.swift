import Foundation
import HTTP
import JSONText
import Replication
import Testing

@testable import HubDatabase
@testable import HubService
@testable import NodeService
@testable import TableModel

@Suite("A site that is paused, and one that is retired")
struct SiteLifeTests {
    let fleet: ServiceFleet
    let snasa: NodeService
    let verran: NodeService

    init() async throws {
        fleet = try ServiceFleet(ExchangeTests.schema)
        snasa = try await fleet.join("snasa")
        verran = try await fleet.join("verran")
    }

    private func step(_ word: String, _ site: String = "snasa") async throws -> (status: Status, answer: JSON) {
        let response = await fleet.hub.operatorHandler.respond(to: AccessTests.post("/v1/site/\(site)/\(word)"))
        return (response.status, try JSON(parsing: try await response.body.collect(limit: 1 << 16)))
    }

    private func trouble(_ node: NodeService) async throws -> String {
        try await json(node.operatorHandler, AccessTests.request(.get, "/v1/status"))["trouble"]?.string ?? ""
    }

    private func site(_ name: String) async throws -> JSON {
        let list = try await json(fleet.hub.operatorHandler, AccessTests.request(.get, "/v1/site"))
        return try #require(list.array?.first { $0["name"]?.string == name })
    }

    @Test("a paused site exchanges nothing, keeps all it has, says so in words, and goes on when it is resumed")
    func pause() async throws {
        try fleet.write("snasa", "INSERT INTO note VALUES('before', x'01')")
        _ = try await snasa.syncOnce()
        #expect(try await step("pause").answer["state"] == "paused")
        #expect(try await step("pause").status == .ok, "once more changes nothing")
        try fleet.write("snasa", "INSERT INTO note VALUES('meanwhile', x'02')")
        await #expect(throws: ExchangeError.self) { _ = try await snasa.syncOnce() }
        #expect(try await trouble(snasa).contains("The hub's operators have paused site snasa"))
        #expect(try fleet.value("hub", "SELECT group_concat(id) FROM note") == "before")
        #expect(try fleet.value("snasa", "SELECT pending FROM samband_status") == "1")
        #expect(try await site("snasa")["state"] == "paused")
        #expect(try await step("resume").answer["state"] == "active")
        _ = try await snasa.syncOnce()
        #expect(try await trouble(snasa) == "")
        #expect(try fleet.value("hub", "SELECT group_concat(id) FROM note") == "before,meanwhile")
    }

    @Test("what is under way ends at once: a pull that waits, and a push whose next bytes come after")
    func underWay() async throws {
        let line = Line(fleet.hub.networkHandler)
        let mosvik = try await fleet.join("mosvik", line: line)
        let pull = Task { try await mosvik.pullAll(waitMs: 60_000) }
        while try await site("mosvik")["connected"] != true { await Task.yield() }
        _ = try await step("pause", "mosvik")
        await #expect(throws: ExchangeError.self) { try await pull.value }
        _ = try await step("resume", "mosvik")

        // A push of which half has come when its site is paused: of the rest nothing is taken.
        try fleet.write("mosvik", "INSERT INTO note VALUES('first', x'01')")
        await mosvik.onCommit()
        try fleet.write("mosvik", "INSERT INTO note VALUES('second', x'02')")
        await mosvik.onCommit()
        let caller = try await fleet.caller(mosvik)
        let pieces = try await mosvik.pushedFrames()
        #expect(pieces.count >= 4)
        let (hub, sent) = (fleet.hub, Sent())
        let body = Body {
            let number = sent.next()
            if number == 2 { _ = await hub.operatorHandler.respond(to: AccessTests.post("/v1/site/mosvik/pause")) }
            return number < pieces.count ? pieces[number] : nil
        }
        var request = Request(.post, path: ["v1", "push"], headers: caller, body: body)
        request.headers.set("samband-hub", FieldValue("\(await hub.number)")!)
        let response = await hub.networkHandler.respond(to: request)
        #expect(response.status == .forbidden)
        #expect(try fleet.value("hub", "SELECT group_concat(id) FROM note") == "first")
    }

    @Test("a retired site leaves the frontier; what it still sends is kept whole and apart, listed, and told to it")
    func retire() async throws {
        try fleet.write("snasa", "INSERT INTO note VALUES('before', x'01')")
        _ = try await snasa.syncOnce()
        _ = try await verran.syncOnce()
        _ = try await verran.syncOnce()
        // Snåsa is behind, and the frontier waits for it.
        try fleet.write("verran", "INSERT INTO note VALUES('of verran', x'07')")
        _ = try await verran.syncOnce()
        _ = try await verran.syncOnce()
        let replica = await verran.number
        let held = try await fleet.hub.frontier(of: replica)
        #expect(try await step("retire").answer["state"] == "retired")
        #expect(try await fleet.hub.frontier(of: replica) > held)
        for word in ["pause", "resume"] {
            #expect(try await step(word).status == .unprocessableContent, "it is for good")
        }
        #expect(try await step("retire").status == .ok)

        try fleet.write("snasa", "INSERT INTO note VALUES('after', x'0203')")
        await #expect(throws: ExchangeError.self) { _ = try await snasa.syncOnce() }
        try fleet.write("snasa", "UPDATE note SET body = x'04' WHERE id = 'before'")
        await #expect(throws: ExchangeError.self) { _ = try await snasa.syncOnce() }
        let words = try await trouble(snasa)
        #expect(words.contains("Site snasa has no part in the fleet any more"), "\(words)")
        #expect(words.contains("2 change sets of it with 2 rows are kept so"), "\(words)")
        _ = try await verran.syncOnce()
        for place in ["hub", "verran"] {
            #expect(try fleet.value(place, "SELECT group_concat(id || hex(body)) FROM note") == "before01,of verran07")
        }
        let kept = try await json(fleet.hub.operatorHandler, AccessTests.request(.get, "/v1/site/snasa/quarantine"))
        #expect(kept["change_sets"]?.array?.map { $0["rows"]?.integer } == [1, 1])
        #expect(kept["change_sets"]?.array?.allSatisfy { $0["whole"] == true } == true)
        #expect(try await site("snasa")["quarantined"] == 2)
        #expect(try await site("snasa")["state"] == "retired")
        // Whole, with their bytes: the log of the site has the same.
        let bytes = "SELECT group_concat(hex(bytes)) FROM (SELECT bytes FROM %"
        #expect(
            try fleet.value("hub", bytes.replacing("%", with: "samband_quarantine_segment ORDER BY seq)"))
                == fleet.value(
                    "snasa",
                    bytes.replacing(
                        "%",
                        with: "samband_segment s JOIN samband_change c ON c.id = s.change "
                            + "WHERE c.position IS NULL AND variant = 0 ORDER BY c.seq)")))
        #expect(try fleet.value("verran", "SELECT state FROM samband_replica WHERE site = 'snasa'") == "retired")
        #expect(
            try fleet.value("verran", "SELECT count(*) FROM sqlite_schema WHERE name GLOB '*quarantine*'") == "0")
    }

    @Test("a cut push of a retired site goes on behind its last whole segment, and known bytes are kept once")
    func cutQuarantine() async throws {
        let line = Line(fleet.hub.networkHandler)
        let mosvik = try await fleet.join("mosvik", line: line)
        _ = try await step("retire", "mosvik")
        try fleet.write(
            "mosvik",
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)
            INSERT INTO note SELECT 'n' || i, randomblob(100000) FROM n
            """)
        await mosvik.onCommit()
        line.set { $0.cutRequestAfter = 2 << 20 }
        await #expect(throws: ExchangeError.self) { _ = try await mosvik.pushAll() }
        let part = try await fleet.hub.quarantined("mosvik")
        #expect(part.count == 1 && !part[0].isWhole && part[0].bytes > 0)
        let before = line.bytesUp
        #expect(try await mosvik.pushAll() == 1)
        #expect(line.bytesUp - before < 3 << 20, "the first segments are not sent again")
        let whole = try await fleet.hub.quarantined("mosvik")
        #expect(whole.count == 1 && whole[0].isWhole)
        #expect(try await mosvik.pushAll() == 0)
    }

    @Test("a retired site sends only its own change sets, in order, and not without end")
    func quarantineIsBounded() async throws {
        _ = try await step("retire")
        let hub = fleet.hub
        let replica = await snasa.number
        let other = await verran.number
        func header(_ replica: UInt32, _ seq: UInt64, _ previous: [UInt8]) -> ChangeSetHeader {
            ChangeSetHeader(
                kind: .local, dot: Dot(replica: replica, seq: seq), hlc: 1 << 32, position: 0,
                contextDelta: VectorClock(), schemaVersion: 1, rowCount: 0, conflict: 0, previous: previous,
                segmentDigests: [])
        }
        let none = ChangeSetHeader.firstPrevious
        func keep(_ header: ChangeSetHeader) async -> StoreError.Kind? {
            do { _ = try await hub.quarantined(header, site: "snasa") } catch { return (error as? StoreError)?.kind }
            return nil
        }
        #expect(await keep(header(other, 1, none)) == .refused, "as another")
        #expect(await keep(header(replica, 2, none)) == .missing, "with a gap")
        #expect(await keep(header(replica, 1, [UInt8](repeating: 7, count: 32))) == .changed, "not chained")
        #expect(await keep(header(replica, 1, none)) == nil)
        #expect(try await hub.fillQuarantine(replica, site: "snasa") == .refused)
    }

    @Test("the join token of a site that was paused or retired opens nothing any more")
    func token() async throws {
        let token = try await fleet.add("mosvik")
        let line = Line(fleet.hub.networkHandler)
        _ = try await Joining.join(path: fleet.path("mosvik"), hub: "http://hub", token: token, transport: line)
        for word in ["pause", "retire"] {
            _ = try await step(word, "mosvik")
            await #expect(throws: ExchangeError.self, "\(word)") {
                try await Joining.join(path: fleet.path("again"), hub: "http://hub", token: token, transport: line)
            }
        }
        #expect(try await site("mosvik")["state"] == "retired")
        let invited = try await fleet.add("leksvik")
        _ = try await step("retire", "leksvik")
        await #expect(throws: ExchangeError.self) {
            try await Joining.join(path: fleet.path("leksvik"), hub: "http://hub", token: invited, transport: line)
        }
        #expect(try await step("pause", "nobody").status == .notFound)
    }
}

/// Counts what was taken.
private final class Sent: @unchecked Sendable {
    // @unchecked: one reader pulls a body.
    private var count = -1
    func next() -> Int {
        count += 1
        return count
    }
}

extension NodeService {
    /// What is sealed and not at the hub yet, as a push brings it: a frame each.
    func pushedFrames() throws -> [[UInt8]] {
        try store.offers(after: 0, maxBytes: 1 << 20).flatMap { set in
            try [Frame.header(set.header, Delivery()).encoded()]
                + (0..<set.header.segmentDigests.count).map {
                    Frame.segment(try store.segment(of: set, number: $0)).encoded()
                }
        }
    }
}

extension ServiceFleet {
    /// What a node shows with each request.
    func caller(_ node: NodeService) async throws -> Headers {
        [
            "authorization": FieldValue("Bearer \(await node.secret)")!,
            "samband-replica": FieldValue("\(await node.number)")!,
        ]
    }
}

extension NodeService {
    /// As which replica it acts.
    var number: UInt32 { store.replica }
}

extension HubService {
    var number: UInt32 { store.replica }

    fileprivate func frontier(of replica: UInt32) throws -> UInt64 { try store.frontier()[replica] }

    fileprivate func quarantined(_ site: String) throws -> [QuarantinedSet] { try store.quarantined(ofSite: site) }

    fileprivate func quarantined(_ header: ChangeSetHeader, site: String) throws -> Int? {
        try store.beginQuarantined(header, site: site, nowMs: now())
    }

    /// One change set as large as the whole quarantine, and one byte of another.
    fileprivate func fillQuarantine(_ replica: UInt32, site: String) throws -> StoreError.Kind? {
        let end = try store.quarantineEnd(of: replica)
        try store.connection.execute("UPDATE samband_quarantine SET bytes = \(Limits.quarantineBytes)")
        let header = ChangeSetHeader(
            kind: .local, dot: Dot(replica: replica, seq: end.seq + 1), hlc: 1 << 32, position: 0,
            contextDelta: VectorClock(), schemaVersion: 1, rowCount: 0, conflict: 0, previous: end.digest,
            segmentDigests: [])
        do { _ = try store.beginQuarantined(header, site: site, nowMs: now()) } catch { return error.kind }
        return nil
    }
}
