import HTTP
import JSONText
import Testing

@testable import HubService
@testable import NodeService

@Suite("Policies over the routes")
struct PolicyRouteTests {
    static let schema = """
        CREATE TABLE stock(id TEXT PRIMARY KEY NOT NULL, pieces INTEGER NOT NULL, note TEXT) STRICT;
        INSERT INTO samband_table(name) VALUES('stock');
        INSERT INTO samband_policy(table_name, column_name, policy) VALUES('stock', 'note', 'newest');
        """

    private func ask(_ handler: any Handler, _ method: Method, _ body: JSON? = nil) async throws -> (Int, JSON) {
        let request = Request(
            method, path: ["v1", "policy"], body: try body.map { Body(bytes: try $0.bytes()) } ?? .empty)
        let response = await handler.respond(to: request)
        return (response.status.code, try JSON(parsing: try await response.body.collect(limit: 1 << 20)))
    }

    @Test("a policy is set, listed at hub and node, and taken back")
    func set() async throws {
        let fleet = try ServiceFleet(Self.schema)
        let hub = fleet.hub.operatorHandler
        let snasa = try await fleet.join("snasa")
        let body: JSON = ["table": "stock", "column": "pieces", "policy": "sum", "by": "kari"]
        let (status, answer) = try await ask(hub, .post, body)
        #expect(status == 200)
        let set = try #require(answer.array?.first { $0["column"]?.string == "pieces" })
        #expect(set["policy"] == "sum" && set["unit"] == "column" && set["set_by"] == "kari" && set["table"] == "stock")
        #expect(try await ask(hub, .get).1 == answer)
        _ = try await snasa.syncOnce()
        #expect(try await ask(snasa.operatorHandler, .get).1 == answer)
        let (_, after) = try await ask(hub, .post, ["table": "stock", "column": "pieces", "policy": nil])
        #expect(after.array?.map { $0["column"] } == ["note"])
    }

    @Test("what does not fit, or is no policy, is refused with what to do; and a node sets none")
    func refused() async throws {
        let fleet = try ServiceFleet(Self.schema)
        let hub = fleet.hub.operatorHandler
        let snasa = try await fleet.join("snasa")
        let cases: [(JSON, Int, String)] = [
            (["table": "stock", "column": "note", "policy": "sum"], 422, "STRICT"),
            (["table": "stock", "column": "note", "policy": "best"], 400, "manual, newest"),
            (["table": "stock", "policy": "newest", "unit": "pair"], 400, "row, column"),
            (["table": "nothing", "policy": "newest"], 404, "samband_table"),
            (["policy": "newest"], 400, "table and policy"), (["table": "stock"], 400, "table and policy"),
        ]
        for (body, code, words) in cases {
            let (status, problem) = try await ask(hub, .post, body)
            #expect(status == code, "\(body): \(problem)")
            #expect(problem["next"]?.string?.contains(words) == true, "\(problem)")
        }
        let (status, problem) = try await ask(snasa.operatorHandler, .post, ["table": "stock", "policy": "newest"])
        #expect(status == 422 && problem["title"] == "This is done at the hub")
    }
}
