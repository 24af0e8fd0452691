import Synchronization

/// The content of a message, for both directions: pulled, piece by piece, by whoever consumes it. What is not
/// pulled is not read from the socket, and what a peer does not take is not pulled.
///
/// A body is read once, by one reader: copies of a `Body` share the position. Pieces are never empty.
package struct Body: Sendable {
    package static let empty = Body(bytes: [])

    /// The number of bytes, where it is known before the end. Sent as Content-Length; nil is sent in chunks.
    package let length: Int?
    private let source: Source

    private enum Source: Sendable {
        case bytes([UInt8], Once)
        case stream(@Sendable () async throws -> [UInt8]?)
    }

    /// A body that is in memory. It can be sent again by a client whose connection turned out to be stale.
    package init(bytes: [UInt8]) {
        length = bytes.count
        source = .bytes(bytes, bytes.isEmpty ? Once.spent : Once())
    }

    /// A body made while it is being sent or received. `next` is called again only after it has returned, gives
    /// nil at the end, and is not called after nil or an error. It runs in the task of the reader and is to end
    /// soon when that task is cancelled. A `length` that the pieces do not keep breaks the connection.
    package init(length: Int? = nil, next: @escaping @Sendable () async throws -> [UInt8]?) {
        self.length = length
        source = .stream(next)
    }

    package init(text: String) { self.init(bytes: Array(text.utf8)) }

    /// The whole content, when it is in memory; does not move the position.
    package var bytes: [UInt8]? {
        if case .bytes(let bytes, _) = source { bytes } else { nil }
    }

    /// The next piece, nil at the end. Throws what the source throws: for a received body `BodyError`,
    /// `TransportError` or `CancellationError`.
    package func next() async throws -> [UInt8]? {
        switch source {
        case .bytes(let bytes, let once): once.take() ? bytes : nil
        case .stream(let next): try await Body.nonEmpty(next)
        }
    }

    /// All that is left, in one piece. Throws `BodyError.tooLarge` as soon as it is more than `limit` bytes, at
    /// once when the length is known to be, and what `next()` throws.
    package func collect(limit: Int) async throws -> [UInt8] {
        if let length, length > limit { throw BodyError.tooLarge(limit: limit) }
        var all = try await next() ?? []
        while let piece = try await next() {
            if all.count + piece.count > limit { throw BodyError.tooLarge(limit: limit) }
            all += piece
        }
        if all.count > limit { throw BodyError.tooLarge(limit: limit) }
        return all
    }

    private static func nonEmpty(_ next: @Sendable () async throws -> [UInt8]?) async throws -> [UInt8]? {
        while let piece = try await next() {
            if !piece.isEmpty { return piece }
        }
        return nil
    }

    /// Says true to the first who asks.
    private final class Once: Sendable {
        static let spent: Once = {
            let once = Once()
            _ = once.take()
            return once
        }()
        private let taken = Atomic(false)
        func take() -> Bool { !taken.exchange(true, ordering: .acquiringAndReleasing) }
    }
}

/// Why the body of a message cannot be had whole.
package enum BodyError: Error, Equatable, CustomStringConvertible {
    /// More bytes than the reader wanted or the limits allow.
    case tooLarge(limit: Int)
    /// The bytes break a rule of HTTP; the text names it.
    case malformed(String)
    /// The peer closed the connection before the end.
    case cut(received: Int)
    /// Nothing came for this long.
    case timeout(afterMs: Int)

    package var description: String {
        switch self {
        case .tooLarge(let limit): "the body is larger than \(limit) bytes"
        case .malformed(let rule): "the body is not well-formed: \(rule)"
        case .cut(let received): "the connection ended within the body, after \(received) bytes"
        case .timeout(let afterMs): "nothing more of the body came for \(afterMs) ms"
        }
    }
}
