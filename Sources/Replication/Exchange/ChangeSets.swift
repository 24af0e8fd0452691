/// A whole change set in memory, as it is pushed.
package struct ChangeSet: Sendable {
    package let header: ChangeSetHeader
    package let segments: [[UInt8]]

    package init(header: ChangeSetHeader, segments: [[UInt8]]) {
        self.header = header
        self.segments = segments
    }
}

/// A change set on its way from the hub to a node.
package struct DeliveredChangeSet: Sendable {
    package let header: ChangeSetHeader
    package let delivery: Delivery
    package let segments: [[UInt8]]

    package init(header: ChangeSetHeader, delivery: Delivery, segments: [[UInt8]]) {
        self.header = header
        self.delivery = delivery
        self.segments = segments
    }
}

/// A change set and the hub's arbitration of it: what becomes visible together.
package typealias HubTransaction = [DeliveredChangeSet]
