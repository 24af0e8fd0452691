import EventLoop
import Glibc
import HTTP
import HTTPClient
import HTTPServer
import HTTPTestKit
import Synchronization
import Testing

@Suite("Client")
struct ClientTests {
    static func text(_ transport: SocketTransport, _ target: String) async throws -> String {
        let response = try await transport.send(Request(.get, try #require(Target(target))))
        return String(decoding: try await response.body.collect(limit: 1 << 20), as: UTF8.self)
    }

    /// The cause with which a request to a script fails.
    static func cause(
        _ scripts: [@Sendable (RawSocket) throws -> Void], _ limits: Limits = Limits(),
        _ request: Request = Request(.get, path: ["x"])
    ) async throws -> TransportError.Cause? {
        let server = try ScriptedServer(scripts)
        let transport = try SocketTransport(to: server.endpoint, limits: limits)
        do {
            let response = try await transport.send(request)
            _ = try await response.body.collect(limit: 1 << 20)
            return nil
        } catch let error as TransportError {
            return error.cause
        }
    }

    /// A script that reads one request's head and says `text`, then closes.
    static func says(_ text: String) -> @Sendable (RawSocket) throws -> Void {
        { socket in
            _ = try socket.read(through: "\r\n\r\n")
            socket.send(text)
        }
    }

    @Test("requests in turn share one connection, over TCP and a Unix socket")
    func reuse() async throws {
        for endpoint in [Endpoint.tcp(host: "127.0.0.1", port: 0), .unix(path: temporaryPath())] {
            try await withServer(at: endpoint) { server, _ in
                let transport = try SocketTransport(to: server.endpoint)
                for number in 0..<50 {
                    #expect(try await Self.text(transport, "/n/\(number)") == "\(number)")
                    #expect(server.connections == 1)
                }
            }
        }
    }

    @Test("requests at the same time get each its own answer, and few connections stay")
    func concurrent() async throws {
        try await withServer { server, _ in
            let transport = try SocketTransport(to: server.endpoint)
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<200 {
                    group.addTask { try await Self.text(transport, "/n/\(number)") == "\(number)" }
                }
                for try await isRight in group { #expect(isRight) }
            }
        }
    }

    @Test("a name is looked up without blocking the pool", arguments: ["http://localhost:%/", "localhost:%"])
    func name(address: String) async throws {
        try await withServer { server, _ in
            guard case .tcp(_, let port) = server.endpoint else { throw Failure("no port") }
            let parts = address.split(separator: "%", omittingEmptySubsequences: false)
            let transport = try SocketTransport(to: "\(parts[0])\(port)\(parts[1])")
            #expect(try await Self.text(transport, "/n/1") == "1")
        }
    }

    @Test("50 MB stream up and down at once, and no more is on the way than the buffers hold")
    func streaming() async throws {
        try await withServer(at: .unix(path: temporaryPath())) { server, _ in
            let transport = try SocketTransport(to: server.endpoint)
            let size = 50 << 20
            let produced = Atomic(0)
            // A period that fits no piece, so that a byte out of its place shows.
            let period = 65_521
            let pattern = (0..<3 * period).map { UInt8(truncatingIfNeeded: ($0 % period) >> 3) }
            let body = Body {
                let sent = produced.load(ordering: .relaxed)
                if sent >= size { return nil }
                let count = min(60_000, size - sent)
                produced.add(count, ordering: .relaxed)
                return Array(pattern[sent % period..<sent % period + count])
            }
            let response = try await transport.send(Request(.post, path: ["echo"], body: body))
            #expect(response.headers["transfer-encoding"] == "chunked")
            var received = 0
            var mostOnTheWay = 0
            while let piece = try await response.body.next() {
                mostOnTheWay = max(mostOnTheWay, produced.load(ordering: .relaxed) - received)
                let isRight = pattern.withUnsafeBytes { pattern in
                    memcmp(pattern.baseAddress! + received % period, piece, piece.count) == 0
                }
                guard isRight else { throw Failure("wrong bytes behind \(received)") }
                received += piece.count
            }
            #expect(received == size)
            // Two sockets, and four buffers of 256 KiB on the way up and down.
            #expect(mostOnTheWay < 4 << 20)
        }
    }

    @Test("HEAD, 204 and a body of known length come through")
    func shapes() async throws {
        try await withServer { server, _ in
            let transport = try SocketTransport(to: server.endpoint)
            let head = try await transport.send(Request(.head, path: ["n", "123"]))
            #expect(head.headers["content-length"] == "3")
            #expect(try await head.body.next() == nil)
            let bytes = try await transport.send(Request(.get, path: ["bytes", "1000000"]))
            #expect(bytes.body.length == 1_000_000)
            #expect(try await bytes.body.collect(limit: 1_000_000).count == 1_000_000)
            #expect(server.connections == 1)
        }
    }

    @Test("a kept connection that was closed is replaced, once, and the request sent again")
    func stale() async throws {
        let first = Self.says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
        let closes: @Sendable (RawSocket) throws -> Void = { socket in
            try first(socket)
            // Reads the second request and closes without an answer.
            _ = try socket.read(through: "\r\n\r\n")
        }
        let second = Self.says("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond")
        let server = try ScriptedServer([closes, second])
        let transport = try SocketTransport(to: server.endpoint)
        #expect(try await Self.text(transport, "/") == "first")
        #expect(try await Self.text(transport, "/") == "second")
    }

    @Test("a streamed body is not sent again over another connection")
    func staleStream() async throws {
        let closes: @Sendable (RawSocket) throws -> Void = { socket in
            try Self.says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")(socket)
            _ = try socket.read(through: "0\r\n\r\n")
        }
        let server = try ScriptedServer([closes, Self.says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")])
        let transport = try SocketTransport(to: server.endpoint)
        #expect(try await Self.text(transport, "/") == "")
        let pulled = Atomic(false)
        let body = Body { pulled.exchange(true, ordering: .relaxed) ? nil : [1, 2, 3] }
        let error = await #expect(throws: TransportError.self) {
            _ = try await transport.send(Request(.post, path: ["x"], body: body))
        }
        #expect(error?.cause == .closedBeforeResponse)
    }

    static let cuts: [(String, Int)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789", 10),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n", 10),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n", 10),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", 0),
    ]

    @Test("an answer that is cut within its body is closedMidBody, with what had come", arguments: cuts)
    func cut(text: String, received: Int) async throws {
        #expect(try await Self.cause([Self.says(text)]) == .closedMidBody(received: received))
    }

    @Test("an answer without length ends with the connection")
    func untilClose() async throws {
        let server = try ScriptedServer([Self.says("HTTP/1.1 200 OK\r\n\r\nall of it")])
        #expect(try await Self.text(try SocketTransport(to: server.endpoint), "/") == "all of it")
    }

    @Test("a server that closes without an answer, or in its head, is closedBeforeResponse")
    func noAnswer() async throws {
        #expect(try await Self.cause([Self.says("")]) == .closedBeforeResponse)
        #expect(try await Self.cause([Self.says("HTTP/1.1 200 OK\r\nContent")]) == .closedBeforeResponse)
    }

    @Test(
        "an answer that is not well-formed is badResponse",
        arguments: [
            "SSH-2.0-x\r\n", "HTTP/1.1 200\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n0",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        ])
    func bad(text: String) async throws {
        let cause = try await Self.cause([Self.says(text)])
        guard case .badResponse = cause else { throw Failure("\(String(describing: cause))") }
    }

    @Test("each step has its time-out")
    func timeouts() async throws {
        var limits = Limits()
        limits.firstByteTimeoutMs = 30
        let silent: @Sendable (RawSocket) throws -> Void = { _ = try $0.readToEnd() }
        #expect(try await Self.cause([silent], limits) == .timeout(.firstByte, afterMs: 30))
        // What begins has all the time it needs for that.
        limits.firstByteTimeoutMs = 120_000
        limits.inactivityTimeoutMs = 40
        let stops: @Sendable (RawSocket) throws -> Void = {
            $0.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12")
            _ = try $0.readToEnd()
        }
        #expect(try await Self.cause([stops], limits) == .timeout(.inactivity, afterMs: 40))
        // A script that never reads: the request does not leave whole.
        let deaf = Signal()
        let large = Request(.post, path: ["x"], body: Body(bytes: [UInt8](repeating: 0, count: 50 << 20)))
        let waits: @Sendable (RawSocket) throws -> Void = { socket in
            Task {
                await deaf.wait()
                _ = socket
            }
        }
        #expect(try await Self.cause([waits], limits, large) == .timeout(.send, afterMs: 40))
        deaf.give()
    }

    @Test("a server that does not take the connection is a connect time-out")
    func connectTimeout() async throws {
        var limits = Limits()
        limits.connectTimeoutMs = 30
        // A queue of one, which two clients fill: the kernel leaves the next one waiting (listen(2)).
        let address = try SocketAddress.find(host: "127.0.0.1", port: 0, isNumeric: true)[0]
        let listener = try RawSocket(family: AF_INET)
        #expect(address.bind(listener.descriptor) && listen(listener.descriptor, 0) == 0)
        let bound = try #require(SocketAddress.bound(listener.descriptor))
        let endpoint = Endpoint.tcp(host: bound.host, port: bound.port)
        let filler = try RawSocket(to: endpoint)
        let transport = try SocketTransport(to: endpoint, limits: limits)
        var causes: [TransportError.Cause] = []
        for _ in 0..<3 {
            let error = await #expect(throws: TransportError.self) {
                _ = try await transport.send(Request(.get, path: []), firstByteTimeoutMs: 1)
            }
            causes += [error?.cause].compactMap { $0 }
        }
        #expect(causes.last == .timeout(.connect, afterMs: 30))
        _ = filler
    }

    @Test("nobody there, an unknown name and https are told apart, in words that help")
    func unreachable() async throws {
        let free = try ScriptedServer([]).endpoint
        let refused = await #expect(throws: TransportError.self) {
            _ = try await SocketTransport(to: free).send(Request(.get, path: ["healthz"]))
        }
        #expect(refused?.cause == .refused)
        #expect(
            refused?.description
                == "GET /healthz at \(free) failed: the connection was refused, nothing listens there. "
                + "Check that the server runs and that address and port are right.")
        let missing = await #expect(throws: TransportError.self) {
            _ = try await SocketTransport(to: .unix(path: temporaryPath())).send(Request(.get, path: []))
        }
        #expect(missing?.cause == .refused)
        let unknown = await #expect(throws: TransportError.self) {
            _ = try await SocketTransport(to: "http://nobody.invalid:80").send(Request(.get, path: []))
        }
        switch unknown?.cause {
        case .nameNotFound, .unreachable: break
        default: Issue.record("\(String(describing: unknown))")
        }
        let secure = #expect(throws: TransportError.self) { try SocketTransport(to: "https://hub.example") }
        #expect(secure?.description.contains("TLS") == true)
    }

    @Test("cancelling closes the connection and throws CancellationError, before the answer and within it")
    func cancel() async throws {
        try await withServer { server, service in
            let transport = try SocketTransport(to: server.endpoint)
            let parked = Task { try await transport.send(Request(.get, path: ["park"])) }
            await service.parked.wait()
            parked.cancel()
            await #expect(throws: CancellationError.self) { _ = try await parked.value }
            await service.cancelled.wait()
            let response = try await transport.send(Request(.get, path: ["stream", "1000000000"]))
            let begun = Signal()
            let reading = Task {
                while let _ = try await response.body.next() { begun.give() }
            }
            await begun.wait()
            reading.cancel()
            await #expect(throws: CancellationError.self) { try await reading.value }
            await service.streamDropped.wait()
        }
    }

    @Test("a body that is dropped unread gives up its connection")
    func dropped() async throws {
        try await withServer { server, service in
            let transport = try SocketTransport(to: server.endpoint)
            _ = try await transport.send(Request(.get, path: ["stream", "1000000000"]))
            await service.streamDropped.wait()
        }
    }

    @Test("a cancel that races the answer ends in one of the two, 1,000 times")
    func cancelRace() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SplitMix(state: seed)
        try await withServer { server, _ in
            let transport = try SocketTransport(to: server.endpoint)
            var answered = 0
            for number in 0..<1000 {
                let task = Task { try await Self.text(transport, "/n/\(number)") }
                for _ in 0..<Int.random(in: 0..<200, using: &random) { await Task.yield() }
                task.cancel()
                switch await task.result {
                case .success(let text):
                    answered += 1
                    #expect(text == "\(number)", "seed \(seed)")
                case .failure(let error): #expect(error is CancellationError, "seed \(seed): \(error)")
                }
            }
            #expect(try await Self.text(transport, "/n/last") == "last")
            print("cancel race, seed \(seed): \(answered) of 1000 were answered first")
        }
    }

    @Test("a server may answer before it has the whole request, and the answer is had")
    func earlyAnswer() async throws {
        try await withServer { server, _ in
            let transport = try SocketTransport(to: server.endpoint)
            let endless = Body { [UInt8](repeating: 0, count: 60_000) }
            let response = try await transport.send(Request(.post, path: ["ignore"], body: endless))
            #expect(try await response.body.collect(limit: 100) == Array("ignored".utf8))
        }
    }

    @Test("a request's body that fails, or breaks its promised length, fails the request and says why")
    func requestBody() async throws {
        try await withServer { server, _ in
            let transport = try SocketTransport(to: server.endpoint)
            let failing = Body { throw Failure("the disk is gone") }
            let short = Body(length: 5) { nil }
            for (body, words) in [(failing, "the disk is gone"), (short, "it ended after 0 of the 5 bytes")] {
                let error = await #expect(throws: TransportError.self) {
                    _ = try await transport.send(Request(.post, path: ["collect"], body: body))
                }
                #expect(error?.description.contains(words) == true)
            }
        }
    }

    @Test("after shutDown every request fails, those under way too")
    func shutDown() async throws {
        try await withServer { server, service in
            let transport = try SocketTransport(to: server.endpoint)
            let parked = Task { try await transport.send(Request(.get, path: ["park"])) }
            await service.parked.wait()
            transport.shutDown()
            for result in [
                await parked.result, await Task { try await transport.send(Request(.get, path: [])) }.result,
            ] {
                let error = #expect(throws: TransportError.self) { _ = try result.get() }
                #expect(error?.cause == .shutDown)
            }
        }
    }
}
