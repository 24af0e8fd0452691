/// The server's side: makes a response of a request. It has no way to fail: an error is a response
/// (`Problem.response`). It runs in a task of its own, which is cancelled when the client goes away or the server
/// is told to drop it; a handler that waits (a long poll) is to return soon then, with anything.
package protocol Handler: Sendable {
    func respond(to request: Request) async -> Response
}

/// The client's side: carries a request to a server and brings the response.
///
/// Throws `TransportError` when no response was had, and `CancellationError` when the task was cancelled. A
/// response of any status is no error. The body of the response comes as it is pulled; dropping it unread gives
/// up the connection.
package protocol Transport: Sendable {
    func send(_ request: Request) async throws -> Response
}

/// Client and server in one process, without a socket: for tests, and for a node beside its hub.
package struct InProcessTransport: Transport {
    private let handler: any Handler

    package init(_ handler: any Handler) { self.handler = handler }

    package func send(_ request: Request) async throws -> Response {
        try Task.checkCancellation()
        let response = await handler.respond(to: request)
        try Task.checkCancellation()
        return request.method == .head ? Response(response.status, headers: response.headers) : response
    }
}
