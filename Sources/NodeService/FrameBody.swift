import HTTP
import Replication
import TableModel

/// Sends the pieces of a push, or of what is handed in, as the line takes them. One reader pulls it.
actor FrameBody {
    enum Stream: Sendable {
        case push(PushStream)
        case handed(HandedStream)
    }

    private let node: NodeService
    private var stream: Stream

    init(_ node: NodeService, _ stream: Stream) {
        self.node = node
        self.stream = stream
    }

    func next() async throws -> [UInt8]? {
        let (piece, after) = try await node.nextPiece(of: stream)
        stream = after
        return piece
    }
}

extension NodeService {
    func nextPiece(of stream: FrameBody.Stream) throws(StoreError) -> (piece: [UInt8]?, stream: FrameBody.Stream) {
        switch stream {
        case .push(var sets):
            let piece = try sets.next(from: store)
            return (piece, .push(sets))
        case .handed(var sets):
            let piece = try sets.next(from: store)
            return (piece, .handed(sets))
        }
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
