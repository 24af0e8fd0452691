/// The rules of merge as a value that hub and node are made with. There is one right one; a test hands in a
/// wrong one to see that it is noticed.
package struct MergeRules: Sendable {
    /// The merge of one row at the hub: the operation, the concurrent ones, the row, the newest image of it.
    package var atHub: @Sendable (LoggedOperation, [LoggedOperation], [Value]?, [Value]?) -> HubMerge
    /// The merge of one row at a node: the operation that comes in and the own ones in flight.
    package var atNode: @Sendable (LoggedOperation, [LoggedOperation]) -> NodeMerge
    /// The stamp of a carried cell: of the write that it repeats, not of the hub's change set.
    package var carriedStamp: @Sendable (_ origin: Stamp, _ hub: Stamp) -> Stamp
    /// Up to where the author of a write had seen a conflict: the position that it had reached. Its context is
    /// no measure: an author's own set in flight is in it before any conflict exists.
    package var seen: @Sendable (_ position: UInt64, _ contextCoversSides: Bool) -> UInt64

    package static let right = MergeRules(
        atHub: { HubMerge($0, concurrent: $1, row: $2, image: $3) },
        atNode: { NodeMerge($0, own: $1) },
        carriedStamp: { origin, _ in origin },
        seen: { position, _ in position })
}
