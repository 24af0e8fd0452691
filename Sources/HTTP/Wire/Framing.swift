/// How the end of a message's body is found (RFC 9112 section 6.3).
package enum Framing: Equatable, Sendable {
    /// There is no body.
    case none
    /// Content-Length; more than 0.
    case length(Int)
    case chunked
    /// The end of the connection: for responses only.
    case untilClose

    /// What Content-Length and Transfer-Encoding say, nil when neither is there. Everything that two programs
    /// could read differently is refused: that difference is what request smuggling lives on (section 11.2).
    static func read(_ headers: Headers, minorVersion: Int, _ limits: Limits) throws(Refusal) -> Framing? {
        let lengths = headers.values(.contentLength)
        let codings = headers.values(.transferEncoding)
        if !codings.isEmpty {
            // Section 6.1: such a message ought to be handled as an error.
            if !lengths.isEmpty { throw .bad("there are both Content-Length and Transfer-Encoding") }
            // Section 6.1: in HTTP/1.0 the framing is faulty.
            if minorVersion == 0 { throw .bad("Transfer-Encoding stands in a message of HTTP/1.0") }
            return try transferCoding(codings)
        }
        guard let text = lengths.first else { return nil }
        // Section 6.3 would take equal ones for one; a peer that sends two is not one of ours.
        if lengths.count > 1 { throw .bad("there are \(lengths.count) Content-Length fields") }
        guard !text.isEmpty, text.utf8.allSatisfy(Octet.isDigit) else {
            throw .bad("Content-Length is not a number")
        }
        guard let length = Int(text), length <= limits.bodyBytes else {
            throw Refusal(.contentTooLarge, "the body is larger than \(limits.bodyBytes) bytes")
        }
        return length == 0 ? Framing.none : .length(length)
    }

    private static func transferCoding(_ fields: [String]) throws(Refusal) -> Framing {
        let codings = fields.joined(separator: ",").split(separator: ",", omittingEmptySubsequences: false)
            .map { $0.drop { $0 == " " || $0 == "\t" } }
            .map { String($0.reversed().drop { $0 == " " || $0 == "\t" }.reversed()).lowercased() }
        if codings == ["chunked"] { return .chunked }
        // Section 6.1: chunked not twice; section 6.3: in a request it is the last.
        if codings.contains("chunked"),
            codings.last != "chunked" || codings.filter({ $0 == "chunked" }).count > 1
        {
            throw .bad("chunked is not the one last transfer coding")
        }
        if codings.contains("") { throw .bad("Transfer-Encoding has an empty member") }
        throw Refusal(.notImplemented, "no transfer coding but chunked is known")
    }
}

/// Takes the framing off a body, in pieces of any size.
struct BodyDecoder: Sendable {
    enum Step: Equatable {
        case bytes([UInt8])
        case end
    }

    private enum State: Equatable {
        case counted(left: Int)
        case chunkLine
        case chunk(left: Int)
        case chunkReturn
        case chunkLineFeed
        case trailers
        case untilClose
        case ended
    }

    private var state: State
    private var line = LineBuffer()
    private var trailers = FieldSection()
    private var received = 0
    private var extensionBytes = 0
    private var fault: Refusal?

    init(_ framing: Framing) {
        state =
            switch framing {
            case .none: .ended
            case .length(let length): .counted(left: length)
            case .chunked: .chunkLine
            case .untilClose: .untilClose
            }
    }

    /// True when the end of the connection is the end of the body.
    var endsWithConnection: Bool { state == .untilClose }

    /// Reads on from `offset`: all bytes of the body that the input holds in one piece, then the end. Nil when
    /// the input is used up. What came before a fault is given before the fault is thrown, so that the outcome
    /// does not depend on how the input was cut.
    mutating func next(_ input: Span<UInt8>, _ offset: inout Int, _ limits: Limits) throws(Refusal) -> Step? {
        if let fault { throw fault }
        var gathered: [UInt8] = []
        do throws(Refusal) {
            while state != .ended, try step(input, &offset, limits, &gathered) {}
        } catch {
            if gathered.isEmpty { throw error }
            fault = error
        }
        if !gathered.isEmpty { return .bytes(gathered) }
        return state == .ended ? .end : nil
    }

    /// One step of the state. False when the input is used up.
    private mutating func step(
        _ input: Span<UInt8>, _ offset: inout Int, _ limits: Limits, _ gathered: inout [UInt8]
    ) throws(Refusal) -> Bool {
        if offset == input.count { return false }
        switch state {
        case .counted(let left):
            let taken = try take(input, &offset, left, limits, &gathered)
            state = taken == left ? .ended : .counted(left: left - taken)
        case .chunk(let left):
            let taken = try take(input, &offset, left, limits, &gathered)
            state = taken == left ? .chunkReturn : .chunk(left: left - taken)
        case .untilClose:
            _ = try take(input, &offset, .max, limits, &gathered)
        case .chunkLine, .chunkReturn, .chunkLineFeed, .trailers:
            return try frame(input, &offset, limits)
        case .ended:
            return false
        }
        return true
    }

    private mutating func take(
        _ input: Span<UInt8>, _ offset: inout Int, _ left: Int, _ limits: Limits, _ gathered: inout [UInt8]
    ) throws(Refusal) -> Int {
        let taken = min(left, input.count - offset, limits.bodyBytes - received)
        if taken == 0 { throw BodyDecoder.tooLarge(limits) }
        received += taken
        Octets.append(input, offset..<offset + taken, to: &gathered)
        offset += taken
        return taken
    }

    private static func tooLarge(_ limits: Limits) -> Refusal {
        Refusal(.contentTooLarge, "the body is larger than \(limits.bodyBytes) bytes")
    }

    /// What stands between the bytes of a chunked body (RFC 9112 section 7.1). False when the input ends first.
    private mutating func frame(
        _ input: Span<UInt8>, _ offset: inout Int, _ limits: Limits
    ) throws(Refusal) -> Bool {
        switch state {
        case .chunkLine:
            let tooLong = Refusal.bad(
                "a chunk's size and extensions are longer than \(limits.chunkLineBytes) bytes")
            guard try line.fill(input, &offset, limit: limits.chunkLineBytes, tooLong: tooLong) else {
                return false
            }
            let size = try chunkSize(limits)
            state = size == 0 ? .trailers : .chunk(left: size)
        case .chunkReturn:
            guard input[offset] == Octet.carriageReturn else { throw .bad("a chunk is longer than its size") }
            offset += 1
            state = .chunkLineFeed
        case .chunkLineFeed:
            guard input[offset] == Octet.lineFeed else { throw .bad("a chunk does not end in CRLF") }
            offset += 1
            state = .chunkLine
        default:
            // RFC 9110 section 6.5.1: trailer fields may be dropped; they must be well-formed all the same.
            guard try trailers.fill(input, &offset, limits) else { return false }
            state = .ended
        }
        return true
    }

    /// chunk-size [ chunk-ext ]: hexadecimal digits, then nothing or extensions (section 7.1.1), which are
    /// dropped.
    private mutating func chunkSize(_ limits: Limits) throws(Refusal) -> Int {
        let bytes = line.bytes
        var size = 0
        var index = 0
        while index < bytes.count, let digit = Octet.hexValue(bytes[index]) {
            if index == 15 { throw .bad("a chunk's size has more than 15 digits") }
            size = size << 4 | Int(digit)
            index += 1
        }
        if index == 0 { throw .bad("a chunk's size is not a hexadecimal number") }
        if size > limits.bodyBytes - received { throw BodyDecoder.tooLarge(limits) }
        extensionBytes += bytes.count - index
        if extensionBytes > limits.chunkExtensionBytes {
            throw .bad("the chunk extensions are longer than \(limits.chunkExtensionBytes) bytes")
        }
        guard ChunkExtensions.areValid(bytes[index...]) else {
            throw .bad("a chunk's size is followed by something that is no extension")
        }
        return size
    }
}

/// chunk-ext = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] ), RFC 9112 section 7.1.1.
enum ChunkExtensions {
    static func areValid(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        func skipBlanks() { rest = rest.drop(while: Octet.isBlank) }
        func skipToken() -> Bool {
            let before = rest.count
            rest = rest.drop(while: Octet.isToken)
            return rest.count < before
        }
        while !rest.isEmpty {
            skipBlanks()
            guard rest.popFirst() == UInt8(ascii: ";") else { return false }
            skipBlanks()
            guard skipToken() else { return false }
            let afterName = rest
            skipBlanks()
            guard rest.first == UInt8(ascii: "=") else {
                rest = afterName
                continue
            }
            rest.removeFirst()
            skipBlanks()
            if rest.first == UInt8(ascii: "\"") {
                guard skipQuoted(&rest) else { return false }
            } else if !skipToken() {
                return false
            }
        }
        return true
    }

    private static func skipQuoted(_ rest: inout ArraySlice<UInt8>) -> Bool {
        rest.removeFirst()
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\"") { return true }
            if !Octet.isFieldContent(byte) { return false }
            if byte == UInt8(ascii: "\\") {
                guard let next = rest.popFirst(), Octet.isFieldContent(next) else { return false }
            }
        }
        return false
    }
}
