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
    case refused
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
        case .refused, .hubRefused: .unprocessableContent
        case .bug, .diverged: .internalServerError
        case .busy, .io, .clock, .recovering, .hubUnreachable: .serviceUnavailable
        }
    }

    /// For the page of routes.
    package var meaning: String {
        switch self {
        case .damaged: "bytes do not fit their digest or checksum, or are no frames: send them again"
        case .cut: "the body ended early; what came whole is kept: greet, then go on"
        case .unauthorized: "no credential, or one that opens nothing"
        case .unconfirmed:
            "a restored hub does not know the secret: an operator confirms it, the node greets until then"
        case .forbidden: "the credential is good, and not for this"
        case .joinRefused: "the join token is unknown, used or too old"
        case .sitePaused: "the site is paused: ask again later"
        case .siteRetired: "the site is retired: only what it wrote is still taken, and kept apart"
        case .notFound: "there is no such thing"
        case .missing: "something that has to come before is not here: greet, then go on from what the hub has"
        case .changed: "what was asked about has changed since"
        case .replaced: "a newer request of the same replica has taken the place of this one"
        case .anotherHub: "the request names another hub, or the node has not greeted: greet"
        case .refused: "it cannot be done, and will not be the next time either"
        case .hubRefused: "the hub has refused what the node asked for"
        case .bug: "a mistake of Samband"
        case .diverged: "this database differs from the hub's"
        case .busy: "somebody else is at work, or too many requests: wait as long as `retry-after` says"
        case .io: "the disk is full or failed"
        case .clock: "the clock of the machine cannot be right"
        case .recovering: "the hub was restored and gives nothing out yet"
        case .hubUnreachable: "the node did not reach its hub"
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
