import HTTP
import NodeDatabase
import Replication
import TableModel

/// The frames of one push, made while they are being sent: memory holds one segment.
actor PushBody {
    private let node: NodeService
    private let sets: [NodeStore.Outgoing]
    private var set = 0
    private var segment: Int
    private var headerIsDue = true

    init(_ node: NodeService, _ sets: [NodeStore.Outgoing], firstSegment: UInt64) {
        self.node = node
        self.sets = sets
        segment = Int(clamping: firstSegment)
    }

    func next() async throws -> [UInt8]? {
        guard set < sets.count else { return nil }
        var out: [UInt8] = []
        while set < sets.count && out.count < 1 << 18 {
            let current = sets[set]
            if headerIsDue {
                out += Frame.header(current.header, Delivery(firstSegment: UInt64(segment))).encoded()
                headerIsDue = false
            }
            if segment < current.segmentCount {
                out += Frame.segment(try await node.segment(of: current, number: segment)).encoded()
                segment += 1
            }
            if segment >= current.segmentCount {
                set += 1
                segment = 0
                headerIsDue = true
            }
        }
        return out
    }
}

extension NodeService {
    func segment(of offer: NodeStore.Outgoing, number: Int) throws(StoreError) -> [UInt8] {
        try store.segment(of: offer, number: number)
    }
}

/// An answer that is read whole: one that does not end, or comes a byte at a time, is none.
enum SmallAnswer {
    static let withinMs = 10_000

    struct Endless: Error, CustomStringConvertible {
        var description: String { "it did not end within \(SmallAnswer.withinMs) ms" }
    }

    static func bytes(of response: Response, limit: Int) async throws -> [UInt8] {
        if let whole = response.body.bytes, whole.count <= limit { return whole }
        let body = response.body
        return try await withThrowingTaskGroup(of: [UInt8].self) { group in
            group.addTask { try await body.collect(limit: limit) }
            group.addTask {
                try await Task.sleep(for: .milliseconds(withinMs))
                throw Endless()
            }
            defer { group.cancelAll() }
            return try await group.next() ?? []
        }
    }
}
