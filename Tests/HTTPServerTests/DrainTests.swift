import EventLoop
import Glibc
import HTTP
import HTTPServer
import HTTPTestKit
import Testing

@Suite("Server life")
struct DrainTests {
    @Test("a drain closes idle connections, lets begun requests finish, and takes no new ones")
    func drain() async throws {
        let service = TestService()
        let server = try Server(at: .tcp(host: "127.0.0.1", port: 0), handler: service)
        let idle = try RawSocket(to: server.endpoint)
        let busy = try RawSocket(to: server.endpoint)
        idle.send(wire("GET /n/1"))
        _ = try await onThread { try ResponseReader(idle).next() }
        busy.send(wire("GET /park"))
        await service.parked.wait()
        async let cut = server.drain(deadlineMs: 120_000)
        // The idle one ends first: then the drain has begun.
        #expect(try await onThread { try idle.readToEnd() } == "")
        #expect(throws: SystemError(ECONNREFUSED, "connect")) { try RawSocket(to: server.endpoint) }
        service.open.give()
        let answer = try await onThread { try busy.readToEnd() }
        busy.finish()
        #expect(answer.contains("Connection: close"))
        #expect(answer.hasSuffix("unparked"))
        #expect(!service.cancelled.isGiven)
        #expect(await cut == 0)
        #expect(server.connections == 0)
    }

    @Test("a drain cancels the handlers it is told to, and still sends what they answer")
    func cancelling() async throws {
        let service = TestService()
        let server = try Server(at: .tcp(host: "127.0.0.1", port: 0), handler: service)
        let socket = try RawSocket(to: server.endpoint)
        socket.send(wire("GET /park"))
        await service.parked.wait()
        async let cut = server.drain(deadlineMs: 120_000) { _, target in target.path == ["park"] }
        let answer = try await onThread { try socket.readToEnd() }
        socket.finish()
        #expect(answer.hasSuffix("unparked"))
        #expect(service.cancelled.isGiven)
        #expect(await cut == 0)
    }

    @Test("what is left at the deadline is cut off")
    func deadline() async throws {
        let service = TestService()
        let server = try Server(at: .tcp(host: "127.0.0.1", port: 0), handler: service, loops: 2)
        let sockets = try (0..<3).map { _ in try RawSocket(to: server.endpoint) }
        for socket in sockets { socket.send(wire("GET /park")) }
        await service.parked.wait()
        // Wherever the other two are, none is idle: each has sent a request or is about to be read.
        let cut = await server.drain(deadlineMs: 50)
        #expect(cut >= 1)
        #expect(server.connections == 0)
        await service.cancelled.wait()
        #expect(await server.drain(deadlineMs: 0) == 0)
    }

    @Test("a server that is dropped without a drain ends its connections")
    func dropped() async throws {
        let socket: RawSocket
        do {
            let server = try Server(at: .tcp(host: "127.0.0.1", port: 0), handler: TestService())
            socket = try RawSocket(to: server.endpoint)
            socket.send(wire("GET /n/1"))
            _ = try await onThread { try ResponseReader(socket).next() }
        }
        await #expect(throws: SystemError(ECONNRESET, "recv")) {
            try await onThread { try socket.readToEnd() }
        }
    }

    @Test("the address that is reported is the one that was bound")
    func address() async throws {
        for text in ["127.0.0.1:0", "localhost:0", "[::1]:0"] {
            try await withServer(at: try #require(Endpoint(text))) { server, _ in
                guard case .tcp(let host, let port) = server.endpoint else {
                    throw Failure("\(server.endpoint)")
                }
                #expect(port != 0)
                #expect(host == (text.hasPrefix("[") ? "::1" : "127.0.0.1"))
            }
        }
    }

    @Test("an address that cannot be had is refused with what to do")
    func refusedAddress() async throws {
        try await withServer { server, _ in
            let taken = #expect(throws: ServerError.self) {
                try Server(at: server.endpoint, handler: TestService())
            }
            #expect(taken?.description.contains("Address already in use") == true)
            let name = #expect(throws: ServerError.self) {
                try Server(at: .tcp(host: "hub.example", port: 0), handler: TestService())
            }
            #expect(name?.description.contains("not an address in numbers") == true)
        }
    }

    @Test("a Unix socket serves, is open to its owner only, and its file goes with the server")
    func unixSocket() async throws {
        let path = temporaryPath()
        try await withServer(at: .unix(path: path)) { server, _ in
            var about = stat()
            #expect(lstat(path, &about) == 0)
            #expect(about.st_mode & 0o777 == 0o600)
            let body = try await onThread {
                let socket = try RawSocket(to: server.endpoint)
                socket.send(wire("GET /n/1"))
                return try ResponseReader(socket).next().body
            }
            #expect(body == "1")
        }
        #expect(access(path, F_OK) != 0)
    }

    @Test("a stale socket file is replaced; a live one and any other file are left alone")
    func staleSocket() async throws {
        let path = temporaryPath()
        // What a killed server leaves behind: a socket, bound, with nobody behind it.
        let stale = try RawSocket(family: AF_UNIX)
        let isBound = SocketAddress(unixPath: path)?.bind(stale.descriptor)
        #expect(isBound == true)
        try await withServer(at: .unix(path: path)) { _, _ in
            let live = #expect(throws: ServerError.self) {
                try Server(at: .unix(path: path), handler: TestService())
            }
            #expect(live?.why == "another process listens there")
        }
        let file = open(path, O_CREAT | O_WRONLY, 0o600)
        defer {
            close(file)
            unlink(path)
        }
        let foreign = #expect(throws: ServerError.self) {
            try Server(at: .unix(path: path), handler: TestService())
        }
        #expect(foreign?.why == "a file that is no socket stands there")
        #expect(access(path, F_OK) == 0)
    }
}
