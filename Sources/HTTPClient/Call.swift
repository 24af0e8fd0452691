import EventLoop
import HTTP
import Synchronization

/// One request on its way, and who waits for it.
// @unchecked: touched on the client's loop only, but for `inflow`, which has a mutex.
final class Call: @unchecked Sendable {
    let request: Request
    let firstByteTimeoutMs: Int
    /// Where the body of the response comes; set before the caller gets the head.
    let inflow = Mutex<Inflow?>(nil)
    private let place: String
    private var caller: CheckedContinuation<ResponseHead, any Error>?
    private(set) var isCancelled = false
    /// The connection that carries it now.
    weak var connection: ClientConnection?
    /// It has been sent over a kept connection that turned out to be closed, and is on its second.
    var isRetry = false
    /// Bytes of the response's body so far.
    var received = 0

    init(_ request: Request, _ endpoint: Endpoint, firstByteTimeoutMs: Int) {
        self.request = request
        self.firstByteTimeoutMs = firstByteTimeoutMs
        place = "\(endpoint)"
    }

    func error(_ cause: TransportError.Cause) -> TransportError {
        TransportError(cause, doing: "\(request.method.rawValue) \(request.target.text)", place: place)
    }

    /// True when the caller still waits for the head.
    var isAwaited: Bool { caller != nil }

    func await(_ caller: CheckedContinuation<ResponseHead, any Error>) { self.caller = caller }

    func succeed(_ head: ResponseHead) {
        caller?.resume(returning: head)
        caller = nil
    }

    /// Tells whoever waits, for the head or for the body. Only the first end is told.
    func fail(_ error: any Error) {
        caller?.resume(throwing: error)
        caller = nil
        inflow.withLock { $0 }?.finish(error)
    }

    /// The task was cancelled, or the body is not wanted. After the end of the response there is nothing to do.
    func cancel() {
        isCancelled = true
        connection?.abandon(self)
        fail(CancellationError())
    }
}
