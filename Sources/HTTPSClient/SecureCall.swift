import Dispatch
import EventLoop
import Foundation
import FoundationNetworking
import HTTP
import Synchronization

/// One request over TLS on its way: who waits for it, what may still come, and by when.
final class SecureCall: Sendable {
    private struct State {
        var caller: CheckedContinuation<Response, any Error>?
        var task: URLSessionDataTask?
        var upload: Upload?
        /// The body, where it is all in memory.
        var whole: [UInt8]?
        var inflow: Inflow?
        var step: TransportError.Step
        /// When the peer has taken too long; nil while it is not its turn.
        var dueMs: Int?
        var isWatched = false
        var received = 0
        var end: TransportError?
        var isOver = false
    }

    private let limits: Limits
    private let answerWithinMs: Int
    private let doing: String
    private let place: String
    private let state: Mutex<State>
    /// Raised when the reader of the response has room again.
    private let room = DispatchSemaphore(value: 0)
    /// Called once nobody has to be waited for any more.
    private let onOver = Mutex<(@Sendable () -> Void)?>(nil)

    init(_ request: Request, _ place: String, _ limits: Limits) {
        self.limits = limits
        self.place = place
        answerWithinMs = request.answerWithinMs ?? limits.firstByteTimeoutMs
        doing = "\(request.method.rawValue) \(request.target.text)"
        state = Mutex(State(step: .firstByte))
    }

    func error(_ cause: TransportError.Cause) -> TransportError {
        TransportError(cause, doing: doing, place: place)
    }

    /// The body as URLSession wants it.
    ///
    /// - Parameters:
    ///   - start: what has been read of it.
    ///   - rest: what is still to be read; nil when that is all.
    func stream(_ start: [UInt8], _ rest: Body?) -> UploadStream {
        let upload = Upload(start: start, rest, self)
        state.withLock { state in
            state.upload = upload
            state.whole = rest == nil ? start : nil
        }
        return UploadStream(upload)
    }

    /// The same once more: libcurl has found a kept connection to be closed, and opens another. What has streamed is
    /// gone, so that such a request ends.
    func streamAgain() -> UploadStream {
        guard let whole = state.withLock({ $0.whole }) else { return UploadStream(nil) }
        return stream(whole, nil)
    }

    /// The request is handed to URLSession, which does not tell how far it is: to find the address and to shake hands
    /// takes its share of the time before the answer. False when nobody wants it any more.
    func begin(
        _ task: URLSessionDataTask, _ caller: CheckedContinuation<Response, any Error>,
        onOver: @escaping @Sendable () -> Void
    ) -> Bool {
        self.onOver.withLock { $0 = onOver }
        let isOver = state.withLock { state in
            if state.isOver { return true }
            state.task = task
            state.caller = caller
            if state.upload == nil {
                state.dueMs = SecureCall.nowMs() + limits.connectTimeoutMs + answerWithinMs
            } else {
                state.step = .connect
                state.dueMs = SecureCall.nowMs() + limits.connectTimeoutMs
            }
            return false
        }
        if isOver { caller.resume(throwing: CancellationError()) } else { watch() }
        return !isOver
    }

    // MARK: sending

    /// URLSession asks for more of the body: the peer takes it.
    func onWantsBody() { setDeadline(.send, ms: nil) }

    /// It has been given some, or the end.
    func onBodyGiven(isEnd: Bool) {
        setDeadline(isEnd ? .firstByte : .send, ms: isEnd ? answerWithinMs : limits.inactivityTimeoutMs)
    }

    // MARK: receiving

    func onHead(_ head: HTTPURLResponse) {
        guard let status = Status(code: head.statusCode) else {
            return finish(error(.badResponse("there is no status \(head.statusCode)")))
        }
        let headers = SecureCall.headers(of: head)
        let inflow = Inflow(
            capacity: limits.inboundBytes,
            onDemand: { [weak self] in self?.room.signal() }, onCancel: { [weak self] in self?.cancel() })
        let caller = state.withLock { state -> CheckedContinuation<Response, any Error>? in
            if state.isOver { return nil }
            state.inflow = inflow
            defer { state.caller = nil }
            return state.caller
        }
        setDeadline(.inactivity, ms: limits.inactivityTimeoutMs)
        let reader = SecureBodyReader(inflow, self)
        let length = headers["content-length"].flatMap { Int($0) }
        caller?.resume(
            returning: Response(status, headers: headers, body: Body(length: length) { try await reader.next() }))
    }

    /// Blocks URLSession's own thread while the reader has enough: so TCP slows the peer down.
    func onData(_ data: Data) {
        let inflow = state.withLock { state in
            state.received += data.count
            return state.isOver ? nil : state.inflow
        }
        guard let inflow else { return }
        // A large piece may be in several parts; each is copied once.
        if inflow.push(Array(data)) {
            setDeadline(.inactivity, ms: limits.inactivityTimeoutMs)
        } else {
            setDeadline(.inactivity, ms: nil)
            room.wait()
            setDeadline(.inactivity, ms: limits.inactivityTimeoutMs)
        }
    }

    /// URLSession is done with it.
    func onEnd(_ failure: (any Error)?) {
        if let failure {
            finish(
                error(SecureFault.cause(of: failure, received: state.withLock { $0.inflow == nil ? nil : $0.received }))
            )
        } else {
            finish(nil)
        }
    }

    // MARK: the end

    /// Nobody wants the answer any more.
    func cancel() { finish(CancellationError()) }

    /// The first end counts; whoever waits is told, and URLSession gives up.
    func finish(_ failure: (any Error)?) {
        let (caller, task, upload, inflow) = state.withLock { state in
            if state.isOver {
                return (
                    nil as CheckedContinuation<Response, any Error>?, nil as URLSessionDataTask?, nil as Upload?,
                    nil as Inflow?
                )
            }
            state.isOver = true
            state.dueMs = nil
            defer {
                state.caller = nil
                state.task = nil
                state.upload = nil
            }
            return (state.caller, state.task, state.upload, state.inflow)
        }
        upload?.stop()
        inflow?.finish(failure)
        caller?.resume(throwing: failure ?? error(.closedBeforeResponse))
        onOver.withLock { onOver in
            defer { onOver = nil }
            return onOver
        }?()
        room.signal()
        guard failure != nil, let task else { return }
        // From another thread: a cancel that meets a response on URLSession's own would wait for itself
        // (swift-corelibs-foundation issue 5412).
        DispatchQueue.global().async { task.cancel() }
    }

    // MARK: deadlines

    private static let clock = DispatchQueue(label: "samband-https")

    static func nowMs() -> Int { Int(DispatchTime.now().uptimeNanoseconds / 1_000_000) }

    private func setDeadline(_ step: TransportError.Step, ms: Int?) {
        state.withLock { state in
            if state.isOver { return }
            state.step = step
            state.dueMs = ms.map { SecureCall.nowMs() + $0 }
        }
        watch()
    }

    /// One look at a time is on its way, at the deadline as it was then.
    private func watch() {
        let inMs = state.withLock { state -> Int? in
            guard let dueMs = state.dueMs, !state.isWatched else { return nil }
            state.isWatched = true
            return max(0, dueMs - SecureCall.nowMs())
        }
        guard let inMs else { return }
        SecureCall.clock.asyncAfter(deadline: .now() + .milliseconds(inMs)) { [weak self] in self?.look() }
    }

    private func look() {
        let late = state.withLock { state -> TransportError.Step? in
            state.isWatched = false
            guard let dueMs = state.dueMs, dueMs <= SecureCall.nowMs() else { return nil }
            return state.step
        }
        guard let late else { return watch() }
        let afterMs =
            switch late {
            case .resolve, .connect: limits.connectTimeoutMs
            case .firstByte: answerWithinMs
            case .send, .inactivity: limits.inactivityTimeoutMs
            }
        finish(error(.timeout(late, afterMs: afterMs)))
    }

    /// The fields of a response, without those that speak of how it came: URLSession has undone its compression.
    private static func headers(of head: HTTPURLResponse) -> Headers {
        var headers = Headers()
        var isCompressed = false
        for (name, value) in head.allHeaderFields {
            guard let name = FieldName("\(name)"), let value = FieldValue("\(value)") else { continue }
            if name == "content-encoding" { isCompressed = value.text.lowercased() != "identity" }
            headers.add(name, value)
        }
        if isCompressed {
            headers.remove("content-length")
            headers.remove("content-encoding")
        }
        return headers
    }
}

/// The reading end of a response's body. When nobody holds it any more, the rest is not wanted.
private final class SecureBodyReader: Sendable {
    private let inflow: Inflow
    private let call: SecureCall

    init(_ inflow: Inflow, _ call: SecureCall) {
        self.inflow = inflow
        self.call = call
    }

    deinit { call.cancel() }

    func next() async throws -> [UInt8]? { try await inflow.next() }
}
