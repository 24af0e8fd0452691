import Replication
import SQLite

/// The few facts that a database knows about itself, in `samband_meta`.
package enum MetaKey: String, CaseIterable {
    case fleet, role, replica, site, hub
    /// The greatest hybrid logical clock given out or seen.
    case hlc
    /// Node: the greatest of those that came from others.
    case hlcSeen = "hlc_seen"
    /// Hub: the greatest milliseconds of a stamp when somebody said that the clock, which was behind, is right.
    case acceptedMs = "accepted_ms"
    /// Hub: when it last ran with a clock that nobody doubts, in milliseconds since 1970.
    case runningMs = "running_ms"
    /// The last own seq, and the digest of that change set.
    case seq
    case digest
    /// Set in a copy of the hub's database, to the milliseconds since 1970 at which it was made: who is opened on it was
    /// restored.
    case restored
    /// Hub: the position up to which it was built from the files of nodes: its log begins where theirs did.
    case fromNodes = "from_nodes"
    /// The newest verified backup of the hub: milliseconds since 1970, the end of its order, its vector clock.
    case backupAt = "backup_at"
    case backupPosition = "backup_position"
    case backupVector = "backup_vector"
    /// The place in the hub's order up to which this database has everything.
    case position
    /// Milliseconds to add to the local clock to get the hub's.
    case clockOffsetMs = "clock_offset_ms"
    case schemaVersion = "schema_version"
    /// SQLite's own count of schema changes, as it was when capture was last looked at.
    case schemaCookie = "schema_cookie"
    case formatVersion = "format_version"
    /// The last own seq that the hub has acknowledged.
    case acknowledged
    case link
    case linkSince = "link_since"
    case lastContact = "last_contact"
    case lastContactMs = "last_contact_ms"
    /// What a database shows that asks for another replica number, until it has one.
    case splitTicket = "split_ticket"
    /// What operators are to know, and since when, in milliseconds since 1970.
    case notice
    case noticeMs = "notice_ms"
    /// What keeps the node from its work, in words; NULL when nothing does.
    case trouble
    /// Hub: how many policies came back with what was handed in to it when it was restored, and of how many joined records
    /// nothing says here that they are one.
    case policiesBack = "policies_back"
    case joinsMissing = "joins_missing"
    /// Node: the restored hub for which it has sealed all its rows.
    case testified
    /// Hub: the key of the fingerprints by which the audit names rows; and for how many years it is kept, if somebody has
    /// said so.
    case auditKey = "audit_key"
    case auditYears = "audit_years"
    /// 1 while a restored hub gathers what its sites know and gives nothing out.
    case recovering
}

extension Connection {
    package func meta(_ key: MetaKey) throws(SQLiteError) -> Value? {
        let statement = try cached("SELECT value FROM samband_meta WHERE name = ?1")
        try statement.bind(at: 1, text: key.rawValue)
        defer { statement.reset() }
        return try statement.step() ? statement.value(0) : nil
    }

    package func metaNumber(_ key: MetaKey) throws(SQLiteError) -> UInt64 {
        guard case .integer(let number) = try meta(key) else { return 0 }
        return UInt64(bitPattern: number)
    }

    package func metaText(_ key: MetaKey) throws(SQLiteError) -> String? {
        guard case .text(let bytes) = try meta(key) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    package func setMeta(_ key: MetaKey, _ value: Value) throws(SQLiteError) {
        let statement = try cached(
            "INSERT INTO samband_meta(name, value) VALUES(?1, ?2) "
                + "ON CONFLICT(name) DO UPDATE SET value = excluded.value")
        try statement.bind(at: 1, text: key.rawValue)
        try statement.bind(value, at: 2)
        try statement.run()
    }

    package func setMeta(_ key: MetaKey, _ number: UInt64) throws(SQLiteError) {
        try setMeta(key, .integer(Int64(bitPattern: number)))
    }
}
