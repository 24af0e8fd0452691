import Auditing
import HTTP
import JSONText

/// One route of a hub or a node, with all that is to be known of it. The router, who is let in, the limit of the body and
/// the page of routes (Protocol/Routes.md) come from a table of these.
///
/// To add one: a row in `HubService.routes` with its action; the pattern in `NodeService.routes`, when a node refuses or
/// answers it too; a `Shape` for what it asks or answers; then `SAMBAND_REWRITE=1 swift test --filter RoutePageTests`
/// writes its rows on the page, and the last column of each wants words.
package struct ServedRoute<Service: Sendable>: Sendable {
    package typealias Action = @Sendable (Service, Request, PathParameters) async throws(Problem) -> Response

    package enum Effect: Sendable {
        case reads, writes
    }

    /// What the hub makes sure of before the action runs.
    package enum Precondition: Sendable {
        /// The request names the hub whose order the node follows, in `samband-hub`.
        case namesHub
        /// The hub does not gather what its sites know after a restoration.
        case isServing

        fileprivate var problem: ProblemType { self == .namesHub ? .anotherHub : .recovering }
    }

    package let route: Route
    package let access: Access
    package let effect: Effect
    package let preconditions: [Precondition]
    /// What it may record in the audit.
    package let audit: [AuditEvent]
    package let asks: RequestForm
    package let answers: AnswerForm
    /// What it answers beside what every route of its kind may.
    package let problems: [ProblemType]
    package let action: Action

    package init(
        _ method: Method, _ pattern: String, for access: Access, _ effect: Effect = .reads,
        after preconditions: [Precondition] = [], audit: [AuditEvent] = [], asks: RequestForm = .nothing,
        answers: AnswerForm = .described, problems: [ProblemType] = [], action: @escaping Action
    ) {
        route = Route(method, pattern)
        self.access = access
        self.effect = effect
        self.preconditions = preconditions
        self.audit = audit
        self.asks = asks
        self.answers = answers
        self.problems = preconditions.map(\.problem) + problems
        self.action = action
    }
}

/// What a request holds beside its head.
package enum RequestForm: Sendable {
    case nothing
    case query([MemberDescription])
    /// A JSON object of so many bytes at most.
    case json([MemberDescription], limit: Int = Request.usualBodyLimit)
    /// The same, with the digest of its bytes in `content-digest`.
    case provenJSON([MemberDescription], limit: Int)
    /// Frames (Protocol/Bytes.md#frame).
    case frames

    package var bodyLimit: Int {
        switch self {
        case .json(_, let limit), .provenJSON(_, let limit): limit
        case .nothing, .query, .frames: Request.usualBodyLimit
        }
    }
}

/// What an answer with status 200 holds.
package enum AnswerForm: Sendable {
    /// A JSON object.
    case json([MemberDescription])
    /// The same, with the digest of its bytes in `content-digest`.
    case provenJSON([MemberDescription])
    /// Something else, which the page of routes describes.
    case described
}

extension Router {
    /// Registers the routes of a table; their actions get the service.
    package mutating func add<Service>(_ routes: [ServedRoute<Service>], of service: Service) {
        for served in routes {
            on(served.route.method, served.route.pattern) { request, parameters throws(Problem) in
                var request = request
                request.bodyLimit = served.asks.bodyLimit
                return try await served.action(service, request, parameters)
            }
        }
    }
}
