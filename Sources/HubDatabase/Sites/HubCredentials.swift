import Auditing
import JSONText
import Replication
import SQLite
import TableModel

/// What stands behind a secret that a request shows.
package struct SiteCredential: Hashable, Sendable {
    package enum State: String, Sendable { case active, paused, retired }

    package let site: String
    package let state: State
    /// The replica as which the caller acts: one of the site. Nil when it names one that is not, or that is retired while
    /// the site is not.
    package let replica: UInt32?
    /// It was registered to take the place of another, and this is the first that is seen of it.
    package let isFirstUse: Bool
}

/// What a node makes and shows when it joins or changes its secrets: of the bearer token the hub keeps the digest only;
/// the key of bundles it needs whole, to check what comes in files.
package struct NodeSecretProofs: Sendable {
    package let tokenDigest: [UInt8]
    package let bundleKey: [UInt8]

    package init(tokenDigest: [UInt8], bundleKey: [UInt8]) {
        self.tokenDigest = tokenDigest
        self.bundleKey = bundleKey
    }
}

extension HubStore {
    /// Lets in who shows a site's join token, together with the secrets that the node made: gives out a replica
    /// number. The same token with the same secret gets the same answer until it expires, so that a lost reply
    /// costs nothing; with another secret it is refused.
    package func join(
        tokenDigest: [UInt8], secrets: NodeSecretProofs, nowMs: UInt64
    ) throws(StoreError) -> (site: String, replica: UInt32) {
        let doing = "joining a site"
        return try writing(doing) {
            guard let name = try site("token_digest", is: tokenDigest) else {
                throw StoreError(
                    .refused, doing: doing, why: "this join token is not known here",
                    hint: "Ask the hub's operator for one: samband site add NAME.")
            }
            let statement = try connection.cached(
                """
                SELECT CASE WHEN \(Self.hasToJoinAnew) THEN 'invited' ELSE state END, token_expires, secret_digest
                FROM samband_site WHERE name = ?1
                """)
            try statement.bind(at: 1, text: name)
            defer { statement.reset() }
            _ = try statement.step()
            guard nowMs < statement.unsigned(1) else {
                throw StoreError(
                    .refused, doing: doing, why: "the join token of site \(name) has expired",
                    hint: "Ask the hub's operator for another.")
            }
            switch statement.string(0) {
            case "invited": break
            case "active":
                guard isSameDigest(statement.bytes(2), secrets.tokenDigest), let replica = try activeReplica(of: name)
                else {
                    throw StoreError(
                        .refused, doing: doing, why: "the join token of site \(name) was used already",
                        hint: "Ask the hub's operator for another.")
                }
                return (name, replica)
            default:
                throw StoreError(
                    .refused, doing: doing, why: "site \(name) is \(statement.string(0))",
                    hint: "Ask the hub's operator: samband site list.")
            }
            guard try isUnknown(secrets.tokenDigest) else {
                throw StoreError(
                    .refused, doing: doing, why: "the secret that was shown is already that of a site",
                    hint: "Join under a file name of its own, so that a new secret is made.")
            }
            let update = try connection.cached(
                "UPDATE samband_site SET secret_digest = ?1, bundle_key = ?2, joined = ?3 WHERE name = ?4")
            try update.bind([
                .blob(secrets.tokenDigest), .blob(secrets.bundleKey), .integer(Int64(nowMs)), .text(name),
            ])
            try update.run()
            try lives.set(.active, ofSite: name)
            let replica = try newReplica(for: name, nowMs: nowMs)
            try audit.append(
                AuditEntry(
                    who: "site:\(name)", .siteJoined, ["site": .string(name), "replica": .integer(Int64(replica))],
                    atMs: nowMs))
            return (name, replica)
        }
    }

    /// Registers the secrets that are to take the place of a site's: the former ones open until the new are first used,
    /// so a lost answer costs nothing, and neither does a crash of either side. Once more with the same is harmless; with
    /// others, those that were never used are forgotten.
    package func offerSecrets(_ secrets: NodeSecretProofs, ofSite site: String, nowMs: UInt64) throws(StoreError) {
        let doing = "registering new secrets of site \(site)"
        try writing(doing, whileRecovering: true) {
            let known = try connection.cached("SELECT secret_digest, next_digest FROM samband_site WHERE name = ?1")
            try known.bind(at: 1, text: site)
            defer { known.reset() }
            guard try known.step() else { return }
            for column in [Int32(0), 1] where isSameDigest(known.bytes(column), secrets.tokenDigest) { return }
            guard try isUnknown(secrets.tokenDigest) else {
                throw StoreError(
                    .refused, doing: doing, why: "the secret that was shown is already that of a site",
                    hint: "Make others: samband node rotate.")
            }
            let update = try connection.cached(
                "UPDATE samband_site SET next_digest = ?1, next_bundle_key = ?2 WHERE name = ?3")
            try update.bind([.blob(secrets.tokenDigest), .blob(secrets.bundleKey), .text(site)])
            try update.run()
            try audit.append(
                AuditEntry(who: "site:\(site)", .secretsOffered, ["site": .string(site)], atMs: nowMs))
        }
    }

    /// The new secret of a site has been used: the former one opens nothing any more.
    package func takeUpSecrets(ofSite site: String, nowMs: UInt64) throws(StoreError) {
        try writing("changing the secrets of site \(site)", whileRecovering: true) {
            let update = try connection.cached(
                """
                UPDATE samband_site SET secret_digest = next_digest, bundle_key = next_bundle_key, next_digest = NULL,
                  next_bundle_key = NULL WHERE name = ?1 AND next_digest IS NOT NULL
                """)
            try update.bind(at: 1, text: site)
            try update.run()
            guard connection.changes == 1 else { return }
            try audit.append(
                AuditEntry(who: "site:\(site)", .secretsChanged, ["site": .string(site)], atMs: nowMs))
        }
    }

    /// The site whose node made this secret; nil when nobody did.
    ///
    /// - Parameter acting: the replica as which the caller says it acts; nil for the site's newest.
    package func siteCredential(
        secretDigest: [UInt8], acting: UInt32? = nil
    ) throws(StoreError) -> SiteCredential? {
        try storing("checking a credential") {
            var isFirstUse = false
            var found = try site("secret_digest", is: secretDigest)
            if let next = try site("next_digest", is: secretDigest) {
                found = next
                isFirstUse = true
            }
            guard let name = found,
                let state = try siteState(name).flatMap({ SiteCredential.State(rawValue: $0.rawValue) })
            else {
                return nil
            }
            return SiteCredential(
                site: name, state: state, replica: try replica(of: name, acting: acting, isRetired: state == .retired),
                isFirstUse: isFirstUse)
        }
    }

    private func replica(of site: String, acting: UInt32?, isRetired: Bool) throws -> UInt32? {
        if let acting {
            guard let known = try replicaState(acting), known.site == site, isRetired || known.state != .retired
            else { return nil }
            return acting
        }
        return try isRetired ? lastReplica(of: site) : activeReplica(of: site)
    }

    private func lastReplica(of site: String) throws -> UInt32? {
        let statement = try connection.cached(
            "SELECT replica FROM samband_replica WHERE site = ?1 ORDER BY split_at DESC, rowid DESC LIMIT 1")
        try statement.bind(at: 1, text: site)
        defer { statement.reset() }
        return try statement.step() ? UInt32(statement.integer(0)) : nil
    }

    func siteState(_ name: String) throws -> SiteState? { try lives.site(name) }

    var lives: LifeTable { LifeTable(connection: connection) }

    private func isUnknown(_ secretDigest: [UInt8]) throws -> Bool {
        try site("secret_digest", is: secretDigest) == nil && site("next_digest", is: secretDigest) == nil
    }

    /// The site with this digest in a column. Every site is looked at and every byte compared, so that the time tells
    /// nothing of the digests that are kept.
    private func site(_ column: String, is digest: [UInt8]) throws -> String? {
        let statement = try connection.cached(
            "SELECT name, \(column) FROM samband_site WHERE \(column) IS NOT NULL")
        defer { statement.reset() }
        var found: String?
        while try statement.step() { if isSameDigest(statement.bytes(1), digest) { found = statement.string(0) } }
        return found
    }
}
