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
    /// Those that have no request under way.
    let idle = IdleConnections()
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
    func onAccepted(_ descriptor: Int32, peer: Peer?, refusedBecause refusal: Problem?) {
        do {
            if isDraining { throw SystemError(ECANCELED, "accept") }
            let connection = try Connection(descriptor, self, peer: peer)
            connections[ObjectIdentifier(connection)] = connection
            if let refusal { connection.answerAndClose(refusal) } else { idle.append(connection) }
        } catch {
            if isDraining { Glibc.close(descriptor) }
            load.onClosed(peer)
        }
    }

    func onClosed(_ connection: Connection) {
        if connections.removeValue(forKey: ObjectIdentifier(connection)) != nil { load.onClosed(connection.peer) }
    }

    /// Ends the connection that has waited longest without a request, if it had the time for one.
    func makeRoom() {
        guard let first = idle.first, loop.nowMs - first.idleSinceMs >= limits.idleGraceMs else { return }
        first.close()
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

    static func crowd(_ limits: Limits) -> Problem {
        Problem(
            .serviceUnavailable, title: "Too many connections from this address",
            detail: "This server holds \(limits.connectionsPerPeer) connections of one address at once.",
            next: "Close some, or try again after the time that Retry-After gives.",
            retryAfterSeconds: limits.retryAfterSeconds)
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
        var peers: [Peer: Int] = [:]
        var waiter: CheckedContinuation<Void, Never>?
    }

    enum Admission {
        case welcome
        case full
        /// Too many of the same peer.
        case crowded
        case dropped
    }

    private let state = Mutex(State())

    var open: Int { state.withLock { $0.open } }

    func isFull(_ limits: Limits) -> Bool { state.withLock { $0.open >= limits.connections } }

    /// Counts one more, unless it is dropped.
    func admit(_ peer: Peer?, _ limits: Limits) -> Admission {
        state.withLock { state in
            if state.open >= limits.connections + limits.refusals { return .dropped }
            let ofPeer = peer.map { state.peers[$0, default: 0] + 1 } ?? 0
            // Those that are told of it count too: a crowd that does not listen is dropped.
            if ofPeer > limits.connectionsPerPeer + limits.refusals { return .dropped }
            state.open += 1
            if let peer { state.peers[peer] = ofPeer }
            if ofPeer > limits.connectionsPerPeer { return .crowded }
            return state.open <= limits.connections ? .welcome : .full
        }
    }

    func onClosed(_ peer: Peer?) {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.open -= 1
            if let peer, let count = state.peers[peer] { state.peers[peer] = count > 1 ? count - 1 : nil }
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

/// Connections that have no request under way, the one that has waited longest first. Taking one out from anywhere
/// costs the same, however many there are.
final class IdleConnections {
    private(set) var first: Connection?
    private weak var last: Connection?

    func append(_ connection: Connection) {
        remove(connection)
        connection.formerIdle = last
        if let last { last.nextIdle = connection } else { first = connection }
        last = connection
    }

    func remove(_ connection: Connection) {
        guard connection.formerIdle != nil || first === connection else { return }
        let former = connection.formerIdle
        let next = connection.nextIdle
        connection.formerIdle = nil
        connection.nextIdle = nil
        if let former { former.nextIdle = next } else { first = next }
        if let next { next.formerIdle = former } else { last = former }
    }
}
