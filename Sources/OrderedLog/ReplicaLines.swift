import Replication
import SQLite

/// Who wrote a change set: a replica, and what it had written under other numbers before its file was put back or copied.
package struct Author {
    package let replica: UInt32
    package let line: [Dot]

    package init(replica: UInt32, line: [Dot]) {
        self.replica = replica
        self.line = line
    }
    /// True for its own change sets: it has seen them, wherever they stand in the hub's order.
    package func wrote(_ dot: Dot) -> Bool { dot.replica == replica || line.holds(dot) }
}

/// Which replicas went on from which others. A replica that was split off another one has also written what the other
/// had up to there. (Protocol/Merge-Model.md#split)
package final class ReplicaLines {
    private let connection: Connection
    private var known: [UInt32: [Dot]]?

    init(connection: Connection) { self.connection = connection }

    /// The last own dot of each number that a replica had before.
    package func line(of replica: UInt32) throws -> [Dot] {
        let lines: [UInt32: [Dot]]
        if let known { lines = known } else { lines = try load() }
        known = lines
        return lines[replica] ?? []
    }

    /// The replicas that go on from others, ascending.
    package func all() throws -> [UInt32] {
        _ = try line(of: 0)
        return known?.keys.sorted() ?? []
    }

    /// True when two change sets are of one author, under one number or two.
    package func isSameAuthor(_ a: Dot, _ b: Dot) throws -> Bool {
        try a.replica == b.replica || line(of: a.replica).holds(b) || line(of: b.replica).holds(a)
    }

    /// After a split, and after a transaction that was rolled back.
    package func forget() { known = nil }

    private func load() throws -> [UInt32: [Dot]] {
        let statement = try connection.cached(
            "SELECT replica, split_from, split_seq FROM samband_replica WHERE split_from IS NOT NULL")
        defer { statement.reset() }
        var steps: [UInt32: Dot] = [:]
        while try statement.step() {
            steps[UInt32(statement.integer(0))] = Dot(
                replica: UInt32(statement.integer(1)), seq: statement.unsigned(2))
        }
        var lines: [UInt32: [Dot]] = [:]
        for replica in steps.keys {
            var line: [Dot] = []
            var at = replica
            while let step = steps[at], line.count <= steps.count {
                // (Seq 0: it had the file of the other before that had written anything.)
                line.append(step)
                at = step.replica
            }
            lines[replica] = line
        }
        return lines
    }
}
