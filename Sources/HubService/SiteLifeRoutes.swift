import Auditing
import HTTP
import HubDatabase
import JSONText
import Presentation
import Replication
import TableModel

/// Giving sites a place in the fleet, and taking it.
extension HubService {
    /// Makes a one-time token for a site, and shows it once.
    func addSite(_ request: Request) async throws(Problem) -> Response {
        let asked = try await request.message(SiteInvitation.self, lack: "A site has a name.", next: "")
        let hours = asked.expiresHours ?? 24
        guard hours > 0, hours <= 24 * 365 else {
            throw Problem(
                .badRequest, title: "The time is out of range", detail: "A token lasts up to a year.",
                next: "Give hours between 1 and 8760.")
        }
        let token = randomToken()
        let expires = now() + UInt64(hours * 3_600_000)
        let details: JSON = [
            "site": .string(String(asked.name.prefix(64))), "expires": .string(rfc3339(ms: expires)),
        ]
        try recording(request, .siteAdded, details) { entry throws(StoreError) in
            try store.addSite(
                asked.name, tokenDigest: SHA256.digest(Array(token.utf8)), expiresMs: expires, audit: entry)
        }
        return try .json(
            Message<SiteToken> { ($0.name, $0.token, $0.expires) = (asked.name, token, rfc3339(ms: expires)) })
    }

    /// Pauses, resumes or retires a site; it holds from this moment on, for what is under way too.
    func step(
        _ step: SiteStep, _ what: AuditEvent, _ name: String, _ request: Request
    ) throws(Problem) -> Response {
        let replicas = try recording(request, what, ["site": .string(String(name.prefix(64)))]) {
            entry throws(StoreError) in try store.step(step, ofSite: name, nowMs: now(), audit: entry)
        }
        if step != .resume { end(replicas) }
        if step == .retire { orderGrew() }
        return try .json(Message<NewState> { ($0.name, $0.state) = (name, step.state.rawValue) })
    }

    /// Does what a person asks for and records that, both or neither.
    func recording<Done>(
        _ request: Request, _ what: AuditEvent, _ details: JSON = [:],
        _ body: (AuditEntry) throws(StoreError) -> Done
    ) throws(Problem) -> Done {
        let entry = entry(request, what, details)
        return try answering { () throws(StoreError) in try body(entry) }
    }

    /// What the person behind a request does, for the audit.
    func entry(_ request: Request, _ what: AuditEvent, _ details: JSON) -> AuditEntry {
        AuditEntry(who: request.auditedPerson, what, details, atMs: now())
    }
}
