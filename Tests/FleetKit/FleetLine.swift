import HTTP
import Synchronization

/// The line between a site and whichever hub stands at its end: up, down, or cut once in the middle of a body.
package final class FleetLine: Transport {
    private let state: Mutex<State>

    private struct State {
        var handler: any Handler
        var isDown = false
        /// So many bytes of the next body with something in it come through; then the line is cut, once.
        var cutUpAfter: Int?
        var cutDownAfter: Int?
    }

    /// The line is down, or was cut.
    package struct Cut: Error {}

    init(_ handler: any Handler) { state = Mutex(State(handler: handler)) }

    package var isDown: Bool {
        get { state.withLock { $0.isDown } }
        set { state.withLock { $0.isDown = newValue } }
    }

    /// The next push is cut after so many bytes.
    package func cutNextPush(after bytes: Int) { state.withLock { $0.cutUpAfter = bytes } }

    /// The next pull is cut after so many bytes.
    package func cutNextPull(after bytes: Int) { state.withLock { $0.cutDownAfter = bytes } }

    func lead(to handler: any Handler) { state.withLock { $0.handler = handler } }

    package func send(_ request: Request) async throws -> Response {
        let route = request.target.path.last
        let (handler, isDown, cutUp, cutDown) = state.withLock { state in
            let taken = (
                state.handler, state.isDown, route == "push" ? state.cutUpAfter : nil,
                route == "pull" ? state.cutDownAfter : nil
            )
            if route == "push" { state.cutUpAfter = nil }
            if route == "pull" { state.cutDownAfter = nil }
            return taken
        }
        if isDown { throw Cut() }
        var request = request
        if let cutUp { request.body = cut(request.body, after: cutUp) }
        var response = await handler.respond(to: request)
        if cutUp != nil { throw Cut() }
        if let cutDown { response.body = cut(response.body, after: cutDown) }
        return response
    }

    private func cut(_ body: Body, after bytes: Int) -> Body {
        let left = Mutex(bytes)
        return Body {
            guard let piece = try await body.next() else { return nil }
            let room = left.withLock { left in
                defer { left -= piece.count }
                return left
            }
            if room <= 0 { throw Cut() }
            return piece.count > room ? Array(piece.prefix(room)) : piece
        }
    }
}
