/// The fields of a head or of a trailer section (RFC 9112 section 5): lines up to an empty one.
struct FieldSection: Sendable {
    private(set) var headers = Headers()
    private var line = LineBuffer()
    private var used = 0

    /// Reads on from `offset`. True after the empty line; false when the input ends before it.
    mutating func fill(_ input: Span<UInt8>, _ offset: inout Int, _ limits: Limits) throws(Refusal) -> Bool {
        while true {
            let left = limits.fieldBytes - used
            guard try line.fill(input, &offset, limit: left, tooLong: FieldSection.tooLarge(limits)) else {
                return false
            }
            if line.bytes.isEmpty { return true }
            used += line.bytes.count + 2
            if used > limits.fieldBytes { throw FieldSection.tooLarge(limits) }
            if headers.fields.count == limits.fieldCount {
                throw Refusal(.headersTooLarge, "there are more than \(limits.fieldCount) header fields")
            }
            let (name, value) = try FieldSection.parse(line.bytes)
            headers.add(name, value)
        }
    }

    private static func tooLarge(_ limits: Limits) -> Refusal {
        Refusal(.headersTooLarge, "the header fields are larger than \(limits.fieldBytes) bytes")
    }

    /// field-line = field-name ":" OWS field-value OWS
    static func parse(_ line: [UInt8]) throws(Refusal) -> (FieldName, FieldValue) {
        // RFC 9112 section 5.2: a line that begins with white space would continue the one before it.
        if Octet.isBlank(line[0]) { throw .bad("a header line is folded") }
        var colon = 0
        while colon < line.count, Octet.isToken(line[colon]) { colon += 1 }
        guard colon < line.count, line[colon] == Octet.colon else {
            // RFC 9112 section 5.1: white space between name and colon is to be refused.
            if colon < line.count, Octet.isBlank(line[colon]) {
                throw .bad("white space stands before a header's colon")
            }
            throw .bad("a header name holds a byte that no name may hold, or the line has no colon")
        }
        if colon == 0 { throw .bad("a header line has no name") }
        var start = colon + 1
        var end = line.count
        while start < end, Octet.isBlank(line[start]) { start += 1 }
        while end > start, Octet.isBlank(line[end - 1]) { end -= 1 }
        for byte in line[start..<end] where !Octet.isFieldContent(byte) {
            throw .bad("a header value holds a control character")
        }
        guard let value = String(validating: line[start..<end], as: UTF8.self) else {
            throw .bad("a header value is not UTF-8")
        }
        let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
        return (FieldName(lowercased: name), FieldValue(checked: value))
    }
}
