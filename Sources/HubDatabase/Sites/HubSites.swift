import Auditing
import RecordViews
import OrderedLog
import Replication
import SQLite
import TableModel

/// A replica as the hub knows it.
struct ReplicaState {
    package let site: String
    package let state: ReplicaLife
    let lastDigest: [UInt8]
    /// The position up to which the hub has sent it the order.
    let sent: UInt64
    package let acknowledged: UInt64
    /// Its change sets up to this seq were sealed under another number.
    let renumbered: UInt64
}

/// A site as the hub's operators see it.
package struct SiteRecord: Hashable, Sendable {
    package let name: String
    /// invited, active, paused or retired.
    package let state: String
    /// The replica that is active for it, if one has joined.
    package let replica: UInt32?
    package let lastContactMs: UInt64?
    /// The position that it has acknowledged.
    package let acknowledged: UInt64
    /// The last change set of another replica of the site that is this one's as well: it goes on from there, since its
    /// file was put back or copied.
    package let splitFrom: Dot?
    /// Milliseconds from the site's clock to the hub's, as the site measured.
    package let clockOffsetMs: Int64?
}

extension HubStore {
    func replicaState(_ replica: UInt32) throws -> ReplicaState? {
        let statement = try connection.cached(
            "SELECT site, state, last_digest, sent, acknowledged, renumbered FROM samband_replica WHERE replica = ?1")
        try statement.bind(UInt64(replica), at: 1)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        return ReplicaState(
            site: statement.string(0), state: ReplicaLife(rawValue: statement.string(1)) ?? .retired,
            lastDigest: statement.bytes(2),
            sent: max(statement.unsigned(3), positionAtOpening, contacts.sent[replica] ?? 0),
            acknowledged: max(statement.unsigned(4), contacts.reached[replica]?.position ?? 0),
            renumbered: statement.unsigned(5))
    }

    /// The name of the site that a replica is (or was) an incarnation of; the hub's own is empty.
    package func siteName(of replica: UInt32) throws(StoreError) -> String {
        try storing("looking up replica \(replica)") { try replicaState(replica)?.site ?? "" }
    }

    /// All sites by name, once for each replica that is active: a site that runs on two machines has several.
    package func sites() throws(StoreError) -> [SiteRecord] {
        try storing("listing sites") {
            let statement = try connection.cached(
                """
                SELECT s.name, s.state, r.replica,
                  CASE WHEN r.split_from IS NULL AND r.last_contact IS NULL THEN s.last_contact ELSE r.last_contact END,
                  coalesce(r.acknowledged, 0), r.split_from, r.split_seq, r.clock_offset
                FROM samband_site s LEFT JOIN samband_replica r ON r.site = s.name AND r.state = 'active'
                ORDER BY s.name, r.rowid
                """)
            defer { statement.reset() }
            var sites: [SiteRecord] = []
            while try statement.step() {
                let name = statement.string(0)
                let replica = statement.type(2) == .null ? nil : UInt32(statement.integer(2))
                let reached = replica.flatMap { contacts.reached[$0]?.position } ?? 0
                sites.append(
                    SiteRecord(
                        name: name, state: statement.string(1), replica: replica,
                        lastContactMs: replica.flatMap { contacts.seen[$0]?.ms }
                            ?? (statement.type(3) == .null ? nil : statement.unsigned(3)),
                        acknowledged: max(statement.unsigned(4), reached),
                        splitFrom: statement.type(5) == .null
                            ? nil : Dot(replica: UInt32(statement.integer(5)), seq: statement.unsigned(6)),
                        clockOffsetMs: replica.flatMap { contacts.seen[$0]?.clockOffsetMs }
                            ?? (statement.type(7) == .null ? nil : statement.integer(7))))
            }
            return sites
        }
    }

    /// Registers a site under the digest of its one-time join token.
    package func addSite(
        _ name: String, tokenDigest: [UInt8], expiresMs: UInt64, audit entry: AuditEntry? = nil
    ) throws(StoreError) {
        let doing = "adding site \(name)"
        guard isSiteName(name) else {
            throw StoreError(
                .misused, doing: doing, why: "a site's name is 1 to 32 of a-z, 0-9 and -, and begins with no -",
                hint: "For instance: snasa.")
        }
        try writing(doing, audit: entry) {
            let statement = try connection.cached(
                """
                INSERT INTO samband_site(name, state, token_digest, token_expires) VALUES(?1, 'invited', ?2, ?3)
                ON CONFLICT(name) DO UPDATE SET token_digest = excluded.token_digest,
                  token_expires = excluded.token_expires WHERE state = 'invited' OR \(Self.hasToJoinAnew)
                """)
            try statement.bind([.text(name), .blob(tokenDigest), .integer(Int64(expiresMs))])
            try statement.run()
            guard connection.changes == 1 else {
                throw StoreError(
                    .refused, doing: doing, why: "the fleet has a site of that name already",
                    hint: "See: samband site list.")
            }
        }
    }

    /// A site that ends before the hub's log begins joins once more; until then it may hand in what it has.
    static let hasToJoinAnew = """
        (state = 'active' AND EXISTS(SELECT 1 FROM samband_replica r WHERE r.site = name AND r.state = 'behind')
          AND NOT EXISTS(SELECT 1 FROM samband_replica r WHERE r.site = name AND r.state = 'active'))
        """

    /// Registers a site without a token, where the caller has proven who it is otherwise, and gives out a new
    /// replica number; a former one of the site is retired.
    package func admit(site name: String, nowMs: UInt64) throws(StoreError) -> UInt32 {
        try writing("admitting site \(name)") {
            let statement = try connection.cached(
                "INSERT INTO samband_site(name, state, joined) VALUES(?1, 'active', ?2) ON CONFLICT(name) DO NOTHING")
            try statement.bind([.text(name), .integer(Int64(nowMs))])
            try statement.run()
            return try newReplica(for: name, nowMs: nowMs)
        }
    }

    func activeReplica(of site: String) throws -> UInt32? {
        let statement = try connection.cached(
            "SELECT replica FROM samband_replica WHERE site = ?1 AND state = 'active' ORDER BY split_at DESC LIMIT 1")
        try statement.bind(at: 1, text: site)
        defer { statement.reset() }
        return try statement.step() ? UInt32(statement.integer(0)) : nil
    }

    func newReplica(for site: String, nowMs: UInt64) throws -> UInt32 {
        let former = try activeReplicas(of: site)
        try lives.setReplicas(.retired, ofSite: site)
        let number = try drawUnused()
        try ReplicaTable(connection: connection).add(number, site: site)
        try publishReplicas(former + [number], nowMs: nowMs)
        return number
    }

    /// Those of a site that are not retired.
    private func activeReplicas(of site: String) throws -> [UInt32] {
        let statement = try connection.cached(
            "SELECT replica FROM samband_replica WHERE site = ?1 AND state <> 'retired' ORDER BY replica")
        try statement.bind(at: 1, text: site)
        defer { statement.reset() }
        var found: [UInt32] = []
        while try statement.step() { found.append(UInt32(statement.integer(0))) }
        return found
    }

    /// A replica number that was never given out.
    func drawUnused() throws -> UInt32 {
        var number: UInt32
        repeat {
            number = drawReplica()
        } while try replicaState(number) != nil
        return number
    }

    /// True when the hub has given out a replica number, as far as it knows.
    package func knows(_ replica: UInt32) throws(StoreError) -> Bool {
        try storing("looking up replica \(replica)") { try replicaState(replica) != nil }
    }

    /// The vector clock that every active replica is known to have reached.
    package func frontier() throws(StoreError) -> VectorClock {
        try storing("reading the frontier") {
            let active = try connection.cached(
                "SELECT replica, acknowledged FROM samband_replica WHERE state = 'active' AND site <> ''")
            defer { active.reset() }
            var least = try log.lastPosition()
            while try active.step() {
                let reached = contacts.reached[UInt32(active.integer(0))]?.position ?? 0
                least = min(least, max(active.unsigned(1), reached))
            }
            // Of each replica the newest that stands at or before it: found from the end, a few steps each.
            let statement = try connection.cached(
                "SELECT seq FROM samband_change WHERE replica = ?1 AND position <= ?2 ORDER BY seq DESC LIMIT 1")
            var pairs: [(UInt32, UInt64)] = []
            for (replica, _) in try log.vector().entries {
                try statement.bind(UInt64(replica), at: 1)
                try statement.bind(least, at: 2)
                if try statement.step() { pairs.append((replica, statement.unsigned(0))) }
                statement.reset()
            }
            return VectorClock(pairs)
        }
    }
}

/// `[a-z0-9][a-z0-9-]{0,31}`
package func isSiteName(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    guard (1...32).contains(bytes.count), bytes[0] != 0x2d else { return false }
    return bytes.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d }
}
