import ConflictStore
import OrderedLog
import Replication
import SQLite
import TableModel

/// One log out of those of several nodes that follow the same order: what one of them has not, for it joined later,
/// another has.
struct MergedLog {
    /// The base first.
    package let copies: [NodeCopy]
    private let shared: [UInt64]
    private var base: NodeCopy { copies[0] }

    init(base: NodeCopy, others: [NodeCopy]) {
        copies = [base] + others
        shared = copies.map { $0.shared(with: base) }
    }

    /// The position behind which it has no gap.
    package func beginning() -> UInt64 {
        var position = base.position
        while position > 0, copies.indices.contains(where: { holds($0, position) }) { position -= 1 }
        return position
    }

    private func holds(_ index: Int, _ position: UInt64) -> Bool {
        position <= shared[index] && copies[index].places[position] != nil
    }

    /// Writes it in place of the base's own log, as a hub keeps it: each change set under its position.
    package func write(to log: ChangeLog) throws {
        try log.connection.execute("DELETE FROM samband_segment; DELETE FROM samband_change")
        let switches = try switchedRanges()
        var previous: LogEntry?
        for position in (beginning()..<base.position).map({ $0 + 1 }) {
            let entry = try write(position, switches, to: log)
            // What the hub adds goes with what it adds to.
            if let previous, entry.header.kind == .arbitration { try joinOn(previous, log) }
            previous = entry
        }
    }

    private func joinOn(_ entry: LogEntry, _ log: ChangeLog) throws {
        let update = try log.connection.cached("UPDATE samband_change SET ends_transaction = 0 WHERE id = ?1")
        try update.bind(entry.id, at: 1)
        try update.run()
    }

    private func write(_ position: UInt64, _ switches: [Range<UInt64>], to log: ChangeLog) throws -> LogEntry {
        var found: [(copy: NodeCopy, entry: LogEntry)] = []
        for index in copies.indices where holds(index, position) {
            if let entry = try copies[index].entry(at: position) { found.append((copies[index], entry)) }
        }
        let first = found[0]
        for other in found.dropFirst() where other.entry.header != first.entry.header {
            throw StoreError(
                .refused, doing: "putting the order of the lost hub together",
                why: "\(first.copy.file) and \(other.copy.file) do not agree about position \(position)",
                hint: "One of them followed a hub whose file was put back unnoticed: leave the older one out.")
        }
        let given = found.first { $0.entry.isEffective }
        let authored = found.first { !$0.entry.isEffective }
        let header = first.entry.header
        // An author who followed an earlier hub meant other positions by the same numbers.
        let floor = switches.first { $0.contains(position) }.map { $0.lowerBound - 1 } ?? .max
        let entry = LogEntry(
            id: position, position: position, header: header, seen: min(header.position, position - 1, floor),
            isEffective: given != nil, endsTransaction: true)
        let whole = authored ?? given!
        try log.append(entry, keyHashes: try hashes(whole))
        try copySegments(whole, whole.entry.isEffective ? .effective : .authored, to: log, position, .authored)
        if let given { try copySegments(given, .effective, to: log, position, .effective) }
        return entry
    }

    private func hashes(_ found: (copy: NodeCopy, entry: LogEntry)) throws -> [UInt64] {
        let statement = try found.copy.connection.cached("SELECT key_hashes FROM samband_change WHERE id = ?1")
        try statement.bind(found.entry.id, at: 1)
        defer { statement.reset() }
        return try statement.step() ? KeyHashes.decode(statement.bytes(0)) : []
    }

    private func copySegments(
        _ found: (copy: NodeCopy, entry: LogEntry), _ variant: SegmentVariant, to log: ChangeLog, _ change: UInt64,
        _ target: SegmentVariant
    ) throws {
        var number = 0
        while let bytes = try found.copy.store.log.segment(change: found.entry.id, variant: variant, number: number) {
            try log.appendSegment(bytes, change: change, variant: target, number: number, digest: SHA256.digest(bytes))
            number += 1
        }
    }

    /// The positions that were taken in at once when the hub was restored before: behind each epoch's base, up to the
    /// repair, which names the epochs.
    private func switchedRanges() throws -> [Range<UInt64>] {
        try base.epochs.filter { $0.number > 0 }.map { epoch in
            let statement = try base.connection.prepare(
                "SELECT position, id FROM samband_change WHERE replica = ?1 AND position > ?2 ORDER BY position")
            try statement.bind(UInt64(epoch.hub), at: 1)
            try statement.bind(epoch.base, at: 2)
            while try statement.step() {
                guard
                    let bytes = try base.store.log.segment(change: statement.unsigned(1), variant: .authored, number: 0)
                else { continue }
                if try Segment(bytes).blocks.contains(where: { $0.kind.table == ConflictTable.epochNumber }) {
                    return epoch.base + 1..<statement.unsigned(0) + 1
                }
            }
            return epoch.base + 1..<epoch.base + 1
        }
    }
}
