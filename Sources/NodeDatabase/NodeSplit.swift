import Replication
import SQLite
import TableModel

/// A database that was put back from an earlier state, or copied, goes on as another replica of its site. What it and the
/// hub have alike stays as it is; its own change sets behind that get new names; and what the hub has otherwise under the
/// old name comes by pull, like anybody's. (Protocol/Merge-Model.md#split)
extension NodeStore {
    /// Digests of own change sets behind a seq and before another, ascending: all of them, or `limit` that lie evenly apart,
    /// the last one always.
    package func ownDigests(
        above: UInt64, below: UInt64, limit: Int
    ) throws(StoreError) -> [(seq: UInt64, digest: [UInt8])] {
        try storing("reading digests of own change sets") {
            let statement = try connection.cached(
                """
                SELECT seq, digest FROM samband_change WHERE replica = ?1 AND seq > ?2 AND seq < ?3
                  AND ((seq - ?2) % ?4 = 0 OR seq = ?3 - 1) ORDER BY seq
                """)
            let count = below - min(above + 1, below)
            try statement.bind(UInt64(replica), at: 1)
            try statement.bind(above, at: 2)
            try statement.bind(below, at: 3)
            // (With the last one there may be one more than whole steps.)
            try statement.bind(count / UInt64(max(1, limit - 1)) + 1, at: 4)
            return try statement.rows { ($0.unsigned(0), $0.bytes(1)) }
        }
    }

    /// What this database shows when it asks for another replica number: drawn once and kept until it has one, so that an
    /// answer that was lost is given again.
    package func splitTicket(_ draw: () -> [UInt8]) throws(StoreError) -> [UInt8] {
        if case .blob(let known) = try storing("reading the ticket", { try connection.meta(.splitTicket) }) {
            return known
        }
        let ticket = draw()
        try writing("keeping the ticket") { try connection.setMeta(.splitTicket, .blob(ticket)) }
        return ticket
    }

    /// Goes on as replica `new` from behind its own change set `seq` on.
    /// - Parameter notice: what operators are told of it, with the time.
    package func split(
        to new: UInt32, at seq: UInt64, notice: String, nowMs: UInt64
    ) throws(StoreError) {
        precondition(new != replica, "a replica is split off another")
        let former = replica
        // What is noted goes along with the next commit.
        noteAcknowledged(0)
        try writing("going on as replica \(new)") {
            let own = try log.entries(of: former, after: seq, limit: Int(Int32.max))
            var previous = ChangeSetHeader.firstPrevious
            for (place, entry) in own.enumerated() {
                let context = place == 0 ? try context(of: former, through: seq) : entry.header.contextDelta
                let header = ChangeSetHeader(
                    entry.header, dot: Dot(replica: new, seq: entry.header.dot.seq - seq), contextDelta: context,
                    previous: previous)
                try log.rewrite(entry.id, header)
                previous = header.digest
            }
            try noteVector(former, seq, new, own.count)
            try connection.setMeta(.replica, UInt64(new))
            try connection.setMeta(.seq, UInt64(own.count))
            try connection.setMeta(.digest, own.isEmpty ? .null : .blob(previous))
            try dropStaged()
            try connection.setMeta(.splitTicket, .null)
            try connection.setMeta(.notice, .text(Array(notice.utf8)))
            try connection.setMeta(.noticeMs, nowMs)
            let statement = try connection.cached(
                """
                INSERT OR IGNORE INTO samband_replica(replica, site, state, split_from, split_seq, split_at)
                VALUES(?1, ?2, 'active', ?3, ?4, ?5)
                """)
            try statement.bind([
                .integer(Int64(new)), .text(site), .integer(Int64(former)), .integer(Int64(seq)),
                .integer(Int64(nowMs)),
            ])
            try statement.run()
        }
        try storing("going on as replica \(new)") { try reopen(as: new) }
    }

    /// From which replicas this one goes on, the first step first.
    package func splitSteps() throws(StoreError) -> [SplitStep] {
        try storing("reading the line of replica \(replica)") {
            let statement = try connection.cached(
                "SELECT split_from, split_seq, split_at FROM samband_replica WHERE replica = ?1")
            var steps: [SplitStep] = []
            var at = replica
            while steps.count < Limits.replicasPerSite {
                try statement.bind(UInt64(at), at: 1)
                defer { statement.reset() }
                guard try statement.step(), statement.type(0) != .null else { break }
                let from = Dot(replica: UInt32(statement.integer(0)), seq: statement.unsigned(1))
                steps.append(SplitStep(replica: at, from: from, atMs: statement.unsigned(2)))
                at = from.replica
            }
            return steps.reversed()
        }
    }

    /// What was told to operators last, and when.
    package func notice() throws(StoreError) -> (text: String, atMs: UInt64)? {
        try storing("reading the notice") {
            guard let text = try connection.metaText(.notice) else { return nil }
            return (text, try connection.metaNumber(.noticeMs))
        }
    }

    /// The whole context of the first change set behind a seq: of the others its own are told as additions to it.
    private func context(of former: UInt32, through seq: UInt64) throws -> VectorClock {
        var context = VectorClock()
        for entry in try log.entries(of: former, after: 0, limit: Int(clamping: seq + 1)) {
            context.merge(entry.header.contextDelta)
        }
        context.advance(former, to: seq)
        return context
    }

    private func noteVector(_ former: UInt32, _ seq: UInt64, _ new: UInt32, _ count: Int) throws {
        // The next change set tells its whole context when it is the first under the new number.
        if count == 0 { try connection.cached("UPDATE samband_vector SET sealed = 0").run() }
        let replace = try connection.cached(
            "INSERT OR REPLACE INTO samband_vector(replica, seq, sealed) VALUES(?1, ?2, ?3)")
        let delete = try connection.cached("DELETE FROM samband_vector WHERE replica = ?1")
        for (replica, last) in [(former, seq), (new, UInt64(count))] {
            guard last > 0 else {
                try delete.bind(UInt64(replica), at: 1)
                try delete.run()
                continue
            }
            try replace.bind(UInt64(replica), at: 1)
            try replace.bind(last, at: 2)
            try replace.bind(count > 0 ? last : 0, at: 3)
            try replace.run()
        }
    }
}
