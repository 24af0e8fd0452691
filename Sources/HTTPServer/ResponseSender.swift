import EventLoop
import HTTP

/// Carries a handler's response to its connection, in the handler's task: it pulls a streamed body no faster than
/// the client takes it.
struct ResponseSender {
    let connection: Connection
    let exchange: Exchange

    func send(_ response: Response) async {
        if response.body.bytes != nil {
            // Nothing to wait for: one job, and the task is over.
            connection.loop.submit { [connection, exchange] in _ = connection.onAnswer(response, exchange) }
            return
        }
        guard let framing = await begin(response), framing != .none else { return }
        var isWhole = false
        do {
            while let piece = try await response.body.next() { try await write(piece) }
            isWhole = true
        } catch {
            // The body failed or the client went; either way the connection says so by breaking off.
        }
        connection.loop.submit { [connection, exchange, isWhole] in
            connection.onStreamEnd(exchange, isWhole: isWhole)
        }
    }

    private func begin(_ response: Response) async -> Framing? {
        await withCheckedContinuation { done in
            let isTaken = connection.loop.submit { [connection, exchange] in
                done.resume(returning: connection.onAnswer(response, exchange))
            }
            if !isTaken { done.resume(returning: nil) }
        }
    }

    private func write(_ piece: [UInt8]) async throws {
        try await withCheckedThrowingContinuation { (writer: CheckedContinuation<Void, any Error>) in
            let isTaken = connection.loop.submit { [connection, exchange] in
                connection.onPiece(piece, exchange, writer)
            }
            if !isTaken { writer.resume(throwing: ClientGone()) }
        }
    }
}
