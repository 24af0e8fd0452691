import CLinux
import EventLoop
import Glibc
import HTTP

/// One connection of a client: carries one call at a time.
// @unchecked: touched on its loop only; the task that sends a streamed body reaches it through jobs.
final class ClientConnection: SocketOwner, @unchecked Sendable {
    private enum State {
        /// An address is being looked for, or a connection to it is being made.
        case connecting(sinceMs: Int)
        /// The request leaves; nothing of the response has come.
        case sending
        /// The request has left whole.
        case waiting(sinceMs: Int)
        /// The response has begun.
        case receiving(lastMs: Int)
        /// Free.
        case kept(sinceMs: Int)
        case closed
    }

    let pool: Pool
    private let loop: EventLoop
    private let limits: Limits
    private var state: State
    private var socket: StreamSocket?
    private var resolution: Resolution?
    private var addresses: [SocketAddress] = []
    /// When the address that is being tried has had its share of the time, and the next has its turn.
    private var addressDueMs = 0
    private var call: Call?
    private var parser = ResponseParser(to: .get, Limits())
    private var uploader: Uploader?
    private var isUploaded = false
    private var hasServedBefore = false
    private var keepsAlive = false
    /// Reading waits for the reader of the body.
    private var isPaused = false

    init(_ pool: Pool) {
        self.pool = pool
        loop = pool.loop
        limits = pool.limits
        state = .connecting(sinceMs: pool.loop.nowMs)
    }

    // MARK: Connecting

    func open(_ call: Call) {
        self.call = call
        call.connection = self
        switch pool.endpoint {
        case .unix(let path):
            addresses = SocketAddress(unixPath: path).map { [$0] } ?? []
            connectNext(call.error(.unsupported("the path of a Unix socket has 1 to 107 bytes")))
        case .tcp(let host, let port):
            let resolution = Resolution(pool.resolver)
            self.resolution = resolution
            resolution.start(host, port, deadlineMs: loop.nowMs + limits.connectTimeoutMs) {
                [weak self] result in
                self?.onResolved(result)
            }
        }
    }

    private func onResolved(_ result: Resolution.Outcome) {
        guard let call else { return }
        resolution = nil
        switch result {
        case .addresses(let found):
            addresses = found
            connectNext(call.error(.nameNotFound))
        case .failed(let error):
            fail(call.error(error.isUnknownName ? .nameNotFound : .unreachable("\(error)")))
        case .late:
            fail(call.error(.timeout(.resolve, afterMs: limits.connectTimeoutMs)))
        case .noThread:
            fail(call.error(.system("no thread for the resolver")))
        }
    }

    /// Tries the next address; when none is left, the call fails with the reason of the last.
    private func connectNext(_ last: TransportError) {
        guard let call else { return }
        var reason = last
        while !addresses.isEmpty {
            let address = addresses.removeFirst()
            let descriptor = samband_stream_socket(address.family)
            if descriptor < 0 {
                reason = call.error(ClientConnection.cause(.last("socket")))
                continue
            }
            var on: Int32 = 1
            // tcp(7): requests leave at once. Fails on a Unix socket, where it is not needed.
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
            if limits.silentPeerMs > 0 { _ = samband_watch_peer(descriptor, Int32(limits.silentPeerMs)) }
            guard address.connect(descriptor) else {
                reason = call.error(ClientConnection.cause(.last("connect")))
                Glibc.close(descriptor)
                continue
            }
            do {
                socket = try StreamSocket(descriptor, on: loop, owner: self, isConnecting: true)
                shareTime()
                return armDeadline()
            } catch {
                reason = call.error(ClientConnection.cause(error))
            }
        }
        fail(reason)
    }

    /// An address that answers nothing leaves the ones behind it their part of the time.
    private func shareTime() {
        guard case .connecting(let sinceMs) = state else { return }
        let leftMs = sinceMs + limits.connectTimeoutMs - loop.nowMs
        addressDueMs = loop.nowMs + leftMs / (addresses.count + 1)
    }

    func onConnected() {
        if let call { start(call) }
    }

    // MARK: Sending

    /// Sends a call over the connection, which is open and free.
    func start(_ call: Call) {
        guard let socket else { return }
        self.call = call
        call.connection = self
        parser = ResponseParser(to: call.request.method, limits)
        state = .sending
        isUploaded = false
        var bytes: [UInt8] = []
        let framing = Serializer.appendHead(call.request, to: &bytes, authority: pool.endpoint.authority)
        if let whole = call.request.body.bytes {
            socket.send(bytes, more: !whole.isEmpty)
            socket.send(whole)
            onUploaded()
        } else if framing == .none {
            socket.send(bytes)
            onUploaded()
        } else {
            socket.send(bytes)
            let uploader = Uploader(call.request.body, framing, self)
            self.uploader = uploader
            uploader.start()
        }
        socket.resumeReading()
        armDeadline()
    }

    /// A piece of a streamed body; `writer` goes on when there is room for the next.
    func onPiece(_ bytes: [UInt8], of uploader: Uploader, _ writer: CheckedContinuation<Void, any Error>) {
        guard self.uploader === uploader, let socket else {
            return writer.resume(throwing: CancellationError())
        }
        socket.send(bytes)
        if socket.unsent <= limits.outboundBytes { writer.resume() } else { uploader.writer = writer }
        armDeadline()
    }

    /// The streamed body is at its end, with what closes it; or it failed.
    func onUploadEnd(of uploader: Uploader, _ result: Result<[UInt8], Uploader.Failure>) {
        guard self.uploader === uploader, let call else { return }
        self.uploader = nil
        switch result {
        case .success(let last):
            socket?.send(last)
            onUploaded()
            armDeadline()
        case .failure(let failure):
            fail(call.error(.requestBody(failure.why)))
        }
    }

    private func onUploaded() {
        isUploaded = true
        if case .sending = state, socket?.unsent == 0 { state = .waiting(sinceMs: loop.nowMs) }
    }

    func onSent() {
        uploader?.resumeWriter()
        if isUploaded { onUploaded() }
        armDeadline()
    }

    // MARK: Receiving

    func onBytes(_ bytes: Span<UInt8>) {
        guard let call else { return close() }
        state = .receiving(lastMs: loop.nowMs)
        var offset = 0
        while self.call === call, let event = parser.next(bytes, &offset) {
            switch event {
            case .head(let head): onHead(head, call)
            case .body(let piece):
                call.received += piece.count
                if call.inflow.withLock({ $0 })?.push(piece) == false {
                    isPaused = true
                    socket?.pauseReading()
                }
            case .end: onResponseEnd(call, isAlone: offset == bytes.count)
            case .refused(let refusal): fail(call.error(.badResponse(refusal.rule)))
            }
        }
        armDeadline()
    }

    private func onHead(_ head: ResponseHead, _ call: Call) {
        keepsAlive = head.keepsAlive
        if head.framing != .none {
            let loop = loop
            let inflow = Inflow(
                capacity: limits.inboundBytes,
                onDemand: { [weak self] in
                    guard let self else { return }
                    loop.submit { self.onDemand() }
                }, onCancel: { [weak call] in if let call { loop.submit { call.cancel() } } })
            call.inflow.withLock { $0 = inflow }
        }
        call.succeed(head)
    }

    private func onDemand() {
        guard isPaused, let socket else { return }
        isPaused = false
        if case .receiving = state { state = .receiving(lastMs: loop.nowMs) }
        socket.resumeReading()
        armDeadline()
    }

    private func onResponseEnd(_ call: Call, isAlone: Bool) {
        self.call = nil
        call.connection = nil
        call.inflow.withLock { $0 }?.finish()
        // A server may answer before it has read the whole request; then the rest of it is not sent. Bytes
        // behind the response belong to no request.
        guard keepsAlive, isAlone, isUploaded, socket?.unsent == 0 else { return close() }
        isPaused = false
        hasServedBefore = true
        state = .kept(sinceMs: loop.nowMs)
        if !pool.keep(self) { close() }
    }

    func onEndOfInput() {
        guard let call else { return close() }
        if parser.onEndOfInput() {
            keepsAlive = false
            return onResponseEnd(call, isAlone: true)
        }
        onBroken(call, .closedBeforeResponse)
    }

    func onHangup() {}

    func onFailure(_ error: SystemError) {
        guard let call else { return close() }
        if case .connecting = state {
            socket?.close()
            socket = nil
            return connectNext(call.error(ClientConnection.cause(error)))
        }
        onBroken(call, ClientConnection.cause(error))
    }

    private func onBroken(_ call: Call, _ cause: TransportError.Cause) {
        if case .receiving = state {
            return fail(call.error(call.isAwaited ? cause : .closedMidBody(received: call.received)))
        }
        // RFC 9112 section 9.3.1: the server may have closed the kept connection before it saw the request. Once,
        // and only when the same bytes can be sent again.
        if hasServedBefore, !call.isRetry, call.request.body.bytes != nil {
            call.isRetry = true
            self.call = nil
            close()
            return pool.connect(call)
        }
        fail(call.error(cause))
    }

    // MARK: Deadlines

    private func dueMs() -> Int? {
        switch state {
        case .connecting(let sinceMs): return min(addressDueMs, sinceMs + limits.connectTimeoutMs)
        case .sending:
            guard let socket, socket.unsent > 0 else { return nil }
            return socket.lastSentMs + limits.inactivityTimeoutMs
        case .waiting(let sinceMs): return call.map { sinceMs + $0.firstByteTimeoutMs }
        case .receiving(let lastMs): return isPaused ? nil : lastMs + limits.inactivityTimeoutMs
        case .kept(let sinceMs): return sinceMs + limits.keptTimeoutMs
        case .closed: return nil
        }
    }

    private func armDeadline() { socket?.setDeadline(atMs: dueMs()) }

    func onDeadline() {
        guard let dueMs = dueMs() else { return }
        if dueMs > loop.nowMs { return armDeadline() }
        guard let call else { return close() }
        switch state {
        case .connecting:
            socket?.close()
            socket = nil
            connectNext(call.error(.timeout(.connect, afterMs: limits.connectTimeoutMs)))
        case .sending: fail(call.error(.timeout(.send, afterMs: limits.inactivityTimeoutMs)))
        case .waiting: fail(call.error(.timeout(.firstByte, afterMs: call.firstByteTimeoutMs)))
        default: fail(call.error(.timeout(.inactivity, afterMs: limits.inactivityTimeoutMs)))
        }
    }

    // MARK: The end

    /// The call is not wanted any more.
    func abandon(_ call: Call) {
        if self.call !== call { return }
        self.call = nil
        close()
    }

    func shutDown() {
        if let call { fail(call.error(.shutDown)) } else { close() }
    }

    private func fail(_ error: TransportError) {
        let call = call
        self.call = nil
        close()
        call?.connection = nil
        call?.fail(error)
    }

    private func close() {
        if case .closed = state { return }
        state = .closed
        resolution?.cancel()
        resolution = nil
        socket?.close()
        uploader?.stop()
        uploader = nil
        pool.forget(self)
    }

    private static func cause(_ error: SystemError) -> TransportError.Cause {
        switch error.code {
        // A Unix socket whose file is not there: nobody listens, either.
        case ECONNREFUSED, ENOENT: .refused
        case ECONNRESET, EPIPE: .reset
        case ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL: .unreachable(error.text)
        default: .system("\(error)")
        }
    }
}
