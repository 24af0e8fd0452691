import HTTP
import Testing

@Suite("Router")
struct RouterTests {
    static func router() -> Router {
        var router = Router()
        router.on(.get, "/v1/sites/{name}") { _, parameters in Response(.ok, "text/plain", parameters["name"])
        }
        router.on(.get, "/v1/sites/all") { _, _ in Response(.ok, "text/plain", "(all)") }
        router.on(.post, "/v1/sites/{name}/pause") { _, parameters throws(Problem) in
            throw Problem(.conflict, title: "no", detail: "\(parameters["name"]) is paused")
        }
        router.on(.get, "/") { _, _ in Response(.ok, "text/html", "root") }
        return router
    }

    static func ask(_ method: Method, _ target: String) async throws -> (Response, String) {
        let response = await router().respond(to: Request(method, try #require(Target(target))))
        return (response, String(decoding: try await response.body.collect(limit: 1000), as: UTF8.self))
    }

    @Test("a parameter is the decoded segment")
    func parameter() async throws {
        let (response, text) = try await Self.ask(.get, "/v1/sites/sn%C3%A5sa%2Fx")
        #expect(response.status == .ok)
        #expect(text == "snåsa/x")
    }

    @Test("a written-out segment goes before a parameter, whatever the order of registration")
    func literalFirst() async throws {
        #expect(try await Self.ask(.get, "/v1/sites/all").1 == "(all)")
        #expect(try await Self.ask(.get, "/").1 == "root")
    }

    @Test("HEAD is answered by the action for GET")
    func head() async throws {
        #expect(try await Self.ask(.head, "/v1/sites/all").0.status == .ok)
    }

    @Test("a thrown problem is the answer")
    func problem() async throws {
        let (response, text) = try await Self.ask(.post, "/v1/sites/a/pause")
        #expect(response.status == .conflict)
        #expect(text == #"{"type":"about:blank","title":"no","status":409,"detail":"a is paused"}"#)
    }

    @Test(
        "an unknown path is 404, an empty or extra segment too",
        arguments: ["/x", "/v1/sites/", "/v1/sites/a/b"])
    func notFound(target: String) async throws {
        let (response, _) = try await Self.ask(.get, target)
        #expect(response.status == .notFound)
        #expect(response.headers["content-type"] == "application/problem+json")
    }

    @Test("another method is 405 and Allow lists every method that the path has")
    func notAllowed() async throws {
        let (response, _) = try await Self.ask(.delete, "/v1/sites/all")
        #expect(response.status == .methodNotAllowed)
        #expect(response.headers["Allow"] == "GET, HEAD")
    }
}
