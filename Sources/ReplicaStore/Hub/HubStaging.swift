import Replication
import SQLite

/// Segments of a change set whose push was cut: kept, so that the next push goes on behind them.
extension HubStore {
    /// Keeps the first segments of a change set that has not come whole; what was kept of other change sets of
    /// the replica goes.
    package func stage(_ segments: [[UInt8]], of dot: Dot) throws(StoreError) {
        try writing("keeping the first part of change set \(dot)", durable: false) {
            // Only what may come next is worth keeping.
            guard try dot.seq == log.vector()[dot.replica] + 1 else { return }
            try dropStaged(of: dot.replica)
            for (number, bytes) in segments.enumerated() {
                let statement = try connection.cached(
                    "INSERT INTO samband_staged(replica, seq, number, digest, bytes) VALUES(?1, ?2, ?3, ?4, ?5)")
                try statement.bind([
                    .integer(Int64(dot.replica)), .integer(Int64(bitPattern: dot.seq)), .integer(Int64(number)),
                    .blob(SHA256.digest(bytes)), .blob(bytes),
                ])
                try statement.run()
            }
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

    /// The segments kept of a change set, in order.
    package func stagedSegments(of dot: Dot) throws(StoreError) -> [[UInt8]] {
        try storing("reading what is kept of change set \(dot)") {
            let statement = try connection.cached(
                "SELECT bytes FROM samband_staged WHERE replica = ?1 AND seq = ?2 ORDER BY number")
            try statement.bind([.integer(Int64(dot.replica)), .integer(Int64(bitPattern: dot.seq))])
            defer { statement.reset() }
            var segments: [[UInt8]] = []
            while try statement.step() { segments.append(statement.bytes(0)) }
            return segments
        }
    }

    func dropStaged(of replica: UInt32) throws {
        let statement = try connection.cached("DELETE FROM samband_staged WHERE replica = ?1")
        try statement.bind(UInt64(replica), at: 1)
        try statement.run()
    }
}
