import ConflictStore
import HTTP
import JSONText
import Explaining
import Replication
import TableModel

/// A hub or a node, asked to read its database.
package protocol ReadingService: Sendable {
    /// Runs a reading with the store, where the store may be used; a hub records what is shown before it is.
    func reading(
        _ request: Request, _ body: @Sendable (any ReadableStore) throws(Problem) -> Reading
    ) async throws(Problem) -> Response
}

/// The reading routes that a hub and a node have in common.
package enum ReadRoutes {
    package static let rowFields = [
        MemberDescription("table", "text", .required),
        MemberDescription("key", "array of values", .required),
    ]

    /// The rows of the table, for a hub or a node.
    package static func table<Service: ReadingService>() -> [ServedRoute<Service>] {
        conflicts() + withheld() + [
            ServedRoute(.get, "/v1/policy", for: .overview) {
                service, request, _ throws(Problem) in
                try await service.reading(request) { store throws(Problem) in
                    let views = try answering { () throws(StoreError) in try store.policyViews() }
                    return Reading(try .json(.array(views.map(\.json))))
                }
            },
            ServedRoute(.get, "/v1/record", for: .rows, audit: [.recordsRead]) {
                service, request, _ throws(Problem) in
                try await service.reading(request) { store throws(Problem) in
                    let merged = try answering { () throws(StoreError) in try store.mergedRecords() }
                    let shown = merged.flatMap { record in
                        [record.merge.key, record.merge.into].map {
                            ShownRow(table: record.merge.table, key: $0, sites: [])
                        }
                    }
                    return Reading(try .json(.array(merged.map(\.json))), shows: ShownRows(.recordsRead, shown))
                }
            },
            ServedRoute(
                .get, "/v1/log", for: .rows,
                asks: .query([MemberDescription("limit", "number")])
            ) { service, request, _ throws(Problem) in
                let limit = request.target.query("limit").flatMap { Int($0) } ?? 20
                return try await service.reading(request) { store throws(Problem) in
                    let views = try answering { () throws(StoreError) in
                        try store.logViews(limit: min(max(limit, 1), 10_000))
                    }
                    return Reading(try .json(.array(views.map(\.json))))
                }
            },
            ServedRoute(
                .post, "/v1/history", for: .rows, audit: [.historyRead], asks: .json(rowFields), problems: [.notFound]
            ) { service, request, _ throws(Problem) in
                let row = try row(try await request.json())
                return try await service.reading(request) { store throws(Problem) in
                    let views = try answering { () throws(StoreError) in
                        try store.history(table: row.table, key: row.key)
                    }
                    let shown = ShownRow(table: row.table, key: row.key, sites: views.map(\.site))
                    return Reading(try .json(.array(views.map(\.json))), shows: ShownRows(.historyRead, [shown]))
                }
            },
            ServedRoute(
                .post, "/v1/explain", for: .rows, audit: [.explanationRead], asks: .json(rowFields),
                problems: [.notFound]
            ) { service, request, _ throws(Problem) in
                let row = try row(try await request.json())
                return try await service.reading(request) { store throws(Problem) in
                    let story = try answering { () throws(StoreError) in
                        try store.explain(table: row.table, key: row.key)
                    }
                    return Reading(try .json(story.json), shows: ShownRows(.explanationRead, [story.shown]))
                }
            },
        ]
    }

    private static func conflicts<Service: ReadingService>() -> [ServedRoute<Service>] {
        [
            ServedRoute(
                .get, "/v1/conflict", for: .rows, audit: [.conflictsRead],
                asks: .query([
                    MemberDescription("all", "`true`"),
                    MemberDescription("table", "text"),
                    MemberDescription("site", "text"),
                    MemberDescription("kind", "text"),
                    MemberDescription("column", "text"),
                ]), problems: [.misused]
            ) { service, request, _ throws(Problem) in
                let filter = try filter(request)
                return try await service.reading(request) { store throws(Problem) in
                    let views = try answering { () throws(StoreError) in try store.conflictViews(filter) }
                    return Reading(
                        try .json(.array(views.map(\.json))), shows: ShownRows(.conflictsRead, views.map(\.shown)))
                }
            },
            ServedRoute(
                .get, "/v1/conflict/count", for: .supervision,
                answers: .json([
                    MemberDescription("open", "integer", .required),
                    MemberDescription("settled", "integer", .required),
                ])
            ) { service, request, _ throws(Problem) in
                try await service.reading(request) { store throws(Problem) in
                    let counts = try answering { () throws(StoreError) in try store.conflictCounts() }
                    return Reading(
                        try .json([
                            "open": .integer(Int64(counts.open)), "settled": .integer(Int64(counts.settled)),
                        ]))
                }
            },
            ServedRoute(
                .get, "/v1/conflict/report", for: .supervision,
                asks: .query([MemberDescription("since", "number")])
            ) { service, request, _ throws(Problem) in
                let text = request.target.query("since") ?? "0"
                guard let seconds = UInt64(text), seconds < 1 << 40 else {
                    throw Problem(
                        .badRequest, title: "The time is no time", detail: "since takes seconds since 1970.", next: "")
                }
                return try await service.reading(request) { store throws(Problem) in
                    let report = try answering { () throws(StoreError) in
                        try store.decisionReport(sinceMs: seconds * 1000)
                    }
                    return Reading(try .json(report.json))
                }
            },
            ServedRoute(
                .get, "/v1/conflict/{id}", for: .rows, audit: [.conflictRead],
                asks: .query([MemberDescription("tried", "`false`")]), problems: [.notFound]
            ) { service, request, parameters throws(Problem) in
                let id = parameters["id"]
                let trying = request.target.query("tried") != "false"
                return try await service.reading(request) { store throws(Problem) in
                    let found = try answering { () throws(StoreError) -> ConflictDetail? in
                        guard let number = UInt64(id) else { return nil }
                        return try store.conflictDetail(number, trying: trying)
                    }
                    guard let detail = found else {
                        throw notFound("conflict", next: "See: samband conflict list --all.")
                    }
                    let details = JSON.Object([("conflict", .integer(Int64(detail.view.record.id)))])
                    return Reading(
                        try .json(detail.json), shows: ShownRows(.conflictRead, detail.shown, details: details))
                }
            },
        ]
    }

    private static func withheld<Service: ReadingService>() -> [ServedRoute<Service>] {
        [
            ServedRoute(
                .get, "/v1/withheld", for: .rows, audit: [.withheldRowsRead],
                asks: .query([MemberDescription("all", "`true`")])
            ) { service, request, _ throws(Problem) in
                let all = request.target.query("all") == "true"
                return try await service.reading(request) { store throws(Problem) in
                    let views = try answering { () throws(StoreError) in
                        try store.withheldViews(includeSettled: all)
                    }
                    return Reading(
                        try .json(.array(views.map(\.json))), shows: ShownRows(.withheldRowsRead, views.map(\.shown)))
                }
            },
            ServedRoute(
                .get, "/v1/withheld/{id}", for: .rows, audit: [.withheldRowsRead], problems: [.notFound]
            ) { service, request, parameters throws(Problem) in
                let id = parameters["id"]
                return try await service.reading(request) { store throws(Problem) in
                    let found = try answering { () throws(StoreError) -> WithheldDetail? in
                        guard let number = UInt64(id) else { return nil }
                        return try store.withheldDetail(number)
                    }
                    guard let detail = found else {
                        throw notFound("withheld row", next: "See: samband withheld list.")
                    }
                    let details = JSON.Object([("withheld", .integer(Int64(detail.view.record.id)))])
                    return Reading(
                        try .json(detail.json), shows: ShownRows(.withheldRowsRead, detail.shown, details: details))
                }
            },
        ]
    }

    private static func notFound(_ what: String, next: String) -> Problem {
        Problem(
            type: .notFound, title: "There is no such \(what)", detail: "No \(what) has this number.", next: next)
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
            throw .incomplete("It names a table and, in \(name), a key.", next: "")
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
