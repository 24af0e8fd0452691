import Foundation
import Synchronization

/// A line between a client and a server on loopback that fails as a test wants: it is slow, is cut, goes silent without a
/// word, refuses, or answers in the server's place. Counts what came through.
///
///     let line = try FaultProxy(to: hubPort)
///     line.set(.silent)                              // as when a cable is pulled: nobody is told
///     line.set(.answer(FaultProxy.page))             // as a hotel's network does
///     line.set(.pass)
package final class FaultProxy: Sendable {
    package enum Mode: Sendable, Equatable {
        case pass
        /// Nothing is read and nothing sent, on connections that are there and on new ones.
        case silent
        /// Connections are broken off, new ones at once.
        case refuse
        /// Whatever is asked is answered with these bytes; what had been connected is broken off.
        case answer(String)
    }

    private struct State {
        var mode = Mode.pass
        var bytesPerSecond: Int?
        var delayMs = 0
        /// Of each direction: when the line is free again.
        var freeAt: [ContinuousClock.Instant] = [.now, .now]
        var bytes = [0, 0]
        var connections: [Connection] = []
        var cuts = 0
        /// So many bytes lie between two cuts, and so many have come through when the next one is due.
        var cutEvery: Int?
        var nextCut = 0
        var accepted = 0
        var isOver = false
    }

    private let state = Mutex(State())
    private let listener: Int32
    private let target: UInt16
    /// Where it listens.
    package let port: UInt16

    /// What a captive portal and a proxy say.
    package static let page = answer("200 OK", "text/html", "<html><body>Welcome! Please sign in.</body></html>")
    package static let badGateway = answer("502 Bad Gateway", "text/html", "<html><h1>502 Bad Gateway</h1></html>")
    package static let redirect =
        "HTTP/1.1 302 Found\r\nLocation: http://portal.example/login?token=abc\r\nContent-Length: 0\r\n\r\n"
    package static let foreign = answer("200 OK", "application/json", #"{"ok":true,"service":"printer"}"#)

    package static func answer(_ status: String, _ type: String, _ body: String) -> String {
        "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// - Parameters:
    ///   - port: of the server on 127.0.0.1.
    ///   - host: the address in numbers to listen on.
    ///   - own: the port to listen on; 0 for one that is free.
    package init(to port: UInt16, at host: String = "127.0.0.1", port own: UInt16 = 0) throws {
        target = port
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var on: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        // Small: what stands in the line when it is cut is what the line holds, not what a kernel could.
        var small: Int32 = 32 * 1024
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, 4)
        var bound = FaultProxy.address(host, own)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isBound = withUnsafeMutablePointer(to: &bound) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        guard isBound else { throw CocoaError(.fileReadUnknown) }
        self.port = UInt16(bigEndian: bound.sin_port)
        Thread.detachNewThread { [weak self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0, let self else {
                    if client >= 0 { close(client) }
                    return
                }
                self.onAccepted(client)
            }
        }
    }

    deinit {
        state.withLock { state in
            state.isOver = true
            for connection in state.connections { connection.cut() }
        }
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private static func address(_ host: String, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr(host)
        return address
    }

    // MARK: what tests say

    package func set(_ mode: Mode) {
        state.withLock { state in
            let before = state.mode
            state.mode = mode
            // A line that was silent has forgotten its connections: nobody is told, and they never speak again.
            if before == .silent {
                for connection in state.connections { connection.isForgotten.store(true, ordering: .relaxed) }
            }
            if mode != .pass, mode != .silent { for connection in state.connections { connection.cut() } }
        }
    }

    package func limit(bytesPerSecond: Int?, delayMs: Int = 0) {
        state.withLock {
            $0.bytesPerSecond = bytesPerSecond
            $0.delayMs = delayMs
        }
    }

    /// Breaks every connection off.
    /// - Returns: how many there were.
    @discardableResult
    package func cut() -> Int {
        state.withLock { state in
            for connection in state.connections { connection.cut() }
            defer { state.connections = [] }
            state.cuts += state.connections.isEmpty ? 0 : 1
            return state.connections.count
        }
    }

    /// Breaks every connection off each time so many more bytes have come through, both ways together; nil: no more.
    package func cut(everyBytes count: Int?) {
        state.withLock { state in
            state.cutEvery = count
            state.nextCut = state.bytes[0] + state.bytes[1] + (count ?? 0)
        }
    }

    /// Bytes that have been given to the server, and to the client.
    package var bytesUp: Int { state.withLock { $0.bytes[0] } }
    package var bytesDown: Int { state.withLock { $0.bytes[1] } }
    /// How often `cut` has found something to cut; and connections so far.
    package var cuts: Int { state.withLock { $0.cuts } }
    package var connections: Int { state.withLock { $0.accepted } }

    // MARK: the line

    private final class Connection: Sendable {
        let client: Int32
        let server: Int32
        let isForgotten = Atomic(false)
        private let isCut = Atomic(false)

        init(client: Int32, server: Int32) {
            self.client = client
            self.server = server
        }

        deinit {
            close(client)
            if server >= 0 { close(server) }
        }

        var isOver: Bool { isCut.load(ordering: .relaxed) }

        func cut() {
            isCut.store(true, ordering: .relaxed)
            for end in [client, server] where end >= 0 { shutdown(end, Int32(SHUT_RDWR)) }
        }
    }

    private func onAccepted(_ client: Int32) {
        let mode = state.withLock { state in
            state.accepted += 1
            return state.mode
        }
        switch mode {
        case .refuse: close(client)
        case .silent: keep(Connection(client: client, server: -1))
        case .answer(let text): Thread.detachNewThread { FaultProxy.answer(client, text) }
        case .pass:
            let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var small: Int32 = 32 * 1024
            setsockopt(server, SOL_SOCKET, SO_RCVBUF, &small, 4)
            var address = FaultProxy.address("127.0.0.1", target)
            let isThere = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            var on: Int32 = 1
            for end in [client, server] { setsockopt(end, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4) }
            let connection = Connection(client: client, server: server)
            guard isThere else { return }
            keep(connection)
            for direction in 0...1 {
                Thread.detachNewThread { [weak self] in
                    while let self, self.carry(connection, direction) {}
                    connection.cut()
                    self?.state.withLock { $0.connections.removeAll { $0 === connection } }
                }
            }
        }
    }

    private func keep(_ connection: Connection) { state.withLock { $0.connections.append(connection) } }

    private static func answer(_ client: Int32, _ text: String) {
        defer { close(client) }
        var wait = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        var buffer = [UInt8](repeating: 0, count: 16384)
        guard recv(client, &buffer, buffer.count, 0) > 0 else { return }
        let bytes = Array(text.utf8)
        _ = send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        shutdown(client, Int32(SHUT_WR))
        // What is still coming is read, or the answer would be lost with the connection.
        while recv(client, &buffer, buffer.count, 0) > 0 {}
    }

    /// Carries what comes next in one direction; false when that is over.
    private func carry(_ connection: Connection, _ direction: Int) -> Bool {
        let (from, to) =
            direction == 0 ? (connection.client, connection.server) : (connection.server, connection.client)
        if connection.isOver { return false }
        let isSilent = state.withLock { $0.mode == .silent } || connection.isForgotten.load(ordering: .relaxed)
        if isSilent {
            usleep(20_000)
            return true
        }
        var ready = pollfd(fd: from, events: Int16(POLLIN), revents: 0)
        if poll(&ready, 1, 50) == 0 { return true }
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = recv(from, &buffer, buffer.count, 0)
        if count <= 0 { return false }
        wait(count, direction)
        if connection.isOver || connection.isForgotten.load(ordering: .relaxed) { return true }
        var sent = 0
        while sent < count {
            let step = buffer.withUnsafeBytes { send(to, $0.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL)) }
            if step <= 0 { return false }
            sent += step
        }
        let isCut = state.withLock { state -> Bool in
            state.bytes[direction] += count
            guard let every = state.cutEvery, state.bytes[0] + state.bytes[1] >= state.nextCut else { return false }
            state.nextCut += every
            return true
        }
        if isCut { cut() }
        return true
    }

    /// Waits as long as a line of that speed and length takes.
    private func wait(_ count: Int, _ direction: Int) {
        let until = state.withLock { state -> ContinuousClock.Instant? in
            guard let rate = state.bytesPerSecond else {
                return state.delayMs > 0 ? .now + .milliseconds(state.delayMs) : nil
            }
            state.freeAt[direction] =
                max(state.freeAt[direction], .now) + .microseconds(count * 1_000_000 / rate)
            return state.freeAt[direction] + .milliseconds(state.delayMs)
        }
        guard let until else { return }
        let left = ContinuousClock.now.duration(to: until)
        let micros = left.components.seconds * 1_000_000 + left.components.attoseconds / 1_000_000_000_000
        if micros > 0 { usleep(UInt32(micros)) }
    }
}
