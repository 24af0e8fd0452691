import JSONText
import Replication

/// What the audit records. The raw value is what stands in the table and on the command line.
package enum AuditEvent: String, CaseIterable, Sendable {
    // The fleet's life.
    case hubCreated = "hub.create"
    case hubRestored = "hub.restore"
    /// Built from the files of nodes, where no backup was left.
    case hubBuilt = "hub.build"
    case backup = "hub.backup"
    case recoveryBegun = "recovery.begin"
    case recoveryAccepted = "recovery.accept"
    case policySet = "policy.set"

    // Who may come in.
    case siteAdded = "site.add"
    case siteJoined = "site.join"
    /// A restored hub did not know its secret, and a person has said that it is that site.
    case siteConfirmed = "site.confirm"
    case sitePaused = "site.pause"
    case siteResumed = "site.resume"
    case siteRetired = "site.retire"
    /// A node has registered new secrets; the former ones still open.
    case secretsOffered = "site.rotate"
    /// The new ones were used for the first time: the former open nothing any more.
    case secretsChanged = "site.rotated"
    case operatorAdded = "operator.add"
    case operatorRevoked = "operator.revoke"
    /// Many credentials were shown that open nothing.
    case credentialAlarm = "credential.alarm"

    // Decisions.
    case conflictResolved = "conflict.resolve"
    case conflictUndone = "conflict.undo"
    case recordsMerged = "record.merge"
    case recordsUnmerged = "record.unmerge"

    // Row values read by a person.
    case conflictsRead = "read.conflicts"
    case conflictRead = "read.conflict"
    case withheldRowsRead = "read.withheld"
    case historyRead = "read.history"
    case explanationRead = "read.explain"
    case recordsRead = "read.record"

    // The audit itself.
    case retentionSet = "audit.keep"
    case trimmed = "audit.trim"
}

/// Something to record. Its details hold no value of a row, no key and no secret.
package struct AuditEntry: Sendable {
    /// An operator's name, `local:<user>` on the hub's own machine, `site:<name>`, or `samband`.
    package let who: String
    package let what: AuditEvent
    package let details: JSON
    /// Milliseconds since 1970.
    package let atMs: UInt64

    package init(who: String, _ what: AuditEvent, _ details: JSON, atMs: UInt64) {
        self.who = who
        self.what = what
        self.details = details
        self.atMs = atMs
    }
}

/// A row of the audit.
package struct AuditRecord: Hashable, Sendable {
    /// 1, 2, 3 … without gaps.
    package let number: UInt64
    package let atMs: UInt64
    package let who: String
    package let what: String
    /// A JSON object.
    package let details: String
    /// Chained to the digest of the row before.
    package let digest: [UInt8]

    /// The digest that a row has behind another one. (Protocol/Audit.md#the-chain)
    package static func digest(
        after previous: [UInt8], number: UInt64, atMs: UInt64, who: String, what: String, details: String
    ) -> [UInt8] {
        var bytes = previous
        for value in [number, atMs] {
            for shift in stride(from: 0, to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
            }
        }
        for text in [who, what, details] {
            let utf8 = Array(text.utf8)
            for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: utf8.count >> shift)) }
            bytes += utf8
        }
        return SHA256.digest(bytes)
    }

    /// Before the first row.
    static let noDigest = [UInt8](repeating: 0, count: 32)
}

/// The end of the chain: who has noted it can tell later that nothing before it was changed or taken away.
package struct AuditHead: Hashable, Sendable {
    /// 0 for an audit without a row.
    package let number: UInt64
    package let digest: [UInt8]

    package init(number: UInt64, digest: [UInt8]) {
        self.number = number
        self.digest = digest
    }
}

extension [UInt8] {
    /// In hexadecimal digits, lower case.
    package var hex: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
