import HTTP
import JSONText
import Testing

@testable import SambandCommand

@Suite("Verbs about policies")
struct PolicyVerbTests {
    static let list: JSON = [
        [
            "table": "stock", "column": nil, "policy": "newest", "unit": "column", "set_by": nil, "set_at": nil,
        ],
        [
            "table": "stock", "column": "pieces", "policy": "sum", "unit": "column", "set_by": "kari",
            "set_at": "2026-11-22T19:46:00Z",
        ],
    ]

    @Test("policy list shows what is set, and says what holds where nothing is")
    func list() async throws {
        let world = try FakeWorld(["GET /v1/policy": .json(try text(Self.list))])
        let printed = await world.run("policy", "list")
        #expect(printed.code == .done)
        #expect(printed.results.contains("stock   (the others)   newest   column   a migration"))
        #expect(printed.results.contains("stock   pieces         sum      column   kari"))
        let none = try FakeWorld(["GET /v1/policy": .json("[]")])
        #expect(await none.run("policy", "list").results == "no policies: every conflict waits for a person\n")
    }

    @Test(
        "policy set sends table, column and policy",
        arguments: [
            (["stock.pieces", "sum"], ["table": "stock", "column": "pieces", "policy": "sum", "by": "kari"]),
            (["stock", "newest"], ["table": "stock", "policy": "newest", "by": "kari"]),
            (["stock.note", "default"], ["table": "stock", "column": "note", "policy": nil, "by": "kari"]),
            (
                ["patient.street", "hub", "--unit", "row", "--by", "ola"],
                ["table": "patient", "column": "street", "policy": "hub", "unit": "row", "by": "ola"]
            ),
        ] as [([String], JSON)])
    func set(_ words: [String], _ body: JSON) async throws {
        let world = try FakeWorld(["POST /v1/policy": .json(try text(Self.list))])
        let printed = await world.run(words: ["policy", "set"] + words)
        #expect(printed.code == .done && printed.results.contains("pieces"))
        #expect(world.asked == [FakeWorld.Asked(line: "POST /v1/policy", body: body)])
    }

    @Test("a target without a table is no target")
    func target() async throws {
        let world = try FakeWorld([:])
        for target in [".pieces", "stock.", "."] {
            #expect(await world.run("policy", "set", target, "sum").code == .usage)
        }
    }

    private func text(_ json: JSON) throws -> String { String(decoding: try json.bytes(), as: UTF8.self) }
}
