import HTTP
import JSONText
import Presentation
import Synchronization

/// What requests of one site may cost that bring nothing: change sets that are refused or known, orders pulled again,
/// greetings one after the other. Who has stolen a site's secret may write as that site; he is not to keep the hub from
/// the others. Work that brings something new costs nothing here, however much it is.
///
/// A bucket of processor time that empties at a twentieth of one processor.
struct SiteBudget {
    private var usedUs = 0.0
    private var at: ContinuousClock.Instant

    init(at: ContinuousClock.Instant) { self.at = at }

    /// Of a second, how much a site may go on using for nothing, and how much it may have used at once.
    static let share = 0.05
    static let burstUs = 500_000.0
    /// More than this is not held against it.
    private static let worstUs = 60_000_000.0

    mutating func charge(_ us: Double, at now: ContinuousClock.Instant) {
        usedUs = min(left(at: now) + us, Self.worstUs)
        at = now
    }

    /// Microseconds for which it has to wait; 0 when it may go on.
    func wait(at now: ContinuousClock.Instant) -> Double {
        max(0, left(at: now) - Self.burstUs) / Self.share
    }

    private func left(at now: ContinuousClock.Instant) -> Double {
        let passed = at.duration(to: now).components
        return max(0, usedUs - (Double(passed.seconds) * 1e6 + Double(passed.attoseconds) / 1e12) * Self.share)
    }
}

/// What requests cost that cannot be measured one by one, in microseconds.
enum RequestCost {
    /// Reading a request, its credential, an answer.
    static let request = 400.0
    static let bodyByte = 0.002
    static let jsonByte = 0.02
}

/// For what is dear each time, or leaves something that stays: so many at once, and then one more each time five minutes
/// have passed.
struct Allowance {
    private let most: Double
    private var left: Double
    private var at: ContinuousClock.Instant

    /// A snapshot is as large as the database.
    static let snapshots = 5
    /// New secrets are a row of the audit, which is kept for years.
    static let secrets = 20
    private static let secondsEach = 300.0

    init(_ most: Int, at: ContinuousClock.Instant) {
        self.most = Double(most)
        left = self.most
        self.at = at
    }

    mutating func take(at now: ContinuousClock.Instant) -> Bool {
        let passed = at.duration(to: now).components
        left = min(most, left + (Double(passed.seconds) + Double(passed.attoseconds) / 1e18) / Self.secondsEach)
        at = now
        guard left >= 1 else { return false }
        left -= 1
        return true
    }
}

extension HubService {
    /// A site that has used up its budget waits, and is told to come later: it cannot make the hub busy by asking again.
    func slowDown(_ site: String) async throws(Problem) {
        guard limitsSites, let wait = budgets[site]?.wait(at: .now), wait > 0 else { return }
        held[site, default: 0] += 1
        defer { held[site, default: 1] -= 1 }
        charge(site, us: RequestCost.request)
        let seconds = max(1, Double(held[site] ?? 1) / Self.refusalsPerSecond)
        // Cancelled: the caller is gone.
        try? await Task.sleep(for: .seconds(min(seconds, 300)))
        throw Problem(
            type: .busy, title: "Too much for nothing",
            detail: "Site \(site) has sent many requests that were refused or brought nothing new.",
            next: "It goes on by itself; if it goes on for long, see that its secret is not in other hands.",
            retryAfterSeconds: Int(min(max(wait / 1e6, 1), 60)))
    }

    /// Requests that come too early are held for a second at least, and for longer the more of them there are: so many
    /// in all are answered in a second.
    private static let refusalsPerSecond = 16.0

    /// Notes what a request of a site has cost that brought nothing.
    func charge(_ site: String, us: Double) {
        let now = ContinuousClock.now
        budgets[site, default: SiteBudget(at: now)].charge(us, at: now)
    }

    /// Refuses a site that asks for one snapshot after the other.
    func allowSnapshot(_ site: String) throws(Problem) {
        let now = ContinuousClock.now
        let snapshots = Allowance.snapshots
        guard limitsSites, !snapshotAllowances[site, default: Allowance(snapshots, at: now)].take(at: now) else {
            return
        }
        throw Problem(
            type: .busy, title: "Too many snapshots",
            detail: "Site \(site) has had \(snapshots) snapshots in a short time.",
            next: "It is asked for again.", retryAfterSeconds: 60)
    }

    /// Refuses a site that changes its secrets all the time: each change stays in the audit.
    func allowSecrets(_ site: String) throws(Problem) {
        let now = ContinuousClock.now
        let secrets = Allowance.secrets
        guard limitsSites, !secretAllowances[site, default: Allowance(secrets, at: now)].take(at: now) else { return }
        throw Problem(
            type: .busy, title: "Too many changes of secrets",
            detail: "Site \(site) has changed its secrets \(secrets) times in a short time.",
            next: "Try it again in some minutes; see that its secret is not in other hands.", retryAfterSeconds: 60)
    }

    /// The JSON of a site's request. What it takes to read it counts, whatever is in it.
    func provenJSON(_ request: Request, of site: String) async throws(Problem) -> JSON {
        var request = request
        let bytes = try await request.collectBody()
        charge(site, us: Double(bytes.count) * RequestCost.jsonByte)
        request.body = Body(bytes: bytes)
        return try await request.provenJSON()
    }
}
