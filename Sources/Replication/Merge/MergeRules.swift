/// The rules of merge as a value that hub and node are made with. There is one right one; a test hands in a
/// wrong one to see that it is noticed.
package struct MergeRules: Sendable {
    /// The merge of one row at the hub: the operation, the concurrent ones, the row, the newest image of it, and the
    /// policies of the row.
    package var atHub: @Sendable (LoggedOperation, [LoggedOperation], [Value]?, [Value]?, RowPolicy) -> HubMerge
    /// The merge of one row at a node: the operation that comes in and the own ones in flight.
    package var atNode: @Sendable (LoggedOperation, [LoggedOperation]) -> NodeMerge

    package static let right = MergeRules(
        atHub: { HubMerge($0, concurrent: $1, row: $2, image: $3, policy: $4) },
        atNode: { NodeMerge($0, own: $1) })
}
