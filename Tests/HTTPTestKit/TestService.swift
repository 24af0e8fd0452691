import HTTP
import HTTPServer
import Synchronization

/// What the tests ask of a server, and what they see of its handlers.
///
/// - `GET /n/{id}`: the id. `GET /bytes/{count}`: so many bytes in memory. `GET /stream/{count}`: streamed.
/// - `POST /echo`: the body, streamed back as it comes. `POST /collect`: its length, read whole.
/// - `POST /ignore`: answers without reading. `GET /broken`: a streamed body that fails after some bytes.
/// - `GET /park`: waits until its task is cancelled or `open` is given.
package final class TestService: Handler {
    package init() {}

    package let handled = Atomic(0)
    package let parked = Signal()
    package let open = Signal()
    package let cancelled = Signal()
    /// The producer of a streamed body was dropped.
    package let streamDropped = Signal()
    /// Bytes that streamed bodies have produced.
    package let produced = Atomic(0)

    private final class Dropped: Sendable {
        let signal: Signal
        init(_ signal: Signal) { self.signal = signal }
        deinit { signal.give() }
    }

    package func respond(to request: Request) async -> Response {
        handled.add(1, ordering: .relaxed)
        let path = request.path
        switch (request.method, path.first ?? "") {
        case (.get, "n"), (.head, "n"): return Response(.ok, "text/plain", path[1])
        case (.get, "bytes"):
            return Response(.ok, body: Body(bytes: [UInt8](repeating: 0x61, count: Int(path[1])!)))
        case (.get, "stream"): return Response(.ok, body: stream(Int(path[1])!))
        case (.get, "broken"): return Response(.ok, body: broken())
        case (.post, "echo"): return Response(.ok, body: Body { try await request.body.next() })
        case (.post, "ignore"): return Response(.ok, "text/plain", "ignored")
        case (.get, "park"): return await park()
        case (.post, "collect"):
            do {
                return Response(.ok, "text/plain", "\(try await request.collectBody(limit: 100 << 20).count)")
            } catch {
                return error.response
            }
        default: return Problem(.notFound, title: "no").response
        }
    }

    private func park() async -> Response {
        parked.give()
        if await open.waitOrCancel() { cancelled.give() }
        return Response(.ok, "text/plain", "unparked")
    }

    private func stream(_ count: Int) -> Body {
        let left = Mutex(count)
        let dropped = Dropped(streamDropped)
        return Body { [self] in
            _ = dropped
            let size = left.withLock { left in
                let size = min(left, 60_000)
                left -= size
                return size
            }
            produced.add(size, ordering: .relaxed)
            return size == 0 ? nil : [UInt8](repeating: 0x61, count: size)
        }
    }

    private func broken() -> Body {
        let first = Atomic(true)
        return Body {
            if first.exchange(false, ordering: .relaxed) { return Array("begun".utf8) }
            throw Failure("no more")
        }
    }
}

/// A server on a free port of the loopback, ended when the test is.
package func withServer<Value>(
    _ limits: Limits = Limits(), at endpoint: Endpoint = .tcp(host: "127.0.0.1", port: 0), loops: Int = 1,
    _ body: (Server, TestService) async throws -> Value
) async throws -> Value {
    let service = TestService()
    let server = try Server(at: endpoint, handler: service, limits: limits, loops: loops)
    let result: Result<Value, any Error>
    do { result = .success(try await body(server, service)) } catch { result = .failure(error) }
    service.open.give()
    await server.drain(deadlineMs: 0)
    return try result.get()
}
