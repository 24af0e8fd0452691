import Replication
import SQLite
import TableModel

/// Whether the machine's clock can be right. The hub's time limits how far ahead the stamps of all sites may be, and
/// orders what people decide: one that is days off would poison both for good. (Protocol/Data-Model.md#order)
extension HubStore {
    /// Throws when the clock is a day or more off the last time that this database knows, whichever way. A hub that no
    /// site has joined yet has nothing to lose.
    package func checkClock(nowMs: UInt64) throws(StoreError) {
        let known = try storing("reading the last known time") { () throws -> UInt64? in
            try hasSites() ? try lastKnownMs() : nil
        }
        guard let known else { return }
        let (isAhead, off) = nowMs > known ? (true, nowMs - known) : (false, known - nowMs)
        guard off >= Limits.clockOffMs else { return }
        throw StoreError(
            .wrongClock, doing: "looking at the clock",
            why: "this machine's clock is \(off / 86_400_000) days \(isAhead ? "after" : "before") the last time that "
                + "the hub's database knows",
            hint: isAhead
                ? "If the hub was off that long, or the clock is right: samband hub serve --accept-clock. Else set it."
                : "Set the clock. If it is right, and was wrong before: samband hub serve --accept-clock.")
    }

    /// Somebody has said that the clock is right: stamps that are ahead of it by now are from a time when it was not,
    /// and what sites write above them is let in all the same.
    package func acceptClock(nowMs: UInt64) throws(StoreError) {
        try writing("accepting the clock", whileRecovering: true) {
            try connection.setMeta(.acceptedMs, HybridClock.milliseconds(try connection.metaNumber(.hlc)))
            try connection.setMeta(.runningMs, nowMs)
            // What sites said of contacts counts no more.
            let statement = try connection.cached("UPDATE samband_site SET last_contact = NULL WHERE last_contact > ?1")
            try statement.bind(nowMs, at: 1)
            try statement.run()
        }
    }

    /// The hub runs, and nobody doubts its clock: a weekend without writes is no reason to.
    package func noteRunning(nowMs: UInt64) throws(StoreError) {
        try writing("noting the time", whileRecovering: true) { try connection.setMeta(.runningMs, nowMs) }
    }

    /// How far ahead of the hub a stamp may be, in milliseconds since 1970.
    func stampLimitMs(nowMs: UInt64) throws -> UInt64 {
        max(nowMs, try connection.metaNumber(.acceptedMs)) + Limits.clockAheadMs
    }

    private func hasSites() throws -> Bool {
        try connection.firstInteger("SELECT EXISTS(SELECT 1 FROM samband_replica WHERE site <> '')") == 1
    }

    private func lastKnownMs() throws -> UInt64 {
        let contact = UInt64(
            try connection.firstInteger("SELECT coalesce(max(last_contact), 0) FROM samband_site") ?? 0)
        let running = try connection.metaNumber(.runningMs)
        var stamp = HybridClock.milliseconds(try connection.metaNumber(.hlc))
        // Stamps from before a clock was accepted say nothing.
        if stamp <= (try connection.metaNumber(.acceptedMs)) { stamp = 0 }
        let known = max(contact, running, stamp)
        return known > 0 ? known : HybridClock.milliseconds(try connection.metaNumber(.hlc))
    }
}
