import Auditing
import HTTP
import HubDatabase
import JSONText
import Presentation
import Replication
import TableModel

extension HubService {
    /// Lets a request from the network through to a route, with the operator's name, or throws 401 or 403.
    func admit(_ request: Request, to route: Route) async throws(Problem) -> Request {
        var request = request
        request.user = nil
        request.localUser = nil
        let served = Self.routeTable[route]
        switch served?.access {
        case .anyone: break
        case .site:
            let known = try callerOrRetired(request)
            try await slowDown(known.site)
            _ = try caller(request)
        case .siteOrRetired:
            let isGreeting = route == Route(.post, "/v1/hello")
            try await slowDown(try callerOrRetired(request, isGreeting: isGreeting).site)
        case .operators(let roles): request.user = try operatorName(request, roles)
        case .ownMachine, nil:
            throw Problem(
                type: .forbidden, title: "Not from afar", detail: "This is done on the hub's own machine only.",
                next: "Run it there, with --db.")
        }
        for precondition in served?.preconditions ?? [] {
            switch precondition {
            case .namesHub: try checkHub(request)
            case .isServing: try refuseWhileRecovering()
            }
        }
        return request
    }

    /// Who a site's secret says it is.
    struct SiteCaller: Sendable {
        let site: String
        let replica: UInt32
        let isRetired: Bool
    }

    /// The active site and replica of the bearer token of a request.
    ///
    /// - Parameter isGreeting: a restored hub may not know the replica yet; the greeting tells where it comes from.
    func caller(_ request: Request, isGreeting: Bool = false) throws(Problem) -> SiteCaller {
        let caller = try callerOrRetired(request, isGreeting: isGreeting)
        if caller.isRetired {
            fail(.retiredSite)
            let before = threadTimeUs()
            defer { charge(caller.site, us: RequestCost.request + threadTimeUs() - before) }
            throw retired(caller.site)
        }
        return caller
    }

    /// The same, of a retired site too.
    func callerOrRetired(_ request: Request, isGreeting: Bool = false) throws(Problem) -> SiteCaller {
        let next = "Join the site again, or ask the hub's operator: samband site list."
        guard let digest = HubService.bearerDigest(request) else {
            fail(.missing)
            throw HubService.unauthorized("The request shows no secret of an active site.", next)
        }
        let acting = try Self.acting(request)
        guard
            let found = try answering({ () throws(StoreError) in
                try store.siteCredential(secretDigest: digest, acting: acting)
            })
        else {
            if try operatorWith(digest) != nil {
                fail(.kind)
                throw Problem(
                    type: .forbidden, title: "No credential of a site",
                    detail: "The token is an operator's, and this is for sites.", next: next)
            }
            if isGreeting, let problem = try claim(request, secretDigest: digest, replica: acting) { throw problem }
            fail(.unknown)
            throw HubService.unauthorized("The request shows no secret of an active site.", next)
        }
        if found.state == .paused {
            fail(.pausedSite)
            throw paused(found.site)
        }
        // What cannot be written now is at the next request: the new secret is good either way.
        if found.isFirstUse { try? store.takeUpSecrets(ofSite: found.site, nowMs: now()) }
        if let replica = found.replica {
            return SiteCaller(site: found.site, replica: replica, isRetired: found.state == .retired)
        }
        if isGreeting, let acting, try answering({ () throws(StoreError) in try !store.knows(acting) }) {
            return SiteCaller(site: found.site, replica: acting, isRetired: found.state == .retired)
        }
        fail(.foreignReplica)
        throw HubService.unauthorized(
            "The request acts as a replica that is none of its site's, or not any more.", next)
    }

    private func paused(_ site: String) -> Problem {
        Problem(
            type: .sitePaused, title: "The site is paused",
            detail: "The hub's operators have paused site \(site): nothing is exchanged with it. It keeps all it has.",
            next: "It goes on by itself when they resume it: samband site resume \(site).")
    }

    /// Tells a retired site what becomes of what it sends.
    private func retired(_ site: String) -> Problem {
        // A count that cannot be read now is left out.
        let count = (try? store.quarantineCounts())?[site]
        let kept =
            count.map { "\($0.changeSets) change sets of it with \($0.rows) rows are kept so" } ?? "nothing is, so far"
        return Problem(
            type: .siteRetired, title: "The site is retired",
            detail:
                "Site \(site) has no part in the fleet any more. What it still sends comes into no table and is kept "
                + "apart for the hub's operators: \(kept).",
            next: "Ask them: samband site quarantine \(site).")
    }

    /// Counts a credential that opened nothing; many are told, and recorded.
    func fail(_ failure: CredentialFailure) {
        guard failures.note(failure, nowMs: now()) else { return }
        var counts = JSON.Object()
        for (kind, count) in failures.counts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            counts[kind.rawValue] = .integer(Int64(clamping: count))
        }
        // The alarm is in `status` all the same.
        try? store.record(AuditEntry(who: "samband", .credentialAlarm, .object(counts), atMs: now()))
    }

    /// The replica as which a node says it acts: its site may have several.
    private static func acting(_ request: Request) throws(Problem) -> UInt32? {
        guard let field = request.headers["samband-replica"] else { return nil }
        guard let replica = UInt32("\(field)"), replica > 0 else {
            throw .incomplete("samband-replica is no replica number.")
        }
        return replica
    }

    /// Refuses an exchange with who follows the order of another hub, or of this one before it was restored: the same
    /// positions and dots would mean other things to the two.
    func checkHub(_ request: Request) throws(Problem) {
        guard request.headers["samband-hub"].map({ "\($0)" }) == "\(store.replica)" else {
            throw Problem(
                type: .anotherHub, title: "Another hub's order",
                detail: "The request does not name replica \(store.replica), which this hub is.",
                next: "The node greets the hub by itself: POST /v1/hello.")
        }
    }

    /// The name of the operator whose token a request shows, when the role allows it.
    private func operatorName(_ request: Request, _ roles: Set<Role>) throws(Problem) -> String {
        let next = "Name the file with your token: --token-file F. The hub's machine gives one: samband operator add."
        guard let digest = HubService.bearerDigest(request) else {
            fail(.missing)
            throw HubService.unauthorized("The request shows no operator's token.", next)
        }
        guard let person = try operatorWith(digest) else {
            if try answering({ () throws(StoreError) in try store.siteCredential(secretDigest: digest) }) != nil {
                fail(.kind)
                throw Problem(
                    type: .forbidden, title: "No operator's token",
                    detail: "The credential is a site's, and this is for operators.", next: next)
            }
            fail(.unknown)
            throw HubService.unauthorized("The token is no operator's.", next)
        }
        if person.revokedMs != nil {
            fail(.revoked)
            throw HubService.unauthorized(
                "The token of operator \(person.name) was revoked.",
                "An administrator gives another: samband operator add NAME.")
        }
        guard roles.contains(person.role) else {
            fail(.role)
            let allowed = Role.allCases.filter(roles.contains).map(\.rawValue).joined(separator: ", ")
            throw Problem(
                type: .forbidden, title: "Not with this role",
                detail: "Operator \(person.name) has the role \(person.role.rawValue); this takes the role \(allowed).",
                next: "Ask an administrator to do it, or for a token with that role.")
        }
        return person.name
    }

    private func operatorWith(_ digest: [UInt8]) throws(Problem) -> OperatorRecord? {
        try answering { () throws(StoreError) in try store.operatorCredential(tokenDigest: digest, nowMs: now()) }
    }

    /// SHA-256 of the bearer token (RFC 6750 section 2.1); nil when the request shows none.
    static func bearerDigest(_ request: Request) -> [UInt8]? {
        guard let field = request.headers["authorization"],
            field.prefix(7).lowercased() == "bearer "
        else { return nil }
        return SHA256.digest(Array(field.dropFirst(7).utf8))
    }

    private static func unauthorized(_ detail: String, _ next: String) -> Problem {
        Problem(
            type: .unauthorized, title: "No valid credential", detail: detail, next: next,
            headers: ["www-authenticate": "Bearer"])
    }
}
