import HTTP
import JSONText
import Presentation

/// Asks the operator's interface, wherever it is, and gives its JSON; what it refuses is thrown.
struct Caller: Sendable {
    let transport: any Transport
    /// Sent with every request when the hub is asked from afar.
    let token: FieldValue?
    /// True for the process of this machine that runs the database: it may end between two looks at it.
    let isLocal: Bool

    /// Bytes of an answer. A log or a history of this size is not for reading any more.
    static let answerBytes = 64 << 20

    func get(_ path: [String], _ query: [QueryItem] = []) async throws(CommandError) -> JSON {
        try await ask(Request(.get, Target(path: ["v1"] + path, query: query)))
    }

    func post(_ path: [String], _ body: JSON = [:]) async throws(CommandError) -> JSON {
        let bytes: [UInt8]
        do {
            bytes = try body.bytes()
        } catch {
            throw CommandError(.usage, "the request has no form in JSON: \(error)")
        }
        return try await ask(
            Request(
                .post, path: ["v1"] + path, headers: ["content-type": "application/json"],
                body: Body(bytes: bytes)))
    }

    func post(_ path: [String], _ message: Message<some Shape>) async throws(CommandError) -> JSON {
        try await post(path, message.json)
    }

    private func ask(_ request: Request) async throws(CommandError) -> JSON {
        var request = request
        request.headers.set("accept", "application/json")
        if let token { request.headers.set("authorization", token) }
        let status: Status
        let bytes: [UInt8]
        do {
            let response = try await transport.send(request)
            status = response.status
            bytes = try await response.body.collect(limit: Caller.answerBytes)
        } catch {
            let failure = CommandError(thrown: error)
            if isLocal, failure.code == .unreachable {
                throw CommandError(
                    .later, "the process that runs the database stopped answering (\(failure.why))",
                    hint: "Try again.")
            }
            throw failure
        }
        guard status.isSuccess else {
            // Not every server on the way answers in JSON: then the status alone says it.
            throw CommandError(ProblemAnswer(status, try? JSON(parsing: bytes)))
        }
        do {
            return try JSON(parsing: bytes, within: JSON.Bounds(bytes: Caller.answerBytes))
        } catch {
            throw CommandError(
                .bug, "the answer is no JSON: \(error)",
                hint: "Check that a Samband hub or node answers there.")
        }
    }
}
