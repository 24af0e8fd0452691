import JSONText

/// What went wrong, told to the client as a problem document (RFC 9457): a stable `type`, a short title, the
/// status, what happened this time, and – our own member – what to do next.
///
///     Problem(.conflict, title: "The name is taken", detail: "There is a site snasa.", next: "Choose another.")
package struct Problem: Error, Equatable, Sendable {
    /// A URI reference for the kind of problem, stable across versions; "about:blank" when the status says all.
    package var type: String
    package var status: Status
    package var title: String
    package var detail: String
    /// What the reader can do about it; empty when there is nothing.
    package var next: String
    /// Seconds after which a new attempt makes sense, sent as Retry-After.
    package var retryAfterSeconds: Int?
    /// Header fields that the status asks for, for instance Allow with 405.
    package var headers: Headers

    package init(
        _ status: Status, type: String = "about:blank", title: String, detail: String = "", next: String = "",
        retryAfterSeconds: Int? = nil, headers: Headers = [:]
    ) {
        self.type = type
        self.status = status
        self.title = title
        self.detail = detail
        self.next = next
        self.retryAfterSeconds = retryAfterSeconds
        self.headers = headers
    }

    /// The answer to a request whose body could not be had.
    package init(_ error: BodyError) {
        switch error {
        case .tooLarge:
            self.init(
                .contentTooLarge, title: "The body is too large", detail: "\(error).".capitalizedStart,
                next: "Send less in one request.")
        case .timeout:
            self.init(
                .requestTimeout, title: "The request took too long", detail: "\(error).".capitalizedStart,
                next: "Send the request again over a better line.")
        case .malformed, .cut:
            self.init(
                .badRequest, title: "The body is not well-formed", detail: "\(error).".capitalizedStart,
                next: "Send the request again.")
        }
    }

    /// The document in JSON, members in a fixed order, `detail` and `next` only where they say something.
    package var json: [UInt8] {
        var json = Array(#"{"type":"#.utf8)
        json += JSON.quoted(type)
        json += Array(#","title":"#.utf8)
        json += JSON.quoted(title)
        json += Array(#","status":\#(status.code)"#.utf8)
        for (name, text) in [("detail", detail), ("next", next)] where !text.isEmpty {
            json += Array(#","\#(name)":"#.utf8)
            json += JSON.quoted(text)
        }
        json.append(UInt8(ascii: "}"))
        return json
    }

    package var response: Response {
        var response = Response(status, headers: headers, body: Body(bytes: json))
        response.headers.set("content-type", "application/problem+json")
        // A problem is of this moment; nobody is to keep it (RFC 9111 section 5.2.2.5).
        response.headers.set("cache-control", "no-store")
        if let retryAfterSeconds { response.headers.set("retry-after", FieldValue(retryAfterSeconds)) }
        return response
    }
}

extension String {
    fileprivate var capitalizedStart: String { prefix(1).uppercased() + dropFirst() }
}
