/// Sends a request to the action that is registered for its method and path. A path that fits no pattern is
/// answered 404; one that fits, under other methods only, 405 with Allow (RFC 9110 section 15.5.6).
///
///     var router = Router()
///     router.on(.get, "/v1/sites/{name}") { request, parameters in
///         Response(.ok, "text/plain", parameters["name"])
///     }
///
/// A `{name}` fits exactly one segment, and not an empty one. A written-out segment goes before a parameter. HEAD
/// goes to the action for GET unless it has one of its own; the server leaves the body out.
package struct Router: Handler {
    /// Answers a request, or throws the problem to answer with.
    package typealias Action = @Sendable (Request, PathParameters) async throws(Problem) -> Response

    private enum Segment: Equatable {
        case literal(String)
        case parameter(String)
    }

    private struct Pattern: Sendable {
        let text: String
        let segments: [Segment]
        var actions: [(method: Method, action: Action)]
    }

    private var patterns: [Pattern] = []

    /// Asked before every action, when there is one: gives the request that the action is to see, with the user that it
    /// has found out, or throws the problem to answer with.
    package var admission: (@Sendable (Request, Route) async throws(Problem) -> Request)?

    package init() {}

    /// What has been registered, in no particular order.
    package var routes: [Route] {
        patterns.flatMap { pattern in pattern.actions.map { Route($0.method, pattern.text) } }
    }

    /// Registers an action. A pattern that does not begin with "/", and a second action for the same method and
    /// pattern, are bugs and trap.
    package mutating func on(_ method: Method, _ pattern: String, _ action: @escaping Action) {
        let segments = Router.segments(pattern)
        if let index = patterns.firstIndex(where: { $0.segments == segments }) {
            precondition(
                !patterns[index].actions.contains { $0.method == method }, "\(method) \(pattern) twice")
            patterns[index].actions.append((method, action))
        } else {
            patterns.append(Pattern(text: pattern, segments: segments, actions: [(method, action)]))
            // Written-out segments first, so that the first pattern that fits is the most particular one.
            patterns.sort { Router.rank($0.segments) < Router.rank($1.segments) }
        }
    }

    /// Finds the route and lets it answer; a path or a method that is not there is a problem document.
    package func respond(to request: Request) async -> Response {
        var allowed: Set<Method> = []
        for pattern in patterns {
            guard let parameters = Router.match(pattern.segments, request.path) else { continue }
            let wanted = pattern.actions.first { $0.method == request.method }
            let instead = request.method == .head ? pattern.actions.first { $0.method == .get } : nil
            if let found = wanted ?? instead, request.target != .asterisk {
                do {
                    let route = Route(found.method, pattern.text)
                    let admitted = try await admission?(request, route) ?? request
                    return try await found.action(admitted, PathParameters(values: parameters))
                } catch {
                    return error.response
                }
            }
            allowed.formUnion(pattern.actions.map(\.method))
        }
        // RFC 9110 section 9.3.7: OPTIONS * asks about the server as a whole.
        if request.target == .asterisk { return Response(.noContent) }
        return (allowed.isEmpty ? Router.notFound(request) : Router.notAllowed(request, allowed)).response
    }

    private static func segments(_ pattern: String) -> [Segment] {
        precondition(pattern.hasPrefix("/"), "the pattern \(pattern) does not begin with /")
        if pattern == "/" { return [] }
        return pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { part in
            part.hasPrefix("{") && part.hasSuffix("}")
                ? .parameter(String(part.dropFirst().dropLast())) : .literal(String(part))
        }
    }

    private static func rank(_ segments: [Segment]) -> String {
        String(segments.map { if case .literal = $0 { "0" } else { "1" } })
    }

    private static func match(_ segments: [Segment], _ path: [String]) -> [(name: String, value: String)]? {
        guard segments.count == path.count else { return nil }
        var values: [(name: String, value: String)] = []
        for (segment, text) in zip(segments, path) {
            switch segment {
            case .literal(let literal): if literal != text { return nil }
            case .parameter(let name):
                if text.isEmpty { return nil }
                values.append((name, text))
            }
        }
        return values
    }

    private static func notFound(_ request: Request) -> Problem {
        Problem(
            .notFound, title: "There is nothing at this path", detail: "No resource is at \(request.target).",
            next: "Check the path; the interface is described in Protocol/HTTP.")
    }

    private static func notAllowed(_ request: Request, _ allowed: Set<Method>) -> Problem {
        var methods = allowed
        if methods.contains(.get) { methods.insert(.head) }
        let list = methods.map(\.rawValue).sorted().joined(separator: ", ")
        return Problem(
            .methodNotAllowed, title: "The method does not fit this path",
            detail: "\(request.method.rawValue) is not possible here.", next: "Use one of: \(list).",
            headers: ["allow": FieldValue(list) ?? "GET"])
    }
}

/// What an action is registered for: `GET /v1/conflict/{id}`.
package struct Route: Hashable, Sendable, CustomStringConvertible {
    package let method: Method
    package let pattern: String

    package init(_ method: Method, _ pattern: String) {
        self.method = method
        self.pattern = pattern
    }

    package var description: String { "\(method.rawValue) \(pattern)" }
}

/// The values of the `{name}` segments of a pattern, decoded and not empty.
package struct PathParameters: Sendable {
    let values: [(name: String, value: String)]

    /// The value under a name. A name that the pattern does not have is a bug and traps.
    package subscript(name: String) -> String {
        guard let found = values.first(where: { $0.name == name }) else {
            preconditionFailure("the pattern has no parameter \(name), only \(values.map(\.name))")
        }
        return found.value
    }
}
