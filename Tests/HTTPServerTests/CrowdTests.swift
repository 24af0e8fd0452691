import EventLoop
import Glibc
import HTTP
import HTTPServer
import HTTPTestKit
import Testing

/// What many clients at once, or one that wants too much, can take of a server, and what is left for the others.
@Suite("Crowds")
struct CrowdTests {
    /// Asks once on a connection that stays open.
    private static func ask(_ socket: RawSocket, _ path: String) throws -> RawResponse {
        socket.send(wire("GET \(path)"))
        return try ResponseReader(socket).next()
    }

    @Test("a full server lets a newcomer in for the connection that has waited longest, and keeps who has a request")
    func roomIsMade() async throws {
        var limits = Limits()
        limits.connections = 3
        limits.idleGraceMs = 0
        try await withServer(limits) { server, service in
            try await onThread {
                let parked = try RawSocket(to: server.endpoint)
                parked.send(wire("GET /park"))
                let first = try RawSocket(to: server.endpoint)
                _ = try Self.ask(first, "/n/1")
                let second = try RawSocket(to: server.endpoint)
                _ = try Self.ask(second, "/n/2")
                // Used again: now the second has waited longer.
                _ = try Self.ask(first, "/n/3")
                let newcomer = try RawSocket(to: server.endpoint)
                #expect(try Self.ask(newcomer, "/n/4").body == "4")
                #expect(try second.readToEnd() == "")
                #expect(try Self.ask(first, "/n/5").body == "5")
                // Ten more come and go: each is let in, and who has a request under way is not sent away for them.
                for number in 10..<20 {
                    #expect(try Self.ask(try RawSocket(to: server.endpoint), "/n/\(number)").body == "\(number)")
                }
                service.open.give()
                #expect(try ResponseReader(parked).next().body == "unparked")
            }
        }
    }

    @Test("a full server whose connections all have requests answers 503, and goes on serving them")
    func everybodyIsBusy() async throws {
        var limits = Limits()
        limits.connections = 2
        limits.idleGraceMs = 0
        limits.retryAfterSeconds = 7
        try await withServer(limits) { server, service in
            try await onThread {
                let parked = try (0..<2).map { _ in try RawSocket(to: server.endpoint) }
                for socket in parked { socket.send(wire("GET /park")) }
                while service.handled.load(ordering: .relaxed) < 2 { usleep(1000) }
                let refused = try ResponseReader(try RawSocket(to: server.endpoint)).next()
                #expect(refused.status == 503 && refused.headers["retry-after"] == "7")
                service.open.give()
                for socket in parked { #expect(try ResponseReader(socket).next().body == "unparked") }
            }
        }
    }

    @Test("connections of one address are limited, those of others are not concerned")
    func perPeer() async throws {
        var limits = Limits()
        limits.connectionsPerPeer = 2
        limits.limitsOwnMachine = true
        limits.refusals = 1
        try await withServer(limits) { server, _ in
            try await onThread {
                let held = try (0..<2).map { _ in try RawSocket(to: server.endpoint) }
                for socket in held { _ = try Self.ask(socket, "/n/1") }
                let third = try RawSocket(to: server.endpoint)
                let refused = try ResponseReader(third).next()
                #expect(refused.status == 503 && refused.headers["retry-after"] == "5")
                #expect(refused.body.contains("Too many connections from this address"))
                #expect(try RawSocket(to: server.endpoint).readToEnd() == "")
                #expect(try Self.ask(held[0], "/n/2").body == "2")
                let another = try RawSocket(family: AF_INET)
                try another.bind(to: "127.0.0.2")
                try another.connect(to: server.endpoint)
                #expect(try Self.ask(another, "/n/3").body == "3")
            }
        }
    }

    @Test("a place of an address is free again when its connection is gone")
    func placeIsFree() async throws {
        var limits = Limits()
        limits.connectionsPerPeer = 1
        limits.limitsOwnMachine = true
        try await withServer(limits) { server, _ in
            try await onThread {
                for number in 0..<20 {
                    let socket = try RawSocket(to: server.endpoint)
                    #expect(try Self.ask(socket, "/n/\(number)").body == "\(number)")
                    socket.finish()
                    #expect(try socket.readToEnd() == "")
                }
            }
        }
    }

    @Test("of IPv6 a whole /64 counts as one address, and an address of IPv4 within IPv6 as itself")
    func peers() {
        func v6(_ start: [UInt8], last: UInt8) -> Peer {
            Peer(v6: start + [UInt8](repeating: 0, count: 15 - start.count) + [last])
        }
        let net: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 1]
        let other: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2]
        #expect(v6(net, last: 1) == v6(net, last: 2))
        #expect(v6(net, last: 1) != v6(other, last: 1))
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1]
        #expect(Peer(v6: mapped) == Peer(v4: [10, 0, 0, 1]))
        #expect(Peer(v4: [127, 0, 0, 9]).isOwnMachine && v6([], last: 1).isOwnMachine)
        #expect(!Peer(v4: [10, 0, 0, 1]).isOwnMachine && !v6(net, last: 1).isOwnMachine)
    }

    @Test("a connection ends with the answer to the last request that it may carry")
    func requestsPerConnection() async throws {
        var limits = Limits()
        limits.requestsPerConnection = 3
        try await withServer(limits) { server, _ in
            let answers = try await onThread {
                let socket = try RawSocket(to: server.endpoint)
                let reader = ResponseReader(socket)
                socket.send((1...4).map { wire("GET /n/\($0)") }.joined())
                let answers = try (0..<3).map { _ in try reader.next() }
                #expect(try socket.readToEnd() == "")
                return answers
            }
            #expect(answers.map(\.body) == ["1", "2", "3"])
            #expect(answers.map(\.keepsAlive) == [true, true, false])
        }
    }

    @Test("a client cannot stretch an answer by taking it a little at a time")
    func drippedAnswer() async throws {
        var limits = Limits()
        limits.writeTimeoutMs = 100
        limits.sendBytesPerSecond = 1_000_000_000
        try await withServer(limits) { server, service in
            // Each of its reads lets the server send something: never 100 ms without progress.
            let reading = Task {
                try await onThread {
                    let socket = try RawSocket(family: AF_INET)
                    socket.shrinkReceiveBuffer()
                    try socket.connect(to: server.endpoint)
                    socket.send(wire("GET /stream/100000000"))
                    while !service.streamDropped.isGiven {
                        _ = try socket.read(atMost: 4096)
                        usleep(1000)
                    }
                }
            }
            await service.streamDropped.wait()
            #expect(service.produced.load(ordering: .relaxed) < 20 << 20)
            // It may end in the middle of what was broken off.
            _ = await reading.result
        }
    }
}
