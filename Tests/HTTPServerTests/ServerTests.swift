import CLinux
import EventLoop
import Glibc
import HTTP
import HTTPServer
import HTTPTestKit
import Synchronization
import Testing

/// A request as it stands on the wire.
func wire(_ line: String, _ fields: String = "", _ body: String = "") -> String {
    "\(line) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\(body)"
}

@Suite("Server")
struct ServerTests {
    /// One of 20,000: how it is sent and what must come back.
    private struct Asked: Sendable {
        let method: Method
        let text: String
        let status: Int
        let body: String

        init(_ number: Int, _ random: inout SplitMix) {
            let text = "\(number)"
            switch Int.random(in: 0..<5, using: &random) {
            case 0: self.init(.get, wire("GET /n/\(text)"), 200, text)
            case 1: self.init(.head, wire("HEAD /n/\(text)"), 200, "")
            case 2: self.init(.get, wire("GET /missing/\(text)"), 404, nil)
            case 3:
                let size = String(text.utf8.count, radix: 16)
                let chunked = wire(
                    "POST /echo", "Transfer-Encoding: chunked\r\n", "\(size)\r\n\(text)\r\n0\r\n\r\n")
                self.init(.post, chunked, 200, text)
            default:
                let body = text + String(repeating: "x", count: Int.random(in: 0..<300, using: &random))
                self.init(
                    .post, wire("POST /echo", "Content-Length: \(body.utf8.count)\r\n", body), 200, body)
            }
        }

        private init(_ method: Method, _ text: String, _ status: Int, _ body: String?) {
            self.method = method
            self.text = text
            self.status = status
            self.body = body ?? String(decoding: Problem(.notFound, title: "no").json, as: UTF8.self)
        }
    }

    @Test("20,000 pipelined mixed requests are answered each, in their order", arguments: [1, 2])
    func pipelined(loops: Int) async throws {
        let seed = UInt64.random(in: 0 ... .max)
        let asked = try await onThread {
            var random = SplitMix(state: seed)
            return (0..<20_000).map { Asked($0, &random) }
        }
        var limits = Limits()
        limits.requestsPerConnection = asked.count + 1
        try await withServer(limits, loops: loops) { server, service in
            let socket = try RawSocket(to: server.endpoint)
            async let sent: Void = onThread {
                for start in stride(from: 0, to: asked.count, by: 100) {
                    socket.send(asked[start..<start + 100].map(\.text).joined())
                }
            }
            let wrong = try await onThread { () -> Int? in
                let reader = ResponseReader(socket)
                for (index, one) in asked.enumerated() {
                    let response = try reader.next(to: one.method)
                    if response.status != one.status || response.body != one.body { return index }
                }
                return nil
            }
            try await sent
            #expect(wrong == nil, "seed \(seed)")
            #expect(service.handled.load(ordering: .relaxed) == asked.count)
        }
    }

    @Test("input that comes byte by byte is answered like input that comes at once")
    func byteByByte() async throws {
        let text =
            wire("GET /n/1") + wire("POST /echo", "Content-Length: 5\r\n", "hello")
            + wire("POST /echo", "Transfer-Encoding: chunked\r\n", "5;a=b\r\nworld\r\n0\r\nX: y\r\n\r\n")
            + wire("GET /n/2", "Connection: close\r\n")
        try await withServer { server, _ in
            let answers = try await onThread {
                try [1, text.utf8.count].map { size in
                    let socket = try RawSocket(to: server.endpoint)
                    let bytes = Array(text.utf8)
                    for start in stride(from: 0, to: bytes.count, by: size) {
                        socket.send(Array(bytes[start..<min(start + size, bytes.count)]))
                    }
                    let reader = ResponseReader(socket)
                    return try (0..<4).map { _ in try reader.next().body }
                }
            }
            #expect(answers == [["1", "hello", "world", "2"], ["1", "hello", "world", "2"]])
        }
    }

    @Test("what could be read as two requests is refused, and the second never reaches a handler")
    func smuggling() async throws {
        let hidden = wire("GET /n/hidden")
        let shapes = [
            wire("POST /echo", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + hidden),
            wire("POST /echo", "Content-Length: 0\r\nContent-Length: 44\r\n", hidden),
            wire(
                "POST /echo", "X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                "0\r\n\r\n" + hidden),
            "POST /echo HTTP/1.1\nHost: a\r\n\r\n" + hidden,
            wire("POST /echo", "X: a\0b\r\n", hidden),
        ]
        try await withServer { server, service in
            for shape in shapes {
                let answer = try await onThread {
                    let socket = try RawSocket(to: server.endpoint)
                    socket.send(shape)
                    return try socket.readToEnd()
                }
                #expect(answer.hasPrefix("HTTP/1.1 400 "))
                #expect(answer.contains("application/problem+json"))
                #expect(answer.components("HTTP/1.1 ") == 1)
            }
            #expect(service.handled.load(ordering: .relaxed) == 0)
        }
    }

    @Test("a client that waits for 100 is told to go on when the handler reads, and not before")
    func expectation() async throws {
        try await withServer { server, _ in
            let answers = try await onThread {
                let fields = "Expect: 100-continue\r\nContent-Length: 5\r\n"
                let read = try RawSocket(to: server.endpoint)
                read.send(wire("POST /collect", fields))
                let interim = try read.read(through: "\r\n\r\n")
                read.send("hello")
                let first = try ResponseReader(read).next()
                let ignored = try RawSocket(to: server.endpoint)
                ignored.send(wire("POST /ignore", fields))
                // The echo answers before it reads: it is told to go on before the answer begins.
                let echoed = try RawSocket(to: server.endpoint)
                echoed.send(wire("POST /echo", fields))
                guard try echoed.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 100 ") else {
                    throw Failure("200")
                }
                echoed.send("hello")
                _ = try echoed.read(through: "hello\r\n0\r\n\r\n")
                return (interim, first, try ignored.readToEnd())
            }
            #expect(answers.0 == "HTTP/1.1 100 Continue\r\n\r\n")
            #expect(answers.1.body == "5")
            #expect(answers.1.keepsAlive)
            // Whether the body comes after all, nobody knows: the connection ends.
            #expect(answers.2.contains("Connection: close"))
            #expect(!answers.2.contains("100 Continue"))
        }
    }

    @Test("a small body that nobody wants is dropped and the connection kept, with a large one it ends")
    func unwantedBody() async throws {
        try await withServer { server, _ in
            let answers = try await onThread {
                let socket = try RawSocket(to: server.endpoint)
                let reader = ResponseReader(socket)
                socket.send(wire("POST /ignore", "Content-Length: 5\r\n"))
                let small = try reader.next()
                socket.send("hello" + wire("GET /n/next"))
                let next = try reader.next()
                let large = String(repeating: "x", count: 10 << 20)
                socket.send(wire("POST /ignore", "Content-Length: \(large.utf8.count)\r\n", large))
                return (small, next, try reader.next())
            }
            #expect(answers.0.body == "ignored" && answers.0.keepsAlive)
            #expect(answers.1.body == "next")
            #expect(answers.2.body == "ignored" && !answers.2.keepsAlive)
        }
    }

    @Test("a client of HTTP/1.0 gets a streamed body without chunks, up to the end of the connection")
    func oldClient() async throws {
        try await withServer { server, _ in
            let answer = try await onThread {
                let socket = try RawSocket(to: server.endpoint)
                socket.send("GET /stream/100000 HTTP/1.0\r\n\r\n")
                return try socket.readToEnd()
            }
            #expect(!answer.contains("chunked"))
            #expect(answer.hasSuffix("\r\n\r\n" + String(repeating: "a", count: 100_000)))
        }
    }

    @Test("a streamed body that fails breaks the connection off: no client takes the part for the whole")
    func brokenBody() async throws {
        try await withServer { server, _ in
            for version in ["1.0", "1.1"] {
                await #expect(throws: SystemError(ECONNRESET, "recv")) {
                    try await onThread {
                        let socket = try RawSocket(to: server.endpoint)
                        socket.send("GET /broken HTTP/\(version)\r\nHost: a\r\n\r\n")
                        return try socket.readToEnd()
                    }
                }
            }
        }
    }

    @Test("a client that half-closes, or closes, cancels its parked handler", arguments: [false, true])
    func hangup(closes: Bool) async throws {
        try await withServer { server, service in
            var socket: RawSocket? = try RawSocket(to: server.endpoint)
            socket?.send(wire("GET /park"))
            await service.parked.wait()
            #expect(!service.cancelled.isGiven)
            if closes { socket = nil } else { socket?.finish() }
            await service.cancelled.wait()
            if let socket {
                let text = try await onThread { try socket.readToEnd() }
                #expect(text.hasSuffix("unparked"))
            }
        }
    }

    @Test("a server that is full answers 503 with Retry-After, and drops what is beyond that")
    func overload() async throws {
        var limits = Limits()
        limits.connections = 2
        limits.refusals = 1
        limits.retryAfterSeconds = 7
        try await withServer(limits) { [limits] server, _ in
            let answers = try await onThread {
                let full = try (0..<2).map { _ in try RawSocket(to: server.endpoint) }
                for socket in full {
                    socket.send(wire("GET /n/1"))
                    _ = try ResponseReader(socket).next()
                }
                let third = try RawSocket(to: server.endpoint)
                let refused = try ResponseReader(third).next()
                let dropped = try RawSocket(to: server.endpoint).readToEnd()
                return (refused, dropped, full.count)
            }
            #expect(answers.0.status == 503)
            #expect(answers.0.headers["retry-after"] == "\(limits.retryAfterSeconds)")
            #expect(answers.1.isEmpty)
        }
    }

    @Test("a process without descriptors left sheds connections and serves on when there are some again")
    func descriptors() async {
        await #expect(processExitsWith: .success) {
            let service = TestService()
            let server = try Server(at: .tcp(host: "127.0.0.1", port: 0), handler: service)
            // In a process of its own, for the limit is the process's. The clients have their descriptors before
            // it, so that the last 5 are the server's.
            let clients = try (0..<21).map { _ in try RawSocket(family: AF_INET) }
            guard samband_set_open_files(UInt64(clients.map(\.descriptor).max()! + 6)) == 0 else {
                throw SystemError.last("setrlimit")
            }
            let answer = try await onThread {
                for client in clients.dropLast() { try client.connect(to: server.endpoint) }
                for client in clients.dropLast().suffix(10) {
                    let shed = try client.readToEnd()
                    guard shed.hasPrefix("HTTP/1.1 503 ") else { throw Failure(shed) }
                }
                // The others close, and the server gives their descriptors back.
                for client in clients.prefix(10) {
                    client.finish()
                    _ = try client.readToEnd()
                }
                try clients[20].connect(to: server.endpoint)
                clients[20].send(wire("GET /n/1"))
                return try ResponseReader(clients[20]).next().body
            }
            guard answer == "1" else { throw Failure(answer) }
            await server.drain(deadlineMs: 0)
        }
    }
}

extension String {
    /// How often `text` occurs.
    func components(_ text: String) -> Int { ranges(of: text).count }
}
