import CLinux
import Glibc

/// Whoever speaks a protocol over a `StreamSocket`. All functions are called on the loop's thread.
package protocol SocketOwner: AnyObject {
    /// Bytes have come. They are gone after the call: what is not used up is to be copied.
    func onBytes(_ bytes: Span<UInt8>)
    /// The peer has sent all it will send, and all of it was given.
    func onEndOfInput()
    /// The peer has closed at least its sending side; told also while reading is paused, when bytes of it may
    /// still be unread.
    func onHangup()
    /// All that was sent has left, after it could not leave at once.
    func onSent()
    /// The connection is established (client only).
    func onConnected()
    /// The connection is broken and of no more use.
    func onFailure(_ error: SystemError)
    func onDeadline()
}

/// A connected stream of bytes on an event loop: reads while it may, keeps what cannot be sent yet. Loop's thread
/// only.
///
/// Edge-triggered and registered once: `isReadable` and `isWritable` remember what the kernel said last.
// @unchecked: only its own loop's thread touches it; jobs for that loop are where it is sent to.
package final class StreamSocket: EventSource, @unchecked Sendable {
    private let loop: EventLoop
    private let descriptor: Int32
    private weak let owner: (any SocketOwner)?
    private var token: EventLoop.Token?

    private var isReadable = false
    private var isWritable = false
    private var isConnecting: Bool
    private var isInRead = false
    private var hasHungUp = false
    private var hasEnded = false
    private var endsSending = false
    private var pieces: [[UInt8]] = []
    /// How much of the first piece has left.
    private var sentOfFirst = 0

    /// False while the owner wants nothing more.
    package private(set) var isReading = true
    package private(set) var isClosed = false
    /// Bytes that could not be sent yet.
    package private(set) var unsent = 0
    /// When bytes last left, in milliseconds of the loop.
    package private(set) var lastSentMs: Int
    /// Since when there are bytes that could not be sent yet, and how many have left since.
    package private(set) var unsentSinceMs: Int
    package private(set) var sentSince = 0

    /// Takes over a non-blocking descriptor; `isConnecting` when connect(2) said that it is under way.
    package init(
        _ descriptor: Int32, on loop: EventLoop, owner: any SocketOwner, isConnecting: Bool = false
    ) throws(SystemError) {
        self.loop = loop
        self.descriptor = descriptor
        self.owner = owner
        self.isConnecting = isConnecting
        lastSentMs = loop.nowMs
        unsentSinceMs = loop.nowMs
        let token = loop.add(self)
        self.token = token
        do {
            try loop.watch(token, descriptor)
        } catch {
            close()
            throw error
        }
    }

    package func setDeadline(atMs: Int?) {
        if let token { loop.setDeadline(token, atMs: atMs) }
    }

    package func onDeadline() { owner?.onDeadline() }

    // MARK: Reading

    /// Bytes stay in the kernel from now on, so that the peer is slowed down.
    package func pauseReading() { isReading = false }

    /// Goes on reading, at once where bytes are known to wait.
    package func resumeReading() {
        if isReading { return }
        isReading = true
        read()
    }

    /// True when nothing is known to wait in the kernel.
    package var isDrained: Bool { !isReadable && !hasHungUp }

    private func read() {
        // Whoever resumes within `onBytes` is served by the loop below: the scratch buffer is in use.
        if isInRead || isConnecting { return }
        isInRead = true
        defer { isInRead = false }
        // 16 buffers in a row at most, then the others have their turn.
        for _ in 0..<16 {
            guard isReading, isReadable, !isClosed, !hasEnded else { return }
            let count = samband_recv(descriptor, loop.scratch.baseAddress, loop.scratch.count)
            if count > 0 {
                // A short read has drained the socket (epoll(7)), unless the end is still to be read.
                if count < loop.scratch.count, !hasHungUp { isReadable = false }
                let bytes = UnsafeBufferPointer(rebasing: loop.scratch[..<count])
                owner?.onBytes(bytes.span)
            } else if count == 0 {
                hasEnded = true
                owner?.onEndOfInput()
                return
            } else if errno == EAGAIN {
                isReadable = false
                return
            } else if errno != EINTR {
                return owner?.onFailure(.last("recv")) ?? ()
            }
        }
        loop.submit { [weak self] in self?.read() }
    }

    /// Passes on what epoll has seen: an end, a failure, bytes to read, room to write.
    package func onReady(_ events: UInt32) {
        if isConnecting {
            onConnectReady()
            if isClosed || isConnecting { return }
        }
        let gone = UInt32(SAMBAND_EPOLLHUP | SAMBAND_EPOLLERR)
        if events & UInt32(SAMBAND_EPOLLOUT) != 0, !isWritable {
            isWritable = true
            flush(tells: true)
        }
        if isClosed { return }
        if events & (UInt32(SAMBAND_EPOLLRDHUP) | gone) != 0, !hasHungUp {
            hasHungUp = true
            isReadable = true
            owner?.onHangup()
        }
        if events & UInt32(SAMBAND_EPOLLIN) != 0 { isReadable = true }
        read()
    }

    private func onConnectReady() {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        if code != 0 { return owner?.onFailure(SystemError(code, "connect")) ?? () }
        isConnecting = false
        owner?.onConnected()
    }

    // MARK: Sending

    /// Sends, or keeps what cannot leave yet. A failure is told to the owner later, not within this call.
    package func send(_ bytes: [UInt8], more: Bool = false) {
        if isClosed || endsSending || bytes.isEmpty { return }
        if unsent == 0 {
            lastSentMs = loop.nowMs
            unsentSinceMs = loop.nowMs
            sentSince = 0
        }
        pieces.append(bytes)
        unsent += bytes.count
        if !more { flush(tells: false) }
    }

    /// Closes the sending side once everything has left.
    package func finishSending() {
        endsSending = true
        if unsent == 0, !isClosed { shutdown(descriptor, Int32(SHUT_WR)) }
    }

    private func flush(tells: Bool) {
        guard isWritable, !isConnecting, !pieces.isEmpty else { return }
        var next = 0
        while next < pieces.count {
            let piece = pieces[next]
            let isMore = next + 1 < pieces.count
            let count = piece.withUnsafeBytes { bytes in
                samband_send(
                    descriptor, bytes.baseAddress! + sentOfFirst, bytes.count - sentOfFirst, isMore ? 1 : 0)
            }
            if count < 0 {
                if errno == EINTR { continue }
                isWritable = false
                if errno != EAGAIN { onSendFailure(.last("send")) }
                break
            }
            lastSentMs = loop.nowMs
            unsent -= count
            sentSince += count
            sentOfFirst += count
            if sentOfFirst == piece.count {
                sentOfFirst = 0
                next += 1
            }
        }
        if next == pieces.count {
            pieces.removeAll(keepingCapacity: next < 8)
        } else {
            pieces.removeFirst(next)
        }
        guard unsent == 0 else { return }
        if endsSending { shutdown(descriptor, Int32(SHUT_WR)) }
        if tells { owner?.onSent() }
    }

    /// The peer takes nothing more, but may have said why before: what it sent is read first.
    private func onSendFailure(_ error: SystemError) {
        loop.submit { [weak self] in
            guard let self, !isClosed else { return }
            isReadable = true
            read()
            if !isClosed, !hasEnded { owner?.onFailure(error) }
        }
    }

    // MARK: The end

    /// Closes. Unsent bytes are lost; nothing more is told to the owner.
    package func close() {
        guard !isClosed, let token else { return }
        isClosed = true
        loop.remove(token)
        pieces = []
        unsent = 0
        Glibc.close(descriptor)
    }

    /// Closes so that the peer sees a broken connection, and not the end of what was sent.
    package func abort() {
        if isClosed { return }
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }
}
