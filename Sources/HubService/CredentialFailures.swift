import JSONText

/// Why a credential opened nothing.
enum CredentialFailure: String, CaseIterable {
    /// None was shown.
    case missing
    /// Nobody has it.
    case unknown
    /// Of an operator whose token was taken back.
    case revoked
    /// A join token that is not known, was used, or has expired.
    case joinToken = "join_token"
    /// A site's, under a replica number that is not its own.
    case foreignReplica = "foreign_replica"
    /// An operator's, whose role does not allow it.
    case role
    /// A site's where operators are let in, or the other way round.
    case kind
    case pausedSite = "paused_site"
    case retiredSite = "retired_site"

    /// True for what nobody does who works as he should.
    var isSuspicious: Bool {
        switch self {
        case .unknown, .revoked, .joinToken, .foreignReplica: true
        case .missing, .role, .kind, .pausedSite, .retiredSite: false
        }
    }
}

/// Counts credentials that opened nothing, and notices when they become many. However many come, from however many
/// places: it takes the same memory.
struct CredentialFailures {
    /// Since this process began.
    private(set) var counts: [CredentialFailure: UInt64] = [:]
    /// Suspicious ones in each of the last minutes, the newest last.
    private var minutes = [UInt64](repeating: 0, count: windowMinutes)
    private var minute: UInt64 = 0
    private var lastMs: UInt64 = 0
    private var alarmedMs: UInt64?

    private static let windowMinutes = 10
    /// So many suspicious ones within the window are an alarm.
    static let alarmFrom: UInt64 = 20

    /// - Returns: true when an alarm begins: once, until the window is quiet again.
    mutating func note(_ failure: CredentialFailure, nowMs: UInt64) -> Bool {
        counts[failure, default: 0] += 1
        guard failure.isSuspicious else { return false }
        turn(to: nowMs)
        minutes[minutes.count - 1] += 1
        lastMs = nowMs
        guard recent >= Self.alarmFrom, alarmedMs == nil else { return false }
        alarmedMs = nowMs
        return true
    }

    /// What is wrong, in words; nil while it is quiet.
    mutating func sentence(nowMs: UInt64) -> String? {
        turn(to: nowMs)
        guard let alarmedMs else { return nil }
        return "\(recent) requests in \(Self.windowMinutes) minutes showed a credential that opens nothing, since "
            + "\(rfc3339(ms: alarmedMs)), the last at \(rfc3339(ms: lastMs)): somebody tries, or a machine has lost its "
            + "own. Who it is, the log of the proxy in front of the hub tells"
    }

    private var recent: UInt64 { minutes.reduce(0, +) }

    private mutating func turn(to nowMs: UInt64) {
        let now = nowMs / 60_000
        // A clock that was set back begins anew.
        let passed = now >= minute ? min(now - minute, UInt64(minutes.count)) : UInt64(minutes.count)
        minutes = Array(minutes.dropFirst(Int(passed))) + [UInt64](repeating: 0, count: Int(passed))
        minute = now
        if recent == 0 { alarmedMs = nil }
    }
}
