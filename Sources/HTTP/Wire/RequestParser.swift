/// The head of a request and what follows from it for the connection.
package struct RequestHead: Sendable, Equatable {
    package let method: Method
    package let target: Target
    package let headers: Headers
    /// 0 or 1, of HTTP/1.x.
    package let minorVersion: Int
    /// The client wants to send more requests (RFC 9112 section 9.3).
    package let keepsAlive: Bool
    /// The client waits for 100 before it sends the body (RFC 9110 section 10.1.1).
    package let expectsContinue: Bool
    package let framing: Framing
}

/// Reads requests off a connection, strictly (RFC 9112): what two programs could read differently is refused.
///
/// Feed it what comes, in pieces of any size; the events are the same, but for the cutting of `body`:
///
///     while let event = parser.next(input, &offset) { … }   // nil: the input is used up
///
/// Each request gives `head`, any number of `body`, `end`. After `end` the next request begins. After `refused`
/// there is nothing more.
package struct RequestParser: Sendable {
    package enum Event: Equatable, Sendable {
        case head(RequestHead)
        case body([UInt8])
        case end
        case refused(Refusal)
    }

    private enum State: Sendable {
        /// Before the request line; one empty line may stand there.
        case start(sawEmptyLine: Bool)
        case fields(RequestLine)
        case body
        case refused
    }

    private let limits: Limits
    private var state = State.start(sawEmptyLine: false)
    private var line = LineBuffer()
    private var section = FieldSection()
    private var decoder = BodyDecoder(.none)

    package init(_ limits: Limits) { self.limits = limits }

    /// True between requests, when not one byte of the next has come.
    package private(set) var isBetweenRequests = true

    /// Reads on from `offset`, and moves it, up to the next event.
    package mutating func next(_ input: Span<UInt8>, _ offset: inout Int) -> Event? {
        do throws(Refusal) {
            return try advance(input, &offset)
        } catch {
            state = .refused
            return .refused(error)
        }
    }

    private mutating func advance(_ input: Span<UInt8>, _ offset: inout Int) throws(Refusal) -> Event? {
        if isBetweenRequests {
            if offset == input.count { return nil }
            isBetweenRequests = false
        }
        while true {
            switch state {
            case .start(let sawEmptyLine):
                let tooLong = Refusal(
                    .targetTooLong, "the request line is longer than \(limits.startLineBytes) bytes")
                guard try line.fill(input, &offset, limit: limits.startLineBytes, tooLong: tooLong) else {
                    return nil
                }
                if line.bytes.isEmpty {
                    // RFC 9112 section 2.2: an empty line before the request line is to be passed over.
                    if sawEmptyLine { throw .bad("there are empty lines before the request line") }
                    state = .start(sawEmptyLine: true)
                } else {
                    state = .fields(try RequestLine(line.bytes))
                }
            case .fields(let requestLine):
                guard try section.fill(input, &offset, limits) else { return nil }
                let head = try RequestParser.head(requestLine, section.headers, limits)
                section = FieldSection()
                decoder = BodyDecoder(head.framing)
                state = .body
                return .head(head)
            case .body:
                switch try decoder.next(input, &offset, limits) {
                case nil: return nil
                case .bytes(let bytes): return .body(bytes)
                case .end:
                    state = .start(sawEmptyLine: false)
                    line.shrink()
                    isBetweenRequests = true
                    return .end
                }
            case .refused:
                return nil
            }
        }
    }

    private static func head(
        _ line: RequestLine, _ headers: Headers, _ limits: Limits
    ) throws(Refusal) -> RequestHead {
        let hosts = headers.values(.host)
        // RFC 9112 section 3.2: a request of HTTP/1.1 without Host, or any with two, is answered 400.
        if line.minorVersion == 1, hosts.isEmpty { throw .bad("there is no Host field") }
        if hosts.count > 1 { throw .bad("there are \(hosts.count) Host fields") }
        if let host = hosts.first, !Authority.isValid(host) { throw .bad("Host is not the name of a host") }
        // RFC 9112 section 6.3: a request without either field has no body.
        let framing = try Framing.read(headers, minorVersion: line.minorVersion, limits) ?? .none
        let connection = headers.tokens(.connection)
        let keepsAlive =
            !connection.contains("close") && (line.minorVersion == 1 || connection.contains("keep-alive"))
        var expectsContinue = false
        // RFC 9110 section 10.1.1: in HTTP/1.0 Expect is to be passed over; of another expectation 417 tells.
        if line.minorVersion == 1, let expectation = headers[.expect] {
            guard expectation.lowercased() == "100-continue" else {
                throw Refusal(.expectationFailed, "no expectation but 100-continue can be met")
            }
            expectsContinue = framing != .none
        }
        return RequestHead(
            method: line.method, target: line.target, headers: headers, minorVersion: line.minorVersion,
            keepsAlive: keepsAlive, expectsContinue: expectsContinue, framing: framing)
    }
}

/// method SP request-target SP HTTP-version (RFC 9112 section 3), with one space each and nothing else.
struct RequestLine: Sendable {
    let method: Method
    let target: Target
    let minorVersion: Int

    init(_ line: [UInt8]) throws(Refusal) {
        var spaces = (first: -1, second: -1)
        for (index, byte) in line.enumerated() where byte == Octet.space {
            if spaces.first < 0 {
                spaces.first = index
            } else if spaces.second < 0 {
                spaces.second = index
            } else {
                throw RequestLine.malformed
            }
        }
        guard spaces.first > 0, spaces.second > 0, line[..<spaces.first].allSatisfy(Octet.isToken) else {
            throw RequestLine.malformed
        }
        minorVersion = try HTTPVersion.minor(line[(spaces.second + 1)...])
        // RFC 9110 section 9.1: a method that the server does not know is answered 501.
        guard let method = Method(rawValue: String(decoding: line[..<spaces.first], as: UTF8.self)) else {
            throw Refusal(.notImplemented, "the method is none of \(Method.allCases.map(\.rawValue))")
        }
        self.method = method
        let text = String(decoding: line[(spaces.first + 1)..<spaces.second], as: UTF8.self)
        target = try RequestLine.target(text, method)
    }

    private static let malformed = Refusal.bad("the request line is not a method, a target and a version")

    /// origin-form, absolute-form of http, or "*" for OPTIONS. authority-form is for CONNECT, which is no method
    /// here (section 3.2.3).
    private static func target(_ text: String, _ method: Method) throws(Refusal) -> Target {
        if text == "*" {
            if method != .options { throw .bad("only OPTIONS may ask for *") }
            return .asterisk
        }
        if let target = Target(text) { return target }
        // Section 3.2.2: a server must take absolute-form, and then Host does not count.
        let scheme = "http://"
        if text.prefix(scheme.count).lowercased() == scheme {
            let rest = text.dropFirst(scheme.count)
            let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
            let path = rest[end...].hasPrefix("/") ? String(rest[end...]) : "/" + rest[end...]
            if Authority.isValid(String(rest[..<end])), let target = Target(path) { return target }
        }
        throw .bad("the target is not a path and a query, rightly encoded")
    }
}

/// HTTP-version = "HTTP/" DIGIT "." DIGIT (RFC 9112 section 2.3).
enum HTTPVersion {
    static func minor(_ bytes: ArraySlice<UInt8>) throws(Refusal) -> Int {
        let start = bytes.startIndex
        guard bytes.count == 8, bytes.starts(with: "HTTP/".utf8), Octet.isDigit(bytes[start + 5]),
            bytes[start + 6] == UInt8(ascii: "."), Octet.isDigit(bytes[start + 7])
        else { throw .bad("the start line names no version of HTTP") }
        // RFC 9110 section 15.6.6. A later minor version of 1 would be read as 1.1; there is none.
        guard bytes[start + 5] == UInt8(ascii: "1"), bytes[start + 7] <= UInt8(ascii: "1") else {
            throw Refusal(.versionNotSupported, "only HTTP/1.0 and HTTP/1.1 are spoken here")
        }
        return Int(bytes[start + 7] - 0x30)
    }
}

/// uri-host [ ":" port ] (RFC 9110 section 7.2). Never empty, as http needs a host (section 4.2.1).
enum Authority {
    static func isValid(_ text: String) -> Bool {
        var host = text.utf8[...]
        if host.first == UInt8(ascii: "[") {
            guard let end = host.firstIndex(of: UInt8(ascii: "]")) else { return false }
            let address = host[..<end].dropFirst()
            host = host[end...].dropFirst()
            guard !address.isEmpty,
                address.allSatisfy({ Octet.hexValue($0) != nil || $0 == 0x3a || $0 == 0x2e })
            else { return false }
        } else {
            let name = host.prefix { $0 != Octet.colon }
            host = host[name.endIndex...]
            guard !name.isEmpty, name.allSatisfy({ Octet.isUnreserved($0) || $0 == UInt8(ascii: "%") }) else {
                return false
            }
        }
        if host.isEmpty { return true }
        return host.first == Octet.colon && host.dropFirst().allSatisfy(Octet.isDigit)
    }
}

extension Headers {
    /// The members of a comma-separated list of tokens, in lower case (RFC 9110 section 5.6.1).
    func tokens(_ name: FieldName) -> [String] {
        guard let list = self[name] else { return [] }
        return list.lowercased().split { $0 == "," || $0 == " " || $0 == "\t" }.map(String.init)
    }
}
