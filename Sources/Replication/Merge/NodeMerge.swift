/// The merge of one row at a node: a pure function of an operation that comes in from the hub and the node's
/// own operations on that row which the hub has not yet echoed. (Protocol/Merge-Model.md#node-take-in)
///
/// No clock decides here whether the row exists: what must live is carried by the hub.
package enum NodeMerge: Hashable, Sendable {
    /// Nothing of our own is in flight on the row: take it as it comes.
    case take
    /// The row's fate rests with our own operation; what must be, comes back with its echo.
    case ignore
    /// Take only these data columns: the others lose to our own writes in flight.
    case takeCells([Int])

    /// - Parameter own: our operations on the row that are in flight, in the order of their seal.
    package init(_ incoming: LoggedOperation, own: [LoggedOperation]) {
        guard let last = own.last else {
            self = .take
            return
        }
        if last.operation == .delete || incoming.operation.isKeyOnly {
            self = .ignore
            return
        }
        self = .takeCells(
            incoming.columns.filter { column in
                let stamp = incoming.stamp(of: column)!
                return !own.contains { ($0.stamp(of: column) ?? .zero) > stamp }
            })
    }
}
