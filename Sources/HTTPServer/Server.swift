import CLinux
import EventLoop
import Glibc
import HTTP
import Synchronization

/// An HTTP/1.1 server on event loops of its own. Handlers run as tasks on the cooperative pool; the loops never
/// wait for them, nor they for a loop's other connections. Dropping the server ends it at once; `drain` is the way
/// that lets requests finish.
///
///     let server = try Server(at: Endpoint("127.0.0.1:0")!, handler: router)
///     print(server.endpoint)               // 127.0.0.1:40123
///     await server.drain(deadlineMs: 10_000)
package final class Server: Sendable {
    /// Where it listens, with the port that the system chose if it was asked for 0.
    package let endpoint: Endpoint
    private let workers: [Worker]
    private let listener: Listener
    private let load: Load
    private let isDrained = Atomic(false)

    /// Listens and serves until `drain`. Raises this process's soft limit of open files to the hard one.
    ///
    /// - `endpoint`: an address in numbers or `localhost`, or a Unix socket; a stale file of a killed server is
    ///   replaced, a live one refused.
    /// - `socketMode`: of the file of a Unix socket.
    /// - `loops`: threads for connections. One serves a hundred thousand small requests a second.
    package init(
        at endpoint: Endpoint, handler: any Handler, limits: Limits = Limits(), loops: Int = 1,
        socketMode: UInt32 = 0o600
    ) throws(ServerError) {
        precondition(loops > 0)
        _ = samband_raise_open_files()
        let load = Load()
        var workers: [Worker] = []
        do {
            for number in 0..<loops {
                workers.append(Worker(try EventLoop(name: "http-\(number)"), limits, handler, load))
            }
        } catch {
            for worker in workers { worker.loop.stop() }
            throw ServerError(endpoint, error)
        }
        self.workers = workers
        self.load = load
        let door = Door(workers, load, limits)
        do {
            listener = try Listener(
                endpoint, on: workers[0].loop, backlog: limits.backlog, socketMode: socketMode,
                onAccept: { door.onAccept($0) },
                onOverload: { door.onOverload($0) })
        } catch {
            for worker in workers { worker.loop.stop() }
            throw error
        }
        self.endpoint = listener.endpoint
        // The descriptor is new and the loop runs: this fails only for want of kernel memory.
        workers[0].loop.submit { [listener] in try! listener.start() }
    }

    deinit {
        if isDrained.load(ordering: .acquiring) { return }
        workers[0].loop.submit { [listener] in listener.close() }
        for worker in workers {
            worker.loop.submit { _ = worker.cut() }
            worker.loop.stop()
        }
    }

    /// Connections that are open now.
    package var connections: Int { load.open }

    /// Ends the server: accepts no more, closes idle connections, lets requests that have begun have their
    /// answers. After `deadlineMs` what is left is cut off. Returns how many connections that were, when all have
    /// ended and the socket's file is gone. A second call returns at once.
    ///
    /// - `cancelling`: picks the requests whose handlers are cancelled now, long polls for instance; what they
    ///   answer is still sent.
    @discardableResult
    package func drain(
        deadlineMs: Int, cancelling: @escaping @Sendable (Method, Target) -> Bool = { _, _ in false }
    ) async -> Int {
        if isDrained.exchange(true, ordering: .acquiringAndReleasing) { return 0 }
        await workers[0].run { [listener] _ in listener.close() }
        for worker in workers { await worker.run { $0.drain(cancelling) } }
        let cut = Atomic(0)
        let alarm = Alarm(workers[0].loop, afterMs: deadlineMs) { [workers] in
            for worker in workers {
                worker.loop.submit { _ = cut.add(worker.cut(), ordering: .relaxed) }
            }
        }
        await load.untilEmpty()
        alarm.cancel()
        // The last connection may be gone before the loop that cut it off has counted it.
        for worker in workers { await worker.run { _ in } }
        for worker in workers { worker.loop.stop() }
        return cut.load(ordering: .relaxed)
    }
}

extension Worker {
    /// Runs `action` on the loop and returns after it.
    fileprivate func run(_ action: @escaping @Sendable (Worker) -> Void) async {
        await withCheckedContinuation { done in
            let isTaken = loop.submit {
                action(self)
                done.resume()
            }
            if !isTaken { done.resume() }
        }
    }
}

/// Where accepted connections come in, on the first loop: gives them to the loops in turn.
// @unchecked: only the first loop's thread touches it.
private final class Door: @unchecked Sendable {
    private let workers: [Worker]
    private let load: Load
    private let limits: Limits
    private let farewell: [UInt8]
    private var turn = 0

    init(_ workers: [Worker], _ load: Load, _ limits: Limits) {
        self.workers = workers
        self.load = load
        self.limits = limits
        var bytes: [UInt8] = []
        var keepsAlive = false
        let response = Worker.overload(limits).response
        _ = Serializer.appendHead(
            response, to: &bytes, answering: .get, minorVersion: 1, keepsAlive: &keepsAlive,
            date: HTTPDate.text(secondsSince1970: time(nil)))
        farewell = bytes + (response.body.bytes ?? [])
    }

    func onAccept(_ descriptor: Int32) {
        let found = SocketAddress.peer(descriptor)
        let peer = found?.isOwnMachine == true && !limits.limitsOwnMachine ? nil : found
        if load.isFull(limits) { workers[0].makeRoom() }
        let refusal: Problem?
        switch load.admit(peer, limits) {
        case .welcome: refusal = nil
        case .full: refusal = Worker.overload(limits)
        case .crowded: refusal = Worker.crowd(limits)
        case .dropped:
            close(descriptor)
            return
        }
        var on: Int32 = 1
        // tcp(7): answers leave at once. Fails on a Unix socket, where it is not needed.
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        turn = (turn + 1) % workers.count
        let worker = workers[turn]
        if workers.count == 1 {
            worker.onAccepted(descriptor, peer: peer, refusedBecause: refusal)
        } else {
            worker.loop.submit { worker.onAccepted(descriptor, peer: peer, refusedBecause: refusal) }
        }
    }

    /// There are no descriptors left for this one: it is told so and closed by the listener.
    func onOverload(_ descriptor: Int32) {
        _ = farewell.withUnsafeBytes { samband_send(descriptor, $0.baseAddress, $0.count, 0) }
        shutdown(descriptor, Int32(SHUT_WR))
    }
}

/// Calls once, on a loop's thread, after a time.
// @unchecked: only that thread touches its variables.
private final class Alarm: EventSource, @unchecked Sendable {
    private let loop: EventLoop
    private let action: @Sendable () -> Void
    private var token: EventLoop.Token?

    init(_ loop: EventLoop, afterMs: Int, _ action: @escaping @Sendable () -> Void) {
        self.loop = loop
        self.action = action
        loop.submit { [self] in
            let token = loop.add(self)
            self.token = token
            loop.setDeadline(token, atMs: loop.nowMs + afterMs)
        }
    }

    func cancel() {
        loop.submit { [self] in if let token { loop.remove(token) } }
    }

    func onReady(_ events: UInt32) {}
    func onDeadline() { action() }
}
