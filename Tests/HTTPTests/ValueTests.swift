import HTTP
import Synchronization
import Testing

@Suite("Values")
struct ValueTests {
    @Test("a name is a token, compared without regard to case")
    func names() {
        #expect(FieldName("Content-Type") == "content-type")
        for text in ["", "a b", "a:", "å", "a\r\n", "a\0"] { #expect(FieldName(text) == nil) }
    }

    @Test("a value holds no line end, no other control character and no blank at its ends")
    func values() {
        for text in ["søk \t a", ""] { #expect(FieldValue(text)?.text == text) }
        for text in ["a\r\nSet-Cookie: b", "a\n", "\0", " a", "a ", "\ta", "\u{7f}"] {
            #expect(FieldValue(text) == nil)
        }
    }

    @Test("headers keep their order, join by comma, and set replaces")
    func headers() {
        var headers: Headers = ["A": "1", "b": "2"]
        headers.add("a", "3")
        #expect(headers["A"] == "1, 3")
        #expect(headers.values("a") == ["1", "3"])
        #expect(headers["c"] == nil)
        headers.set("a", "4")
        #expect(headers.fields.map(\.name.text) == ["b", "a"])
        headers.remove("b")
        #expect(!headers.contains("b"))
    }

    @Test(
        "a path is split, then decoded",
        arguments: [
            ("/", []), ("/a", ["a"]), ("/a/", ["a", ""]), ("//", ["", ""]), ("/a%2Fb/c", ["a/b", "c"]),
            ("/sn%C3%A5sa", ["snåsa"]), ("/a+b", ["a+b"]), ("/...", ["..."]), ("/?a/b", []),
        ] as [(String, [String])])
    func path(text: String, expected: [String]) { #expect(Target(text)?.path == expected) }

    @Test(
        "what is no path is no target",
        arguments: [
            "", "a", "*", "/ ", "/a b", "/%", "/%4", "/%gg", "/%00", "/%0A", "/%7f", "/%ff", "/.", "/..",
            "/a/%2e",
        ])
    func noPath(text: String) { #expect(Target(text) == nil) }

    @Test("a query is split at & and the first =, + is a space")
    func query() throws {
        let target = try #require(Target("/?a=1&b&c=x=y&&d=a+b%2B&a=2"))
        #expect(target.query.map(\.name) == ["a", "b", "c", "d", "a"])
        #expect(target.query("a") == "1")
        #expect(target.query("b") == nil)
        #expect(target.query("c") == "x=y")
        #expect(target.query("d") == "a b+")
    }

    @Test("a problem is a document in JSON that no text of it can break out of")
    func problem() async throws {
        let problem = Problem(
            .tooManyRequests, type: "/problems/busy", title: "a \"b\" \\", detail: "x\n\u{1}\u{85}å",
            next: "wait",
            retryAfterSeconds: 5)
        #expect(
            String(decoding: problem.json, as: UTF8.self)
                == #"{"type":"/problems/busy","title":"a \"b\" \\","status":429,"detail":"x\n\u0001\u0085å","next":"wait"}"#
        )
        let response = problem.response
        #expect(response.headers["content-type"] == "application/problem+json")
        #expect(response.headers["retry-after"] == "5")
    }

    @Test("a body is read once, whoever holds a copy; empty pieces are passed over")
    func body() async throws {
        let body = Body(text: "hello")
        let copy = body
        #expect(try await body.next() == Array("hello".utf8))
        #expect(try await copy.next() == nil)
        #expect(try await Body.empty.next() == nil)
        let pieces = Mutex<[[UInt8]]>([[], [1], [], [2, 3], []])
        let stream = Body { pieces.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
        #expect(try await stream.next() == [1])
        #expect(try await stream.collect(limit: 2) == [2, 3])
    }

    @Test(
        "an endpoint is read and written back",
        arguments: [
            ("127.0.0.1:7420", "127.0.0.1:7420"), ("[::1]:0", "[::1]:0"),
            ("unix:/run/a b.sock", "unix:/run/a b.sock"),
            ("http://hub.example:80/", "hub.example:80"), ("http://hub.example", "hub.example:80"),
            ("http://[::1]", "[::1]:80"), ("localhost:1", "localhost:1"),
        ])
    func endpoint(text: String, expected: String) { #expect(Endpoint(text)?.description == expected) }

    @Test(
        "what is no endpoint is refused",
        arguments: [
            "", "unix:", "127.0.0.1", ":80", "a:65536", "a:-1", "a:+1", "https://a", "http://", "http://a/b",
            "::1:80",
            "[::1", "[a]:1", "a b:1", "http://u@a:1", "a:1:2",
        ])
    func noEndpoint(text: String) { #expect(Endpoint(text) == nil) }

    @Test("a handler is a transport within the process, with errors of its own kind for none")
    func inProcess() async throws {
        let transport = InProcessTransport(RouterTests.router())
        let response = try await transport.send(Request(.get, path: ["v1", "sites", "x"]))
        #expect(try await response.body.collect(limit: 10) == Array("x".utf8))
        let head = try await transport.send(Request(.head, path: ["v1", "sites", "x"]))
        #expect(head.status == .ok && head.body.length == 0)
    }

    @Test("an error of a transport says what was being done, why it failed, and what to do")
    func transportError() {
        let error = TransportError(.closedMidBody(received: 7), doing: "POST /v1/pull", place: "hub:1")
        #expect(
            error.description
                == "POST /v1/pull at hub:1 failed: the peer closed the connection after 7 bytes of the answer. "
                + "It may pass: try again.")
        #expect(error.mayPass)
        #expect(!TransportError(.badResponse("x"), doing: "a", place: "b").mayPass)
    }
}
