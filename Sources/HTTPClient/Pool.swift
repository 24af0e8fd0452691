import EventLoop
import HTTP

/// The connections to one server: those in use hold themselves by their sockets, those kept are here.
// @unchecked: touched on its loop only.
final class Pool: @unchecked Sendable {
    let loop: EventLoop
    let endpoint: Endpoint
    let limits: Limits
    let resolver: Resolver
    /// Open and free, the one used last at the end.
    private var kept: [ClientConnection] = []
    private var busy: [ObjectIdentifier: ClientConnection] = [:]
    private var isShutDown = false

    init(_ loop: EventLoop, _ endpoint: Endpoint, _ limits: Limits) {
        self.loop = loop
        self.endpoint = endpoint
        self.limits = limits
        resolver = Resolver(loop, threads: limits.resolverThreads)
    }

    func begin(_ call: Call, _ caller: CheckedContinuation<ResponseHead, any Error>) {
        call.await(caller)
        if call.isCancelled { return call.fail(CancellationError()) }
        if isShutDown { return call.fail(call.error(.shutDown)) }
        if let connection = kept.popLast() {
            hold(connection)
            connection.start(call)
        } else {
            connect(call)
        }
    }

    /// Opens a new connection for a call.
    func connect(_ call: Call) {
        let connection = ClientConnection(self)
        hold(connection)
        connection.open(call)
    }

    private func hold(_ connection: ClientConnection) { busy[ObjectIdentifier(connection)] = connection }

    /// The connection is free again. True when it is to stay open.
    func keep(_ connection: ClientConnection) -> Bool {
        busy[ObjectIdentifier(connection)] = nil
        if isShutDown || kept.count >= limits.keptConnections { return false }
        kept.append(connection)
        return true
    }

    func forget(_ connection: ClientConnection) {
        busy[ObjectIdentifier(connection)] = nil
        kept.removeAll { $0 === connection }
    }

    func shutDown() {
        isShutDown = true
        for connection in kept + Array(busy.values) { connection.shutDown() }
    }
}
