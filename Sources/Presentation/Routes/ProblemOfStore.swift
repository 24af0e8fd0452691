import HTTP
import JSONText
import TableModel

/// What the store could not do, as a problem document. The `type` says what a script can do about it.
extension Problem {
    package init(_ error: StoreError) {
        let (type, title): (ProblemType, String) =
            switch error.kind {
            case .refused: (.refused, "What was asked cannot be done")
            case .misused: (.misused, "It was asked for in the wrong way")
            case .missing: (.missing, "Something has not come yet")
            case .busy: (.busy, "The database is busy")
            case .inputOutput: (.io, Problem.title(of: error.fault))
            case .notFound: (.notFound, "There is no such thing")
            case .wrongClock: (.clock, "The clock cannot be right")
            case .changed: (.changed, "It has changed since")
            case .diverged: (.diverged, "This database differs from the hub's")
            }
        self.init(
            type: type, title: title, detail: "\(error.doing): \(error.why).", next: error.hint,
            retryAfterSeconds: error.kind == .busy ? 1 : error.kind == .inputOutput ? 5 : nil)
    }

    private static func title(of fault: StoreError.Fault?) -> String {
        switch fault {
        case .diskFull: "The disk is full"
        case .readOnly: "The database can be read only"
        case .moved: "The database was moved away"
        case .damaged: "The database is damaged"
        case .inputOutput, .locked, nil: "The disk or the database failed"
        }
    }
}

/// Runs what the store does for a request; its errors become problems.
package func answering<T>(_ body: () throws(StoreError) -> T) throws(Problem) -> T {
    do { return try body() } catch { throw Problem(error) }
}

extension Response {
    /// A JSON answer.
    package static func json(_ message: Message<some Shape>) throws(Problem) -> Response { try json(message.json) }

    /// A JSON answer.
    package static func json(_ json: JSON) throws(Problem) -> Response {
        do {
            return Response.json(.ok, try json.bytes())
        } catch {
            throw Problem(
                type: .bug, title: "An answer without a form",
                detail: "\(error).", next: "Please report this.")
        }
    }
}

extension Request {
    /// The same request, refused when its body is neither empty nor JSON: also where nothing in it is looked at, for
    /// whoever sent it meant something else.
    package func checkingJSON() async throws(Problem) -> Request {
        if body.length == 0 { return self }
        let bytes = try await collectBody()
        if !bytes.isEmpty { _ = try Request.json(bytes) }
        var checked = self
        checked.body = Body(bytes: bytes)
        return checked
    }

    /// The body as JSON, refused when it is none.
    package func json() async throws(Problem) -> JSON { try Request.json(try await collectBody()) }

    /// The body as a message; `lack` says what is needed when it is none.
    package func message<Members>(
        _ shape: Members.Type, isProven: Bool = false, lack: String, next: String = "Use this version's node."
    ) async throws(Problem) -> Message<Members> {
        let json = isProven ? try await provenJSON() : try await json()
        guard let message = Message<Members>(json: json) else { throw .incomplete(lack, next: next) }
        return message
    }

    static func json(_ bytes: [UInt8]) throws(Problem) -> JSON {
        do {
            return try JSON(parsing: bytes)
        } catch {
            throw Problem(
                .badRequest, title: "The body is no JSON", detail: "\(error).", next: "Send one JSON value.")
        }
    }

    /// Who does what the request asks: from afar the operator whose token it shows, whatever it says; on the hub's own
    /// machine who it says.
    package func person(_ named: String?) -> String { user ?? named ?? "operator" }
}
