import Replication
import SQLite
import TableModel

/// What retired sites have sent: whole change sets with their bytes, in no table of the fleet, for operators to look at.
/// At the hub only, and in no snapshot.
enum QuarantineTable {
    static let sql = """
        CREATE TABLE samband_quarantine(
          site TEXT NOT NULL,
          replica INTEGER NOT NULL,
          seq INTEGER NOT NULL,
          digest BLOB NOT NULL,                    -- SHA-256 of the header
          header BLOB NOT NULL,                    -- as the author wrote it
          received INTEGER NOT NULL,               -- milliseconds since 1970
          row_count INTEGER NOT NULL,              -- as its header says
          bytes INTEGER NOT NULL,                  -- of its segments that are here
          segments INTEGER NOT NULL,               -- how many of them are here
          whole INTEGER NOT NULL,                  -- 1: all of them
          PRIMARY KEY(replica, seq)
        ) STRICT;
        CREATE TABLE samband_quarantine_segment(
          replica INTEGER NOT NULL,
          seq INTEGER NOT NULL,
          number INTEGER NOT NULL,
          bytes BLOB NOT NULL,
          PRIMARY KEY(replica, seq, number)
        ) STRICT;
        """
}

/// A change set in the quarantine.
package struct QuarantinedSet: Hashable, Sendable {
    package let dot: Dot
    package let receivedMs: UInt64
    package let writtenMs: UInt64
    package let rows: UInt64
    package let bytes: UInt64
    /// False while segments of it are to come.
    package let isWhole: Bool
}

/// What the quarantine holds of a site.
package struct QuarantineCount: Hashable, Sendable {
    package let changeSets: Int
    package let rows: UInt64
    package let bytes: UInt64
}

extension HubStore {
    /// The newest change set of a retired replica that the hub has, in its log or in the quarantine, and what it has of
    /// the one behind.
    package func quarantineEnd(
        of replica: UInt32
    ) throws(StoreError) -> (seq: UInt64, digest: [UInt8], staged: (seq: UInt64, segments: Int)?) {
        try storing("looking at the quarantine of replica \(replica)") {
            let statement = try connection.cached(
                "SELECT seq, digest, whole, segments FROM samband_quarantine WHERE replica = ?1 ORDER BY seq DESC LIMIT 2"
            )
            try statement.bind(UInt64(replica), at: 1)
            defer { statement.reset() }
            var staged: (seq: UInt64, segments: Int)?
            while try statement.step() {
                if statement.integer(2) == 1 { return (statement.unsigned(0), statement.bytes(1), staged) }
                staged = (statement.unsigned(0), Int(statement.integer(3)))
            }
            return (
                try log.vector()[replica], try replicaState(replica)?.lastDigest ?? ChangeSetHeader.firstPrevious,
                staged
            )
        }
    }

    /// Begins a change set of a retired site: as any of its replica it follows the one before.
    ///
    /// - Returns: how many of its segments are here already; nil when it is here whole.
    package func beginQuarantined(
        _ header: ChangeSetHeader, site: String, nowMs: UInt64
    ) throws(StoreError) -> Int? {
        let doing = "keeping change set \(header.dot) of the retired site \(site)"
        let end = try quarantineEnd(of: header.dot.replica)
        return try writing(doing, whileRecovering: true) {
            guard try replicaState(header.dot.replica)?.site == site, header.kind == .local, header.conflict == 0
            else {
                throw StoreError(
                    .refused, doing: doing, why: "a site sends its own local change sets only",
                    hint: "The bytes were made up; nothing was kept.")
            }
            if header.dot.seq <= end.seq {
                guard try isKept(header) else {
                    throw StoreError(
                        .changed, doing: doing, why: "this dot names other content here already",
                        hint: "The site's database was restored or copied.")
                }
                return nil
            }
            guard header.dot.seq == end.seq + 1 else {
                throw StoreError(
                    .missing, doing: doing, why: "the change set before it has not come yet",
                    hint: "The site sends it first by itself.")
            }
            guard header.previous == end.digest else {
                throw StoreError(
                    .changed, doing: doing, why: "it does not follow the change set that came before it here",
                    hint: "The site's database was restored or copied.")
            }
            if let kept = try segmentsKept(of: header) { return kept }
            try forgetQuarantined(header.dot)
            try checkRoom(site, for: header.encoded().count, doing)
            let insert = try connection.cached(
                """
                INSERT INTO samband_quarantine(site, replica, seq, digest, header, received, row_count, bytes, segments,
                  whole)
                VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8)
                """)
            try insert.bind([
                .text(site), .integer(Int64(header.dot.replica)), .integer(Int64(bitPattern: header.dot.seq)),
                .blob(header.digest), .blob(header.encoded()), .integer(Int64(nowMs)),
                .integer(Int64(clamping: header.rowCount)), .integer(header.segmentDigests.isEmpty ? 1 : 0),
            ])
            try insert.run()
            return 0
        }
    }

    /// Keeps the next segments of a change set that was begun; their digests are those of its header.
    package func keepQuarantined(
        _ segments: [[UInt8]], from first: Int, of header: ChangeSetHeader, site: String
    ) throws(StoreError) {
        let doing = "keeping change set \(header.dot) of the retired site \(site)"
        let bytes = segments.reduce(0) { $0 + $1.count }
        try writing(doing, whileRecovering: true) {
            try checkRoom(site, for: bytes, doing)
            for (number, segment) in zip(first..., segments) {
                let insert = try connection.cached(
                    "INSERT INTO samband_quarantine_segment(replica, seq, number, bytes) VALUES(?1, ?2, ?3, ?4)")
                try insert.bind([
                    .integer(Int64(header.dot.replica)), .integer(Int64(bitPattern: header.dot.seq)),
                    .integer(Int64(number)), .blob(segment),
                ])
                try insert.run()
            }
            let update = try connection.cached(
                """
                UPDATE samband_quarantine SET bytes = bytes + ?3, segments = ?4, whole = ?5
                WHERE replica = ?1 AND seq = ?2
                """)
            let count = first + segments.count
            try update.bind([
                .integer(Int64(header.dot.replica)), .integer(Int64(bitPattern: header.dot.seq)),
                .integer(Int64(bytes)), .integer(Int64(count)),
                .integer(count == header.segmentDigests.count ? 1 : 0),
            ])
            try update.run()
        }
    }

    private func isKept(_ header: ChangeSetHeader) throws -> Bool {
        if let entry = try log.entry(header.dot) { return entry.header.digest == header.digest }
        return try row(of: header.dot)?.digest == header.digest
    }

    private func segmentsKept(of header: ChangeSetHeader) throws -> Int? {
        guard let row = try row(of: header.dot), row.digest == header.digest else { return nil }
        return row.segments
    }

    private func row(of dot: Dot) throws -> (digest: [UInt8], segments: Int)? {
        let statement = try connection.cached(
            "SELECT digest, segments FROM samband_quarantine WHERE replica = ?1 AND seq = ?2")
        try statement.bind([.integer(Int64(dot.replica)), .integer(Int64(bitPattern: dot.seq))])
        defer { statement.reset() }
        return try statement.step() ? (statement.bytes(0), Int(statement.integer(1))) : nil
    }

    /// A part of another change set of the same number: the site's file was put back meanwhile.
    private func forgetQuarantined(_ dot: Dot) throws {
        for table in ["samband_quarantine", "samband_quarantine_segment"] {
            let delete = try connection.cached("DELETE FROM \(table) WHERE replica = ?1 AND seq = ?2")
            try delete.bind([.integer(Int64(dot.replica)), .integer(Int64(bitPattern: dot.seq))])
            try delete.run()
        }
    }

    private func checkRoom(_ site: String, for bytes: Int, _ doing: String) throws {
        let statement = try connection.cached(
            "SELECT count(*), coalesce(sum(bytes + length(header)), 0) FROM samband_quarantine WHERE site = ?1")
        try statement.bind(at: 1, text: site)
        defer { statement.reset() }
        _ = try statement.step()
        guard statement.integer(0) < Limits.quarantinedSets,
            statement.integer(1) + Int64(bytes) <= Limits.quarantineBytes
        else {
            throw StoreError(
                .refused, doing: doing, why: "the quarantine of this site is full",
                hint: "What was not kept is still at the site. At the hub: samband site quarantine \(site).")
        }
    }

    // MARK: for people

    /// What the quarantine holds of each site.
    package func quarantineCounts() throws(StoreError) -> [String: QuarantineCount] {
        try storing("counting what is in quarantine") {
            var counts: [String: QuarantineCount] = [:]
            let statement = try connection.cached(
                """
                SELECT site, count(*), sum(row_count), sum(bytes) FROM samband_quarantine WHERE whole = 1 GROUP BY site
                """)
            defer { statement.reset() }
            while try statement.step() {
                counts[statement.string(0)] = QuarantineCount(
                    changeSets: Int(statement.integer(1)), rows: statement.unsigned(2), bytes: statement.unsigned(3))
            }
            return counts
        }
    }

    /// What the quarantine holds of a site, in the order in which the site wrote it.
    package func quarantined(ofSite name: String) throws(StoreError) -> [QuarantinedSet] {
        let doing = "listing what is in quarantine of site \(name.prefix(64))"
        return try storing(doing) {
            guard try siteState(name) != nil else {
                throw StoreError(
                    .notFound, doing: doing, why: "there is none of that name", hint: "See: samband site list.")
            }
            return try quarantinedSets(ofSite: name)
        }
    }

    private func quarantinedSets(ofSite name: String) throws -> [QuarantinedSet] {
        let statement = try connection.cached(
            "SELECT header, received, bytes, whole FROM samband_quarantine WHERE site = ?1 ORDER BY replica, seq")
        try statement.bind(at: 1, text: name)
        defer { statement.reset() }
        var sets: [QuarantinedSet] = []
        while try statement.step() {
            let header = try ChangeSetHeader(statement.bytes(0))
            sets.append(
                QuarantinedSet(
                    dot: header.dot, receivedMs: statement.unsigned(1),
                    writtenMs: HybridClock.milliseconds(header.hlc), rows: header.rowCount,
                    bytes: statement.unsigned(2), isWhole: statement.integer(3) == 1))
        }
        return sets
    }
}
