import Foundation
import FoundationNetworking
import HTTP
import Synchronization

/// The sessions to one server. A session carries one request at a time: what waits on one, a long poll or a reader that
/// takes its time, then holds up no other, and URLSession's six connections per host are no bound.
final class Lanes: Sendable {
    private struct State {
        var free: [Lane] = []
        var isShutDown = false
    }

    private let state = Mutex(State())
    private let kept: Int

    init(kept: Int) { self.kept = max(1, kept) }

    func take(_ call: SecureCall) throws(TransportError) -> Lane {
        let (lane, isShutDown) = state.withLock { state in (state.free.popLast(), state.isShutDown) }
        if isShutDown { throw call.error(.shutDown) }
        return lane ?? Lane(self)
    }

    func giveBack(_ lane: Lane) {
        let isKept = state.withLock { state in
            if state.isShutDown || state.free.count >= kept { return false }
            state.free.append(lane)
            return true
        }
        if !isKept { lane.end() }
    }

    func shutDown() {
        let lanes = state.withLock { state in
            state.isShutDown = true
            defer { state.free = [] }
            return state.free
        }
        for lane in lanes { lane.end() }
    }
}

/// One session of Foundation with at most one request on it.
// @unchecked: `session` is set in `init` and only read afterwards; the rest has a mutex.
final class Lane: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    private var session: URLSession!
    private let queue = GatedQueue()
    private let current = Mutex<SecureCall?>(nil)
    private let lanes: Lanes

    init(_ lanes: Lanes) {
        self.lanes = lanes
        super.init()
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpCookieAcceptPolicy = .never
        configuration.httpShouldSetCookies = false
        configuration.urlCache = nil
        configuration.urlCredentialStorage = nil
        configuration.timeoutIntervalForRequest = 86_400
        session = URLSession(configuration: configuration, delegate: self, delegateQueue: queue)
    }

    /// Ends the session, which holds this delegate until then.
    func end() {
        let session = session!
        DispatchQueue.global().async { session.invalidateAndCancel() }
    }

    func start(_ request: URLRequest, _ call: SecureCall, _ caller: CheckedContinuation<Response, any Error>) {
        current.withLock { $0 = call }
        queue.close()
        let task = session.dataTask(with: request)
        let isWanted = call.begin(task, caller) { [queue] in queue.open() }
        task.resume()
        // Begun all the same: only what has begun tells of its end, and with it the lane is free.
        if !isWanted { DispatchQueue.global().async { task.cancel() } }
    }

    private var call: SecureCall? { current.withLock { $0 } }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        if let head = response as? HTTPURLResponse { call?.onHead(head) }
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) { call?.onData(data) }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        let call = current.withLock { current in
            defer { current = nil }
            return current
        }
        call?.onEnd(error)
        lanes.giveBack(self)
    }

    /// Followed, a redirect would take the credential elsewhere and lose the body.
    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping (URLRequest?) -> Void
    ) { completionHandler(nil) }

    /// Asked on URLSession's own thread, which waits for the answer.
    func urlSession(
        _ session: URLSession, task: URLSessionTask,
        needNewBodyStream completionHandler: @escaping (InputStream?) -> Void
    ) {
        completionHandler(call?.streamAgain() ?? UploadStream(nil))
    }
}

/// Where URLSession leaves what it has to tell. When too much waits there, it has to wait itself, and with it the
/// connection: else a slow reader would have the whole answer in memory.
// @unchecked: `pending` and `isOpen` are touched under the condition's lock only.
final class GatedQueue: OperationQueue, @unchecked Sendable {
    private static let most = 8
    private let changed = NSCondition()
    private var pending = 0
    private var isOpen = false

    override init() {
        super.init()
        maxConcurrentOperationCount = 1
        name = "samband-https"
    }

    /// Nobody reads any more: nothing waits.
    func open() { set(open: true) }
    func close() { set(open: false) }

    private func set(open: Bool) {
        changed.lock()
        isOpen = open
        changed.broadcast()
        changed.unlock()
    }

    override func addOperation(_ block: @Sendable @escaping () -> Void) {
        changed.lock()
        while pending >= GatedQueue.most, !isOpen { changed.wait() }
        pending += 1
        changed.unlock()
        super.addOperation { [self] in
            block()
            changed.lock()
            pending -= 1
            changed.signal()
            changed.unlock()
        }
    }
}
