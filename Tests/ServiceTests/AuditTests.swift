import Foundation
import HTTP
import JSONText
import Presentation
import Replication
import SQLite
import Testing

@testable import Auditing
@testable import HubDatabase
@testable import HubService
@testable import NodeService

@Suite("The audit")
struct AuditTests {
    private static let schema = """
        CREATE TABLE patient(id TEXT PRIMARY KEY NOT NULL, name TEXT);
        INSERT INTO samband_table(name) VALUES('patient');
        """

    /// The key is a national id, and the names are values: none of them may be in the audit.
    private static let id = "05077512345"
    private static let names = ["Ola Nordmann", "Ola Normann", "O. Nordmann"]

    /// Two sites that wrote one name apart from each other: conflict 1; and operators of each role.
    private struct Scene {
        let fleet: ServiceFleet
        let snasa: NodeService
        var tokens: [String: String] = [:]

        init() async throws {
            fleet = try ServiceFleet(AuditTests.schema)
            snasa = try await fleet.join("snasa")
            let verran = try await fleet.join("verran")
            try fleet.write("snasa", "INSERT INTO patient VALUES('\(AuditTests.id)', '\(AuditTests.names[0])')")
            for node in [snasa, verran] { _ = try await node.syncOnce() }
            try fleet.write("snasa", "UPDATE patient SET name = '\(AuditTests.names[1])'")
            try fleet.write("verran", "UPDATE patient SET name = '\(AuditTests.names[2])'")
            for node in [snasa, verran] { _ = try await node.syncOnce() }
            for role in ["operator", "auditor", "admin"] {
                tokens[role] = try await fleet.operatorToken(role, role: role)
            }
        }

        func ask(_ method: HTTP.Method, _ path: String, _ body: String = "{}", as role: String) async throws -> JSON {
            try await json(
                fleet.hub.networkHandler, AccessTests.request(method, path, body, token: tokens[role]))
        }

        func rows(_ query: [QueryItem] = []) async throws -> [JSON] {
            let target = Target(path: ["v1", "audit"], query: query)
            let answer = try await json(fleet.hub.operatorHandler, Request(.get, target))
            return answer["rows"]?.array ?? []
        }

        func last() async throws -> JSON { try #require(try await rows().last) }
    }

    @Test("every reading of row values by a person is recorded before they leave: who, when, which row, whose")
    func readings() async throws {
        let scene = try await Scene()
        let key = #"{"table":"patient","key":["\#(Self.id)"]}"#
        let readings: [(HTTP.Method, String, String, String)] = [
            (.get, "/v1/conflict", "{}", "read.conflicts"), (.get, "/v1/conflict/1", "{}", "read.conflict"),
            (.post, "/v1/history", key, "read.history"), (.post, "/v1/explain", key, "read.explain"),
            (.post, "/v1/conflict/1/resolve", #"{"take":"snasa","dry_run":true}"#, "read.conflict"),
            (.head, "/v1/conflict/1", "{}", "read.conflict"),
        ]
        var fingerprints: Set<String> = []
        for (method, path, body, what) in readings {
            let before = try await scene.rows().count
            let request = AccessTests.request(method, path, body, token: scene.tokens["operator"])
            #expect(await scene.fleet.hub.networkHandler.respond(to: request).status == .ok, "\(path)")
            #expect(try await scene.rows().count == before + 1, "\(path)")
            let row = try await scene.last()
            #expect(row["who"] == "operator" && row["what"]?.string == what, "\(path)")
            let read = try #require(row["details"]?["rows"]?.array?.first)
            #expect(read["table"] == "patient")
            #expect(read["sites"]?.array?.contains("snasa") == true, "\(path)")
            fingerprints.insert(try #require(read["row"]?.string))
        }
        #expect(fingerprints.count == 1, "one row, one fingerprint")
        // What shows no values is not recorded, nor what was refused.
        let before = try await scene.rows().count
        for path in ["/v1/status", "/v1/log", "/v1/conflict/report", "/v1/conflict/count", "/v1/audit"] {
            _ = try await scene.ask(.get, path, as: "admin")
        }
        _ = try await scene.ask(.get, "/v1/conflict/1", as: "auditor")
        _ = try await scene.ask(.get, "/v1/conflict/99", as: "operator")
        #expect(try await scene.rows().count == before)
    }

    @Test("a withheld row that is looked at is recorded with those that are shown beside it")
    func withheld() async throws {
        let apart = try await OperatorDayTests.Apart(
            both: "INSERT INTO patient VALUES('p-1', 'Ola')", snasa: "INSERT INTO bed_night VALUES('n-1', 7, NULL)",
            verran: "INSERT INTO bed_night VALUES('n-2', 7, NULL)")
        let list = try await apart.get("withheld")
        let number = try #require(list.array?.first?["id"]?.integer)
        _ = try await apart.get("withheld", "\(number)")
        let rows = try await json(apart.fleet.hub.operatorHandler, AccessTests.request(.get, "/v1/audit"))["rows"]
        let read = (rows?.array ?? []).filter { $0["what"] == "read.withheld" }
        #expect(read.count == 2)
        #expect(read.last?["details"]?["withheld"]?.integer == number)
        #expect((read.last?["details"]?["rows"]?.array ?? []).count >= 2, "the row and the one in its way")
    }

    @Test("decisions, joins, token events and policies are recorded with what they did; a trial and a refusal are not")
    func deeds() async throws {
        let scene = try await Scene()
        let hub = scene.fleet.hub
        _ = try await scene.ask(
            .post, "/v1/conflict/1/resolve", #"{"take":"snasa","reason":"\#(Self.names[1])"}"#, as: "operator")
        _ = try await scene.ask(.post, "/v1/conflict/1/undo", as: "operator")
        _ = try await scene.ask(.post, "/v1/conflict/1/undo", as: "operator")
        _ = try await scene.ask(
            .post, "/v1/policy", #"{"table":"patient","column":"name","policy":"newest"}"#, as: "admin")
        _ = try await scene.ask(.post, "/v1/site", #"{"name":"mosvik"}"#, as: "admin")
        _ = try await scene.ask(.post, "/v1/site", #"{"name":"No Name"}"#, as: "admin")
        for word in ["pause", "resume", "retire"] {
            _ = try await scene.ask(.post, "/v1/site/verran/\(word)", as: "admin")
        }
        _ = try await scene.ask(.post, "/v1/operator/auditor/revoke", as: "admin")
        _ = try await json(hub.operatorHandler, AccessTests.post("/v1/recovery/begin"))
        let copy = scene.fleet.folder + "/backup.db"
        _ = try await json(hub.operatorHandler, AccessTests.post("/v1/backup", #"{"to":"\#(copy)"}"#))
        let rows = try await scene.rows()
        #expect(
            rows.compactMap { $0["what"]?.string } == [
                "hub.create", "site.add", "site.join", "site.add", "site.join", "operator.add", "operator.add",
                "operator.add", "conflict.resolve", "conflict.undo", "policy.set", "site.add", "site.pause",
                "site.resume", "site.retire", "operator.revoke", "recovery.begin", "hub.backup",
            ])
        #expect(rows.map { $0["number"]?.integer } == (1...Int64(rows.count)).map { $0 })
        #expect(rows[2]["who"] == "site:snasa")
        #expect(rows[8]["who"] == "operator" && rows[8]["details"]?["how"] == "take")
        #expect(rows[8]["details"]?["rows"]?.array?.first?["sites"] == ["snasa", "verran"])
        #expect(rows[16]["who"]?.string?.hasPrefix("local:") == true)
        #expect(rows[0]["details"]?["migrations"]?.array?.first?["sha256"]?.string?.utf8.count == 64)
    }

    @Test("no value, no key, no secret and no reason is in it, nor in what of it leaves the hub")
    func noValues() async throws {
        let scene = try await Scene()
        for (method, path, body) in [
            (HTTP.Method.get, "/v1/conflict/1", "{}"),
            (.post, "/v1/explain", #"{"table":"patient","key":["\#(Self.id)"]}"#),
            (
                .post, "/v1/conflict/1/resolve",
                #"{"set":{"name":"\#(Self.names[0])"},"reason":"det var \#(Self.names[1])"}"#
            ),
        ] { _ = try await scene.ask(method, path, body, as: "operator") }
        try await scene.snasa.rotate()
        let table = try #require(
            try scene.fleet.value("hub", "SELECT group_concat(who || what || details, ' ') FROM samband_audit"))
        let sent = String(decoding: try JSON.array(try await scene.rows()).bytes(), as: UTF8.self)
        var secrets = Array(scene.tokens.values) + Self.names + [Self.id]
        secrets.append(await scene.snasa.secret)
        for text in [table, sent] {
            for secret in secrets { #expect(!text.contains(secret)) }
        }
    }

    @Test("who knows a row's key finds all that was read and decided of it, and the key stands nowhere")
    func ofOneRow() async throws {
        let scene = try await Scene()
        _ = try await scene.ask(.get, "/v1/conflict/1", as: "operator")
        let found = try await scene.ask(
            .post, "/v1/audit/row", #"{"table":"Patient","key":["\#(Self.id)"]}"#, as: "auditor")
        #expect(found["rows"]?.array?.map { $0["what"]?.string } == ["read.conflict"])
        let other = try await scene.ask(.post, "/v1/audit/row", #"{"table":"patient","key":["x"]}"#, as: "auditor")
        #expect(other["rows"]?.array?.isEmpty == true)
        // Another fleet knows the same key otherwise.
        let elsewhere = try await Scene()
        let there = try await elsewhere.ask(
            .post, "/v1/audit/row", #"{"table":"patient","key":["\#(Self.id)"]}"#, as: "auditor")
        #expect(there["row"] != found["row"])
        #expect(try scene.fleet.value("snasa", "SELECT count(*) FROM samband_meta WHERE name GLOB 'audit*'") == "0")
    }

    @Test("programs cannot write it: triggers refuse to add, change or take away a row")
    func guarded() async throws {
        let scene = try await Scene()
        for sql in [
            "DELETE FROM samband_audit", "UPDATE samband_audit SET who = 'x' WHERE number = 1",
            "INSERT INTO samband_audit VALUES(99, 0, 'x', 'x', '{}', x'00')",
            "REPLACE INTO samband_audit VALUES(1, 0, 'x', 'x', '{}', x'00')",
        ] {
            #expect(throws: SQLiteError.self) { try scene.fleet.write("hub", sql) }
        }
        #expect(try await scene.fleet.hub.verdict().broken == nil)
    }

    @Test(
        "a row that was changed, taken out, put in, or a whole new chain behind a noted head shows at the next check",
        arguments: [
            ("UPDATE samband_audit SET who = 'somebody' WHERE number = 3", 3),
            ("UPDATE samband_audit SET details = replace(details, 'verran', 'snasa') WHERE number = 4", 4),
            ("UPDATE samband_audit SET at = at + 1 WHERE number = 2", 2),
            ("UPDATE samband_audit SET digest = zeroblob(32) WHERE number = 5", 5),
            ("DELETE FROM samband_audit WHERE number = 4", 4), ("DELETE FROM samband_audit WHERE number < 3", 3),
            ("DELETE FROM samband_audit WHERE number > 5", 6),
            ("UPDATE samband_audit SET number = number + 1 WHERE number = 8", 8),
        ])
    func tampered(sql: String, at number: UInt64) async throws {
        let scene = try await Scene()
        let head = try await scene.fleet.hub.auditEnd()
        #expect(try await scene.fleet.hub.verdict(head).broken == nil)
        try await scene.fleet.hub.execute(sql)
        #expect(try await scene.fleet.hub.verdict(head).broken?.number == number)
    }

    @Test("what is older than the audit is kept goes, a row of the chain says so, and the rest can be verified")
    func trimmed() async throws {
        let scene = try await Scene()
        let count = try await scene.rows().count
        #expect(try await scene.fleet.hub.verdict().rows == count)
        let kept = try await scene.fleet.hub.trimThrough(5)
        #expect(kept.broken == nil)
        #expect(kept.first == 6)
        #expect(kept.rows == count - 5 + 1)
        #expect(try await scene.last()["what"] == "audit.trim")
        #expect(try await scene.last()["details"]?["through"] == 5)
        // Ten years are kept: nothing of today goes.
        try await scene.fleet.hub.trimNow()
        #expect(try await scene.fleet.hub.verdict().first == 6)
        let keep = try await scene.ask(.post, "/v1/audit/keep", #"{"years":1}"#, as: "admin")
        #expect(keep["kept_years"] == 1)
        #expect(try await scene.ask(.get, "/v1/audit/verify", as: "auditor")["kept_years"] == 1)
        for years in ["0", "101", "null"] {
            let refused = try await scene.ask(.post, "/v1/audit/keep", #"{"years":\#(years)}"#, as: "admin")
            #expect(refused["status"] == 400)
        }
    }

    @Test("a head that was noted and then trimmed proves nothing any more, and an audit without a row is none")
    func notedAndTrimmed() async throws {
        let scene = try await Scene()
        let rows = try await scene.rows()
        func noted(_ number: Int, _ digest: String? = nil) throws -> AuditHead {
            let text = digest ?? rows[number - 1]["digest"]?.string ?? ""
            return AuditHead(number: UInt64(number), digest: try #require(unhex(text)))
        }
        let (third, fifth, forged) = (try noted(3), try noted(5), try noted(5, String(repeating: "00", count: 32)))
        let hub = scene.fleet.hub
        #expect(try await hub.verdict(third).broken == nil)
        _ = try await hub.trimThrough(5)
        #expect(try await hub.verdict(third).broken?.number == 3, "somebody may have made all behind it anew")
        #expect(try await hub.verdict(fifth).broken == nil, "the first that is left is chained to it")
        #expect(try await hub.verdict(forged).broken?.number == 5)
        try await hub.execute("DELETE FROM samband_audit")
        #expect(try await hub.verdict().broken?.number == 1)
    }

    @Test("whoever takes a join of rows back, or tries to, is shown both: both are recorded")
    func unmerged() async throws {
        let scene = try await Scene()
        let other = "05077512346"
        try scene.fleet.write("snasa", "INSERT INTO patient VALUES('\(other)', 'Ola')")
        _ = try await scene.snasa.syncOnce()
        _ = try await scene.ask(.post, "/v1/conflict/1/resolve", #"{"take":"snasa"}"#, as: "operator")
        let joined = try await scene.ask(
            .post, "/v1/record/merge", #"{"table":"patient","key":["\#(other)"],"into":["\#(Self.id)"]}"#,
            as: "operator")
        let id = try #require(joined["id"]?.integer)
        for (body, what) in [
            (#"{"id":\#(id),"dry_run":true}"#, "read.record"), (#"{"id":\#(id)}"#, "record.unmerge"),
        ] {
            _ = try await scene.ask(.post, "/v1/record/unmerge", body, as: "operator")
            let row = try await scene.last()
            #expect(row["what"]?.string == what)
            #expect(Set((row["details"]?["rows"]?.array ?? []).compactMap { $0["row"]?.string }).count == 2)
        }
    }

    @Test("a chain is what Protocol/Audit.md says, byte for byte")
    func vector() {
        let digest = AuditRecord.digest(
            after: AuditRecord.noDigest, number: 1, atMs: 1_700_000_000_000, who: "kari", what: "site.add",
            details: #"{"site":"snasa"}"#)
        #expect(digest.hex == "0e461aca21f6ee15513257e8645f7d2f49dfc5c85907d3ceb3926f013d89442f")
        let second = AuditRecord.digest(
            after: digest, number: 2, atMs: 1_700_000_000_001, who: "site:snasa", what: "site.join", details: "{}")
        #expect(second.hex == "e40defc21c0c691051fc9285fd2f71d33fb38bc8da695b86957bb378808f5dda")
    }

    @Test("what cannot be recorded is not shown")
    func mustBeRecorded() async throws {
        let scene = try await Scene()
        try await scene.fleet.hub.execute(
            "ALTER TABLE samband_audit RENAME TO samband_audit_away")
        let request = AccessTests.request(.get, "/v1/conflict/1", token: scene.tokens["operator"])
        let response = await scene.fleet.hub.networkHandler.respond(to: request)
        #expect(response.status == .serviceUnavailable)
        let text = String(decoding: try await response.body.collect(limit: 1 << 20), as: UTF8.self)
        for name in Self.names { #expect(!text.contains(name)) }
    }

    @Test("thousands of rows read at once are recorded in entries of a hundred")
    func many() async throws {
        let scene = try await Scene()
        let rows = (0..<250).map { ShownRow(table: "patient", key: [.text("\($0)")], sites: ["snasa"]) }
        try await scene.fleet.hub.note(rows)
        let recorded = try await scene.rows([QueryItem("what", "read")])
        #expect(recorded.map { $0["details"]?["rows"]?.array?.count } == [100, 100, 50])
        #expect(try await scene.rows([QueryItem("who", "local:nobody")]).isEmpty)
        #expect(
            try await scene.rows([QueryItem("after", "3"), QueryItem("limit", "2")]).map { $0["number"] } == [4, 5])
        #expect(try await scene.rows([QueryItem("to", "1000")]).isEmpty)
    }
}

extension HubService {
    fileprivate func auditEnd() throws -> AuditHead { try store.auditHead() }

    fileprivate func verdict(_ noted: AuditHead? = nil) throws -> AuditVerdict { try store.verifyAudit(noted: noted) }

    fileprivate func execute(_ sql: String) throws {
        store.connection.clearCache()
        try store.connection.execute(sql)
    }

    /// As if the rows up to there were old enough.
    fileprivate func trimThrough(_ number: UInt64) throws -> AuditVerdict {
        let times = try store.auditRows(AuditFilter())
        // Their moments may be one: the first that stays is put a second after.
        try store.connection.execute("UPDATE samband_audit SET at = at + 1000 WHERE number > \(number)")
        let limit = times[Int(number)].atMs + 1000
        var previous = AuditRecord.noDigest
        for row in try store.auditRows(AuditFilter()) {
            previous = AuditRecord.digest(
                after: previous, number: row.number, atMs: row.atMs, who: row.who, what: row.what, details: row.details)
            let update = try store.connection.prepare("UPDATE samband_audit SET digest = ?1 WHERE number = ?2")
            try update.bind([.blob(previous), .integer(Int64(row.number))])
            try update.run()
        }
        try store.writing("trimming the audit") { _ = try store.audit.trim(before: limit, nowMs: now()) }
        return try store.verifyAudit(noted: nil)
    }

    fileprivate func trimNow() throws { try store.trimAudit(nowMs: now()) }

    fileprivate func note(_ rows: [ShownRow]) throws {
        try note(ShownRows(.historyRead, rows), AccessTests.request(.get, "/v1/conflict"))
    }
}
