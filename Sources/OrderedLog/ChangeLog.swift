import Replication
import SQLite

/// One entry of the log, without its bytes.
package struct LogEntry: AuthoredWrite, Sendable {
    package let id: UInt64
    /// Nil while it is in flight.
    package let position: UInt64?
    package let header: ChangeSetHeader
    /// The position that its author had reached, as far as it is believed.
    package let seen: UInt64
    package let isEffective: Bool
    package let endsTransaction: Bool
    /// Where its author went on from under other replica numbers: the last dot of each that was its own.
    package let line: [Dot]

    package init(
        id: UInt64, position: UInt64?, header: ChangeSetHeader, seen: UInt64, isEffective: Bool, endsTransaction: Bool,
        line: [Dot] = []
    ) {
        self.id = id
        self.position = position
        self.header = header
        self.seen = seen
        self.isEffective = isEffective
        self.endsTransaction = endsTransaction
        self.line = line
    }

    package var dot: Dot { header.dot }

    package var author: Author { Author(replica: header.dot.replica, line: line) }
}

/// Which bytes of a change set.
package enum SegmentVariant: Int64, Sendable {
    case authored = 0
    case effective = 1
    case undo = 2
}

/// The log of change sets in one database: entries and segments, read and written. Every call runs inside a
/// transaction of its caller.
package struct ChangeLog {
    package let connection: Connection
    package let lines: ReplicaLines
    /// How large the segments become that are written here, about.
    package let segmentBytes: Int

    package init(connection: Connection, segmentBytes: Int = Limits.segmentTargetBytes) {
        self.segmentBytes = segmentBytes
        self.connection = connection
        lines = ReplicaLines(connection: connection)
    }

    package func nextID() throws -> UInt64 {
        UInt64(try connection.firstInteger("SELECT coalesce(max(id), 0) + 1 FROM samband_change") ?? 1)
    }

    package func lastPosition() throws -> UInt64 {
        let last = try connection.firstInteger("SELECT max(position) FROM samband_change")
        // A hub that was built from a node's file may have nothing of the order but where it ends.
        return try last.map { UInt64($0) } ?? connection.metaNumber(.fromNodes)
    }

    /// Adds an entry at the end, with the sorted hashes of its keys.
    package func append(_ entry: LogEntry, keyHashes: [UInt64]) throws {
        let statement = try connection.cached(
            """
            INSERT INTO samband_change(id, position, replica, seq, hlc, kind, seen, header, digest, key_hashes,
              effective, ends_transaction, hlc_reached)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,
              max(?5, coalesce((SELECT hlc_reached FROM samband_change ORDER BY position DESC LIMIT 1), 0)))
            """)
        let header = entry.header
        try statement.bind(entry.id, at: 1)
        if let position = entry.position { try statement.bind(position, at: 2) } else { try statement.bindNull(at: 2) }
        try statement.bind(UInt64(header.dot.replica), at: 3)
        try statement.bind(header.dot.seq, at: 4)
        try statement.bind(header.hlc, at: 5)
        try statement.bind(UInt64(header.kind.rawValue), at: 6)
        try statement.bind(entry.seen, at: 7)
        try statement.bind(at: 8, blob: header.encoded())
        try statement.bind(at: 9, blob: header.digest)
        try statement.bind(at: 10, blob: KeyHashes.encode(keyHashes))
        try statement.bind(entry.isEffective ? 1 : 0, at: 11)
        try statement.bind(entry.endsTransaction ? 1 : 0, at: 12)
        try statement.run()
    }

    /// Adds a segment to a change set, by number from 0.
    package func appendSegment(_ bytes: [UInt8], change: UInt64, variant: SegmentVariant, number: Int, digest: [UInt8])
        throws
    {
        let statement = try connection.cached(
            "INSERT INTO samband_segment(change, variant, number, digest, bytes) VALUES(?1, ?2, ?3, ?4, ?5)")
        try statement.bind(change, at: 1)
        try statement.bind(at: 2, integer: variant.rawValue)
        try statement.bind(at: 3, integer: Int64(number))
        try statement.bind(at: 4, blob: digest)
        try statement.bind(at: 5, blob: bytes)
        try statement.run()
    }

    private static let columns = "id, position, seen, header, effective, ends_transaction"

    private func read(_ statement: Statement) throws -> LogEntry {
        let header = try ChangeSetHeader(statement.bytes(3))
        return LogEntry(
            id: statement.unsigned(0), position: statement.type(1) == .null ? nil : statement.unsigned(1),
            header: header, seen: statement.unsigned(2), isEffective: statement.integer(4) == 1,
            endsTransaction: statement.integer(5) == 1, line: try lines.line(of: header.dot.replica))
    }

    package func entry(_ dot: Dot) throws -> LogEntry? {
        let statement = try connection.cached(
            "SELECT \(Self.columns) FROM samband_change WHERE replica = ?1 AND seq = ?2")
        try statement.bind(UInt64(dot.replica), at: 1)
        try statement.bind(dot.seq, at: 2)
        defer { statement.reset() }
        return try statement.step() ? try read(statement) : nil
    }

    package func entry(id: UInt64) throws -> LogEntry? {
        let statement = try connection.cached("SELECT \(Self.columns) FROM samband_change WHERE id = ?1")
        try statement.bind(id, at: 1)
        defer { statement.reset() }
        return try statement.step() ? try read(statement) : nil
    }

    /// The entries behind a position, in the hub's order, `limit` at most.
    package func entries(after position: UInt64, limit: Int) throws -> [LogEntry] {
        let statement = try connection.cached(
            "SELECT \(Self.columns) FROM samband_change WHERE position > ?1 ORDER BY position LIMIT ?2")
        try statement.bind(position, at: 1)
        try statement.bind(at: 2, integer: Int64(clamping: limit))
        return try statement.rows { try read($0) }
    }

    /// Change sets of one replica behind a seq, in order.
    package func entries(of replica: UInt32, after seq: UInt64, limit: Int) throws -> [LogEntry] {
        let statement = try connection.cached(
            "SELECT \(Self.columns) FROM samband_change WHERE replica = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3")
        try statement.bind(UInt64(replica), at: 1)
        try statement.bind(seq, at: 2)
        try statement.bind(at: 3, integer: Int64(limit))
        return try statement.rows { try read($0) }
    }

    /// The newest entries, newest first.
    package func newest(limit: Int) throws -> [LogEntry] {
        let statement = try connection.cached("SELECT \(Self.columns) FROM samband_change ORDER BY id DESC LIMIT ?1")
        try statement.bind(at: 1, integer: Int64(limit))
        return try statement.rows { try read($0) }
    }

    /// One segment's bytes, nil behind the last.
    package func segment(change: UInt64, variant: SegmentVariant, number: Int) throws -> [UInt8]? {
        let statement = try connection.cached(
            "SELECT bytes FROM samband_segment WHERE change = ?1 AND variant = ?2 AND number = ?3")
        try statement.bind(change, at: 1)
        try statement.bind(at: 2, integer: variant.rawValue)
        try statement.bind(at: 3, integer: Int64(number))
        defer { statement.reset() }
        return try statement.step() ? statement.bytes(0) : nil
    }

    /// The bytes of a change set's segments of one variant, without reading them.
    package func size(change: UInt64, variant: SegmentVariant) throws -> Int {
        let statement = try connection.cached(
            "SELECT coalesce(sum(length(bytes)), 0) FROM samband_segment WHERE change = ?1 AND variant = ?2")
        try statement.bind(change, at: 1)
        try statement.bind(at: 2, integer: variant.rawValue)
        defer { statement.reset() }
        return try statement.step() ? Int(statement.integer(0)) : 0
    }

    /// The digests of a change set's segments of one variant, in order.
    package func segmentDigests(change: UInt64, variant: SegmentVariant) throws -> [[UInt8]] {
        let statement = try connection.cached(
            "SELECT digest FROM samband_segment WHERE change = ?1 AND variant = ?2 ORDER BY number")
        try statement.bind(change, at: 1)
        try statement.bind(at: 2, integer: variant.rawValue)
        return try statement.rows { $0.bytes(0) }
    }

    /// The greatest HLC among the change sets up to a position: what a site that has reached it stamps above.
    package func hlcReached(at position: UInt64) throws -> UInt64 {
        let statement = try connection.cached(
            "SELECT hlc_reached FROM samband_change WHERE position <= ?1 ORDER BY position DESC LIMIT 1")
        try statement.bind(position, at: 1)
        defer { statement.reset() }
        return try statement.step() ? statement.unsigned(0) : 0
    }

    /// Says where one of our own change sets landed in the hub's order.
    package func setPosition(_ position: UInt64, of dot: Dot) throws {
        let statement = try connection.cached(
            "UPDATE samband_change SET position = ?1 WHERE replica = ?2 AND seq = ?3 AND position IS NULL")
        try statement.bind(position, at: 1)
        try statement.bind(UInt64(dot.replica), at: 2)
        try statement.bind(dot.seq, at: 3)
        try statement.run()
    }

    /// Gives a change set of our own that nobody else has another header.
    package func rewrite(_ id: UInt64, _ header: ChangeSetHeader) throws {
        let statement = try connection.cached(
            """
            UPDATE samband_change SET replica = ?1, seq = ?2, hlc = ?3, hlc_reached = ?3, header = ?4, digest = ?5,
              seen = ?7 WHERE id = ?6
            """)
        try statement.bind(header.position, at: 7)
        try statement.bind(UInt64(header.dot.replica), at: 1)
        try statement.bind(header.dot.seq, at: 2)
        try statement.bind(header.hlc, at: 3)
        try statement.bind(at: 4, blob: header.encoded())
        try statement.bind(at: 5, blob: header.digest)
        try statement.bind(id, at: 6)
        try statement.run()
    }

    // MARK: the vector clock

    package func vector() throws -> VectorClock {
        let statement = try connection.cached("SELECT replica, seq FROM samband_vector")
        return try VectorClock(statement.rows { (UInt32($0.integer(0)), $0.unsigned(1)) })
    }

    /// What this database has seen beyond what it had seen at its last seal.
    package func contextDelta(own replica: UInt32) throws -> VectorClock {
        let statement = try connection.cached(
            "SELECT replica, seq FROM samband_vector WHERE seq > sealed AND replica <> ?1")
        try statement.bind(UInt64(replica), at: 1)
        return try VectorClock(statement.rows { (UInt32($0.integer(0)), $0.unsigned(1)) })
    }

    package func markSealed() throws {
        try connection.cached("UPDATE samband_vector SET sealed = seq WHERE sealed <> seq").run()
    }

    package func advance(_ dot: Dot) throws {
        let statement = try connection.cached(
            "INSERT INTO samband_vector(replica, seq) VALUES(?1, ?2) "
                + "ON CONFLICT(replica) DO UPDATE SET seq = max(seq, excluded.seq)")
        try statement.bind(UInt64(dot.replica), at: 1)
        try statement.bind(dot.seq, at: 2)
        try statement.run()
    }
}

/// The sorted hashes of a change set's keys, as they lie beside its bytes.
package enum KeyHashes {
    package static func encode(_ sorted: [UInt64]) -> [UInt8] {
        var out = ByteWriter()
        for hash in sorted { out.fixed64(hash) }
        return out.bytes
    }

    package static func decode(_ bytes: [UInt8]) -> [UInt64] {
        bytes.withUnsafeBytes { raw in
            (0..<raw.count / 8).map { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
        }
    }

    /// Those that two sorted lists share.
    package static func shared(_ a: [UInt64], _ b: [UInt64]) -> [UInt64] {
        if a.count > b.count { return shared(b, a) }
        var found: [UInt64] = []
        // A few against many: look each up. Otherwise walk both.
        if a.count * 16 < b.count {
            for hash in a where contains(b, hash) { found.append(hash) }
            return found
        }
        var (i, j) = (0, 0)
        while i < a.count && j < b.count {
            if a[i] == b[j] {
                found.append(a[i])
                i += 1
                j += 1
            } else if a[i] < b[j] {
                i += 1
            } else {
                j += 1
            }
        }
        return found
    }

    package static func contains(_ sorted: [UInt64], _ hash: UInt64) -> Bool {
        let place = place(in: sorted, of: hash)
        return place < sorted.count && sorted[place] == hash
    }

    /// The first place that holds the hash, or would.
    package static func place(in sorted: [UInt64], of hash: UInt64) -> Int {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < hash { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
