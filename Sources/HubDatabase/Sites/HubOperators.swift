import Auditing
import SQLite
import TableModel

/// Somebody who may work at the hub from afar.
package struct OperatorRecord: Hashable, Sendable {
    package let name: String
    package let role: Role
    package let addedMs: UInt64
    package let addedBy: String
    /// Set once the token has been taken back.
    package let revokedMs: UInt64?
    /// To the minute.
    package let lastUsedMs: UInt64?
}

/// The table of operators: at the hub only, and in no snapshot.
enum OperatorTable {
    static let sql = """
        CREATE TABLE samband_operator(
          name TEXT PRIMARY KEY NOT NULL,
          role TEXT NOT NULL,                      -- viewer, operator, admin, auditor
          token_digest BLOB NOT NULL,              -- SHA-256 of the token; the token itself is nowhere
          added INTEGER NOT NULL,                  -- milliseconds since 1970
          added_by TEXT NOT NULL,
          revoked INTEGER,                         -- milliseconds since 1970; NULL while the token is good
          last_used INTEGER                        -- milliseconds since 1970, to the minute
        ) STRICT;
        """
}

extension HubStore {
    /// A use is noted once in this time, so that a busy operator does not make the hub write at every request.
    private static let useIsNotedEveryMs: UInt64 = 60_000

    private static let operatorColumns = "name, role, added, added_by, revoked, last_used"

    /// Registers an operator under the digest of the token. A name whose token was revoked may be given anew.
    package func addOperator(
        _ name: String, _ role: Role, tokenDigest: [UInt8], by person: String, nowMs: UInt64,
        audit entry: AuditEntry? = nil
    ) throws(StoreError) {
        let doing = "adding operator \(name.prefix(64))"
        guard isOperatorName(name) else {
            throw StoreError(
                .misused, doing: doing,
                why: "an operator's name is 1 to 32 of a-z, 0-9, - and ., begins with a letter or digit, and is not "
                    + "policy",
                hint: "For instance: kari.")
        }
        try writing(doing, whileRecovering: true, audit: entry) {
            let statement = try connection.cached(
                """
                INSERT INTO samband_operator(name, role, token_digest, added, added_by) VALUES(?1, ?2, ?3, ?4, ?5)
                ON CONFLICT(name) DO UPDATE SET role = excluded.role, token_digest = excluded.token_digest,
                  added = excluded.added, added_by = excluded.added_by, revoked = NULL, last_used = NULL
                WHERE revoked IS NOT NULL
                """)
            try statement.bind([
                .text(name), .text(role.rawValue), .blob(tokenDigest), .integer(Int64(nowMs)), .text(person),
            ])
            try statement.run()
            guard connection.changes == 1 else {
                throw StoreError(
                    .refused, doing: doing, why: "there is an operator of that name, with a token that is good",
                    hint: "Take it back first: samband operator revoke \(name).")
            }
        }
    }

    /// All operators by name, those whose token was revoked too.
    package func operators() throws(StoreError) -> [OperatorRecord] {
        try storing("listing the operators") {
            let statement = try connection.cached(
                "SELECT \(Self.operatorColumns) FROM samband_operator ORDER BY name")
            defer { statement.reset() }
            var found: [OperatorRecord] = []
            while try statement.step() { if let record = Self.record(statement) { found.append(record) } }
            return found
        }
    }

    /// Takes an operator's token back: the next request that shows it is refused. Once more changes nothing.
    package func revokeOperator(
        _ name: String, nowMs: UInt64, audit entry: AuditEntry? = nil
    ) throws(StoreError) {
        let doing = "revoking the token of operator \(name.prefix(64))"
        // A backup knows tokens that were taken back since.
        try writing(doing, whileRecovering: true, audit: entry) {
            let statement = try connection.cached(
                "UPDATE samband_operator SET revoked = coalesce(revoked, ?2) WHERE name = ?1")
            try statement.bind([.text(name), .integer(Int64(nowMs))])
            try statement.run()
            guard connection.changes == 1 else {
                throw StoreError(
                    .notFound, doing: doing, why: "there is none of that name", hint: "See: samband operator list.")
            }
        }
    }

    /// The operator whose token has this digest, also when it was revoked; nil when it is nobody's.
    package func operatorCredential(tokenDigest: [UInt8], nowMs: UInt64) throws(StoreError) -> OperatorRecord? {
        let record = try storing("checking a credential") { () -> OperatorRecord? in
            let statement = try connection.cached("SELECT \(Self.operatorColumns), token_digest FROM samband_operator")
            defer { statement.reset() }
            var found: OperatorRecord?
            while try statement.step() {
                if isSameDigest(statement.bytes(6), tokenDigest) { found = Self.record(statement) }
            }
            return found
        }
        guard let record, record.revokedMs == nil else { return record }
        if nowMs > (record.lastUsedMs ?? 0) + Self.useIsNotedEveryMs {
            // Whoever comes because the disk is full, or the hub was restored, is let in though it cannot be noted.
            try? writing("noting that operator \(record.name) is here", whileRecovering: true) {
                let statement = try connection.cached("UPDATE samband_operator SET last_used = ?2 WHERE name = ?1")
                try statement.bind([.text(record.name), .integer(Int64(nowMs))])
                try statement.run()
            }
        }
        return record
    }

    /// Nil for a role that this version does not know: such a token opens nothing.
    private static func record(_ statement: Statement) -> OperatorRecord? {
        guard let role = Role(rawValue: statement.string(1)) else { return nil }
        return OperatorRecord(
            name: statement.string(0), role: role, addedMs: statement.unsigned(2), addedBy: statement.string(3),
            revokedMs: statement.type(4) == .null ? nil : statement.unsigned(4),
            lastUsedMs: statement.type(5) == .null ? nil : statement.unsigned(5))
    }
}

/// Compares two digests in a time that tells nothing of where they differ.
func isSameDigest(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    guard one.count == other.count else { return false }
    var difference: UInt8 = 0
    for index in one.indices { difference |= one[index] ^ other[index] }
    return difference == 0
}

/// `[a-z0-9][a-z0-9.-]{0,31}`, but for the word under which automatic decisions are listed.
private func isOperatorName(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    guard (1...32).contains(bytes.count), name != "policy", bytes[0] != 0x2d, bytes[0] != 0x2e else { return false }
    return bytes.allSatisfy {
        (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x2e
    }
}
