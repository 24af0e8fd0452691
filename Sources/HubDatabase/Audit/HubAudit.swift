import Auditing
import JSONText
import Replication
import SQLite
import TableModel

/// A row of the fleet in the audit: its table, and a fingerprint of its key, a keyed digest: the key of a row
/// may be a national id, which is not to stand in what auditors are given and take with them. Equal rows have equal
/// fingerprints, and who knows a key can ask for all that the audit has of it. (Protocol/Audit.md#which-row)
package struct AuditedRow: Hashable, Sendable {
    package let table: String
    package let row: RowID
    /// The sites whose writes were shown or decided.
    package let sites: [String]

    package init(table: String, row: RowID, sites: [String]) {
        self.table = table
        self.row = row
        self.sites = sites
    }
}

extension HubStore {
    var audit: AuditTable { AuditTable(connection: connection) }

    /// Records something that writes nothing else: before its answer leaves. What writes takes its entry along instead.
    package func record(_ entry: AuditEntry) throws(StoreError) { try record([entry]) }

    /// Records several readings in one transaction.
    package func record(_ entries: [AuditEntry]) throws(StoreError) {
        if entries.isEmpty { return }
        try writing("writing the audit", whileRecovering: true) {
            for entry in entries { try audit.append(entry) }
        }
    }

    /// How rows stand in the details of an entry.
    package func details(of rows: [AuditedRow]) throws(StoreError) -> JSON {
        try storing("reading the key of the audit") {
            let key = try auditKey()
            return .array(
                rows.map { row in
                    [
                        "table": .string(row.table), "row": .string(Self.fingerprint(of: row.row, key: key)),
                        "sites": .array(row.sites.map { .string($0.isEmpty ? "(hub)" : $0) }),
                    ]
                })
        }
    }

    /// A row of a table by name, or nil when the fleet has no such table or its key is another.
    package func auditedRow(table name: String, key: [Value], sites: [String] = []) -> AuditedRow? {
        guard let table = tables.first(where: { sameName($0.name, name) }), table.keyColumns.count == key.count
        else { return nil }
        return AuditedRow(table: table.name, row: RowID(shape: table.shape, key: key), sites: sites)
    }

    /// The fingerprint of a row in the audit.
    package func auditFingerprint(of row: AuditedRow) throws(StoreError) -> String {
        try storing("reading the key of the audit") { Self.fingerprint(of: row.row, key: try auditKey()) }
    }

    private static func fingerprint(of row: RowID, key: [UInt8]) -> String {
        var message: [UInt8] = []
        for shift in [0, 8, 16, 24] { message.append(UInt8(truncatingIfNeeded: row.table >> shift)) }
        return Array(HMAC.code(of: message + row.canonical, key: key).prefix(16)).hex
    }

    /// Made at the first use, and never changed: else the same row would have another.
    private func auditKey() throws -> [UInt8] {
        if case .blob(let key) = try connection.meta(.auditKey) { return key }
        var generator = SystemRandomNumberGenerator()
        let key = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
        try writing("making the key of the audit", whileRecovering: true) {
            try connection.setMeta(.auditKey, .blob(key))
        }
        return key
    }

    // MARK: reading

    /// Rows of the audit, oldest first.
    ///
    /// - Throws: `.misused` when the filter has a name that is nobody's: an empty list would read as "nobody did".
    package func auditRows(_ filter: AuditFilter) throws(StoreError) -> [AuditRecord] {
        try storing("reading the audit") {
            // The next pages are of the same filter.
            if filter.after == 0 { try check(filter) }
            return try audit.rows(filter)
        }
    }

    private func check(_ filter: AuditFilter) throws {
        func refuse(_ why: String, _ hint: String) -> StoreError {
            StoreError(.misused, doing: "reading the audit", why: why, hint: hint)
        }
        let events = AuditEvent.allCases.map(\.rawValue)
        let known = events + Set(events.map { String($0.prefix { $0 != "." }) }).sorted()
        if let what = filter.what, !known.contains(what) {
            throw refuse("nothing is recorded as \(what)", spellingHint(what, known))
        }
        // Whoever has an account on the hub's machine may be asked for.
        guard let who = filter.who, !who.hasPrefix("local:") else { return }
        let statement = try connection.cached(
            "SELECT name FROM samband_operator UNION SELECT 'site:' || name FROM samband_site")
        let names = try audit.persons() + statement.rows { $0.string(0) }
        if !names.contains(who) { throw refuse("nobody is called \(who) here", spellingHint(who, names)) }
    }

    package func auditHead() throws(StoreError) -> AuditHead { try storing("reading the audit") { try audit.head() } }

    /// Whether every row of the audit is as it was written, and none is missing.
    ///
    /// - Parameter noted: an end of the chain that somebody has noted earlier.
    package func verifyAudit(noted: AuditHead?) throws(StoreError) -> AuditVerdict {
        try storing("verifying the audit") { try audit.verify(noted: noted) }
    }

    // MARK: retention

    /// Years for which the audit is kept.
    package static let auditYears: UInt64 = 10

    package func auditKeptYears() throws(StoreError) -> UInt64 {
        try storing("reading how long the audit is kept") { try keptYears() }
    }

    private func keptYears() throws -> UInt64 {
        let years = try connection.metaNumber(.auditYears)
        return years == 0 ? Self.auditYears : years
    }

    package func keepAudit(years: UInt64, audit entry: AuditEntry? = nil) throws(StoreError) {
        try writing("setting how long the audit is kept", whileRecovering: true, audit: entry) {
            try connection.setMeta(.auditYears, years)
        }
    }

    /// Takes away what has been kept long enough. By a clock that cannot be right nothing is.
    package func trimAudit(nowMs: UInt64) throws(StoreError) {
        try checkClock(nowMs: nowMs)
        let keptMs = try storing("trimming the audit") { try keptYears() } * 365_250 * 86_400
        guard nowMs > keptMs else { return }
        let oldestMs = try storing("trimming the audit") { try audit.oldestMs() }
        guard let oldestMs, oldestMs < nowMs - keptMs else { return }
        try writing("trimming the audit", whileRecovering: true) {
            _ = try audit.trim(before: nowMs - keptMs, nowMs: nowMs)
        }
    }
}
