import CLinux
import EventLoop
import Glibc
import HTTP
import Synchronization

package struct Failure: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// Runs code that blocks on a thread of its own, so that it takes none from the cooperative pool.
package func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { done in
        let isStarted = Thread.start("test") { done.resume(with: Result { try body() }) }
        if !isStarted { done.resume(throwing: Failure("no thread")) }
    }
}

/// Something that happens once, and whoever waits for it.
package final class Signal: Sendable {
    private struct State {
        var isGiven = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    package init() {}

    package var isGiven: Bool { state.withLock { $0.isGiven } }

    package func give() {
        let waiters = state.withLock { state in
            state.isGiven = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    package func wait() async {
        await withCheckedContinuation { waiter in
            let isGiven = state.withLock { state in
                if !state.isGiven { state.waiters.append(waiter) }
                return state.isGiven
            }
            if isGiven { waiter.resume() }
        }
    }

    /// Waits until it is given or the task is cancelled; true when it was cancelled.
    package func waitOrCancel() async -> Bool {
        await withTaskCancellationHandler {
            await wait()
            return Task.isCancelled
        } onCancel: {
            give()
        }
    }
}

/// A blocking socket, to say to a server or a client exactly what a test wants. A peer that says nothing for
/// two minutes fails the test instead of hanging it.
package final class RawSocket: Sendable {
    package static let patienceMs = 120_000
    package let descriptor: Int32

    package convenience init(to endpoint: Endpoint) throws {
        if case .unix = endpoint { try self.init(family: AF_UNIX) } else { try self.init(family: AF_INET) }
        try connect(to: endpoint)
    }

    /// Not connected yet.
    package convenience init(family: Int32) throws {
        try self.init(accepted: socket(family, Int32(SOCK_STREAM.rawValue), 0))
    }

    package func connect(to endpoint: Endpoint) throws {
        let address: SocketAddress?
        switch endpoint {
        case .tcp(let host, let port):
            address = try SocketAddress.find(host: host, port: port, isNumeric: true).first
        case .unix(let path): address = SocketAddress(unixPath: path)
        }
        guard let address, address.connect(descriptor) else { throw SystemError.last("connect") }
    }

    package init(accepted descriptor: Int32) throws {
        self.descriptor = descriptor
        if descriptor < 0 { throw SystemError.last("socket") }
        setWait(ms: RawSocket.patienceMs)
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    package func setWait(ms: Int) {
        var wait = timeval(tv_sec: ms / 1000, tv_usec: ms % 1000 * 1000)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &wait, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    deinit { close(descriptor) }

    /// Chooses the address of this end, in numbers.
    package func bind(to host: String) throws {
        let address = try SocketAddress.find(host: host, port: 0, isNumeric: true)[0]
        if !address.bind(descriptor) { throw SystemError.last("bind") }
    }

    /// Lets little come before it is read.
    package func shrinkReceiveBuffer() {
        var small: Int32 = 4096
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &small, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Sends all of it. A peer that is gone is no failure: what it answered before counts.
    package func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }
            sent += count
        }
    }

    package func send(_ text: String) { send(Array(text.utf8)) }

    /// Sends nothing more.
    package func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// What comes next, empty at the end.
    package func read(atMost limit: Int = 65536) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0 { throw SystemError.last("recv") }
        return Array(buffer[..<count])
    }

    /// All that comes until the peer closes.
    package func readToEnd() throws -> String {
        var all: [UInt8] = []
        while true {
            let piece = try read()
            if piece.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += piece
        }
    }

    /// Reads until what has come ends in `text`.
    package func read(through text: String) throws -> String {
        var all: [UInt8] = []
        while !all.suffix(text.utf8.count).elementsEqual(text.utf8) {
            let piece = try read()
            if piece.isEmpty {
                throw Failure(
                    "the end came before \(text.debugDescription): \(String(decoding: all, as: UTF8.self))")
            }
            all += piece
        }
        return String(decoding: all, as: UTF8.self)
    }
}

/// A response, read off a raw socket.
package struct RawResponse: Equatable {
    package let status: Int
    package let headers: Headers
    package let body: String
    package let keepsAlive: Bool
}

/// Reads responses in their order.
package final class ResponseReader {
    private let socket: RawSocket
    private var bytes: [UInt8] = []
    private var offset = 0

    package init(_ socket: RawSocket) { self.socket = socket }

    package func next(to method: Method = .get) throws -> RawResponse {
        var parser = ResponseParser(to: method, Limits())
        var head: ResponseHead?
        var body: [UInt8] = []
        while true {
            while let event = parser.next(bytes.span, &offset) {
                switch event {
                case .head(let read): head = read
                case .body(let piece): body += piece
                case .refused(let refusal): throw Failure("\(refusal)")
                case .end: return response(head, body)
                }
            }
            bytes = try socket.read()
            offset = 0
            if bytes.isEmpty {
                if parser.onEndOfInput() { return response(head, body) }
                throw Failure("the connection ended within a response")
            }
        }
    }

    private func response(_ head: ResponseHead?, _ body: [UInt8]) -> RawResponse {
        RawResponse(
            status: head!.status.code, headers: head!.headers, body: String(decoding: body, as: UTF8.self),
            keepsAlive: head!.keepsAlive)
    }
}

/// A server that says on each connection, in turn, exactly what its script says.
package final class ScriptedServer: Sendable {
    package let endpoint: Endpoint
    private let listener: Int32

    /// `scripts`: for the first connection, the second, …; each runs on a thread of its own.
    package init(_ scripts: [@Sendable (RawSocket) throws -> Void]) throws {
        let address = try SocketAddress.find(host: "127.0.0.1", port: 0, isNumeric: true)[0]
        let listener = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
        guard listener >= 0, address.bind(listener), listen(listener, 16) == 0,
            let bound = SocketAddress.bound(listener)
        else { throw SystemError.last("listen") }
        self.listener = listener
        endpoint = .tcp(host: bound.host, port: bound.port)
        _ = Thread.start("scripted") {
            for script in scripts {
                let descriptor = accept(listener, nil, nil)
                if descriptor < 0 { return }
                _ = Thread.start("scripted") {
                    if let socket = try? RawSocket(accepted: descriptor) { try? script(socket) }
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }
}

/// A path for a Unix socket that nobody else uses.
package func temporaryPath() -> String {
    "/tmp/samband-test-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
}

package struct SplitMix: RandomNumberGenerator {
    package var state: UInt64
    package init(state: UInt64) { self.state = state }
    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
