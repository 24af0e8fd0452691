import Foundation
import HTTP
import JSONText
import Replication
import SQLite
import Testing

@testable import HubService
@testable import NodeService

/// A site that joined, or was given another secret, behind the state to which the hub was restored.
@Suite("A restored hub that does not know a site")
struct ConfirmationTests {
    /// Another hub, on a copy of the first as it is now: it has no seat, so it was restored.
    private func restored(_ fleet: ServiceFleet, after changes: () async throws -> Void) async throws -> HubService {
        let path = fleet.folder + "/restored.db"
        let source = try Connection(path: fleet.path("hub"), mode: .readOnly, busyTimeoutMs: 120_000)
        try source.execute("VACUUM INTO '\(path)'")
        source.close()
        try await changes()
        return try HubService(path: path, now: wallMs)
    }

    private func request(_ method: Method, _ path: String, _ body: String = "{}") -> Request {
        AccessTests.request(method, path, body)
    }

    @Test("it is listed with a fingerprint, confirmed by a person, and hands in like the others")
    func joinedSince() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let snasa = try await fleet.join("snasa")
        let hub = try await restored(fleet) {
            let verran = try await fleet.join("verran")
            try fleet.write("verran", "INSERT INTO note VALUES('of verran', NULL)")
            _ = try await verran.syncOnce()
            _ = try await snasa.syncOnce()
            try fleet.write("verran", "INSERT INTO note VALUES('unsent', NULL)")
            await verran.close()
        }
        let first = try fleet.node("snasa", Line(hub.networkHandler))
        let verran = try fleet.node("verran", Line(hub.networkHandler))
        let digest = SHA256.digest(Array(await verran.secret.utf8))
        let fingerprint = SiteClaims.fingerprint(digest)
        do {
            _ = try await verran.syncOnce()
            Issue.record("let in unconfirmed")
        } catch { #expect("\(error)".contains(fingerprint) && "\(error)".contains("recover accept --site verran")) }
        let listed =
            try await json(hub.operatorHandler, request(.get, "/v1/recovery"))["confirm"]?["sites"]?.array ?? []
        #expect(listed.map { $0["name"] } == ["verran"] && listed[0]["fingerprint"] == .string(fingerprint))
        let wrong = await hub.operatorHandler.respond(
            to: request(.post, "/v1/recovery/accept", #"{"site":"verran","fingerprint":"0011223344556677"}"#))
        #expect(wrong.status == .notFound)
        let after = try await json(
            hub.operatorHandler,
            request(.post, "/v1/recovery/accept", #"{"site":"verran","fingerprint":"\#(fingerprint)"}"#))
        #expect(after["confirm"]?["sites"]?.array?.isEmpty == true)
        // Each waits for the other once.
        for _ in 0..<2 {
            for node in [first, verran] { _ = try? await node.syncOnce() }
        }
        #expect(await hub.recoveryTrouble == nil)
        for site in ["snasa", "verran", "restored"] {
            let notes = try fleet.value(site, "SELECT group_concat(id) FROM (SELECT id FROM note ORDER BY id)")
            #expect(notes == "of verran,unsent", "\(site)")
        }
    }

    @Test("who makes names up gets nowhere, fills a bounded list, and is not listed by a hub that was never restored")
    func strangers() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        _ = try await fleet.join("snasa")
        func greet(_ hub: HubService, _ number: Int, _ site: String) async -> Status {
            var hello = request(.post, "/v1/hello")
            hello.headers.set("authorization", FieldValue("Bearer secret-\(number)")!)
            hello.headers.set("samband-replica", FieldValue("\(number + 1)")!)
            hello.headers.set("samband-site", FieldValue(site)!)
            return await hub.networkHandler.respond(to: hello).status
        }
        #expect(await greet(fleet.hub, 1, "snasa") == .unauthorized)
        #expect(await fleet.hub.claims.all.isEmpty)
        let hub = try await restored(fleet) {}
        for number in 0..<200 { #expect(await greet(hub, number, number < 190 ? "made-up" : "snasa") == .unauthorized) }
        #expect(await greet(hub, 900, "../../etc") == .unauthorized)
        #expect(await hub.claims.all.count == SiteClaims.limit)
        #expect(await greet(hub, 901, "verran") == .unauthorized)
        for site in ["snasa", "verran"] {
            let unseen = await hub.operatorHandler.respond(
                to: request(.post, "/v1/recovery/accept", #"{"site":"\#(site)"}"#))
            #expect(unseen.status == .badRequest, "nobody is let in for a name, were he the only one who says it")
        }
    }
}
