import Replication
import SQLite
import TableModel

/// What a node notes of its line to the hub: too frequent for a commit of its own each time. It is kept in memory and
/// goes to the disk with the next commit; what is lost of it with the machine's power the hub says again.
struct LinkRecord {
    fileprivate var acknowledged: UInt64?
    fileprivate var clockOffsetMs: Int64?
    fileprivate var lastContactMs: UInt64?
    /// For the view `samband_status`, as text.
    fileprivate var shown: [(key: MetaKey, text: String?)] = []

    var isEmpty: Bool { acknowledged == nil && clockOffsetMs == nil && lastContactMs == nil && shown.isEmpty }
}

extension NodeStore {
    /// Milliseconds from this machine's clock to the hub's, as last measured.
    package func clockOffsetMs() throws(StoreError) -> Int64 {
        if let noted = lineNotes.clockOffsetMs { return noted }
        return try storing("reading the clock's offset") {
            Int64(bitPattern: try connection.metaNumber(.clockOffsetMs))
        }
    }

    /// The last own seq that the hub has acknowledged.
    package func acknowledged() throws(StoreError) -> UInt64 {
        if let noted = lineNotes.acknowledged { return noted }
        return try storing("reading what the hub has acknowledged") { try connection.metaNumber(.acknowledged) }
    }

    package func lastContactMs() throws(StoreError) -> UInt64? {
        if let noted = lineNotes.lastContactMs { return noted }
        return try storing("reading the last contact") {
            let ms = try connection.metaNumber(.lastContactMs)
            return ms == 0 ? nil : ms
        }
    }

    package func noteAcknowledged(_ seq: UInt64) { lineNotes.acknowledged = seq }
    package func noteClockOffset(_ ms: Int64) { lineNotes.clockOffsetMs = ms }

    /// Notes the state of the line for the view `samband_status`.
    package func noteLink(
        isUp: Bool, since: String, lastContact: String?, lastContactMs: UInt64?, trouble: String?
    ) {
        lineNotes.shown = [(.link, isUp ? "up" : "down"), (.linkSince, since), (.trouble, trouble)]
        if let lastContact { lineNotes.shown.append((.lastContact, lastContact)) }
        if let lastContactMs { lineNotes.lastContactMs = lastContactMs }
    }

    /// Writes what is noted, where no other commit has taken it along.
    package func writeLineNotes() throws(StoreError) {
        if !lineNotes.isEmpty { try writing("noting the state of the line") {} }
    }

    func write(_ notes: LinkRecord) throws {
        if let seq = notes.acknowledged { try connection.setMeta(.acknowledged, seq) }
        if let ms = notes.clockOffsetMs { try connection.setMeta(.clockOffsetMs, .integer(ms)) }
        if let ms = notes.lastContactMs { try connection.setMeta(.lastContactMs, ms) }
        for (key, text) in notes.shown {
            try connection.setMeta(key, text.map { .text(Array($0.utf8)) } ?? .null)
        }
    }
}
