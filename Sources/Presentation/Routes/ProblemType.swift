import HTTP

/// The kinds of problems that have a name of their own: what a program can tell them apart by. Those without have the
/// type about:blank, and their status says all.
package enum ProblemType: String, CaseIterable, Sendable {
    case damaged, cut
    case unauthorized, unconfirmed
    case forbidden
    case joinRefused = "join-refused"
    case sitePaused = "site-paused"
    case siteRetired = "site-retired"
    case notFound = "not-found"
    case missing, changed, replaced
    case anotherHub = "another-hub"
    case refused, misused
    case hubRefused = "hub-refused"
    case bug, diverged
    case busy, io, clock, recovering
    case hubUnreachable = "hub-unreachable"

    package var url: String { "https://samband.invalid/problem/\(rawValue)" }

    /// The status that it comes with, unless another is given.
    package var status: Status {
        switch self {
        case .damaged, .cut: .badRequest
        case .unauthorized, .unconfirmed: .unauthorized
        case .forbidden, .joinRefused, .sitePaused, .siteRetired: .forbidden
        case .notFound: .notFound
        case .missing, .changed, .replaced, .anotherHub: .conflict
        case .refused, .misused, .hubRefused: .unprocessableContent
        case .bug, .diverged: .internalServerError
        case .busy, .io, .clock, .recovering, .hubUnreachable: .serviceUnavailable
        }
    }
}

extension Problem {
    package init(
        type: ProblemType, status: Status? = nil, title: String, detail: String = "", next: String = "",
        retryAfterSeconds: Int? = nil, headers: Headers = [:]
    ) {
        self.init(
            status ?? type.status, type: type.url, title: title, detail: detail, next: next,
            retryAfterSeconds: retryAfterSeconds, headers: headers)
    }

    /// A body that lacks what its route needs.
    package static func incomplete(_ detail: String, next: String = "Use this version's node.") -> Problem {
        Problem(.badRequest, title: "The request is not complete", detail: detail, next: next)
    }
}
