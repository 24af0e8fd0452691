import CLinux
import EventLoop
import HTTP
import Synchronization

/// Sends requests to one server over plain sockets: `http://host:port` or a Unix socket. Connections are kept and
/// used again.
///
///     let hub = try SocketTransport(to: "http://hub.example:7420")
///     let response = try await hub.send(Request(.get, path: ["healthz"]))
///     let text = try await response.body.collect(limit: 1000)
///
/// Cancelling the task that sends, or that reads the body, closes the connection at once and throws
/// `CancellationError`. So does dropping a body that was not read to its end. A connection that was kept and turns
/// out to be closed is replaced once, when nothing of the response had come and the body can be sent again: the
/// server may then see the request twice. Redirects are not followed. Nothing here blocks the cooperative pool.
package final class SocketTransport: Transport {
    package let endpoint: Endpoint
    private let limits: Limits
    private let pool: Pool

    /// Starts a thread for the connections; connects to nothing yet. Throws `.unsupported` for an address that
    /// is no http:// one, and `.system` when there is no thread to be had.
    package convenience init(to address: String, limits: Limits = Limits()) throws(TransportError) {
        guard let endpoint = Endpoint(address) else {
            let why =
                address.hasPrefix("https:")
                ? "plain sockets carry no TLS, so https:// cannot be reached this way"
                : "this is no address of a server"
            throw TransportError(.unsupported(why), doing: "Connecting", place: address)
        }
        try self.init(to: endpoint, limits: limits)
    }

    package init(to endpoint: Endpoint, limits: Limits = Limits()) throws(TransportError) {
        self.endpoint = endpoint
        self.limits = limits
        do {
            pool = Pool(try EventLoop(name: "http-client"), endpoint, limits)
        } catch {
            throw TransportError(.system("\(error)"), doing: "Starting a client", place: "\(endpoint)")
        }
    }

    deinit { shutDown() }

    /// Closes every connection; requests under way fail with `.shutDown`, and so does every later one.
    package func shutDown() {
        pool.loop.submit { [pool] in pool.shutDown() }
        pool.loop.stop()
    }

    package func send(_ request: Request) async throws -> Response {
        try await send(request, firstByteTimeoutMs: request.answerWithinMs ?? limits.firstByteTimeoutMs)
    }

    /// As `send(_:)`, with a time of its own for the server to begin its answer: for a long poll.
    package func send(_ request: Request, firstByteTimeoutMs: Int) async throws -> Response {
        let call = Call(request, endpoint, firstByteTimeoutMs: firstByteTimeoutMs)
        let pool = pool
        let head = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (caller: CheckedContinuation<ResponseHead, any Error>) in
                let isTaken = pool.loop.submit { pool.begin(call, caller) }
                if !isTaken { caller.resume(throwing: call.error(.shutDown)) }
            }
        } onCancel: {
            pool.loop.submit { call.cancel() }
        }
        return Response(head.status, headers: head.headers, body: body(of: call, head.framing))
    }

    private func body(of call: Call, _ framing: Framing) -> Body {
        guard framing != .none, let inflow = call.inflow.withLock({ $0 }) else { return .empty }
        // The transport lives as long as somebody reads from it.
        let reader = BodyReader(inflow) { [self] in pool.loop.submit { call.cancel() } }
        if case .length(let length) = framing {
            return Body(length: length) { try await reader.next() }
        }
        return Body { try await reader.next() }
    }
}

/// The reading end of a response's body. When nobody holds it any more, the rest is not wanted.
private final class BodyReader: Sendable {
    private let inflow: Inflow
    private let onDropped: @Sendable () -> Void

    init(_ inflow: Inflow, onDropped: @escaping @Sendable () -> Void) {
        self.inflow = inflow
        self.onDropped = onDropped
    }

    deinit { onDropped() }

    func next() async throws -> [UInt8]? { try await inflow.next() }
}
