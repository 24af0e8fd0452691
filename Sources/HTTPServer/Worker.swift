import EventLoop
import Glibc
import HTTP
import Synchronization

/// The connections of one event loop.
// @unchecked: only its loop's thread touches its variables.
final class Worker: @unchecked Sendable {
    let loop: EventLoop
    let limits: Limits
    let handler: any Handler
    private let load: Load
    private var connections: [ObjectIdentifier: Connection] = [:]
    private(set) var isDraining = false
    private var dateText = ""
    private var dateSecond = -1

    init(_ loop: EventLoop, _ limits: Limits, _ handler: any Handler, _ load: Load) {
        self.loop = loop
        self.limits = limits
        self.handler = handler
        self.load = load
    }

    /// Takes over an accepted descriptor, which `load` has counted.
    func onAccepted(_ descriptor: Int32, isRefused: Bool) {
        do {
            if isDraining { throw SystemError(ECANCELED, "accept") }
            let connection = try Connection(descriptor, self)
            connections[ObjectIdentifier(connection)] = connection
            if isRefused { connection.answerAndClose(Worker.overload(limits)) }
        } catch {
            if isDraining { Glibc.close(descriptor) }
            load.onClosed()
        }
    }

    func onClosed(_ connection: Connection) {
        if connections.removeValue(forKey: ObjectIdentifier(connection)) != nil { load.onClosed() }
    }

    /// No new requests: idle connections end now, the others with their answers. Handlers whose request
    /// `cancels` picks are cancelled.
    func drain(_ cancels: (Method, Target) -> Bool) {
        isDraining = true
        for connection in connections.values {
            if connection.isIdle {
                connection.close()
            } else if let exchange = connection.exchange, cancels(exchange.head.method, exchange.head.target) {
                exchange.task?.cancel()
            }
        }
    }

    /// Ends every connection as it is; their number.
    func cut() -> Int {
        let left = Array(connections.values)
        for connection in left { connection.abort() }
        return left.count
    }

    /// The value of Date, made once a second.
    func date() -> String {
        let second = time(nil)
        if second != dateSecond {
            dateSecond = second
            dateText = HTTPDate.text(secondsSince1970: second)
        }
        return dateText
    }

    static func overload(_ limits: Limits) -> Problem {
        Problem(
            .serviceUnavailable, title: "Too many connections",
            detail: "This server holds \(limits.connections) connections at once.",
            next: "Try again after the time that Retry-After gives.",
            retryAfterSeconds: limits.retryAfterSeconds)
    }
}

/// How many connections a server holds, over all its loops, and who waits for the last of them to end.
final class Load: Sendable {
    private struct State {
        var open = 0
        var waiter: CheckedContinuation<Void, Never>?
    }

    enum Admission {
        case welcome
        case refused
        case dropped
    }

    private let state = Mutex(State())

    var open: Int { state.withLock { $0.open } }

    /// Counts one more, unless it is dropped.
    func admit(_ limits: Limits) -> Admission {
        state.withLock { state in
            if state.open >= limits.connections + limits.refusals { return .dropped }
            state.open += 1
            return state.open <= limits.connections ? .welcome : .refused
        }
    }

    func onClosed() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.open -= 1
            guard state.open == 0 else { return nil }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns when no connection is left. For one caller.
    func untilEmpty() async {
        await withCheckedContinuation { waiter in
            let isEmpty = state.withLock { state in
                if state.open > 0 { state.waiter = waiter }
                return state.open == 0
            }
            if isEmpty { waiter.resume() }
        }
    }
}
