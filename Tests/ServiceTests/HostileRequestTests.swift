import HTTP
import JSONText
import Testing

@testable import HubService
@testable import NodeService

@Suite("What no operator would send")
struct HostileRequestTests {
    /// Not JSON, or more of it than anybody means.
    private static let malformed: [(name: String, bytes: [UInt8])] = [
        ("half an object", Array(#"{"name":"#.utf8)), ("a word", Array("nul".utf8)),
        ("something behind it", Array(#"{"name":"kari"} {}"#.utf8)),
        ("a name twice", Array(#"{"name":"kari","name":"ola"}"#.utf8)),
        ("an array that goes deep", Array(String(repeating: "[", count: 500_000).utf8)),
        ("objects that go deep", Array(String(repeating: #"{"a":"#, count: 200_000).utf8)),
        (
            "depth in good order",
            Array((String(repeating: "[", count: 1000) + String(repeating: "]", count: 1000)).utf8)
        ),
        ("an integer beyond 64 bits", Array(#"{"expires_hours":92233720368547758080}"#.utf8)),
        ("a number beyond all", Array(#"{"expires_hours":1e999}"#.utf8)),
        ("a number of a million digits", Array((#"{"a":"# + String(repeating: "9", count: 1_000_000) + "}").utf8)),
        ("bytes that are no UTF-8", [0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
        ("half a surrogate pair", Array(#"{"name":"\ud800"}"#.utf8)), ("a NUL", Array("{\"name\":\"\0\"}".utf8)),
        ("a bare control character", Array("{\"name\":\"a\u{1b}b\"}".utf8)),
    ]

    /// JSON with values that fit nowhere.
    private static let misfits: [String] = [
        "[]", "1", "null", #""x""#, #"{"name":[],"table":[],"key":[],"how":[],"policy":[],"to":[]}"#,
        #"{"name":{},"table":{},"key":{},"how":{},"changed":{},"values":[]}"#,
        #"{"name":1e308,"expires_hours":1e308,"table":9223372036854775807,"changed":-9223372036854775808}"#,
        #"{"name":"snasa","expires_hours":-1}"#, #"{"name":"\u0000","role":"admin","table":"note","policy":"newest"}"#,
        #"{"table":"note","key":{"id":1e308},"how":"take","site":"nobody","changed":1}"#,
        #"{"table":"note","survivor":{"id":[1]},"duplicate":{"id":{}}}"#, #"{"to":"relative"}"#,
        #"{"name":"\u001b[2J\r\n\u202e","role":"admin","table":"\u001b[2J","policy":"sum","how":"\u001b[2J","key":{}}"#,
    ]

    /// Every route of the operators that takes a body, with what stands for its parameters.
    private static let routes: [Route: String] = HubService.routes.reduce(into: [:]) { paths, served in
        guard served.access.isForOperators, served.route.method == .post else { return }
        paths[served.route] = served.route.pattern.replacing("{id}", with: "1").replacing("{name}", with: "nobody")
    }

    /// What operators can see of the hub.
    private func seen(_ fleet: ServiceFleet) async throws -> String {
        var text = ""
        for path in ["status", "site", "operator", "policy", "conflict", "withheld", "log", "recovery"] {
            var answer = try await json(fleet.hub.operatorHandler, Request(.get, path: ["v1", path]))
            // When one was seen last may change.
            if path == "operator" { answer = .array((answer.array ?? []).map { $0["name"] ?? .null }) }
            text += "\(path): \(String(decoding: try answer.bytes(), as: UTF8.self))\n"
        }
        return text
    }

    private func ask(_ handler: any Handler, _ path: String, _ bytes: [UInt8], token: String?) async throws -> (
        Int, JSON
    ) {
        var request = Request(.post, Target(path)!, body: Body(bytes: bytes))
        if let token { request.headers.set("authorization", FieldValue("Bearer \(token)")!) }
        let response = await handler.respond(to: request)
        return (response.status.code, try JSON(parsing: try await response.body.collect(limit: 1 << 20)))
    }

    @Test("what is no JSON is answered 400 with the reason on every route of the operators, and changes nothing")
    func malformed() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        _ = try await fleet.join("snasa")
        let token = try await fleet.operatorToken("kari", role: "admin")
        let before = try await seen(fleet)
        #expect(Self.routes.count >= 12)
        for (route, path) in Self.routes {
            for (name, bytes) in Self.malformed {
                let (status, problem) = try await ask(fleet.hub.operatorHandler, path, bytes, token: nil)
                #expect(status == 400, "\(route), \(name): \(problem)")
                #expect(problem["title"] == "The body is no JSON" && problem["detail"]?.string?.isEmpty == false)
                if HubService.routeTable[route]?.access == .ownMachine { continue }
                let afar = try await ask(fleet.hub.networkHandler, path, bytes, token: token)
                #expect(afar.0 == 400, "\(route) from afar, \(name): \(afar.1)")
            }
        }
        #expect(try await seen(fleet) == before)
    }

    @Test("JSON whose values fit nowhere is refused with a reason, never as a mistake of ours, and changes nothing")
    func misfits() async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        _ = try await fleet.join("snasa")
        for (route, path) in Self.routes {
            for text in Self.misfits {
                let before = try await seen(fleet)
                let (status, problem) = try await ask(fleet.hub.operatorHandler, path, Array(text.utf8), token: nil)
                // Some routes look at nothing in the body.
                if status < 400 { continue }
                #expect((400..<500).contains(status), "\(route), \(text): \(problem)")
                #expect(problem["title"]?.string?.isEmpty == false, "\(route), \(text)")
                #expect(try await seen(fleet) == before, "\(route), \(text)")
            }
        }
    }
}
