import ConflictStore
import HTTP
import JSONText
import Reading
import Replication
import TableModel

/// The reading routes that a hub and a node have in common.
package enum ReadRoutes {
    /// Runs a reading with the store, where the store may be used; a hub records what is shown before it is.
    package typealias Reader =
        @Sendable (Request, @Sendable (any ReadableStore) throws(Problem) -> Reading) async throws(Problem) -> Response

    /// Adds the routes that only read and that hub and node have in common.
    package static func add(to router: inout Router, _ reading: @escaping Reader) {
        addConflicts(to: &router, reading)
        addPolicies(to: &router, reading)
        router.on(.get, "/v1/log") { request, _ throws(Problem) in
            let limit = request.target.query("limit").flatMap { Int($0) } ?? 20
            return try await reading(request) { store throws(Problem) in
                let views = try answering { () throws(StoreError) in
                    try store.logViews(limit: min(max(limit, 1), 10_000))
                }
                return Reading(try .json(.array(views.map(\.json))))
            }
        }
        router.on(.post, "/v1/history") { request, _ throws(Problem) in
            let body = try await request.json()
            let row = try row(body)
            return try await reading(request) { store throws(Problem) in
                let views = try answering { () throws(StoreError) in
                    try store.history(table: row.table, key: row.key)
                }
                let shown = ShownRow(table: row.table, key: row.key, sites: views.map(\.site))
                return Reading(try .json(.array(views.map(\.json))), shows: ShownRows(.historyRead, [shown]))
            }
        }
        router.on(.post, "/v1/explain") { request, _ throws(Problem) in
            let row = try row(try await request.json())
            return try await reading(request) { store throws(Problem) in
                let story = try answering { () throws(StoreError) in
                    try store.explain(table: row.table, key: row.key)
                }
                return Reading(try .json(story.json), shows: ShownRows(.explanationRead, [story.shown]))
            }
        }
    }

    private static func addPolicies(to router: inout Router, _ reading: @escaping Reader) {
        router.on(.get, "/v1/policy") { request, _ throws(Problem) in
            try await reading(request) { store throws(Problem) in
                let views = try answering { () throws(StoreError) in try store.policyViews() }
                return Reading(try .json(.array(views.map(\.json))))
            }
        }
    }

    private static func addConflicts(to router: inout Router, _ reading: @escaping Reader) {
        router.on(.get, "/v1/conflict") { request, _ throws(Problem) in
            let filter = try filter(request)
            return try await reading(request) { store throws(Problem) in
                let views = try answering { () throws(StoreError) in try store.conflictViews(filter) }
                return Reading(
                    try .json(.array(views.map(\.json))), shows: ShownRows(.conflictsRead, views.map(\.shown)))
            }
        }
        router.on(.get, "/v1/conflict/count") { request, _ throws(Problem) in
            try await reading(request) { store throws(Problem) in
                let counts = try answering { () throws(StoreError) in try store.conflictCounts() }
                return Reading(
                    try .json([
                        "open": .integer(Int64(counts.open)), "settled": .integer(Int64(counts.settled)),
                    ]))
            }
        }
        router.on(.get, "/v1/conflict/report") { request, _ throws(Problem) in
            let text = request.target.query("since") ?? "0"
            guard let seconds = UInt64(text), seconds < 1 << 40 else {
                throw Problem(
                    .badRequest, title: "The time is no time", detail: "since takes seconds since 1970.", next: "")
            }
            return try await reading(request) { store throws(Problem) in
                let report = try answering { () throws(StoreError) in
                    try store.decisionReport(sinceMs: seconds * 1000)
                }
                return Reading(try .json(report.json))
            }
        }
        router.on(.get, "/v1/conflict/{id}") { request, parameters throws(Problem) in
            let id = parameters["id"]
            return try await reading(request) { store throws(Problem) in
                let found = try answering { () throws(StoreError) -> ConflictDetail? in
                    guard let number = UInt64(id) else { return nil }
                    return try store.conflictDetail(number)
                }
                guard let detail = found else {
                    throw notFound("conflict", next: "See: samband conflict list --all.")
                }
                return Reading(
                    try .json(detail.json),
                    shows: ShownRows(
                        .conflictRead, detail.shown,
                        details: JSON.Object([("conflict", .integer(Int64(detail.view.record.id)))])))
            }
        }
        router.on(.get, "/v1/withheld") { request, _ throws(Problem) in
            try await reading(request) { store throws(Problem) in
                let views = try answering { () throws(StoreError) in try store.withheldViews() }
                return Reading(
                    try .json(.array(views.map(\.json))), shows: ShownRows(.withheldRowsRead, views.map(\.shown)))
            }
        }
        router.on(.get, "/v1/withheld/{id}") { request, parameters throws(Problem) in
            let id = parameters["id"]
            return try await reading(request) { store throws(Problem) in
                let found = try answering { () throws(StoreError) -> WithheldDetail? in
                    guard let number = UInt64(id) else { return nil }
                    return try store.withheldDetail(number)
                }
                guard let detail = found else {
                    throw notFound("withheld row", next: "See: samband withheld list.")
                }
                return Reading(
                    try .json(detail.json),
                    shows: ShownRows(
                        .withheldRowsRead, detail.shown,
                        details: JSON.Object([("withheld", .integer(Int64(detail.view.record.id)))])))
            }
        }
    }

    private static func notFound(_ what: String, next: String) -> Problem {
        Problem(
            .notFound, type: "https://samband.invalid/problem/not-found", title: "There is no such \(what)",
            detail: "No \(what) has this number.", next: next)
    }

    /// `all`, `table`, `site`, `kind` and `column` of a request's query.
    private static func filter(_ request: Request) throws(Problem) -> ConflictFilter {
        let kind = request.target.query("kind")
        let known = kind.flatMap { ConflictKind(rawValue: $0) }
        if kind != nil, known == nil {
            throw Problem(
                .badRequest, title: "There is no such kind of conflict", detail: "kind names no kind of conflict.",
                next: "Use one of \(ConflictKind.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return ConflictFilter(
            table: request.target.query("table"), site: request.target.query("site"), kind: known,
            column: request.target.query("column"), includesSettled: request.target.query("all") == "true")
    }

    /// The table and the key that a request is about: `{"table":…, "key":[…]}`.
    package static func row(_ body: JSON, key name: String = "key") throws(Problem) -> (table: String, key: [Value]) {
        guard let table = body["table"]?.string, let key = body[name]?.array else {
            throw Problem(
                .badRequest, title: "The request is not complete", detail: "It names a table and, in \(name), a key.",
                next: "")
        }
        let values = key.compactMap { Value(json: $0) }
        guard values.count == key.count else {
            throw Problem(
                .badRequest, title: "The key is no SQLite value", detail: "A part of the key has no SQLite form.",
                next: "Give numbers, strings or {\"blob\":\"…\"}.")
        }
        return (table, values)
    }
}
