import Dispatch
import Foundation
import HTTP
import Synchronization

/// A body that is made while it is sent, between the task that makes it and the thread that sends it: one piece at a
/// time is in memory, and each side waits for the other.
final class Upload: Sendable {
    private struct State {
        var piece: [UInt8]
        var used = 0
        var isEnd = false
        var isStopped = false
        var producer: CheckedContinuation<Void, Never>?
        var maker: Task<Void, Never>?
    }

    private let state: Mutex<State>
    private let filled = DispatchSemaphore(value: 0)
    private let call: SecureCall

    /// - Parameters:
    ///   - start: what has been read of the body already.
    ///   - rest: what is still to be read; nil when that is all.
    init(start: [UInt8], _ rest: Body?, _ call: SecureCall) {
        state = Mutex(State(piece: start, isEnd: rest == nil))
        self.call = call
        guard let rest else { return }
        let maker = Task { await self.make(rest) }
        state.withLock { $0.maker = maker }
    }

    /// Nobody sends it any more.
    func stop() {
        let (producer, maker) = state.withLock { state in
            state.isStopped = true
            defer {
                state.producer = nil
                state.maker = nil
            }
            return (state.producer, state.maker)
        }
        producer?.resume()
        filled.signal()
        maker?.cancel()
    }

    private func make(_ body: Body) async {
        await untilTaken()
        do {
            while let piece = try await body.next() {
                let goesOn = state.withLock { state in
                    state.piece = piece
                    state.used = 0
                    return !state.isStopped
                }
                filled.signal()
                guard goesOn else { return }
                await untilTaken()
            }
            state.withLock { $0.isEnd = true }
            filled.signal()
        } catch {
            if state.withLock({ $0.isStopped }) { return }
            call.finish(call.error(.requestBody("\(error)")))
        }
    }

    private func untilTaken() async {
        await withCheckedContinuation { producer in
            let isFree = state.withLock { state in
                if state.isStopped || state.used == state.piece.count { return true }
                state.producer = producer
                return false
            }
            if isFree { producer.resume() }
        }
    }

    /// Fills a buffer, when there is something. 0 at the end, -1 when nobody makes or wants any more.
    func read(_ buffer: UnsafeMutablePointer<UInt8>, atMost limit: Int) -> Int {
        call.onWantsBody()
        while true {
            let (count, producer) = take(buffer, limit)
            producer?.resume()
            if let count {
                call.onBodyGiven(isEnd: count <= 0)
                return count
            }
            filled.wait()
        }
    }

    private func take(
        _ buffer: UnsafeMutablePointer<UInt8>, _ limit: Int
    ) -> (count: Int?, producer: CheckedContinuation<Void, Never>?) {
        // The pointer is used within this call only.
        nonisolated(unsafe) let buffer = buffer
        return state.withLock { state in
            if state.isStopped { return (-1, nil) }
            let left = state.piece.count - state.used
            if left == 0 { return (state.isEnd ? 0 : nil, nil) }
            let count = min(left, limit)
            state.piece.withUnsafeBufferPointer { buffer.update(from: $0.baseAddress! + state.used, count: count) }
            state.used += count
            guard state.used == state.piece.count else { return (count, nil) }
            defer { state.producer = nil }
            return (count, state.producer)
        }
    }
}

/// An `Upload` as the kind of stream that URLSession reads; its thread waits in `read`.
final class UploadStream: InputStream {
    private let upload: Upload?
    private var isOpened = false

    /// - Parameter upload: nil for a stream that breaks off at once.
    init(_ upload: Upload?) {
        self.upload = upload
        super.init(data: Data())
    }

    override var streamStatus: Stream.Status { isOpened ? .open : .notOpen }
    override var streamError: (any Error)? { nil }
    override var hasBytesAvailable: Bool { true }
    override func open() { isOpened = true }
    override func close() {}

    override func read(_ buffer: UnsafeMutablePointer<UInt8>, maxLength: Int) -> Int {
        upload?.read(buffer, atMost: maxLength) ?? -1
    }
}
