/// One line of a head or of chunked framing, gathered from pieces of any size until its CRLF is there.
struct LineBuffer: Sendable {
    /// The line without its CRLF, once `fill` has said true.
    private(set) var bytes: [UInt8] = []
    private var isComplete = false

    /// Reads on from `offset`. True when the line is whole; false when the input ends before the line does.
    /// Throws `tooLong` as soon as more than `limit` bytes have come: the same for any cutting of the input.
    mutating func fill(
        _ input: Span<UInt8>, _ offset: inout Int, limit: Int, tooLong: @autoclosure () -> Refusal
    ) throws(Refusal) -> Bool {
        if isComplete {
            bytes.removeAll(keepingCapacity: true)
            isComplete = false
        }
        let start = offset
        while offset < input.count, input[offset] != Octet.lineFeed { offset += 1 }
        Octets.append(input, start..<offset, to: &bytes)
        let hasReturn = bytes.last == Octet.carriageReturn
        if bytes.count - (hasReturn ? 1 : 0) > limit { throw tooLong() }
        guard offset < input.count else { return false }
        offset += 1
        // RFC 9112 section 2.2 lets a recipient take a bare LF for the end; others do not, so it is refused.
        guard hasReturn else { throw .bad("a line ends in LF without CR") }
        bytes.removeLast()
        isComplete = true
        return true
    }

    /// Gives large storage back between messages, so that an idle connection stays small.
    mutating func shrink() {
        bytes = []
        isComplete = false
    }
}

/// Copies from a span. The standard library has no such copy for a part of a span yet, other than byte by byte.
enum Octets {
    static func append(_ input: Span<UInt8>, _ range: Range<Int>, to bytes: inout [UInt8]) {
        if range.isEmpty { return }
        input.extracting(range).withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
    }
}
