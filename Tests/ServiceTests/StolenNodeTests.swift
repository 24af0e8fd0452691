import Foundation
import HTTP
import JSONText
import Replication
import Testing

@testable import ConflictStore
@testable import HubService
@testable import NodeService

/// Snåsa's secret in the hands of somebody who makes frames himself.
@Suite("What a stolen secret cannot do")
struct StolenNodeTests {
    let fleet: ServiceFleet
    let snasa: NodeService
    let verran: NodeService

    init() async throws {
        fleet = try ServiceFleet(ExchangeTests.schema)
        snasa = try await fleet.join("snasa")
        verran = try await fleet.join("verran")
        try fleet.write("verran", "INSERT INTO note VALUES('a', x'01')")
        for node in [verran, snasa, verran] { _ = try await node.syncOnce() }
    }

    /// A change set of one row, with whatever its header is to say.
    private func frames(
        _ replica: UInt32, seq: UInt64 = 1, kind: ChangeSetHeader.Kind = .local, position: UInt64 = 0,
        context: VectorClock = VectorClock(), table: Int = 1
    ) -> [UInt8] {
        var builder = SegmentBuilder()
        builder.add(
            BlockKind(table: table, operation: .update, columns: [0]), key: [.text("a")], values: [.blob([9])])
        builder.close()
        let segments = builder.takeFinished()
        let header = ChangeSetHeader(
            kind: kind, dot: Dot(replica: replica, seq: seq), hlc: HybridClock.value(ms: wallMs()),
            position: position, contextDelta: context, schemaVersion: 1, rowCount: 1, conflict: 0,
            previous: ChangeSetHeader.firstPrevious, segmentDigests: segments.map { SHA256.digest($0) })
        return Frame.header(header, Delivery()).encoded() + segments.flatMap { Frame.segment($0).encoded() }
    }

    private func push(_ bytes: [UInt8], acting: UInt32? = nil) async throws -> Status {
        var headers = try await fleet.caller(snasa)
        if let acting { headers.set("samband-replica", FieldValue("\(acting)")!) }
        headers.set("samband-hub", FieldValue("\(await fleet.hub.number)")!)
        let request = Request(.post, path: ["v1", "push"], headers: headers, body: Body(bytes: bytes))
        return await fleet.hub.networkHandler.respond(to: request).status
    }

    /// All that the hub has: rows, its own tables, the log.
    private func content() throws -> String {
        let tables = try fleet.value(
            "hub",
            """
            SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'samband_audit*'
              AND name NOT GLOB 'sqlite_*'
            """)
        var text = ""
        for table in (tables ?? "").split(separator: ",") {
            let columns =
                try fleet.value(
                    "hub", "SELECT group_concat('quote(' || name || ')', '||') FROM pragma_table_info('\(table)')")
                ?? ""
            let sql = "SELECT group_concat(r, ';') FROM (SELECT \(columns) AS r FROM \(table) ORDER BY 1)"
            text += "\(table): \(try fleet.value("hub", sql) ?? "")\n"
        }
        return text
    }

    @Test("it writes nothing as another, forges no decision and no clock, and reaches no table of Samband's")
    func forged() async throws {
        let (own, other, hub) = (await snasa.number, await verran.number, await fleet.hub.number)
        // What goes to the disk some seconds later, with whatever is written then, is no forgery.
        try await fleet.hub.writeContactsNow()
        let before = try content()
        let forged: [(String, [UInt8], UInt32?, Status)] = [
            ("as another replica", frames(other, seq: 2), nil, .unprocessableContent),
            ("as the hub", frames(hub, seq: 9), nil, .unprocessableContent),
            ("acting as another", frames(other, seq: 2), other, .unauthorized),
            ("acting as the hub", frames(hub, seq: 9), hub, .unauthorized),
            ("an arbitration", frames(own, kind: .arbitration), nil, .unprocessableContent),
            ("a decision", frames(own, kind: .decision), nil, .unprocessableContent),
            ("a context of what nobody has", frames(own, context: VectorClock([(other, UInt64(99))])), nil, .conflict),
            ("conflicts", frames(own, table: ConflictTable.conflictNumber), nil, .unprocessableContent),
            ("policies", frames(own, table: ConflictTable.policyNumber), nil, .unprocessableContent),
            ("replicas", frames(own, table: ConflictTable.replicaNumber), nil, .unprocessableContent),
            ("an unknown table", frames(own, table: 77), nil, .unprocessableContent),
            ("a gap", frames(own, seq: 5), nil, .conflict),
        ]
        for (what, bytes, acting, status) in forged {
            #expect(try await push(bytes, acting: acting) == status, "\(what)")
            #expect(try content() == before, "\(what)")
        }
    }

    @Test("a forged position does not hide a conflict: what its node was not sent it has not seen")
    func position() async throws {
        // Verran writes; the hub has given nothing of it to Snåsa.
        try fleet.write("verran", "UPDATE note SET body = x'02'")
        _ = try await verran.syncOnce()
        let last = try #require(try fleet.value("hub", "SELECT max(position) FROM samband_change"))
        #expect(try await push(frames(await snasa.number, position: UInt64(last)! + 1000)) == .ok)
        let conflicts = try await json(fleet.hub.operatorHandler, AccessTests.request(.get, "/v1/conflict"))
        #expect(conflicts.array?.count == 1)
        #expect(conflicts.array?.first?["sides"]?.array?.count == 2)
    }

    @Test("it opens no route of operators, of other sites, and none of the hub's own machine")
    func routes() async throws {
        let secret = await snasa.secret
        for route in HubService.routes.filter(\.access.isForOperators).map(\.route) {
            let path = route.pattern.replacing("{id}", with: "1").replacing("{name}", with: "verran")
            let response = await fleet.hub.networkHandler.respond(
                to: AccessTests.request(route.method, path, token: secret))
            #expect(response.status == .forbidden, "\(route)")
        }
    }
}

extension HubService {
    fileprivate func writeContactsNow() throws { try store.writeContacts() }
}
