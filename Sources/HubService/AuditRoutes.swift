import Auditing
import HTTP
import HubDatabase
import JSONText
import Presentation
import Replication
import TableModel

/// What the questions about the audit name in their queries.
private enum AuditQuery {
    /// Rows in one answer.
    static let pageRows = 1000

    /// `after`, `from`, `to` (seconds since 1970), `who`, `what` and `limit` of a request's query.
    static func filter(_ request: Request) throws(Problem) -> AuditFilter {
        func number(_ name: String) throws(Problem) -> UInt64? {
            guard let text = request.target.query(name) else { return nil }
            guard let number = UInt64(text), number < 1 << 40 else {
                throw Problem(
                    .badRequest, title: "A number is out of range", detail: "\(name) takes a whole number.",
                    next: "Times are seconds since 1970.")
            }
            return number
        }
        var filter = AuditFilter()
        if let after = try number("after") { filter.after = after }
        if let from = try number("from") { filter.fromMs = from * 1000 }
        if let to = try number("to") { filter.toMs = to * 1000 }
        filter.who = request.target.query("who")
        filter.what = request.target.query("what")
        filter.limit = Int(min(max(try number("limit") ?? UInt64(pageRows), 1), UInt64(pageRows)))
        return filter
    }

    /// `head`: the number and the digest of an end of the chain that somebody has noted, with a colon between them.
    static func noted(_ request: Request) throws(Problem) -> AuditHead? {
        guard let text = request.target.query("head") else { return nil }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = UInt64(parts[0]), let digest = unhex(String(parts[1])), digest.count == 32
        else {
            throw Problem(
                .badRequest, title: "The head is none", detail: "head takes NUMBER:DIGEST, as it was printed.",
                next: "Copy it whole.")
        }
        return AuditHead(number: number, digest: digest)
    }
}

extension HubService {
    func auditList(_ request: Request) throws(Problem) -> Response {
        let filter = try AuditQuery.filter(request)
        let (rows, head) = try answering { () throws(StoreError) in
            (try store.auditRows(filter), try store.auditHead())
        }
        return try .json(["rows": .array(rows.map(\.json)), "head": head.json])
    }

    func auditVerdict(_ request: Request) throws(Problem) -> Response {
        let noted = try AuditQuery.noted(request)
        let (verdict, years) = try answering { () throws(StoreError) in
            (try store.verifyAudit(noted: noted), try store.auditKeptYears())
        }
        return try .json([
            "holds": .bool(verdict.broken == nil), "rows": .integer(Int64(verdict.rows)),
            "first": .integer(Int64(verdict.first)), "head": verdict.head.json,
            "broken": verdict.broken.map { ["number": .integer(Int64($0.number)), "why": .string($0.why)] } ?? .null,
            "kept_years": .integer(Int64(years)),
        ])
    }

    /// What was read and decided of one row; who asks knows its key.
    func auditOfRow(_ request: Request) async throws(Problem) -> Response {
        let body = try await request.json()
        let asked = try ReadRoutes.row(body)
        guard let row = store.auditedRow(table: asked.table, key: asked.key) else {
            throw Problem(
                type: .notFound, title: "There is no such table",
                detail: "The fleet has no such table, or its key has another number of columns.",
                next: "Check the spelling.")
        }
        let (rows, head, fingerprint) = try answering { () throws(StoreError) in
            let fingerprint = try store.auditFingerprint(of: row)
            var filter = AuditFilter()
            filter.row = fingerprint
            filter.after = UInt64(clamping: body["after"]?.integer ?? 0)
            filter.limit = AuditQuery.pageRows
            return (try store.auditRows(filter), try store.auditHead(), fingerprint)
        }
        return try .json(["row": .string(fingerprint), "rows": .array(rows.map(\.json)), "head": head.json])
    }

    /// Sets for how long the audit is kept.
    func keepAudit(_ request: Request) async throws(Problem) -> Response {
        guard let years = Message<AuditRetention>(json: try await request.json())?.years, (1...100).contains(years)
        else {
            throw Problem(
                .badRequest, title: "The time is out of range", detail: "An audit is kept for 1 to 100 years.",
                next: "Give years.")
        }
        try recording(request, .retentionSet, ["years": .integer(years)]) { entry throws(StoreError) in
            try store.keepAudit(years: UInt64(years), audit: entry)
        }
        return try .json(["kept_years": .integer(years)])
    }

    // MARK: recording

    /// Rows named in one entry; more are recorded in several.
    private static let rowsPerEntry = 100

    /// Records that a person is about to be shown values of rows; what cannot be recorded is not shown.
    func note(_ shown: ShownRows, _ request: Request) throws(Problem) {
        try answering { () throws(StoreError) in
            var entries: [AuditEntry] = []
            for start in stride(from: 0, to: shown.rows.count, by: Self.rowsPerEntry) {
                let rows = shown.rows[start..<min(start + Self.rowsPerEntry, shown.rows.count)].compactMap {
                    store.auditedRow(table: $0.table, key: $0.key, sites: $0.sites)
                }
                entries.append(try entry(request, shown.what, shown.details, rows))
            }
            try store.record(entries)
        }
    }

    func entry(
        _ request: Request, _ what: AuditEvent, _ details: JSON.Object, _ rows: [AuditedRow]
    ) throws(StoreError) -> AuditEntry {
        var details = details
        details["rows"] = try store.details(of: rows)
        return entry(request, what, .object(details))
    }
}

extension AuditRecord {
    fileprivate var json: JSON {
        [
            "number": .integer(Int64(number)), "at": .string(rfc3339(ms: atMs, withMilliseconds: true)),
            "who": .string(who), "what": .string(what),
            "details": (try? JSON(parsing: Array(details.utf8))) ?? .string(details),  // else as it stands there
            "digest": .string(digest.hex),
        ]
    }
}

extension AuditHead {
    fileprivate var json: JSON { ["number": .integer(Int64(number)), "digest": .string(digest.hex)] }
}
