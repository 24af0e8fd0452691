import HTTP

/// Sends the streamed body of a request, in a task of its own: no faster than the server takes it.
// @unchecked: `task` and `writer` are touched on the connection's loop only.
final class Uploader: @unchecked Sendable {
    struct Failure: Error {
        let why: String
    }

    private let body: Body
    private let framing: Framing
    private unowned let connection: ClientConnection
    private var task: Task<Void, Never>?
    /// Waits for room.
    var writer: CheckedContinuation<Void, any Error>?

    init(_ body: Body, _ framing: Framing, _ connection: ClientConnection) {
        self.body = body
        self.framing = framing
        self.connection = connection
    }

    func start() {
        task = Task { [self, connection] in
            let result: Result<[UInt8], Failure>
            do {
                result = .success(try await run(connection))
            } catch let failure as Failure {
                result = .failure(failure)
            } catch {
                result = .failure(Failure(why: "\(error)"))
            }
            connection.pool.loop.submit { connection.onUploadEnd(of: self, result) }
        }
    }

    /// Sends every piece; gives what is to be sent last.
    private func run(_ connection: ClientConnection) async throws -> [UInt8] {
        var sent = 0
        while let piece = try await body.next() {
            sent += piece.count
            if case .length(let length) = framing, sent > length {
                throw Failure(why: "it is longer than the \(length) bytes that were announced")
            }
            var bytes = piece
            if framing == .chunked {
                bytes = []
                bytes.reserveCapacity(piece.count + 16)
                Serializer.appendChunkLine(piece.count, to: &bytes)
                bytes += piece
                bytes += [0x0d, 0x0a]
            }
            let framed = bytes
            try await withCheckedThrowingContinuation { (writer: CheckedContinuation<Void, any Error>) in
                let isTaken = connection.pool.loop.submit { connection.onPiece(framed, of: self, writer) }
                if !isTaken { writer.resume(throwing: CancellationError()) }
            }
        }
        if case .length(let length) = framing, sent < length {
            throw Failure(why: "it ended after \(sent) of the \(length) bytes that were announced")
        }
        return framing == .chunked ? Serializer.lastChunk : []
    }

    func resumeWriter() {
        writer?.resume()
        writer = nil
    }

    /// Nothing more is to be sent.
    func stop() {
        task?.cancel()
        writer?.resume(throwing: CancellationError())
        writer = nil
    }
}
