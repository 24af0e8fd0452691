import EventLoop

/// Looks up the addresses of a host on threads of its own: getaddrinfo(3) blocks and cannot be ended. Whoever asked is
/// told in time; a thread that still looks then goes on, and what it finds serves whoever waits at that moment.
// @unchecked: touched on its loop only; the threads come back through jobs.
final class Resolver: @unchecked Sendable {
    fileprivate let loop: EventLoop
    private let most: Int
    /// Threads that have not come back.
    private var threads = 0
    private var waiting: [ObjectIdentifier: Resolution] = [:]

    init(_ loop: EventLoop, threads: Int) {
        self.loop = loop
        most = threads
    }

    /// False when no thread looks and none could be had.
    fileprivate func add(_ resolution: Resolution, _ host: String, _ port: UInt16) -> Bool {
        waiting[ObjectIdentifier(resolution)] = resolution
        // So many hang already: the answer to any of them is an answer to this one.
        if threads >= most { return true }
        let isStarted = Thread.start("http-resolver") { [self] in
            let outcome: Resolution.Outcome
            do throws(ResolverError) {
                outcome = .addresses(try SocketAddress.find(host: host, port: port, isNumeric: false))
            } catch {
                outcome = .failed(error)
            }
            loop.submit { self.end(outcome, asked: resolution) }
        }
        if isStarted { threads += 1 }
        return threads > 0
    }

    fileprivate func remove(_ resolution: Resolution) { waiting[ObjectIdentifier(resolution)] = nil }

    private func end(_ outcome: Resolution.Outcome, asked: Resolution) {
        threads -= 1
        if case .addresses = outcome {
            for resolution in waiting.values { resolution.end(outcome) }
        } else if threads == 0 {
            for resolution in waiting.values { resolution.end(outcome) }
        } else {
            asked.end(outcome)
        }
    }
}

/// One wait for an address.
// @unchecked: touched on its loop only.
final class Resolution: EventSource, @unchecked Sendable {
    enum Outcome: Sendable {
        case addresses([SocketAddress])
        case failed(ResolverError)
        case late
        case noThread
    }

    private let resolver: Resolver
    private var token: EventLoop.Token?
    private var onEnd: ((Outcome) -> Void)?

    init(_ resolver: Resolver) { self.resolver = resolver }

    /// Calls `onEnd` once, on the loop; within this call, when the host is an address in numbers.
    func start(_ host: String, _ port: UInt16, deadlineMs: Int, _ onEnd: @escaping (Outcome) -> Void) {
        if let addresses = try? SocketAddress.find(host: host, port: port, isNumeric: true) {
            // A name is the usual other case, no failure.
            return onEnd(.addresses(addresses))
        }
        self.onEnd = onEnd
        let token = resolver.loop.add(self)
        self.token = token
        resolver.loop.setDeadline(token, atMs: deadlineMs)
        if !resolver.add(self, host, port) { end(.noThread) }
    }

    func cancel() {
        onEnd = nil
        resolver.remove(self)
        if let token { resolver.loop.remove(token) }
        token = nil
    }

    func onReady(_ events: UInt32) {}
    func onDeadline() { end(.late) }

    fileprivate func end(_ outcome: Outcome) {
        let onEnd = onEnd
        cancel()
        onEnd?(outcome)
    }
}
