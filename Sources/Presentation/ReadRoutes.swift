import HTTP
import JSONText
import ReplicaStore
import Replication

/// The reading routes that a hub and a node have in common.
package enum ReadRoutes {
    /// Runs a reading with the store, where the store may be used.
    package typealias Reading =
        @Sendable (@Sendable (any ReadableStore) throws(Problem) -> Response) async throws(Problem) -> Response

    /// Adds the routes that only read and that hub and node have in common.
    package static func add(to router: inout Router, _ reading: @escaping Reading) {
        router.on(.get, "/v1/conflict") { request, _ throws(Problem) in
            let all = request.target.query("all") == "true"
            return try await reading { store throws(Problem) in
                let views = try answering { () throws(StoreError) in try store.conflictViews(includeSettled: all) }
                return try .json(.array(views.map(\.json)))
            }
        }
        router.on(.get, "/v1/conflict/{id}") { _, parameters throws(Problem) in
            let id = parameters["id"]
            return try await reading { store throws(Problem) in try conflict(id, store) }
        }
        router.on(.get, "/v1/withheld") { _, _ throws(Problem) in
            try await reading { store throws(Problem) in
                let views = try answering { () throws(StoreError) in try store.withheldViews() }
                return try .json(.array(views.map(\.json)))
            }
        }
        router.on(.get, "/v1/log") { request, _ throws(Problem) in
            let limit = request.target.query("limit").flatMap { Int($0) } ?? 20
            return try await reading { store throws(Problem) in
                let views = try answering { () throws(StoreError) in
                    try store.logViews(limit: min(max(limit, 1), 10_000))
                }
                return try .json(.array(views.map(\.json)))
            }
        }
        router.on(.post, "/v1/history") { request, _ throws(Problem) in
            let body = try await request.json()
            return try await reading { store throws(Problem) in try history(body, store) }
        }
    }

    private static func conflict(_ id: String, _ store: any ReadableStore) throws(Problem) -> Response {
        let found = try answering { () throws(StoreError) -> ConflictView? in
            guard let number = UInt64(id) else { return nil }
            return try store.conflictView(number)
        }
        guard let view = found else {
            throw Problem(
                .notFound, type: "https://samband.invalid/problem/not-found", title: "There is no such conflict",
                detail: "No conflict has this number.", next: "See: samband conflict list --all.")
        }
        let withheld = try answering { () throws(StoreError) in
            try store.withheldViews().filter { $0.record.conflict == view.record.id }
        }
        return try .json([
            "conflict": view.json, "changed": .integer(Int64(view.record.life.changed)), "row": view.rowJSON,
            "withheld": .array(withheld.map(\.json)),
        ])
    }

    private static func history(_ body: JSON, _ store: any ReadableStore) throws(Problem) -> Response {
        guard let table = body["table"]?.string, let key = body["key"]?.array else {
            throw Problem(
                .badRequest, title: "The request is not complete", detail: "A history names a table and a key.",
                next: "")
        }
        let values = key.compactMap { Value(json: $0) }
        guard values.count == key.count else {
            throw Problem(
                .badRequest, title: "The key is no SQLite value", detail: "A part of the key has no SQLite form.",
                next: "Give numbers, strings or {\"blob\":\"…\"}.")
        }
        let views = try answering { () throws(StoreError) in try store.history(table: table, key: values) }
        return try .json(.array(views.map(\.json)))
    }
}
