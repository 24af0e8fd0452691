import HTTP
import Testing

@Suite("Request parser")
struct RequestParserTests {
    static let ok = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    /// Streams that two programs could read differently, or that no client sends, and what they are answered.
    static let shapes: [(name: String, text: String, status: Int)] = [
        ("TE and CL", post("Transfer-Encoding: chunked\r\nContent-Length: 5") + "0\r\n\r\n", 400),
        ("CL and TE", post("Content-Length: 5\r\nTransfer-Encoding: chunked") + "0\r\n\r\n", 400),
        ("two CL", post("Content-Length: 5\r\nContent-Length: 6") + "hello", 400),
        ("two equal CL", post("Content-Length: 5\r\nContent-Length: 5") + "hello", 400),
        ("CL list", post("Content-Length: 5, 5") + "hello", 400),
        ("CL with sign", post("Content-Length: +5") + "hello", 400),
        ("CL negative", post("Content-Length: -1"), 400),
        ("CL hexadecimal", post("Content-Length: 0x5") + "hello", 400),
        ("CL empty", post("Content-Length:"), 400),
        ("CL beyond 64 bits", post("Content-Length: 99999999999999999999"), 413),
        ("TE twice chunked", post("Transfer-Encoding: chunked, chunked"), 400),
        ("TE in two fields", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400),
        ("TE chunked not last", post("Transfer-Encoding: chunked, gzip"), 400),
        ("TE unknown", post("Transfer-Encoding: gzip, chunked"), 501),
        ("TE identity", post("Transfer-Encoding: identity"), 501),
        ("TE xchunked", post("Transfer-Encoding: xchunked"), 501),
        ("TE with tab", post("Transfer-Encoding: chunked\u{b}"), 400),
        ("TE quoted", post("Transfer-Encoding: \"chunked\""), 501),
        ("TE empty member", post("Transfer-Encoding: ,chunked"), 400),
        ("TE in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("space before colon", post("Content-Length : 5") + "hello", 400),
        ("tab before colon", post("Transfer-Encoding\t: chunked"), 400),
        ("obs-fold", post("X: a\r\n b"), 400),
        ("obs-fold first", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        ("bare LF in head", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
        ("bare LF after field", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        ("bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
        ("bare CR in field", post("X: a\rb"), 400),
        ("bare CR before field", post("\rX: a"), 400),
        ("NUL in value", post("X: a\0b"), 400),
        ("NUL in name", post("X\0: a"), 400),
        ("NUL in target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CTL in value", post("X: \u{1}"), 400),
        ("DEL in value", post("X: \u{7f}"), 400),
        ("no name", post(": a"), 400),
        ("no colon", post("X"), 400),
        ("no Host", "GET / HTTP/1.1\r\n\r\n", 400),
        ("two Host", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
        ("Host empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("Host with user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
        ("two Host in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("space at the end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        ("tab for space", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("HTTP/0.9", "GET /\r\n", 400),
        ("HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        ("HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400),
        ("http in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n", 400),
        ("unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("method in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("no method", " / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("asterisk for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("authority-form", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("absolute-form of https", "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("absolute-form with user", "GET http://a@b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("absolute-form without host", "GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("fragment", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("bad percent", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("cut percent", "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("encoded NUL", "GET /a%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("encoded line end", "GET /a?b=%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("not UTF-8", "GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("overlong UTF-8", "GET /%c0%af HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("dot segment", "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("encoded dot segment", "GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("raw UTF-8", "GET /å HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("backslash", "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("two empty lines first", "\r\n\r\n" + ok, 400),
        ("other expectation", post("Expect: 200-ok\r\nContent-Length: 1"), 417),
        ("TLS", "\u{16}\u{3}\u{1}\n", 400),
    ]

    /// The head of a POST with these fields.
    static func post(_ fields: String) -> String { "POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n" }
    static let chunked = post("Transfer-Encoding: chunked")

    @Test("a shape that could be read in two ways is refused, however it is cut", arguments: shapes)
    func refuses(shape: (name: String, text: String, status: Int)) {
        #expect(refusal(shape.text) == shape.status, "\(shape.name)")
        // Behind a good request, too, and nothing that follows is taken for a request.
        #expect(refusal(Self.ok + shape.text + Self.ok) == shape.status, "\(shape.name)")
        #expect(wholeRequests(Self.ok + shape.text + Self.ok) == 1, "\(shape.name)")
    }

    static let badChunks: [(name: String, text: String, status: Int)] = [
        ("no size", "\r\n", 400),
        ("not hexadecimal", "g\r\n", 400),
        ("0x", "0x5\r\nhello\r\n", 400),
        ("sign", "+5\r\nhello\r\n", 400),
        ("space first", " 5\r\nhello\r\n", 400),
        ("space behind", "5 \r\nhello\r\n", 400),
        ("bare LF behind size", "5\nhello\r\n0\r\n\r\n", 400),
        ("bare CR in size", "5\rhello\r\n", 400),
        ("bare LF behind chunk", "5\r\nhello\n0\r\n\r\n", 400),
        ("bare CR behind chunk", "5\r\nhello\r0\r\n\r\n", 400),
        ("longer than its size", "5\r\nhello!\r\n0\r\n\r\n", 400),
        ("shorter than its size", "5\r\nhell\r\n0\r\n\r\n", 400),
        ("16 digits", "0000000000000005\r\nhello\r\n", 400),
        ("wraps around", "fffffffffffffffb\r\n", 400),
        ("too large", "fffffffffffffff\r\n", 413),
        ("extension without name", "5;\r\nhello\r\n", 400),
        ("extension without value", "5;a=\r\nhello\r\n", 400),
        ("extension with bare LF", "5;a\nb\r\nhello\r\n", 400),
        ("extension with bare CR", "5;a\rb\r\nhello\r\n", 400),
        ("extension with NUL", "5;a=\"\0\"\r\nhello\r\n", 400),
        ("extension cut in quotes", "5;a=\"b\r\nhello\r\n", 400),
        ("comma for semicolon", "5,a\r\nhello\r\n", 400),
        ("bad trailer", "0\r\nX : a\r\n\r\n", 400),
        ("folded trailer", "0\r\nX: a\r\n b\r\n\r\n", 400),
        ("bare LF in trailer", "0\r\n\n", 400),
        ("something for the empty line", "0\r\nhello\r\n\r\n", 400),
    ]

    @Test("bad chunked framing is refused, however it is cut", arguments: badChunks)
    func badChunk(shape: (name: String, text: String, status: Int)) {
        #expect(refusal(Self.chunked + shape.text) == shape.status, "\(shape.name)")
        #expect(wholeRequests(Self.chunked + shape.text + Self.ok) == 0, "\(shape.name)")
    }

    @Test("chunks give their bytes, extensions and trailers are passed over, the next request follows")
    func goodChunks() {
        let text =
            Self.chunked + "5\r\nhello\r\n06;a;b=c ; d=\"e\\\"f\"\r\n world\r\n000\r\nX: y\r\n\r\n" + Self.ok
        let outcomes = requests(text)
        #expect(outcomes?.count == 5)
        #expect(outcomes?[1] == .body(Array("hello world".utf8)))
        #expect(outcomes?[4] == .end)
    }

    @Test("a counted body gives its bytes, pipelined requests come in order")
    func pipelined() {
        let text =
            Self.post("Content-Length: 5") + "hello" + Self.ok + Self.post("Content-Length: 0") + Self.ok
        #expect(wholeRequests(text) == 4)
        #expect(requests(text)?[1] == .body(Array("hello".utf8)))
    }

    @Test("one empty line before a request line is passed over")
    func emptyLine() { #expect(wholeRequests("\r\n" + Self.ok + "\r\n" + Self.ok) == 2) }

    static let persistence: [(String, Bool)] = [
        ("GET / HTTP/1.1\r\nHost: a", true), ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close", false),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close", false), ("GET / HTTP/1.0", false),
        ("GET / HTTP/1.0\r\nConnection: keep-alive", true),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close", false),
    ]

    @Test(
        "1.1 keeps the connection unless told to close, 1.0 closes unless told to keep",
        arguments: persistence)
    func keepsAlive(head: String, expected: Bool) throws {
        guard case .head(let parsed) = try #require(requests(head + "\r\n\r\n"))[0] else {
            throw Unexpected()
        }
        #expect(parsed.keepsAlive == expected)
    }

    @Test("Expect counts in 1.1 with a body, and nowhere else")
    func expectation() throws {
        let expectation = "Expect: 100-Continue\r\n"
        for (text, expected) in [
            ("POST / HTTP/1.1\r\nHost: a\r\n\(expectation)Content-Length: 1\r\n\r\n", true),
            ("POST / HTTP/1.1\r\nHost: a\r\n\(expectation)\r\n", false),
            ("POST / HTTP/1.0\r\n\(expectation)Content-Length: 1\r\n\r\n", false),
        ] {
            guard case .head(let head) = try #require(requests(text)).first else { throw Unexpected() }
            #expect(head.expectsContinue == expected)
        }
    }

    @Test("absolute-form and * are read; fields keep their bytes without the blanks around them")
    func forms() throws {
        let text =
            "GET HTTP://b:80?x HTTP/1.1\r\nHost: a\r\nX-Name:\t søk \t\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: [::1]:8\r\n\r\n"
        let outcomes = try #require(requests(text))
        guard case .head(let first) = outcomes[0], case .head(let second) = outcomes[2] else {
            throw Unexpected()
        }
        #expect(first.target.text == "/?x")
        #expect(first.headers["x-name"] == "søk")
        #expect(second.target == .asterisk)
    }

    @Test("random bytes and random damage never crash, and never depend on the cutting")
    func random() async {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix(state: seed)
        let good = Array(
            (Self.chunked + "5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n" + Self.post("Content-Length: 5") + "hello")
                .utf8)
        let alphabet = Array("\r\n :;,0a\0\tGET/\u{7f}".utf8)
        for _ in 0..<3000 {
            // Others want the pool's threads, too.
            await Task.yield()
            var stream = good + good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<stream.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: stream[place] = alphabet.randomElement(using: &random)!
                case 1: stream.insert(alphabet.randomElement(using: &random)!, at: place)
                default: stream.remove(at: place)
                }
            }
            if requests(stream) == nil {
                Issue.record(
                    "seed \(seed): the cutting matters for \(String(decoding: stream, as: UTF8.self).debugDescription)"
                )
                return
            }
        }
    }
}

struct Unexpected: Error {}

/// A small generator with a seed that can be printed and used again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
