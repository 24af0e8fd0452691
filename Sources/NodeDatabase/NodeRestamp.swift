import OrderedLog
import Replication
import SQLite
import TableModel

extension NodeStore {
    /// Own change sets that a clock far ahead has stamped are given stamps that the hub takes: above every one that came
    /// from others, so that in this database they go on winning over all that it has seen, and in the order in which they
    /// were sealed. Only what the hub does not hold is touched.
    /// (Protocol/Merge-Model.md#restamping)
    ///
    /// - Parameters:
    ///   - held: the last own seq that the hub holds.
    ///   - hubMs: the hub's time.
    ///   - notice: what operators are told, of how many change sets.
    /// - Returns: how many have other stamps now.
    @discardableResult
    package func restamp(
        above held: UInt64, hubMs: UInt64, notice: (Int) -> String, nowMs: UInt64
    ) throws(StoreError) -> Int {
        let limit = hubMs + Limits.clockAheadMs
        try storing("looking at the stamps in flight") { try refresh() }
        guard HybridClock.milliseconds(clock.last) > limit else { return 0 }
        let all = Array(inFlight.all)
        let first = all.firstIndex { entry, _ in
            entry.header.dot.replica == replica && entry.header.dot.seq > held
                && HybridClock.milliseconds(entry.header.hlc) > limit
        }
        let entries = first.map { all[$0...].map(\.entry) } ?? []
        let count = try writing("giving change sets stamps that the hub takes") {
            var clock = HybridClock(last: max(try connection.metaNumber(.hlcSeen), try stampBefore(entries.first)))
            // There is nothing to gain where what came from others is as far ahead.
            if let first = entries.first, HybridClock(last: clock.last).next(nowMs: hubMs) >= first.header.hlc {
                return 0
            }
            for (place, entry) in entries.enumerated() {
                let previous = place == 0 ? entry.header.previous : nil
                try rewrite(entry, hlc: clock.tick(nowMs: hubMs), previous: previous)
            }
            guard clock.last < self.clock.last else { return 0 }
            try connection.setMeta(.hlc, clock.last)
            if entries.isEmpty { return 0 }
            try connection.setMeta(.notice, .text(Array(notice(entries.count).utf8)))
            try connection.setMeta(.noticeMs, nowMs)
            return entries.count
        }
        try storing("reading the stamps in flight") { try reopen(as: replica) }
        return count
    }

    /// - Parameter previous: nil for the digest that was written last.
    private func rewrite(_ entry: LogEntry, hlc: UInt64, previous: [UInt8]?) throws {
        var chained = previous ?? ChangeSetHeader.firstPrevious
        if previous == nil, case .blob(let digest) = try connection.meta(.digest) { chained = digest }
        let header = ChangeSetHeader(entry.header, hlc: hlc, previous: chained)
        try log.rewrite(entry.id, header)
        try connection.setMeta(.digest, .blob(header.digest))
    }

    /// The greatest stamp of what was sealed here before a change set, or ever, and has not been echoed: under whatever
    /// number. (Echoes count among what came from others.)
    private func stampBefore(_ entry: LogEntry?) throws -> UInt64 {
        let statement = try connection.cached(
            "SELECT coalesce(max(hlc), 0) FROM samband_change WHERE position IS NULL AND id < ?1")
        try statement.bind(at: 1, integer: entry.map { Int64($0.id) } ?? .max)
        defer { statement.reset() }
        return try statement.step() ? statement.unsigned(0) : 0
    }
}
