// What the verbs of operators ask of a hub, and what it answers.

/// A site that is to join.
package struct SiteInvitation: Shape {
    package let name = Key("name", .text)
    package let expiresHours = Key(optional: "expires_hours", .number)
    package init() {}
}

/// The one-time token of a site.
package struct SiteToken: Shape {
    package let name = Key("name", .text)
    package let token = Key("token", .text)
    package let expires = Key("expires", .text)
    package init() {}
}

/// Of a site or an operator.
package struct NewState: Shape {
    package let name = Key("name", .text)
    package let state = Key("state", .text)
    package init() {}
}

/// A person who is to work from afar.
package struct OperatorInvitation: Shape {
    package let name = Key("name", .text)
    package let role = Key(optional: "role", .text)
    package let by = Key(optional: "by", .text)
    package init() {}
}

/// The token of a person.
package struct OperatorToken: Shape {
    package let name = Key("name", .text)
    package let role = Key("role", .text)
    package let token = Key("token", .text)
    package init() {}
}

/// How conflicts of a table or a column are to settle.
package struct PolicyRequest: Shape {
    package let table = Key("table", .text)
    package let column = Key(optional: "column", .text)
    package let policy = Key("policy", .value("text or null"))
    package let unit = Key(optional: "unit", .value("text"))
    package let by = Key(optional: "by", .text)
    package init() {}
}

/// Where a backup goes.
package struct BackupRequest: Shape {
    package let to = Key("to", .text)
    package init() {}
}

/// A site to let in again, or nothing: to go on without the sites that were not heard.
package struct RecoveryAcceptance: Shape {
    package let site = Key(optional: "site", .text)
    package let fingerprint = Key(optional: "fingerprint", .text)
    package init() {}
}

/// How long the audit is kept.
package struct AuditRetention: Shape {
    package let years = Key("years", .integer)
    package init() {}
}

/// Who decides, why, and whether only to try it: what every decision's request has in common.
package struct DecisionSignature: Shape {
    package let reason = Key(optional: "reason", .text)
    package let by = Key(optional: "by", .text)
    package let changed = Key(optional: "changed", .integer)
    package let dryRun = Key(optional: "dry_run", .bool)
    package init() {}
}

/// What an exchange with the hub brought.
package struct SyncAnswer: Shape {
    package let pushed = Key("pushed", .integer)
    package let pulled = Key("pulled", .integer)
    package let vector = Key("vector", .vector)
    package init() {}
}
