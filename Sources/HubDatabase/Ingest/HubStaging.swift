import Replication
import SQLite
import TableModel

/// Segments of a change set that is being pushed: kept as they come, so that memory does not hold them all, and so that
/// the next push goes on behind them when the line is cut or the hub ends.
extension HubStore {
    /// Keeps segments of a change set that has not come whole, behind those that are kept of it already; what was kept
    /// of another change set of the replica goes.
    ///
    /// - Parameter first: the number of the first of them.
    /// - Returns: false when this is not the change set that comes next; nothing is kept then.
    package func stage(_ segments: [[UInt8]], of dot: Dot, from first: Int) throws(StoreError) -> Bool {
        try writing("keeping the first part of change set \(dot)") {
            // Only what may come next is worth keeping.
            guard try dot.seq == log.vector()[dot.replica] + 1 else { return false }
            // Its next push goes into the quarantine, from the first segment on.
            guard try replicaState(dot.replica)?.state != .retired else { return false }
            let kept = try keptDigests(of: dot).count
            if kept == 0 { try dropStaged(of: dot.replica) }
            guard first <= kept else { return false }
            for (number, bytes) in zip(first..., segments) where number >= kept {
                let statement = try connection.cached(
                    "INSERT INTO samband_staged(replica, seq, number, digest, bytes) VALUES(?1, ?2, ?3, ?4, ?5)")
                try statement.bind([
                    .integer(Int64(dot.replica)), .integer(Int64(bitPattern: dot.seq)), .integer(Int64(number)),
                    .blob(SHA256.digest(bytes)), .blob(bytes),
                ])
                try statement.run()
            }
            return true
        }
    }

    /// What is kept of a replica's unfinished push: the seq, and how many segments from the first on.
    package func staged(of replica: UInt32) throws(StoreError) -> (seq: UInt64, segments: Int)? {
        try storing("reading what is kept of replica \(replica)") {
            let statement = try connection.cached(
                "SELECT seq, count(*) FROM samband_staged WHERE replica = ?1 GROUP BY seq")
            try statement.bind(UInt64(replica), at: 1)
            defer { statement.reset() }
            return try statement.step() ? (statement.unsigned(0), Int(statement.integer(1))) : nil
        }
    }

    /// The first segments kept of a change set, in order, `count` at most.
    package func stagedSegments(of dot: Dot, count: Int = .max) throws(StoreError) -> [[UInt8]] {
        try storing("reading what is kept of change set \(dot)") {
            let statement = try connection.cached(
                "SELECT bytes FROM samband_staged WHERE replica = ?1 AND seq = ?2 AND number < ?3 ORDER BY number")
            try statement.bind([
                .integer(Int64(dot.replica)), .integer(Int64(bitPattern: dot.seq)), .integer(Int64(count)),
            ])
            defer { statement.reset() }
            var segments: [[UInt8]] = []
            while try statement.step() { segments.append(statement.bytes(0)) }
            return segments
        }
    }

    /// How many segments are kept of the change set with this header. What is kept of another one of the same number goes:
    /// the site's file was put back, say, and has sealed other content since.
    package func stagedCount(of header: ChangeSetHeader) throws(StoreError) -> Int {
        let kept = try storing("reading what is kept of change set \(header.dot)") { try keptDigests(of: header.dot) }
        if kept.elementsEqual(header.segmentDigests.prefix(kept.count)) { return kept.count }
        try writing("dropping what is kept of another change set \(header.dot)") {
            try dropStaged(of: header.dot.replica)
        }
        return 0
    }

    private func keptDigests(of dot: Dot) throws -> [[UInt8]] {
        let statement = try connection.cached(
            "SELECT digest FROM samband_staged WHERE replica = ?1 AND seq = ?2 ORDER BY number")
        try statement.bind([.integer(Int64(dot.replica)), .integer(Int64(bitPattern: dot.seq))])
        defer { statement.reset() }
        var digests: [[UInt8]] = []
        while try statement.step() { digests.append(statement.bytes(0)) }
        return digests
    }

    func dropStaged(of replica: UInt32) throws {
        let statement = try connection.cached("DELETE FROM samband_staged WHERE replica = ?1")
        try statement.bind(UInt64(replica), at: 1)
        try statement.run()
    }
}
