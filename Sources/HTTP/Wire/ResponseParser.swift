/// The head of a final response and what follows from it for the connection.
package struct ResponseHead: Sendable, Equatable {
    package let status: Status
    package let headers: Headers
    /// The server takes more requests on this connection (RFC 9112 section 9.3).
    package let keepsAlive: Bool
    package let framing: Framing
}

/// Reads one response off a connection, as strictly as `RequestParser` reads requests. Interim responses (1xx)
/// are passed over (RFC 9110 section 15.2). After `end` or `refused` there is nothing more: the next response
/// needs a new parser, which knows what was asked.
package struct ResponseParser: Sendable {
    package enum Event: Equatable, Sendable {
        case head(ResponseHead)
        case body([UInt8])
        case end
        case refused(Refusal)
    }

    private enum State: Sendable {
        case statusLine
        case fields(Status, minorVersion: Int)
        case body
        case over
    }

    private let method: Method
    private let limits: Limits
    private var state = State.statusLine
    private var line = LineBuffer()
    private var section = FieldSection()
    private var decoder = BodyDecoder(.none)
    private var interimResponses = 0

    /// `method` is that of the request: a response to HEAD has no body (RFC 9112 section 6.3).
    package init(to method: Method, _ limits: Limits) {
        self.method = method
        self.limits = limits
    }

    /// Reads on from `offset`, and moves it, up to the next event; nil when the input is used up.
    package mutating func next(_ input: Span<UInt8>, _ offset: inout Int) -> Event? {
        do throws(Refusal) {
            return try advance(input, &offset)
        } catch {
            state = .over
            return .refused(error)
        }
    }

    /// The connection has ended. True when that is where the body ends (RFC 9112 section 6.3, rule 8).
    package mutating func onEndOfInput() -> Bool {
        guard case .body = state, decoder.endsWithConnection else { return false }
        state = .over
        return true
    }

    private mutating func advance(_ input: Span<UInt8>, _ offset: inout Int) throws(Refusal) -> Event? {
        while true {
            switch state {
            case .statusLine:
                let tooLong = Refusal.bad("the status line is longer than \(limits.startLineBytes) bytes")
                guard try line.fill(input, &offset, limit: limits.startLineBytes, tooLong: tooLong) else {
                    return nil
                }
                let (status, minorVersion) = try ResponseParser.statusLine(line.bytes)
                state = .fields(status, minorVersion: minorVersion)
            case .fields(let status, let minorVersion):
                guard try section.fill(input, &offset, limits) else { return nil }
                let headers = section.headers
                section = FieldSection()
                if status.isInformational {
                    try passOver(status)
                    continue
                }
                let head = try head(status, headers, minorVersion)
                decoder = BodyDecoder(head.framing)
                state = .body
                return .head(head)
            case .body:
                switch try decoder.next(input, &offset, limits) {
                case nil: return nil
                case .bytes(let bytes): return .body(bytes)
                case .end:
                    state = .over
                    return .end
                }
            case .over:
                return nil
            }
        }
    }

    private mutating func passOver(_ status: Status) throws(Refusal) {
        // RFC 9110 section 15.2.2: only who asked for an upgrade may be told of one.
        if status.code == 101 { throw .bad("the server changes to another protocol, which nobody asked for") }
        interimResponses += 1
        if interimResponses > limits.interimResponses {
            throw .bad("there are more than \(limits.interimResponses) interim responses")
        }
        state = .statusLine
    }

    private func head(
        _ status: Status, _ headers: Headers, _ minorVersion: Int
    ) throws(Refusal) -> ResponseHead {
        let said = try Framing.read(headers, minorVersion: minorVersion, limits)
        // RFC 9112 section 6.3, rule 1: these have no body, whatever their fields say.
        let isBodiless = method == .head || status == .noContent || status == .notModified
        let framing = isBodiless ? .none : said ?? .untilClose
        let connection = headers.tokens(.connection)
        let stays = !connection.contains("close") && (minorVersion == 1 || connection.contains("keep-alive"))
        return ResponseHead(
            status: status, headers: headers, keepsAlive: stays && framing != .untilClose, framing: framing)
    }

    /// HTTP-version SP status-code SP [ reason-phrase ] (RFC 9112 section 4).
    private static func statusLine(_ line: [UInt8]) throws(Refusal) -> (Status, Int) {
        guard line.count >= 13, line[8] == Octet.space, line[12] == Octet.space,
            line[9...11].allSatisfy(Octet.isDigit), line[13...].allSatisfy(Octet.isFieldContent)
        else { throw .bad("the status line is not a version, a status of three digits and a reason") }
        let minorVersion = try HTTPVersion.minor(line[..<8])
        let code = line[9...11].reduce(0) { $0 * 10 + Int($1 - 0x30) }
        guard let status = Status(code: code) else { throw .bad("there is no status \(code)") }
        return (status, minorVersion)
    }
}
