import EventLoop
import HTTP

/// One request on a connection and its response. Touched on the connection's loop only.
// @unchecked: confined to that thread, like the connection that owns it.
final class Exchange: @unchecked Sendable {
    /// How far the response is.
    enum Answer: Equatable {
        case awaited
        case streaming(Framing, sent: Int)
        case done
    }

    let head: RequestHead
    /// Where the body of the request goes; nil when it has none.
    var inflow: Inflow?
    /// The handler. Cancelled when the client goes away.
    var task: Task<Void, Never>?
    var answer = Answer.awaited
    /// All of the request has come, or all of it that will be read.
    var isRequestOver = false
    /// The client holds its body back until it is told to go on.
    var awaitsContinue: Bool
    /// The connection cannot be used for another request, whatever the headers say.
    var mustClose = false
    /// Bytes of the body so far, those that nobody wanted, and when counting began, in milliseconds.
    var received = 0
    var discarded = 0
    var bodySinceMs: Int
    var lastReceivedMs: Int
    /// When reading was paused because the reader has enough; nil while it is not.
    var pausedSinceMs: Int?
    /// Who waits for what was sent to leave.
    var writer: CheckedContinuation<Void, any Error>?

    init(_ head: RequestHead, nowMs: Int) {
        self.head = head
        awaitsContinue = head.expectsContinue
        bodySinceMs = nowMs
        lastReceivedMs = nowMs
    }

    func resumeWriter(_ error: (any Error)? = nil) {
        guard let writer else { return }
        self.writer = nil
        if let error { writer.resume(throwing: error) } else { writer.resume() }
    }
}

/// The client takes no more of the response.
struct ClientGone: Error {}
