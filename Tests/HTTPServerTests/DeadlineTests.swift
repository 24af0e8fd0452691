import HTTP
import HTTPServer
import HTTPTestKit
import Testing

/// Each time-out of the server, set so short that the test need not wait; nothing here measures time. Where a client has to
/// do something before one passes, it is so long that a busy machine lets it.
@Suite("Server deadlines")
struct DeadlineTests {
    @Test("a client that is slow with a head is told 408 and let go")
    func head() async throws {
        var limits = Limits()
        limits.headTimeoutMs = 30
        try await withServer(limits) { server, service in
            let answer = try await onThread {
                let socket = try RawSocket(to: server.endpoint)
                socket.send("GET / HTTP/1.1\r\nHost")
                return try socket.readToEnd()
            }
            #expect(answer.hasPrefix("HTTP/1.1 408 "))
            #expect(service.handled.load(ordering: .relaxed) == 0)
        }
    }

    @Test("a client cannot stretch a head by sending it byte by byte")
    func drippedHead() async throws {
        var limits = Limits()
        limits.headTimeoutMs = 100
        try await withServer(limits) { server, _ in
            let answer = try await onThread {
                let socket = try RawSocket(to: server.endpoint)
                return try drip(socket, first: "GET / HTTP/1.1\r\nX: ", then: "x")
            }
            #expect(answer.hasPrefix("HTTP/1.1 408 "))
        }
    }

    @Test("a client that says nothing is let go without a word, before its first request and after one")
    func idle() async throws {
        var limits = Limits()
        limits.idleTimeoutMs = 1_000
        try await withServer(limits) { server, _ in
            let ends = try await onThread {
                let silent = try RawSocket(to: server.endpoint)
                let used = try RawSocket(to: server.endpoint)
                used.send(wire("GET /n/1"))
                _ = try ResponseReader(used).next()
                return (try silent.readToEnd(), try used.readToEnd())
            }
            #expect(ends == ("", ""))
        }
    }

    @Test("a client that stops within a body is answered 408 and let go")
    func body() async throws {
        var limits = Limits()
        limits.bodyTimeoutMs = 30
        try await withServer(limits) { server, _ in
            let answer = try await onThread {
                let socket = try RawSocket(to: server.endpoint)
                socket.send(wire("POST /collect", "Content-Length: 10\r\n", "hello"))
                return try socket.readToEnd()
            }
            #expect(answer.hasPrefix("HTTP/1.1 408 "))
            #expect(answer.contains("Connection: close"))
        }
    }

    @Test("a client cannot stretch a body by sending it byte by byte")
    func drippedBody() async throws {
        var limits = Limits()
        limits.bodyTimeoutMs = 100
        limits.bodyBytesPerSecond = 1_000_000
        try await withServer(limits) { server, _ in
            let answer = try await onThread {
                let socket = try RawSocket(to: server.endpoint)
                return try drip(socket, first: wire("POST /collect", "Content-Length: 100000\r\n"), then: "x")
            }
            #expect(answer.hasPrefix("HTTP/1.1 408 "))
        }
    }

    @Test("a client that does not take its answer is let go, and the body's producer with it")
    func write() async throws {
        var limits = Limits()
        limits.writeTimeoutMs = 50
        try await withServer(limits) { server, service in
            let socket = try RawSocket(to: server.endpoint)
            socket.send(wire("GET /stream/1000000000"))
            await service.streamDropped.wait()
            // No more was produced than the buffers between the two hold.
            #expect(service.produced.load(ordering: .relaxed) < 20 << 20)
            _ = socket
        }
    }

    @Test("a client that does not close after the last answer is closed")
    func linger() async throws {
        var limits = Limits()
        limits.lingerTimeoutMs = 30
        try await withServer(limits) { server, _ in
            let socket = try RawSocket(to: server.endpoint)
            socket.send("nonsense\r\n")
            let answer = try await onThread { try socket.readToEnd() }
            #expect(answer.hasPrefix("HTTP/1.1 400 "))
            // The socket is still open on this side; the server forgets it all the same, or drain would not end.
            await server.drain(deadlineMs: 120_000)
            #expect(server.connections == 0)
        }
    }

    @Test("a parked handler has no deadline, whatever the others are")
    func parked() async throws {
        var limits = Limits()
        limits.headTimeoutMs = 1_000
        limits.bodyTimeoutMs = 1_000
        limits.idleTimeoutMs = 1_000
        limits.writeTimeoutMs = 1_000
        try await withServer(limits) { server, service in
            // Long enough a request in between for each of them to pass: another connection's idle time-out.
            let socket = try RawSocket(to: server.endpoint)
            socket.send(wire("GET /park"))
            await service.parked.wait()
            let other = try await onThread { try RawSocket(to: server.endpoint).readToEnd() }
            #expect(other.isEmpty)
            service.open.give()
            #expect(try await onThread { try ResponseReader(socket).next().body } == "unparked")
            #expect(!service.cancelled.isGiven)
        }
    }
}

/// Sends `first` and then `then` over and over, each time a moment has passed without an answer.
private func drip(_ socket: RawSocket, first: String, then: String) throws -> String {
    socket.send(first)
    socket.setWait(ms: 5)
    for _ in 0..<4000 {
        if let answer = try? socket.read() {
            socket.setWait(ms: RawSocket.patienceMs)
            return String(decoding: answer, as: UTF8.self) + (try socket.readToEnd())
        }
        socket.send(then)
    }
    throw Failure("no answer after all that")
}
