import EventLoop

/// Looks up the addresses of a host on a thread of its own: getaddrinfo(3) blocks and cannot be ended. Whoever
/// asked is told in time; an answer that comes later is dropped.
// @unchecked: touched on its loop only; the thread comes back through a job.
final class Resolution: EventSource, @unchecked Sendable {
    enum Outcome: Sendable {
        case addresses([SocketAddress])
        case failed(ResolverError)
        case late
        case noThread
    }

    private let loop: EventLoop
    private var token: EventLoop.Token?
    private var onEnd: ((Outcome) -> Void)?

    init(_ loop: EventLoop) { self.loop = loop }

    /// Calls `onEnd` once, on the loop; within this call, when the host is an address in numbers.
    func start(_ host: String, _ port: UInt16, deadlineMs: Int, _ onEnd: @escaping (Outcome) -> Void) {
        if let addresses = try? SocketAddress.find(host: host, port: port, isNumeric: true) {
            // A name is the usual other case, no failure.
            return onEnd(.addresses(addresses))
        }
        self.onEnd = onEnd
        let token = loop.add(self)
        self.token = token
        loop.setDeadline(token, atMs: deadlineMs)
        let loop = loop
        let isStarted = Thread.start("http-resolver") { [self] in
            let outcome: Outcome
            do throws(ResolverError) {
                outcome = .addresses(try SocketAddress.find(host: host, port: port, isNumeric: false))
            } catch {
                outcome = .failed(error)
            }
            loop.submit { self.end(outcome) }
        }
        if !isStarted { end(.noThread) }
    }

    func cancel() {
        onEnd = nil
        if let token { loop.remove(token) }
        token = nil
    }

    func onReady(_ events: UInt32) {}
    func onDeadline() { end(.late) }

    private func end(_ outcome: Outcome) {
        let onEnd = onEnd
        cancel()
        onEnd?(outcome)
    }
}
