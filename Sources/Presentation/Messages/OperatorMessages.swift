import JSONText
import Replication

// What operators ask of a hub, in the members that a verb writes and the hub reads.

package struct SiteInvitation: Message {
    package var name = ""
    package var expiresHours: Double?

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field("name", \.name, .text, "a to z, digits and -, 32 at most"),
            Field(optional: "expires_hours", \.expiresHours, .number, "how long the token is good; 24 when missing"),
        ]
    }
}

package struct SiteToken: Message {
    package var name = ""
    package var token = ""
    package var expires = ""

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field("name", \.name, .text, "of the site"),
            Field("token", \.token, .text, "shown once: the hub keeps its digest only"),
            Field("expires", \.expires, .text, "a time"),
        ]
    }
}

package struct SiteState: Message {
    package var name = ""
    package var state = ""

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field("name", \.name, .text, "of the site or the operator"),
            Field("state", \.state, .text, "active, paused, retired or revoked"),
        ]
    }
}

package struct OperatorInvitation: Message {
    package var name = ""
    package var role: String?
    package var by: String?

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field("name", \.name, .text, "of the person"),
            Field(optional: "role", \.role, .text, "viewer, operator, admin or auditor; operator when missing"),
            Field(optional: "by", \.by, .text, "who adds; from afar it is whose token it is"),
        ]
    }
}

package struct OperatorToken: Message {
    package var name = ""
    package var role = ""
    package var token = ""

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field("name", \.name, .text, "of the person"),
            Field("role", \.role, .text, "that the token has"),
            Field("token", \.token, .text, "shown once: the hub keeps its digest only"),
        ]
    }
}

package struct PolicyRequest: Message {
    package var table = ""
    package var column: String?
    package var policy = JSON.null
    package var unit: JSON?
    package var by: String?

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field("table", \.table, .text, "a replicated table"),
            Field(
                optional: "column", \.column, .text, "one of its columns; missing: those without a policy of their own"),
            Field("policy", \.policy, .value("text or null"), "a policy; null takes one back"),
            Field(optional: "unit", \.unit, .value("text"), "row or column; as it was when missing"),
            Field(optional: "by", \.by, .text, "who sets it; from afar it is whose token it is"),
        ]
    }
}

package struct BackupRequest: Message {
    package var to = ""

    package init() {}
    package static var fields: [Field<Self>] {
        [Field("to", \.to, .text, "an absolute path on the hub's machine, where no file is yet")]
    }
}

/// What an operator agrees to after a restoration.
package struct RecoveryAcceptance: Message {
    package var site: String?
    package var fingerprint: String?

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field(
                optional: "site", \.site, .text,
                "let this site in again under the secret of that fingerprint; missing: go on without the sites that "
                    + "were not heard"),
            Field(optional: "fingerprint", \.fingerprint, .text, "of the secret, as the site's node shows it"),
        ]
    }
}

/// How long the audit is kept.
package struct AuditRetention: Message {
    package var years: Int64 = 0

    package init() {}
    package static var fields: [Field<Self>] { [Field("years", \.years, .integer, "1 to 100")] }
}

/// What an exchange with the hub brought.
package struct SyncAnswer: Message {
    package var pushed: UInt64 = 0
    package var pulled: UInt64 = 0
    package var vector = VectorClock()

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field("pushed", \.pushed, .count, "change sets that went to the hub"),
            Field("pulled", \.pulled, .count, "change sets that came from it"),
            Field("vector", \.vector, .vector, "what the node has seen"),
        ]
    }
}

/// Who decides, why, and whether only to try it: what every decision's request has in common.
package struct DecisionSignature: Message {
    package var reason: String?
    package var by: String?
    package var changed: Int64?
    package var dryRun: Bool?

    package init() {}
    package static var fields: [Field<Self>] {
        [
            Field(optional: "reason", \.reason, .text, "why, for whoever reads the decision later"),
            Field(optional: "by", \.by, .text, "who decides; from afar it is whose token it is"),
            Field(
                optional: "changed", \.changed, .integer,
                "of a conflict, as it was shown: the decision is refused when it has changed since"),
            Field(optional: "dry_run", \.dryRun, .bool, "true: all of it is tried, and nothing changed"),
        ]
    }
}
