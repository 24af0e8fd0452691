import Replication
import SQLite
import TableModel

/// A change set of a hub transaction that has not come whole, as far as it is kept.
package struct StagedChangeSet: Sendable {
    package let header: ChangeSetHeader
    package let delivery: Delivery
    /// How many of its segments are kept, from the first on.
    package let segmentCount: Int
    /// True when that is all of them.
    package var isWhole: Bool { segmentCount == delivery.segmentCount(of: header) }
}

extension Delivery {
    /// How many segments come along with a header.
    package func segmentCount(of header: ChangeSetHeader) -> Int {
        isEcho ? 0 : isEffective ? effectiveDigests.count : header.segmentDigests.count
    }
}

/// The first part of a hub transaction that is being pulled: kept as it comes once it is large, so that memory does not
/// hold it all, and so that neither a cut nor a restart lets it begin at zero.
extension NodeStore {
    /// The number under which a change set's header frame is kept, in front of its segments.
    private static let headerNumber: Int64 = -1

    /// Keeps a change set of the transaction that is being pulled: its header, and segments behind those that are kept.
    ///
    /// - Parameters:
    ///   - first: the number of the first of the segments.
    ///   - anew: whether what was kept before goes.
    package func stage(
        _ header: ChangeSetHeader, _ delivery: Delivery, _ segments: [[UInt8]], from first: Int, anew: Bool
    ) throws(StoreError) {
        try writing("keeping the first part of change set \(header.dot)") {
            if anew { try dropStaged() }
            var delivery = delivery
            delivery.firstSegment = 0
            let frame = Frame.header(header, delivery).encoded()
            try insertStaged(header.dot, Self.headerNumber, frame, digest: header.digest)
            for (number, bytes) in zip(first..., segments) {
                try insertStaged(header.dot, Int64(number), bytes, digest: SHA256.digest(bytes))
            }
        }
    }

    private func insertStaged(_ dot: Dot, _ number: Int64, _ bytes: [UInt8], digest: [UInt8]) throws {
        let statement = try connection.cached(
            "INSERT OR REPLACE INTO samband_staged(replica, seq, number, digest, bytes) VALUES(?1, ?2, ?3, ?4, ?5)")
        try statement.bind([
            .integer(Int64(dot.replica)), .integer(Int64(bitPattern: dot.seq)), .integer(number), .blob(digest),
            .blob(bytes),
        ])
        try statement.run()
    }

    /// What is kept of the hub transaction behind the position that this database has reached, in order: whole change
    /// sets, but for the last.
    package func staged() throws(StoreError) -> [StagedChangeSet] {
        try storing("reading what is kept of the last pull") {
            let statement = try connection.cached(
                """
                SELECT bytes, (SELECT count(*) FROM samband_staged s
                  WHERE s.replica = h.replica AND s.seq = h.seq AND s.number >= 0)
                FROM samband_staged h WHERE number = ?1
                """)
            try statement.bind(at: 1, integer: Self.headerNumber)
            defer { statement.reset() }
            var sets: [StagedChangeSet] = []
            while try statement.step() {
                var reader = FrameReader()
                reader.append(statement.bytes(0))
                guard case .header(let header, let delivery) = try reader.next() else { continue }
                sets.append(
                    StagedChangeSet(header: header, delivery: delivery, segmentCount: Int(statement.integer(1))))
            }
            sets.sort { $0.delivery.position < $1.delivery.position }
            // Of a header alone nothing is worth going on behind.
            if let last = sets.last, last.segmentCount == 0, !last.isWhole { sets.removeLast() }
            let next = try connection.metaNumber(.position) + 1
            let follows = zip(next..., sets).allSatisfy { $0 == $1.delivery.position }
            return follows && sets.dropLast().allSatisfy(\.isWhole) ? sets : []
        }
    }

    /// The first segments kept of a change set, in order.
    package func stagedSegments(of dot: Dot, count: Int) throws(StoreError) -> [[UInt8]] {
        try storing("reading what is kept of change set \(dot)") {
            let statement = try connection.cached(
                """
                SELECT bytes FROM samband_staged WHERE replica = ?1 AND seq = ?2 AND number BETWEEN 0 AND ?3 - 1
                ORDER BY number
                """)
            try statement.bind([
                .integer(Int64(dot.replica)), .integer(Int64(bitPattern: dot.seq)), .integer(Int64(count)),
            ])
            return try statement.rows { $0.bytes(0) }
        }
    }

    /// Drops what is kept: the hub did not go on behind it.
    package func forgetStaged() throws(StoreError) {
        try writing("dropping what is kept of the last pull") { try dropStaged() }
    }

    /// With a WHERE: without one SQLite empties the table by writing its pages, and waits for the disk, when it is empty
    /// already. https://www.sqlite.org/lang_delete.html#the_truncate_optimization
    func dropStaged() throws { try connection.cached("DELETE FROM samband_staged WHERE replica > 0").run() }
}
