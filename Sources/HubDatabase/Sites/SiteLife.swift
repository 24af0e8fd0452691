import Auditing
import JSONText
import OrderedLog
import Replication
import SQLite
import TableModel

/// A site set aside for a while, taken back, or ended.
package enum SiteStep: String, CaseIterable, Sendable {
    /// It exchanges nothing and keeps all it has; the frontier waits for it.
    case pause
    case resume
    /// For good: its replicas leave the frontier, and what it still sends is quarantined.
    case retire

    /// The state that it leads to.
    package var state: SiteState {
        switch self {
        case .pause: .paused
        case .resume: .active
        case .retire: .retired
        }
    }
}

extension HubStore {
    /// Takes a step in the life of a site. Once more changes nothing.
    ///
    /// - Returns: the replicas that it concerns.
    /// - Throws: `.notFound`; `.refused` when the site is in a state from which no such step leads.
    package func step(
        _ step: SiteStep, ofSite name: String, nowMs: UInt64, audit entry: AuditEntry? = nil
    ) throws(StoreError) -> [UInt32] {
        let doing = "\(step == .retire ? "retiring" : step == .pause ? "pausing" : "resuming") site \(name.prefix(64))"
        // The others are told of a site that is retired, and while nothing is given out nobody is.
        return try writing(doing, whileRecovering: step != .retire, audit: entry) {
            guard let state = try siteState(name) else {
                throw StoreError(
                    .notFound, doing: doing, why: "there is none of that name", hint: "See: samband site list.")
            }
            let replicas = try ReplicaTable(connection: connection).replicas(of: name)
            if state == step.state { return replicas }
            switch (step, state) {
            case (.pause, .active), (.resume, .paused): break
            case (.retire, _): try retire(name, replicas, nowMs: nowMs)
            default:
                throw StoreError(
                    .refused, doing: doing, why: "it is \(state.rawValue)",
                    hint: state == .retired
                        ? "A retired site does not come back; give its place a new name: samband site add NAME."
                        : "See: samband site list.")
            }
            try lives.set(step.state, ofSite: name)
            return replicas
        }
    }

    private func retire(_ name: String, _ replicas: [UInt32], nowMs: UInt64) throws {
        let token = try connection.cached(
            "UPDATE samband_site SET token_digest = NULL, token_expires = NULL WHERE name = ?1")
        try token.bind(at: 1, text: name)
        try token.run()
        try lives.setReplicas(.retired, ofSite: name)
        // The site has it still, and sends it anew: into the quarantine.
        for replica in replicas { try dropStaged(of: replica) }
        if !replicas.isEmpty { try publishReplicas(replicas, nowMs: nowMs) }
    }

    /// Whether a replica may exchange at this moment: what is under way is asked again and again.
    package func mayExchange(_ replica: UInt32) throws(StoreError) -> Bool {
        try storing("looking up replica \(replica)") {
            let statement = try connection.cached(
                """
                SELECT 1 FROM samband_replica r JOIN samband_site s ON s.name = r.site
                WHERE r.replica = ?1 AND r.state <> 'retired' AND s.state = 'active'
                """)
            try statement.bind(UInt64(replica), at: 1)
            defer { statement.reset() }
            return try statement.step()
        }
    }
}
