import HTTP
import Testing

@Suite("Response parser")
struct ResponseParserTests {
    static func outcome(_ text: String, to method: Method = .get) -> [ResponseParser.Event]? {
        let whole = response(text, to: method, pieces: max(1, text.utf8.count)).events
        for size in [1, 2, 5] where response(text, to: method, pieces: size).events != whole { return nil }
        return whole
    }

    static let good: [(text: String, method: Method, framing: Framing, keeps: Bool, body: String)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", .get, .length(5), true, "hello"),
        (
            "HTTP/1.1 200 \r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", .get, .length(5), false,
            "hello"
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", .get, .chunked,
            true, "hello"
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", .head, .none, true, ""),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", .get, .none, true, ""),
        ("HTTP/1.1 204 No Content\r\n\r\n", .get, .none, true, ""),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", .get, .none, false, ""),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", .get, .none, true, ""),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Grüße\r\nContent-Length: 0\r\n\r\n", .get, .none, true,
            ""
        ),
    ]

    @Test("a response is read the same however it is cut", arguments: good)
    func reads(one: (text: String, method: Method, framing: Framing, keeps: Bool, body: String)) throws {
        let events = try #require(Self.outcome(one.text, to: one.method))
        guard case .head(let head) = events.first else { throw Unexpected() }
        #expect(head.framing == one.framing)
        #expect(head.keepsAlive == one.keeps)
        #expect(events.last == .end)
        #expect(one.body.isEmpty || events[1] == .body(Array(one.body.utf8)))
    }

    @Test("without a length, the end of the connection is the end of the body, and only then")
    func untilClose() {
        let open = response("HTTP/1.1 200 OK\r\n\r\nhello", pieces: 3)
        #expect(open.events.last == .body(Array("hello".utf8)))
        #expect(open.endsWell)
        #expect(!response("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", pieces: 3).endsWell)
        #expect(
            !response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", pieces: 3)
                .endsWell)
        #expect(!response("HTTP/1.1 200 OK\r\n", pieces: 3).endsWell)
    }

    @Test(
        "a response that could be read in two ways is refused",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n00",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n0",
            "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "HTTP/1.1 200 OK\nX: a\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
            "HTTP/1.1 200 O\0K\r\n\r\n", "HTTP/1.1 200\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/1.1  200 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n",
            "\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ])
    func refuses(text: String) throws {
        guard case .refused = try #require(Self.outcome(text)).last else { throw Unexpected() }
    }
}

@Suite("Serializer")
struct SerializerTests {
    static func head(
        _ response: Response, to method: Method = .get, minorVersion: Int = 1, keepsAlive: Bool = true
    ) -> (text: String, framing: Framing, keepsAlive: Bool) {
        var bytes: [UInt8] = []
        var keepsAlive = keepsAlive
        let framing = Serializer.appendHead(
            response, to: &bytes, answering: method, minorVersion: minorVersion, keepsAlive: &keepsAlive,
            date: "D")
        return (String(decoding: bytes, as: UTF8.self), framing, keepsAlive)
    }

    @Test("a body in memory is counted, a streamed one chunked, or until close for 1.0")
    func framing() {
        let whole = Self.head(Response(.ok, "text/plain", "hello"))
        #expect(
            whole.text
                == "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n")
        #expect(whole.framing == .length(5))
        let stream = Response(.ok, body: Body { nil })
        #expect(Self.head(stream).text.contains("Transfer-Encoding: chunked\r\n"))
        let old = Self.head(stream, minorVersion: 0)
        #expect(old.text == "HTTP/1.1 200 OK\r\nDate: D\r\nConnection: close\r\n\r\n")
        #expect(old.framing == .untilClose && !old.keepsAlive)
        let kept = Self.head(Response(.ok, "text/plain", "hello"), minorVersion: 0)
        #expect(kept.text.hasSuffix("Connection: keep-alive\r\n\r\n"))
    }

    @Test("HEAD gets the fields and no body; 204 and 304 have no Content-Length")
    func bodiless() {
        let head = Self.head(Response(.ok, "text/plain", "hello"), to: .head)
        #expect(head.text.contains("Content-Length: 5\r\n") && head.framing == .none)
        for status in [Status.noContent, .notModified] {
            let bodiless = Self.head(Response(status, "text/plain", "hello"))
            #expect(!bodiless.text.contains("Content-Length") && bodiless.framing == .none)
        }
    }

    @Test("what a handler says about framing is left out")
    func ours() {
        var response = Response(.ok, "text/plain", "hello")
        response.headers.set("content-length", "7")
        response.headers.set("transfer-encoding", "chunked")
        response.headers.set("connection", "close")
        response.headers.set("date", "yesterday")
        #expect(Self.head(response).text == Self.head(Response(.ok, "text/plain", "hello")).text)
    }

    @Test("a request that was written is read back as it was")
    func roundTrip() throws {
        let target = Target(
            path: ["v1", "søk & finn", "a/b"], query: [QueryItem("q", "å=1&2"), QueryItem("x", nil)])
        let sent = Request(.post, target, headers: ["x-name": "Ærlig"], body: Body(text: "hello"))
        var bytes: [UInt8] = []
        let framing = Serializer.appendHead(sent, to: &bytes, authority: "[::1]:80")
        #expect(framing == .length(5))
        bytes += Array("hello".utf8)
        let outcomes = try #require(requests(bytes))
        guard case .head(let head) = outcomes[0] else { throw Unexpected() }
        #expect(head.method == .post)
        #expect(head.target == target)
        #expect(head.target.path == ["v1", "søk & finn", "a/b"])
        #expect(head.target.query("q") == "å=1&2")
        #expect(head.headers["x-name"] == "Ærlig")
        #expect(head.headers["host"] == "[::1]:80")
        #expect(outcomes.last == .end)
    }

    @Test("GET without a body says nothing of one, POST says 0")
    func emptyRequest() {
        var get: [UInt8] = []
        var post: [UInt8] = []
        #expect(Serializer.appendHead(Request(.get, path: []), to: &get, authority: "a") == .none)
        #expect(Serializer.appendHead(Request(.post, path: []), to: &post, authority: "a") == .none)
        #expect(String(decoding: get, as: UTF8.self) == "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(String(decoding: post, as: UTF8.self).hasSuffix("Content-Length: 0\r\n\r\n"))
    }

    @Test(
        "dates are those of the calendar",
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (1_704_067_199, "Sun, 31 Dec 2023 23:59:59 GMT"),
        ])
    func date(seconds: Int, text: String) { #expect(HTTPDate.text(secondsSince1970: seconds) == text) }
}
