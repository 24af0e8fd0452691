import Replication
import SQLite

extension HubStore {
    /// Takes a decision back, a person's or a policy's: the conflict is open again, with the sides that it had.
    /// (DESIGN, section 6; the model, part two, "undo(decision)".)
    ///
    /// - Parameters:
    ///   - changed: what `life.changed` was when the operator looked; nil to undo whatever stands.
    ///   - by: who undoes it.
    ///   - dryRun: tries all of it and takes it back.
    /// - Returns: the conflict as it is afterwards, or would be.
    /// - Throws: `.notFound`; `.changed` when it is open or has changed since; `.refused` when what the decision wrote no
    ///   longer stands, or a constraint would break.
    package func undo(
        _ id: UInt64, changed: UInt64?, by: String, reason: String?, nowMs: UInt64, dryRun: Bool = false
    ) throws(StoreError) -> ConflictRecord {
        throw StoreError(
            .refused, doing: "undoing the decision of conflict \(id)", why: "it is not in this version", hint: "")
    }
}
