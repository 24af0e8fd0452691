import JSONText
import Replication
import SQLite
import TableModel

/// The audit: a table that is only ever added to, each row chained to the one before by SHA-256, so that a row that was
/// changed or taken out later shows. At the hub only, and in no snapshot. (Protocol/Audit.md)
///
/// Triggers refuse every program's writes to it. Samband's own connection has its triggers off and adds rows; it takes
/// rows away in `trim` alone.
package struct AuditTable {
    package let connection: Connection

    package init(connection: Connection) {
        self.connection = connection
    }
    package static let sql = """
        CREATE TABLE samband_audit(
          number INTEGER PRIMARY KEY,              -- 1, 2, 3 … without gaps
          at INTEGER NOT NULL,                     -- milliseconds since 1970
          who TEXT NOT NULL,                       -- an operator, local:<user>, site:<name>, samband
          what TEXT NOT NULL,                      -- site.add, conflict.resolve, read.history, …
          details TEXT NOT NULL,                   -- a JSON object; no value of a row, no key, no secret
          digest BLOB NOT NULL                     -- SHA-256 over the digest before and this row
        ) STRICT;
        CREATE INDEX samband_audit_at ON samband_audit(at);
        """

    // MARK: adding

    /// Adds a row, inside a transaction of the caller.
    package func append(_ entry: AuditEntry) throws {
        let head = try head()
        let details = String(decoding: try entry.details.bytes(), as: UTF8.self)
        let number = head.number + 1
        let digest = AuditRecord.digest(
            after: head.digest, number: number, atMs: entry.atMs, who: entry.who, what: entry.what.rawValue,
            details: details)
        let statement = try connection.cached(
            "INSERT INTO samband_audit(number, at, who, what, details, digest) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")
        try statement.bind([
            .integer(Int64(number)), .integer(Int64(entry.atMs)), .text(entry.who), .text(entry.what.rawValue),
            .text(details), .blob(digest),
        ])
        try statement.run()
    }

    package func head() throws -> AuditHead {
        let statement = try connection.cached("SELECT number, digest FROM samband_audit ORDER BY number DESC LIMIT 1")
        defer { statement.reset() }
        guard try statement.step() else { return AuditHead(number: 0, digest: AuditRecord.noDigest) }
        return AuditHead(number: statement.unsigned(0), digest: statement.bytes(1))
    }

    // MARK: reading

    /// When the oldest row was written, in milliseconds since 1970; nil when there is none.
    package func oldestMs() throws -> UInt64? {
        let statement = try connection.cached("SELECT at FROM samband_audit ORDER BY number LIMIT 1")
        defer { statement.reset() }
        return try statement.step() ? statement.unsigned(0) : nil
    }

    /// The entries that a filter lets through, oldest first.
    package func rows(_ filter: AuditFilter) throws -> [AuditRecord] {
        let statement = try connection.cached(
            """
            SELECT number, at, who, what, details, digest FROM samband_audit
            WHERE number > ?1 AND at >= ?2 AND at < ?3 AND (?4 IS NULL OR who = ?4)
              AND (?5 IS NULL OR what = ?5 OR what GLOB ?5 || '.*')
              AND (?6 IS NULL OR EXISTS(SELECT 1 FROM json_tree(details) WHERE key = 'row' AND atom = ?6))
            ORDER BY number LIMIT ?7
            """)
        try statement.bind([
            .integer(Int64(clamping: filter.after)), .integer(Int64(clamping: filter.fromMs)),
            .integer(Int64(clamping: filter.toMs)), filter.who.map { .text($0) } ?? .null,
            filter.what.map { .text($0) } ?? .null, filter.row.map { .text($0) } ?? .null,
            .integer(Int64(filter.limit)),
        ])
        return try statement.rows { Self.record($0) }
    }

    /// All of whom something is recorded.
    package func persons() throws -> [String] {
        let statement = try connection.cached("SELECT DISTINCT who FROM samband_audit")
        return try statement.rows { $0.string(0) }
    }

    private static func record(_ statement: Statement) -> AuditRecord {
        AuditRecord(
            number: statement.unsigned(0), atMs: statement.unsigned(1), who: statement.string(2),
            what: statement.string(3), details: statement.string(4), digest: statement.bytes(5))
    }

    // MARK: verifying

    /// Goes through the whole chain, a row at a time.
    ///
    /// - Parameter noted: an end of the chain that somebody has noted earlier.
    package func verify(noted: AuditHead? = nil) throws -> AuditVerdict {
        let statement = try connection.prepare(
            "SELECT number, at, who, what, details, digest FROM samband_audit ORDER BY number")
        var verdict = AuditVerdict()
        var previous: AuditHead?
        while try statement.step() {
            let record = Self.record(statement)
            let before: AuditHead
            if let previous {
                before = previous
            } else {
                guard let anchor = try anchor(before: record.number) else {
                    verdict.fail(record.number, "the rows before it are gone, and no row says that they were trimmed")
                    return verdict
                }
                before = anchor
                verdict.first = record.number
                // Whoever has the file may take rows away and make anew the row that says so, and all behind it.
                if let noted, noted.number > 0, noted.number <= anchor.number, noted != anchor {
                    verdict.fail(
                        noted.number,
                        "it, which was noted, was trimmed: nothing tells any more that the rows from \(record.number) on "
                            + "were chained to it")
                    return verdict
                }
            }
            guard record.number == before.number + 1 else {
                verdict.fail(before.number + 1, "it is missing")
                return verdict
            }
            let digest = AuditRecord.digest(
                after: before.digest, number: record.number, atMs: record.atMs, who: record.who, what: record.what,
                details: record.details)
            guard digest == record.digest else {
                verdict.fail(record.number, "it, or the one before, is not as it was written")
                return verdict
            }
            if let noted, noted.number == record.number, noted.digest != record.digest {
                verdict.fail(record.number, "it is not the one that was noted: the chain was made anew")
                return verdict
            }
            previous = AuditHead(number: record.number, digest: digest)
            verdict.rows += 1
        }
        verdict.head = previous ?? AuditHead(number: 0, digest: AuditRecord.noDigest)
        if previous == nil { verdict.fail(1, "it is missing, and so is every other: the making of the hub is one") }
        if let noted, noted.number > verdict.head.number {
            verdict.fail(verdict.head.number + 1, "rows up to \(noted.number), which was noted, are missing")
        }
        return verdict
    }

    /// What the first row that is left is chained to: nothing, or the last of those that were trimmed, as the row says
    /// that trimmed them.
    private func anchor(before first: UInt64) throws -> AuditHead? {
        if first == 1 { return AuditHead(number: 0, digest: AuditRecord.noDigest) }
        let statement = try connection.prepare(
            "SELECT details FROM samband_audit WHERE what = 'audit.trim' ORDER BY number DESC")
        while try statement.step() {
            guard let details = try? JSON(parsing: Array(statement.string(0).utf8)),
                details["through"]?.integer == Int64(first - 1), let digest = details["digest"]?.string.flatMap(unhex)
            else { continue }
            return AuditHead(number: first - 1, digest: digest)
        }
        return nil
    }

    // MARK: trimming

    /// Takes the rows from before a moment away, inside a transaction of the caller, and adds one that says so and to
    /// what the first of the others is chained.
    ///
    /// - Returns: false when there is none.
    package func trim(before limitMs: UInt64, nowMs: UInt64) throws -> Bool {
        let find = try connection.cached(
            """
            SELECT number, digest, (SELECT min(number) FROM samband_audit) FROM samband_audit
            WHERE number < coalesce((SELECT min(number) FROM samband_audit WHERE at >= ?1), 9223372036854775807)
            ORDER BY number DESC LIMIT 1
            """)
        try find.bind(limitMs, at: 1)
        defer { find.reset() }
        guard try find.step() else { return false }
        let (through, digest, first) = (find.unsigned(0), find.bytes(1), find.unsigned(2))
        try append(
            AuditEntry(
                who: "samband", .trimmed,
                [
                    "from": .integer(Int64(first)), "through": .integer(Int64(through)),
                    "digest": .string(digest.hex),
                ], atMs: nowMs))
        let delete = try connection.cached("DELETE FROM samband_audit WHERE number <= ?1")
        try delete.bind(through, at: 1)
        try delete.run()
        return true
    }
}

/// Which rows of the audit are wanted.
package struct AuditFilter: Sendable {
    /// Only those behind this number.
    package var after: UInt64 = 0
    /// From here on, and before there: milliseconds since 1970.
    package var fromMs: UInt64 = 0
    package var toMs = UInt64(Int64.max)
    package var who: String?
    /// One event, or all that begin with the word: `read`.
    package var what: String?
    /// The fingerprint of a row of the fleet.
    package var row: String?
    package var limit = 1000

    package init() {}
}

/// Whether the chain holds.
package struct AuditVerdict: Hashable, Sendable {
    package internal(set) var rows = 0
    /// The first row that is there; those before were trimmed.
    package internal(set) var first: UInt64 = 1
    package internal(set) var head = AuditHead(number: 0, digest: AuditRecord.noDigest)
    /// The first number at which it does not, and why; nil when it holds.
    package private(set) var broken: Break?

    package struct Break: Hashable, Sendable {
        package let number: UInt64
        package let why: String
    }

    package mutating func fail(_ number: UInt64, _ why: String) { broken = Break(number: number, why: why) }
}

/// The bytes of hexadecimal digits; nil for anything else.
package func unhex(_ text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    for place in stride(from: 0, to: digits.count, by: 2) {
        guard digits[place] != 0x2b, digits[place] != 0x2d,
            let byte = UInt8(String(decoding: digits[place...place + 1], as: UTF8.self), radix: 16)
        else { return nil }
        bytes.append(byte)
    }
    return bytes
}
