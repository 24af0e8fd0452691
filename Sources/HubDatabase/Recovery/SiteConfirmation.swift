import Auditing
import OrderedLog
import Replication
import SQLite
import TableModel

/// A site that a restored hub does not know, or not by this secret: it joined, or was given another secret, behind the
/// position to which the hub was restored. An operator who knows that it is that site confirms it.
extension HubStore {
    /// Whether this hub was ever restored, so that it may have forgotten whom it had let in.
    package func wasRestored() throws(StoreError) -> Bool {
        try storing("reading the hub's epochs") { try EpochTable(connection: connection).number() > 0 }
    }

    /// Lets a site in again under the secret that it shows, as the replica that it says it is: it hands in what it has
    /// like the others. A former replica of it is not waited for any more, but may still come.
    ///
    /// - Parameter secretDigest: SHA-256 of the secret.
    package func confirmSite(
        _ name: String, replica: UInt32, secretDigest: [UInt8], nowMs: UInt64, audit entry: AuditEntry? = nil
    ) throws(StoreError) {
        let doing = "confirming site \(name) as replica \(replica)"
        try writing(doing, whileRecovering: true, audit: entry) {
            try checkConfirms(name, replica, secretDigest, doing)
            let site = try connection.cached(
                """
                INSERT INTO samband_site(name, state, secret_digest, joined) VALUES(?1, 'active', ?2, ?3)
                ON CONFLICT(name) DO UPDATE SET secret_digest = excluded.secret_digest, token_digest = NULL,
                  next_digest = NULL, joined = coalesce(joined, excluded.joined)
                """)
            try site.bind([.text(name), .blob(secretDigest), .integer(Int64(nowMs))])
            try site.run()
            try lives.set(.active, ofSite: name)
            guard try replicaState(replica) == nil else { return }
            try lives.setReplicas(.replaced, ofSite: name, whichAre: .active)
            try ReplicaTable(connection: connection).add(replica, site: name)
            // While it gathers nothing goes out: the repair names all of them.
            if !isRecovering { try publishReplicas([replica], nowMs: nowMs) }
        }
    }

    private func checkConfirms(_ name: String, _ replica: UInt32, _ digest: [UInt8], _ doing: String) throws {
        func refuse(_ why: String, _ hint: String) -> StoreError {
            StoreError(.refused, doing: doing, why: why, hint: hint)
        }
        guard try EpochTable(connection: connection).number() > 0 else {
            throw refuse("this hub was never restored", "A new site joins with a token: samband site add NAME.")
        }
        guard isSiteName(name), replica > 0 else {
            throw refuse("that is no site's name", "See: samband recover status.")
        }
        if let known = try replicaState(replica) {
            guard known.site == name else {
                throw refuse("that replica is one of another site, or the hub's own", "It is not what it says it is.")
            }
            guard known.state != .retired else {
                throw refuse("that replica was retired", "The site joins again with a token: samband site add NAME.")
            }
        }
        if let state = try siteState(name), ![.active, .invited].contains(state) {
            throw refuse("the site is \(state.rawValue) here", "See: samband site list.")
        }
        if let other = try siteCredential(secretDigest: digest)?.site, other != name {
            throw refuse("its secret is that of site \(other)", "It is not what it says it is.")
        }
    }
}
