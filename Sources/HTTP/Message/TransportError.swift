/// Why a request got no whole response: what was being done, where, why not, and what to do next.
package struct TransportError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What happened, as far as the caller has to tell cases apart.
    package enum Cause: Equatable, Sendable {
        /// Nothing listens there.
        case refused
        /// The name has no address.
        case nameNotFound
        /// No way to that address; the text is the system's.
        case unreachable(String)
        /// The peer broke off the connection.
        case reset
        /// The peer closed before a response began.
        case closedBeforeResponse
        /// The peer closed within the response's body, after this many bytes of it.
        case closedMidBody(received: Int)
        /// A step took longer than it may.
        case timeout(Step, afterMs: Int)
        /// The peer's certificate does not prove that it is who it should be: nothing was sent to it.
        case untrusted(Distrust)
        /// The response breaks a rule of HTTP; the text names it.
        case badResponse(String)
        /// The request's own body could not be produced; the text says why.
        case requestBody(String)
        /// The address is of a kind that this transport does not speak, https for instance.
        case unsupported(String)
        /// The system refused (no descriptors, no memory); the text is the system's.
        case system(String)
        /// The transport was shut down.
        case shutDown
    }

    /// What is wrong with a certificate.
    package enum Distrust: Hashable, Sendable {
        case expired
        /// It will hold later; or the clock of this machine is behind.
        case notYetValid
        /// It was made for another name.
        case wrongName
        /// Nobody whom this machine trusts has signed it.
        case unknownAuthority
        /// The text is that of the library.
        case other(String)

        /// In words, behind "the certificate of the server".
        package var why: String {
            switch self {
            case .expired: "has expired"
            case .notYetValid: "is not valid yet"
            case .wrongName: "was made for another name than that of this address"
            case .unknownAuthority: "is signed by nobody whom this machine trusts"
            case .other(let text): "is not accepted (\(text))"
            }
        }

        /// What to do, within a sentence.
        package var advice: String {
            switch self {
            case .expired, .notYetValid:
                "check the clock of this machine; if it is right, the server needs a new certificate"
            case .wrongName: "use the name that the certificate was made for, or see who answers at this address"
            case .unknownAuthority:
                "see who answers at this address; an authority of one's own is made known to the system: "
                    + "update-ca-certificates"
            case .other: "see who answers at this address, and the server's certificate"
            }
        }
    }

    /// What a deadline was set on.
    package enum Step: String, Equatable, Sendable {
        case resolve = "looking up the name"
        case connect = "connecting"
        case send = "sending the request"
        case firstByte = "waiting for the response"
        case inactivity = "waiting for more of the response"
    }

    package let cause: Cause
    /// The request, for instance "POST /v1/push".
    package let doing: String
    /// The peer, for instance "http://hub.example:7420".
    package let place: String

    package init(_ cause: Cause, doing: String, place: String) {
        self.cause = cause
        self.doing = doing
        self.place = place
    }

    /// True when the same request may succeed later without anybody changing anything.
    package var mayPass: Bool {
        switch cause {
        case .refused, .unreachable, .reset, .closedBeforeResponse, .closedMidBody, .timeout, .system: true
        case .nameNotFound: true
        case .badResponse, .requestBody, .unsupported, .untrusted, .shutDown: false
        }
    }

    package var description: String { "\(doing) at \(place) failed: \(why). \(next)" }

    /// The cause in words, without a stop at the end.
    package var why: String {
        switch cause {
        case .refused: "the connection was refused, nothing listens there"
        case .nameNotFound: "the name has no address"
        case .unreachable(let text): "the address cannot be reached (\(text))"
        case .reset: "the peer broke off the connection"
        case .closedBeforeResponse: "the peer closed the connection before it answered"
        case .closedMidBody(let received):
            "the peer closed the connection after \(received) bytes of the answer"
        case .timeout(let step, let afterMs): "\(step.rawValue) took longer than \(afterMs) ms"
        case .untrusted(let distrust): "the certificate of the server \(distrust.why)"
        case .badResponse(let rule): "the answer is not well-formed HTTP: \(rule)"
        case .requestBody(let text): "the content to send could not be read: \(text)"
        case .unsupported(let text): text
        case .system(let text): "the system refused: \(text)"
        case .shutDown: "this client has been shut down"
        }
    }

    /// What to do about it, in a sentence.
    package var next: String {
        switch cause {
        case .refused: "Check that the server runs and that address and port are right."
        case .nameNotFound: "Check the spelling of the name and the resolver of this machine."
        case .unreachable: "Check the network of this machine and the address."
        case .reset, .closedBeforeResponse, .closedMidBody: "It may pass: try again."
        case .timeout: "Check that the peer is up and the network is not overloaded, then try again."
        case .untrusted(let distrust): distrust.advice.prefix(1).uppercased() + distrust.advice.dropFirst() + "."
        case .badResponse: "Check that a Samband server, and no other program, answers there."
        case .requestBody: "Mend the source of the content and send again."
        case .unsupported: "Use an address that begins with https://, http:// or unix:."
        case .system: "Look at the limits of this process (open files, memory), then try again."
        case .shutDown: "Make a new client."
        }
    }
}
