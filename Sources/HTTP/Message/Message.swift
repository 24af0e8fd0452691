/// What a client asks.
package struct Request: Sendable {
    package var method: Method
    package var target: Target
    package var headers: Headers
    package var body: Body
    /// Who asks, once the server has made sure of it; nothing that a client sends gets here by itself.
    package var user: String?
    /// The user of this machine who runs the program that asks, through a Unix socket; the server finds that out, too.
    package var localUser: UInt32?
    /// How many milliseconds the server has to begin its answer once the request has left whole, for a client; nil: as
    /// the transport has it.
    package var answerWithinMs: Int?
    /// The most bytes of a body that is read whole; the server sets it for each route.
    package var bodyLimit = Request.usualBodyLimit

    package static let usualBodyLimit = 1 << 20

    package init(_ method: Method, _ target: Target, headers: Headers = [:], body: Body = .empty) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
    }

    package init(_ method: Method, path: [String], headers: Headers = [:], body: Body = .empty) {
        self.init(method, Target(path: path), headers: headers, body: body)
    }

    /// The decoded segments of the path.
    package var path: [String] { target.path }

    /// The whole body, or the problem to answer with: 413 for more than the limit, 408 for a client that stopped sending,
    /// 400 for one that sent nonsense or went away.
    package func collectBody(limit: Int? = nil) async throws(Problem) -> [UInt8] {
        do {
            return try await body.collect(limit: limit ?? bodyLimit)
        } catch let error as BodyError {
            throw Problem(error)
        } catch {
            throw Problem(
                .badRequest, title: "The request ended early",
                detail: "The body could not be read: \(error).",
                next: "Send the request again.")
        }
    }
}

/// What a server answers. The fields that frame a message (Content-Length, Transfer-Encoding, Connection) and
/// Date belong to the serializer: it writes them from `body` and the state of the connection, and leaves out
/// what a handler put there.
package struct Response: Sendable {
    package var status: Status
    package var headers: Headers
    package var body: Body

    package init(_ status: Status, headers: Headers = [:], body: Body = .empty) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A text of a type, for instance `Response(.ok, "text/plain; charset=utf-8", "ready\n")`.
    package init(_ status: Status, _ contentType: FieldValue, _ text: String) {
        self.init(status, headers: ["content-type": contentType], body: Body(text: text))
    }

    package static func json(_ status: Status = .ok, _ bytes: [UInt8]) -> Response {
        Response(status, headers: ["content-type": "application/json"], body: Body(bytes: bytes))
    }
}
