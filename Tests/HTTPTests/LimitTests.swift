import HTTP
import Testing

/// Each limit on what a message may be: what just fits is taken, one more is refused. Those on connections and
/// time are tried on real sockets.
@Suite("Limits")
struct LimitTests {
    static func post(_ fields: String, _ body: String) -> String {
        "POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n\(body)"
    }
    static func x(_ count: Int) -> String { String(repeating: "x", count: count) }

    @Test("request line")
    func requestLine() {
        var limits = Limits()
        limits.startLineBytes = 100
        let rest = "\r\nHost: a\r\n\r\n"
        #expect(wholeRequests("GET /\(Self.x(86)) HTTP/1.1" + rest, limits) == 1)
        #expect(refusal("GET /\(Self.x(87)) HTTP/1.1" + rest, limits) == 414)
        // Without its end, too: nobody makes the parser keep more.
        #expect(refusal("GET /\(Self.x(1000))", limits) == 414)
    }

    @Test("bytes of header fields, their CRLFs counted")
    func fieldBytes() {
        var limits = Limits()
        limits.fieldBytes = 100
        let head = "GET / HTTP/1.1\r\n"
        #expect(wholeRequests(head + "Host: a\r\nX: \(Self.x(86))\r\n\r\n", limits) == 1)
        #expect(refusal(head + "Host: a\r\nX: \(Self.x(87))\r\n\r\n", limits) == 431)
        #expect(refusal(head + "X: \(Self.x(1000))", limits) == 431)
    }

    @Test("number of header fields, and of trailer fields")
    func fieldCount() {
        var limits = Limits()
        limits.fieldCount = 3
        let two = "A: 1\r\nB: 2\r\n"
        #expect(wholeRequests("GET / HTTP/1.1\r\nHost: a\r\n\(two)\r\n", limits) == 1)
        #expect(refusal("GET / HTTP/1.1\r\nHost: a\r\n\(two)C: 3\r\n\r\n", limits) == 431)
        #expect(
            wholeRequests(Self.post("Transfer-Encoding: chunked", "0\r\n\(two)C: 3\r\n\r\n"), limits) == 1)
        #expect(
            refusal(Self.post("Transfer-Encoding: chunked", "0\r\n\(two)C: 3\r\nD: 4\r\n\r\n"), limits) == 431
        )
    }

    @Test("bytes of trailer fields")
    func trailerBytes() {
        var limits = Limits()
        limits.fieldBytes = 60
        let field = "Transfer-Encoding: chunked"
        #expect(wholeRequests(Self.post(field, "0\r\nX: \(Self.x(55))\r\n\r\n"), limits) == 1)
        #expect(refusal(Self.post(field, "0\r\nX: \(Self.x(56))\r\n\r\n"), limits) == 431)
    }

    @Test("bytes of a body, counted or in chunks")
    func bodyBytes() {
        var limits = Limits()
        limits.bodyBytes = 10
        #expect(wholeRequests(Self.post("Content-Length: 10", Self.x(10)), limits) == 1)
        #expect(refusal(Self.post("Content-Length: 11", Self.x(11)), limits) == 413)
        let field = "Transfer-Encoding: chunked"
        #expect(wholeRequests(Self.post(field, "5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n"), limits) == 1)
        #expect(refusal(Self.post(field, "5\r\nhello\r\n6\r\nhello!\r\n0\r\n\r\n"), limits) == 413)
        let outcome = response("HTTP/1.1 200 OK\r\n\r\n\(Self.x(11))", pieces: 3, limits).events.last
        #expect(outcome == .refused(Refusal(.contentTooLarge, "the body is larger than 10 bytes")))
    }

    @Test("line of a chunk, and extensions of all chunks together")
    func chunkLine() {
        var limits = Limits()
        limits.chunkLineBytes = 20
        limits.chunkExtensionBytes = 30
        let field = "Transfer-Encoding: chunked"
        #expect(wholeRequests(Self.post(field, "1;\(Self.x(18))\r\na\r\n0\r\n\r\n"), limits) == 1)
        #expect(refusal(Self.post(field, "1;\(Self.x(19))\r\na\r\n0\r\n\r\n"), limits) == 400)
        let chunk = "1;\(Self.x(9))\r\na\r\n"
        #expect(wholeRequests(Self.post(field, chunk + chunk + chunk + "0\r\n\r\n"), limits) == 1)
        #expect(refusal(Self.post(field, chunk + chunk + chunk + "0;a\r\n\r\n"), limits) == 400)
    }

    @Test("interim responses")
    func interim() {
        var limits = Limits()
        limits.interimResponses = 2
        let interim = "HTTP/1.1 103 Early Hints\r\n\r\n"
        let final = "HTTP/1.1 204 No Content\r\n\r\n"
        #expect(response(interim + interim + final, pieces: 5, limits).events.last == .end)
        guard case .refused = response(interim + interim + interim + final, pieces: 5, limits).events.last
        else {
            Issue.record("three were read past")
            return
        }
    }

    @Test("status line")
    func statusLine() {
        var limits = Limits()
        limits.startLineBytes = 40
        #expect(response("HTTP/1.1 204 \(Self.x(27))\r\n\r\n", pieces: 1, limits).events.last == .end)
        guard case .refused = response("HTTP/1.1 204 \(Self.x(28))", pieces: 1, limits).events.last else {
            Issue.record("a longer one was taken")
            return
        }
    }

    @Test("collecting stops at its limit, at once when the length is known")
    func collect() async throws {
        #expect(try await Body(text: "hello").collect(limit: 5).count == 5)
        let tooLarge = BodyError.tooLarge(limit: 4)
        await #expect(throws: tooLarge) { try await Body(text: "hello").collect(limit: 4) }
        await #expect(throws: tooLarge) { try await Body { [1, 2, 3] }.collect(limit: 4) }
        await #expect(throws: tooLarge) {
            try await Body(length: 5) { throw Unexpected() }.collect(limit: 4)
        }
    }
}
