import Auditing
import HTTP
import HubDatabase
import JSONText
import Presentation
import Explaining
import RecordViews
import Replication
import TableModel

/// Who decides, why, and whether only to try it.
private struct Signature {
    let by: String
    let reason: String?
    let changed: UInt64?
    let dryRun: Bool

    init(_ request: Request, _ body: JSON) {
        let asked = Message<DecisionSignature>(json: body) ?? Message { _ in }
        by = request.person(asked.by)
        reason = asked.reason
        changed = asked.changed.map { UInt64(clamping: $0) }
        dryRun = asked.dryRun ?? false
    }
}

extension HubService {
    /// Settles a conflict, or tries it and answers with the conflict as it is.
    func resolve(_ id: String, _ request: Request) async throws(Problem) -> Response {
        let body = try await request.json()
        let number = try conflictNumber(id)
        let choice = try choice(body)
        let signature = Signature(request, body)
        let view = try answering { () throws(StoreError) -> ConflictView? in
            let entry = try entry(
                request, signature.dryRun ? .conflictRead : .conflictResolved, number, how: choice.word.rawValue,
                signature)
            _ = try store.resolve(
                number, choice, changed: signature.changed, by: signature.by, reason: signature.reason, nowMs: now(),
                dryRun: signature.dryRun, audit: entry)
            return try store.conflictView(number)
        }
        if !signature.dryRun { orderGrew() }
        return try .json(view?.json ?? .null)
    }

    /// Opens a conflict again.
    func undo(_ id: String, _ request: Request) async throws(Problem) -> Response {
        let body = try await request.json()
        let number = try conflictNumber(id)
        let signature = Signature(request, body)
        let view = try answering { () throws(StoreError) -> ConflictView? in
            let entry = try entry(
                request, signature.dryRun ? .conflictRead : .conflictUndone, number, how: DecidedHow.undo, signature)
            _ = try store.undo(
                number, changed: signature.changed, by: signature.by, reason: signature.reason, nowMs: now(),
                dryRun: signature.dryRun, audit: entry)
            return try store.conflictView(number)
        }
        if !signature.dryRun { orderGrew() }
        return try .json(view?.json ?? .null)
    }

    /// Merges one record into another, or tries it.
    func mergeRecords(_ request: Request) async throws(Problem) -> Response {
        let body = try await request.json()
        let gone = try ReadRoutes.row(body)
        let into = try ReadRoutes.row(body, key: "into")
        let signature = Signature(request, body)
        let (rows, merge) = try answering { () throws(StoreError) -> ([RowView], RecordMergeResult) in
            let rows = [
                try store.rowToJoin(table: gone.table, key: gone.key),
                try store.rowView(table: into.table, key: into.key),
            ]
            let entry = try entry(
                request, signature.dryRun ? .recordsRead : .recordsMerged,
                JSON.Object([("by", .string(signature.by))]),
                [(gone.table, gone.key), (into.table, into.key)].compactMap {
                    store.auditedRow(table: $0.0, key: $0.1)
                })
            let merge = try store.mergeRecords(
                table: gone.table, key: gone.key, into: into.key, by: signature.by, reason: signature.reason,
                nowMs: now(), dryRun: signature.dryRun, audit: entry)
            return (rows, merge)
        }
        if !signature.dryRun { orderGrew() }
        return try .json(merge.json(rows[0], into: rows[1]))
    }

    /// Takes two merged records apart, or tries it.
    func unmergeRecords(_ request: Request) async throws(Problem) -> Response {
        let body = try await request.json()
        guard let id = body["id"]?.integer, id >= 0 else {
            throw .incomplete("Joins of rows have numbers.", next: "Give the number that record merge printed.")
        }
        let signature = Signature(request, body)
        let (merge, rows) = try answering { () throws(StoreError) -> (RecordMergeResult, [RowView]) in
            let joined = try store.rowsOfJoin(UInt64(id))
            let entry = try entry(
                request, signature.dryRun ? .recordsRead : .recordsUnmerged,
                JSON.Object([("join", .integer(id)), ("by", .string(signature.by))]),
                joined.keys.compactMap { store.auditedRow(table: joined.table, key: $0) })
            let merge = try store.undoMerge(
                UInt64(id), by: signature.by, reason: signature.reason, nowMs: now(), dryRun: signature.dryRun,
                audit: entry)
            let rows = [
                try store.rowView(table: merge.table, key: merge.key),
                try store.rowView(table: merge.table, key: merge.into),
            ]
            return (merge, rows)
        }
        if !signature.dryRun { orderGrew() }
        return try .json(merge.json(rows[0], into: rows[1]))
    }

    /// A decision about a conflict, or a trial of one, which shows it.
    private func entry(
        _ request: Request, _ what: AuditEvent, _ number: UInt64, how: String, _ signature: Signature
    ) throws(StoreError) -> AuditEntry {
        var details = JSON.Object([("conflict", .integer(Int64(clamping: number)))])
        if !signature.dryRun {
            details["how"] = .string(how)
            details["by"] = .string(signature.by)
        }
        let shown = try store.conflictView(number)?.shown
        let rows = shown.flatMap { store.auditedRow(table: $0.table, key: $0.key, sites: $0.sites) }
        return try entry(request, what, details, rows.map { [$0] } ?? [])
    }

    private func conflictNumber(_ id: String) throws(Problem) -> UInt64 {
        guard let number = UInt64(id) else {
            throw Problem(
                .notFound, title: "There is no such thing", detail: "Conflicts have numbers, not \(id.prefix(40)).",
                next: "See: samband conflict list.")
        }
        return number
    }

    private func choice(_ body: JSON) throws(Problem) -> ConflictChoice {
        let choices: [ConflictChoice]
        do {
            choices = try ConflictChoice.all(in: body)
        } catch {
            throw Problem(
                .badRequest, title: "A value is no SQLite value", detail: "Column \(error.column).",
                next: "Give a number, a string, null or {\"blob\":\"…\"}.")
        }
        guard choices.count == 1 else {
            let words = ChoiceWord.allCases.map(\.rawValue)
            throw Problem(
                .badRequest, title: "One choice is needed", detail: "\(choices.count) were given.",
                next: "Use one of \(words.dropLast().joined(separator: ", ")) and \(words.last!).")
        }
        return choices[0]
    }
}

extension RecordMergeResult {
    /// The two rows as they stood before they were joined, or stand apart again.
    fileprivate func json(_ gone: RowView, into: RowView) -> JSON {
        [
            "id": .integer(Int64(id)), "table": .string(table), "key": gone.keyJSON, "into": into.keyJSON,
            "rows": ["key": gone.rowJSON, "into": into.rowJSON],
            "columns": .array(columns.map { ["column": .string($0.name), "taken": .bool($0.isTaken)] }),
            "repointed": .array(
                repointed.map { reference in
                    [
                        "table": .string(reference.table),
                        "columns": .array(reference.columns.map { .string($0) }),
                        "rows": .integer(Int64(reference.rows)),
                    ]
                }),
        ]
    }
}
