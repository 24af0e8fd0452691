import Synchronization

/// The bytes of one received body, between the loop that receives them and the task that reads them, with room
/// for so many and no more.
package final class Inflow: Sendable {
    private struct State {
        var pieces: [[UInt8]] = []
        var next = 0
        var bytes = 0
        var end: Result<Void, any Error>?
        var reader: CheckedContinuation<[UInt8]?, any Error>?
        var isCancelled = false
        var wantsDemand: Bool
    }

    private let state: Mutex<State>
    private let capacity: Int
    private let onDemand: @Sendable () -> Void
    private let onCancel: @Sendable () -> Void

    /// - `capacity`: bytes above which `push` says that it is enough.
    /// - `onDemand`: called, on the reader's thread, when there is room again after that; with `tellsFirst` also
    ///   when the reader first waits.
    /// - `onCancel`: called when the reader's task was cancelled while it waited.
    package init(
        capacity: Int, tellsFirst: Bool = false, onDemand: @escaping @Sendable () -> Void,
        onCancel: @escaping @Sendable () -> Void = {}
    ) {
        self.capacity = capacity
        self.onDemand = onDemand
        self.onCancel = onCancel
        state = Mutex(State(wantsDemand: tellsFirst))
    }

    // MARK: The loop's side

    /// Adds a piece. False when it is enough until `onDemand` tells that there is room.
    package func push(_ piece: [UInt8]) -> Bool {
        let (reader, hasRoom) = state.withLock { state -> (CheckedContinuation<[UInt8]?, any Error>?, Bool) in
            if state.end != nil { return (nil, true) }
            if let reader = state.reader {
                state.reader = nil
                return (reader, true)
            }
            state.pieces.append(piece)
            state.bytes += piece.count
            if state.bytes > capacity { state.wantsDemand = true }
            return (nil, !state.wantsDemand)
        }
        reader?.resume(returning: piece)
        return hasRoom
    }

    /// Ends the body, well or with an error. The first end counts.
    package func finish(_ error: (any Error)? = nil) {
        let reader = state.withLock { state -> CheckedContinuation<[UInt8]?, any Error>? in
            if state.end != nil { return nil }
            state.end = error.map { .failure($0) } ?? .success(())
            defer { state.reader = nil }
            return state.reader
        }
        if let error { reader?.resume(throwing: error) } else { reader?.resume(returning: nil) }
    }

    // MARK: The reader's side

    /// The next piece, nil at the end. Throws the error that the body ended with, after the pieces before it, and
    /// `CancellationError` when the task is cancelled while there is nothing to give.
    package func next() async throws -> [UInt8]? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { hand(to: $0) }
        } onCancel: {
            let reader = state.withLock { state -> CheckedContinuation<[UInt8]?, any Error>? in
                state.isCancelled = true
                defer { state.reader = nil }
                return state.reader
            }
            reader?.resume(throwing: CancellationError())
            onCancel()
        }
    }

    private func hand(to reader: CheckedContinuation<[UInt8]?, any Error>) {
        var tells = false
        let result = state.withLock { state -> Result<[UInt8]?, any Error>? in
            if state.next < state.pieces.count {
                let piece = state.pieces[state.next]
                // Given away here and now: a reader that never catches up would else keep all it has read.
                state.pieces[state.next] = []
                state.next += 1
                state.bytes -= piece.count
                if state.next == state.pieces.count || state.next == 64 {
                    state.pieces.removeFirst(state.next)
                    state.next = 0
                }
                tells = state.wantsDemand && state.bytes <= capacity / 2
                if tells { state.wantsDemand = false }
                return .success(piece)
            }
            if let end = state.end { return end.map { nil } }
            if state.isCancelled { return .failure(CancellationError()) }
            tells = state.wantsDemand
            state.wantsDemand = false
            state.reader = reader
            return nil
        }
        if tells { onDemand() }
        if let result { reader.resume(with: result) }
    }
}
