import CLinux
import EventLoop
import HTTP

/// One client: reads requests, starts their handlers, one at a time, and sends the responses in order.
///
/// Between two events it is in one of these states: no exchange (idle, or within a head), an exchange (its handler
/// runs, its body may still come, its response may be under way), or closing (everything is said; what still
/// comes is dropped until the client closes).
// @unchecked: only its loop's thread touches it; handlers reach it through jobs of that loop.
final class Connection: SocketOwner, @unchecked Sendable {
    let worker: Worker
    let loop: EventLoop
    let limits: Limits
    private(set) var socket: StreamSocket!
    private var parser: RequestParser
    /// What was read behind the request that is being answered, and how much of it is used up.
    private var unparsed: [UInt8] = []
    private var usedOfUnparsed = 0

    private(set) var exchange: Exchange?
    private var closingSinceMs: Int?
    private(set) var idleSinceMs: Int
    private var headSinceMs: Int?
    private var hasHungUp = false
    private var hasEnded = false
    /// The user at the other end of a Unix socket.
    private let localUser: UInt32?
    private var requests = 0
    /// Its neighbours among those that have no request under way.
    var nextIdle: Connection?
    weak var formerIdle: Connection?
    let peer: Peer?

    init(_ descriptor: Int32, _ worker: Worker, peer: Peer?) throws(SystemError) {
        self.worker = worker
        self.peer = peer
        loop = worker.loop
        limits = worker.limits
        parser = RequestParser(limits)
        idleSinceMs = loop.nowMs
        localUser = UInt32(exactly: samband_peer_user(descriptor))
        socket = try StreamSocket(descriptor, on: loop, owner: self)
        armDeadline()
    }

    // MARK: What comes

    func onConnected() {}

    func onBytes(_ bytes: Span<UInt8>) {
        if closingSinceMs != nil { return }
        var offset = 0
        parse(bytes, &offset)
        if offset < bytes.count, closingSinceMs == nil, !socket.isClosed {
            unparsed = bytes.extracting(offset..<bytes.count).withUnsafeBufferPointer(Array.init)
            usedOfUnparsed = 0
        }
        armDeadline()
    }

    /// Takes requests out of `bytes` until one is whole and waits for its answer, or the bytes are used up.
    private func parse(_ bytes: Span<UInt8>, _ offset: inout Int) {
        while exchange?.isRequestOver != true, closingSinceMs == nil, !socket.isClosed {
            guard let event = parser.next(bytes, &offset) else { break }
            switch event {
            case .head(let head): start(head)
            case .body(let piece): onBody(piece)
            case .end: onRequestEnd()
            case .refused(let refusal): onRefused(refusal)
            }
        }
        if exchange != nil || parser.isBetweenRequests {
            headSinceMs = nil
        } else if headSinceMs == nil {
            headSinceMs = loop.nowMs
        }
    }

    private func onBody(_ piece: [UInt8]) {
        guard let exchange else { return }
        exchange.received += piece.count
        exchange.lastReceivedMs = loop.nowMs
        // RFC 9110 section 10.1.1: a client that sends its body anyway is not told to go on.
        exchange.awaitsContinue = false
        if exchange.answer == .done {
            exchange.discarded += piece.count
            if exchange.discarded > limits.discardedBytes { beginClosing() }
        } else if exchange.inflow?.push(piece) == false {
            socket.pauseReading()
            exchange.pausedSinceMs = exchange.pausedSinceMs ?? loop.nowMs
        }
    }

    private func onRequestEnd() {
        guard let exchange else { return }
        exchange.isRequestOver = true
        exchange.awaitsContinue = false
        exchange.inflow?.finish()
        socket.pauseReading()
        if exchange.answer == .done { job { $0.next() } }
    }

    private func onRefused(_ refusal: Refusal) {
        guard let exchange else { return answerAndClose(refusal.problem) }
        stopRequest(
            refusal.status == .contentTooLarge
                ? BodyError.tooLarge(limit: limits.bodyBytes) : BodyError.malformed(refusal.rule), exchange)
    }

    /// The rest of this request will never come whole: its reader is told, and the connection ends with the
    /// answer.
    private func stopRequest(_ error: BodyError, _ exchange: Exchange) {
        exchange.mustClose = true
        exchange.isRequestOver = true
        exchange.inflow?.finish(error)
        socket.pauseReading()
        if exchange.answer == .done { beginClosing() }
    }

    func onEndOfInput() {
        hasEnded = true
        guard let exchange else { return beginClosing() }
        exchange.task?.cancel()
        if !exchange.isRequestOver { stopRequest(.cut(received: exchange.received), exchange) }
    }

    /// RDHUP: a client that closes half counts as gone, so that no parked handler waits for nobody. Its answer is
    /// sent all the same, if it has one.
    func onHangup() {
        hasHungUp = true
        exchange?.task?.cancel()
        exchange?.resumeWriter(ClientGone())
    }

    func onFailure(_ error: SystemError) { close() }

    // MARK: The handler

    private func start(_ head: RequestHead) {
        let exchange = Exchange(head, nowMs: loop.nowMs)
        self.exchange = exchange
        requests += 1
        worker.idle.remove(self)
        let body = makeBody(exchange)
        var request = Request(head.method, head.target, headers: head.headers, body: body)
        request.localUser = localUser
        let asked = request
        // As a job, behind all events of this turn: tasks that start together wake the pool once, not each.
        loop.submit { [self] in
            guard self.exchange === exchange else { return }
            let handler = worker.handler
            exchange.task = Task {
                let response = await handler.respond(to: asked)
                await ResponseSender(connection: self, exchange: exchange).send(response)
            }
            if hasHungUp { exchange.task?.cancel() }
        }
    }

    private func makeBody(_ exchange: Exchange) -> Body {
        let length: Int?
        switch exchange.head.framing {
        case .none: return .empty
        case .length(let bytes): length = bytes
        case .chunked, .untilClose: length = nil
        }
        let loop = loop
        let inflow = Inflow(
            capacity: limits.inboundBytes, tellsFirst: exchange.awaitsContinue,
            // Weak: the exchange holds its inflow.
            onDemand: { [weak self, weak exchange] in
                guard let self, let exchange else { return }
                loop.submit { self.onDemand(exchange) }
            })
        exchange.inflow = inflow
        return Body(length: length) { try await inflow.next() }
    }

    /// The reader of the body has room for more.
    private func onDemand(_ exchange: Exchange) {
        guard self.exchange === exchange, !socket.isClosed else { return }
        if exchange.awaitsContinue {
            // Who answers first and reads then gets nothing: 100 cannot follow a final status (RFC 9110 section
            // 15.2), and without it the client need not send.
            if exchange.answer != .awaited { return stopRequest(.cut(received: 0), exchange) }
            proceed(exchange)
        }
        resumeBody(exchange)
        armDeadline()
    }

    /// Tells a client that waits for it to send the body.
    private func proceed(_ exchange: Exchange) {
        exchange.awaitsContinue = false
        exchange.bodySinceMs = loop.nowMs
        exchange.lastReceivedMs = loop.nowMs
        socket.send(Serializer.proceed)
    }

    private func resumeBody(_ exchange: Exchange) {
        guard let pausedSinceMs = exchange.pausedSinceMs, !exchange.isRequestOver else { return }
        // Time in which nobody read is not the client's.
        exchange.bodySinceMs += loop.nowMs - pausedSinceMs
        exchange.lastReceivedMs = loop.nowMs
        exchange.pausedSinceMs = nil
        socket.resumeReading()
    }

    // MARK: The answer

    /// Sends the head, and the body if it is in memory. What follows is up to the framing that is returned; nil
    /// when the connection has ended.
    func onAnswer(_ response: Response, _ exchange: Exchange) -> Framing? {
        guard self.exchange === exchange, exchange.answer == .awaited, !socket.isClosed else { return nil }
        // A streamed success may be made from the request's body as it comes: the client is told to send it while
        // it still can be, before the final status.
        if exchange.awaitsContinue, response.body.bytes == nil, response.status.isSuccess {
            proceed(exchange)
        }
        var keepsAlive = exchange.head.keepsAlive && !exchange.mustClose && !worker.isDraining && !hasEnded
        if requests >= limits.requestsPerConnection { keepsAlive = false }
        // A body that is still held back may come or not: nobody can tell where the next request begins.
        if exchange.awaitsContinue { keepsAlive = false }
        if !exchange.isRequestOver, case .length(let length) = exchange.head.framing,
            length - exchange.received > limits.discardedBytes
        {
            keepsAlive = false
        }
        var bytes: [UInt8] = []
        let framing = Serializer.appendHead(
            response, to: &bytes, answering: exchange.head.method, minorVersion: exchange.head.minorVersion,
            keepsAlive: &keepsAlive, date: worker.date())
        if !keepsAlive { exchange.mustClose = true }
        if let whole = response.body.bytes {
            if framing == .none || whole.count <= 16 * 1024 {
                if framing != .none { bytes += whole }
                socket.send(bytes)
            } else {
                socket.send(bytes, more: true)
                socket.send(whole)
            }
            onAnswered(exchange)
            return Framing.none
        }
        socket.send(bytes)
        if framing == .none { onAnswered(exchange) } else { exchange.answer = .streaming(framing, sent: 0) }
        armDeadline()
        return framing
    }

    /// Sends a piece of a streamed body; `writer` goes on when there is room for the next.
    func onPiece(_ piece: [UInt8], _ exchange: Exchange, _ writer: CheckedContinuation<Void, any Error>) {
        guard self.exchange === exchange, case .streaming(let framing, let sent) = exchange.answer,
            !socket.isClosed, !hasHungUp
        else { return writer.resume(throwing: ClientGone()) }
        if framing == .chunked {
            var line: [UInt8] = []
            Serializer.appendChunkLine(piece.count, to: &line)
            socket.send(line, more: true)
            socket.send(piece, more: true)
            socket.send([0x0d, 0x0a])
        } else {
            socket.send(piece)
        }
        exchange.answer = .streaming(framing, sent: sent + piece.count)
        if socket.unsent <= limits.outboundBytes { writer.resume() } else { exchange.writer = writer }
        armDeadline()
    }

    /// The streamed body is at its end, or cannot go on.
    func onStreamEnd(_ exchange: Exchange, isWhole: Bool) {
        guard self.exchange === exchange, case .streaming(let framing, let sent) = exchange.answer else {
            return
        }
        if case .length(let length) = framing, length != sent { return abort() }
        // Without its end, the client would take the part for the whole.
        if !isWhole { return abort() }
        if framing == .chunked { socket.send(Serializer.lastChunk) }
        onAnswered(exchange)
    }

    private func onAnswered(_ exchange: Exchange) {
        exchange.answer = .done
        exchange.task = nil
        // Who still waits for the body, behind the handler's back, gets no more of it.
        exchange.inflow?.finish(BodyError.cut(received: exchange.received))
        if exchange.mustClose || exchange.isRequestOver {
            next()
        } else {
            // The rest of the body is read and dropped.
            exchange.pausedSinceMs = exchange.pausedSinceMs ?? loop.nowMs
            resumeBody(exchange)
            armDeadline()
        }
    }

    /// On to the next request, or to the end.
    private func next() {
        guard let exchange, exchange.answer == .done, !socket.isClosed else { return }
        if exchange.mustClose || worker.isDraining && parser.isBetweenRequests { return beginClosing() }
        self.exchange = nil
        idleSinceMs = loop.nowMs
        worker.idle.append(self)
        let bytes = unparsed
        var offset = usedOfUnparsed
        if offset < bytes.count { parse(bytes.span, &offset) }
        usedOfUnparsed = offset
        if offset == bytes.count { unparsed = [] }
        if self.exchange?.isRequestOver != true {
            if hasEnded { return beginClosing() }
            if self.exchange?.pausedSinceMs == nil { socket.resumeReading() }
        }
        armDeadline()
    }

    // MARK: The end

    /// Sends a problem that no handler made, and closes.
    func answerAndClose(_ problem: Problem) {
        var bytes: [UInt8] = []
        var keepsAlive = false
        let response = problem.response
        _ = Serializer.appendHead(
            response, to: &bytes, answering: .get, minorVersion: 1, keepsAlive: &keepsAlive,
            date: worker.date())
        socket.send(bytes + (response.body.bytes ?? []))
        beginClosing()
    }

    /// Sends what is left and waits for the client to close: closing at once, with bytes of it unread, would
    /// make the kernel break the connection and the client lose the answer (RFC 9112 section 9.6).
    private func beginClosing() {
        if closingSinceMs != nil || socket.isClosed { return }
        releaseExchange()
        unparsed = []
        closingSinceMs = loop.nowMs
        worker.idle.remove(self)
        socket.finishSending()
        if hasEnded, socket.unsent == 0 { return close() }
        socket.resumeReading()
        armDeadline()
    }

    /// Ends it: in a drain, when it is idle, or by force.
    func close() { end(aborts: false) }
    func abort() { end(aborts: true) }

    private func end(aborts: Bool) {
        if socket.isClosed { return }
        if aborts { socket.abort() } else { socket.close() }
        releaseExchange()
        worker.idle.remove(self)
        worker.onClosed(self)
    }

    private func releaseExchange() {
        guard let exchange else { return }
        self.exchange = nil
        exchange.task?.cancel()
        exchange.inflow?.finish(BodyError.cut(received: exchange.received))
        exchange.resumeWriter(ClientGone())
    }

    /// True when no request has begun and nothing is being sent.
    var isIdle: Bool {
        exchange == nil && closingSinceMs == nil && parser.isBetweenRequests && unparsed.isEmpty
            && socket.unsent == 0
    }

    // MARK: Deadlines

    func onSent() {
        if hasEnded, closingSinceMs != nil { return close() }
        exchange?.resumeWriter()
        armDeadline()
    }

    private func armDeadline() { socket.setDeadline(atMs: dueMs()) }

    /// When the client has taken too long with what is expected of it now.
    private func dueMs() -> Int? {
        if let closingSinceMs {
            let lastMs = socket.unsent > 0 ? socket.lastSentMs + limits.writeTimeoutMs : closingSinceMs
            return max(lastMs, closingSinceMs + limits.lingerTimeoutMs)
        }
        if socket.unsent > 0 {
            let sizeMs = socket.sentSince * 1000 / limits.sendBytesPerSecond
            return limits.writeTimeoutMs + min(socket.lastSentMs, socket.unsentSinceMs + sizeMs)
        }
        if let exchange {
            if exchange.isRequestOver || exchange.awaitsContinue || exchange.pausedSinceMs != nil {
                return nil
            }
            let sizeMs = exchange.received * 1000 / limits.bodyBytesPerSecond
            return limits.bodyTimeoutMs + min(exchange.lastReceivedMs, exchange.bodySinceMs + sizeMs)
        }
        if let headSinceMs { return headSinceMs + limits.headTimeoutMs }
        return idleSinceMs + limits.idleTimeoutMs
    }

    func onDeadline() {
        guard let dueMs = dueMs() else { return }
        if dueMs > loop.nowMs { return armDeadline() }
        if closingSinceMs != nil { return close() }
        if socket.unsent > 0 { return abort() }
        if let exchange {
            stopRequest(.timeout(afterMs: limits.bodyTimeoutMs), exchange)
        } else if headSinceMs != nil {
            answerAndClose(
                Problem(
                    .requestTimeout, title: "The request took too long",
                    detail: "Its head was not here after \(limits.headTimeoutMs) ms.", next: "Send it again.")
            )
        } else {
            close()
        }
    }

    private func job(_ action: @escaping @Sendable (Connection) -> Void) {
        loop.submit { [self] in action(self) }
    }
}
