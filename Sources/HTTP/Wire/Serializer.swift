/// Writes heads and chunks. Framing is decided here alone, from the body and the version of the peer.
package enum Serializer {
    /// Appends the head of a response and says how its body is to follow.
    ///
    /// - `minorVersion`: of the request; a client of HTTP/1.0 gets no chunks (RFC 9112 section 6.1).
    /// - `keepsAlive`: false when the connection ends with this response; becomes false here when only the end
    ///   of the connection can end the body.
    /// - `date`: the value of Date, see `HTTPDate`.
    package static func appendHead(
        _ response: Response, to bytes: inout [UInt8], answering method: Method, minorVersion: Int,
        keepsAlive: inout Bool, date: String
    ) -> Framing {
        bytes.reserveCapacity(bytes.count + 256)
        append("HTTP/1.1 ", to: &bytes)
        append(String(response.status.code), to: &bytes)
        append(" ", to: &bytes)
        append(response.status.reason, to: &bytes)
        append("\r\nDate: ", to: &bytes)
        append(date, to: &bytes)
        append("\r\n", to: &bytes)
        for field in response.headers.fields where !isOurs(field.name, inRequest: false) {
            append(field, to: &bytes)
        }
        // RFC 9110 section 8.6: no Content-Length with 1xx and 204; 304 has no body either.
        let status = response.status
        let isBodiless = status.isInformational || status == .noContent || status == .notModified
        var framing = Framing.none
        if !isBodiless {
            if let length = response.body.length {
                append("Content-Length: ", to: &bytes)
                append(String(length), to: &bytes)
                append("\r\n", to: &bytes)
                framing = length == 0 ? .none : .length(length)
            } else if minorVersion == 1 {
                append("Transfer-Encoding: chunked\r\n", to: &bytes)
                framing = .chunked
            } else {
                framing = .untilClose
                if method != .head { keepsAlive = false }
            }
        }
        if !keepsAlive {
            append("Connection: close\r\n", to: &bytes)
        } else if minorVersion == 0 {
            append("Connection: keep-alive\r\n", to: &bytes)
        }
        append("\r\n", to: &bytes)
        // RFC 9110 section 9.3.2: the answer to HEAD has the fields of that to GET and no body.
        return method == .head ? .none : framing
    }

    /// Appends the head of a request and says how its body is to follow. `authority` is the value of Host.
    package static func appendHead(_ request: Request, to bytes: inout [UInt8], authority: String) -> Framing {
        bytes.reserveCapacity(bytes.count + 256)
        append(
            "\(request.method.rawValue) \(request.target.text) HTTP/1.1\r\nHost: \(authority)\r\n", to: &bytes
        )
        for field in request.headers.fields where !isOurs(field.name, inRequest: true) {
            append(field, to: &bytes)
        }
        var framing = Framing.chunked
        if let length = request.body.length {
            framing = length == 0 ? .none : .length(length)
            // RFC 9110 section 8.6: a method that is expected to have content says 0 when there is none.
            if length > 0 || [.post, .put, .patch].contains(request.method) {
                append("Content-Length: \(length)\r\n", to: &bytes)
            }
        } else {
            append("Transfer-Encoding: chunked\r\n", to: &bytes)
        }
        append("\r\n", to: &bytes)
        return framing
    }

    /// Appends the line before a chunk of `size` bytes; the chunk itself and CRLF are to follow. `size` is not 0,
    /// which would end the body.
    package static func appendChunkLine(_ size: Int, to bytes: inout [UInt8]) {
        precondition(size > 0, "a chunk of \(size) bytes would end the body")
        append("\(String(size, radix: 16))\r\n", to: &bytes)
    }

    /// The end of a chunked body (RFC 9112 section 7.1).
    package static let lastChunk = Array("0\r\n\r\n".utf8)
    package static let proceed = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// The fields that are written here and not by whoever made the message.
    private static func isOurs(_ name: FieldName, inRequest: Bool) -> Bool {
        switch name.text {
        case "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer":
            true
        case "host", "expect": inRequest
        case "date": !inRequest
        default: false
        }
    }

    private static func append(_ field: Headers.Field, to bytes: inout [UInt8]) {
        // Names as one is used to see them: a capital after each hyphen.
        var isStart = true
        for byte in field.name.text.utf8 {
            bytes.append(isStart && byte &- 0x61 < 26 ? byte & 0xdf : byte)
            isStart = byte == UInt8(ascii: "-")
        }
        bytes.append(Octet.colon)
        bytes.append(Octet.space)
        bytes.append(contentsOf: field.value.text.utf8)
        bytes.append(Octet.carriageReturn)
        bytes.append(Octet.lineFeed)
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: text.utf8)
    }
}

/// IMF-fixdate, the form of Date (RFC 9110 section 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".
package enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `seconds` since the beginning of 1970, not before it.
    package static func text(secondsSince1970 seconds: Int) -> String {
        let day = seconds / 86_400
        let time = seconds % 86_400
        // Years begin in March here, so that the leap day is their last: 400 of them have 146,097 days.
        let shifted = day + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = (monthFromMarch + 2) % 12
        let year = yearOfEra + era * 400 + (month < 2 ? 1 : 0)
        return "\(days[day % 7]), \(two(dayOfMonth)) \(months[month]) \(year) "
            + "\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60)) GMT"
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
