import CLinux
import Glibc
import Synchronization

/// Something that an event loop watches. All its functions are called on the loop's thread.
package protocol EventSource: AnyObject {
    /// The descriptor is ready for some of these events (`SAMBAND_EPOLL…`).
    func onReady(_ events: UInt32)
    /// The deadline has passed, and is set no more.
    func onDeadline()
}

/// A thread that waits for descriptors, deadlines and jobs, and never for anything else.
///
/// Whatever is registered lives on this thread alone: other threads reach it through `submit`. The thread runs
/// until `stop`, and keeps the loop alive until then.
// @unchecked: `inbox` is behind its mutex; all other variables are touched on the loop's thread only, which the
// functions marked "loop's thread only" check.
package final class EventLoop: @unchecked Sendable {
    package typealias Job = @Sendable () -> Void

    /// Names a registered source, and no later one in its place.
    package struct Token: Equatable, Sendable {
        fileprivate let raw: UInt64
        fileprivate var index: Int { Int(truncatingIfNeeded: raw & 0xffff_ffff) }
        fileprivate var generation: UInt32 { UInt32(truncatingIfNeeded: raw >> 32) }
    }

    private struct Inbox {
        var jobs: [Job] = []
        var sleeps = false
        var isStopped = false
    }

    private struct Slot {
        var source: (any EventSource)?
        var generation: UInt32 = 0
        /// When the source wants to be told; `.max` for never.
        var deadlineMs = Int.max
        /// The earliest entry of this slot in `deadlines`; `.max` for none.
        var queuedMs = Int.max
    }

    private static let wakeToken = UInt64.max
    private static let eventsAtOnce = 256

    private let epoll: Int32
    private let wakeup: Int32
    private let inbox = Mutex(Inbox())
    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var deadlines = Deadlines()
    private var thread: pthread_t?

    /// One buffer for all reads of this loop, so that an idle connection needs none of its own. What is read is
    /// used up or copied before the next read.
    package let scratch = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 64 * 1024)

    /// Milliseconds of the monotonic clock, as of this turn of the loop. Loop's thread only.
    package private(set) var nowMs = 0

    /// Starts the thread. Throws what the system answers when it gives no descriptor or no thread.
    package init(name: String) throws(SystemError) {
        epoll = samband_epoll()
        guard epoll >= 0 else { throw .last("epoll_create1") }
        wakeup = samband_eventfd()
        guard wakeup >= 0 else {
            let error = SystemError.last("eventfd")
            close(epoll)
            throw error
        }
        // Edge-triggered: each write wakes the loop once, and the counter need not be read.
        guard samband_epoll_add(epoll, wakeup, UInt32(SAMBAND_EPOLLIN), 1, EventLoop.wakeToken) == 0
        else {
            let error = SystemError.last("epoll_ctl")
            close(epoll)
            close(wakeup)
            throw error
        }
        nowMs = EventLoop.monotonicMs()
        guard Thread.start(name, { self.run() }) else { throw SystemError(EAGAIN, "pthread_create") }
    }

    deinit {
        close(epoll)
        close(wakeup)
        scratch.deallocate()
    }

    // MARK: From any thread

    /// Runs `job` on the loop's thread, in the order of submission, never within this call. False after `stop`:
    /// then the job is not run.
    @discardableResult
    package func submit(_ job: @escaping Job) -> Bool {
        let (isTaken, wakes) = inbox.withLock { inbox -> (Bool, Bool) in
            if inbox.isStopped { return (false, false) }
            inbox.jobs.append(job)
            let wakes = inbox.sleeps
            inbox.sleeps = false
            return (true, wakes)
        }
        if wakes {
            var one: UInt64 = 1
            _ = write(wakeup, &one, 8)
        }
        return isTaken
    }

    /// Ends the thread after the jobs submitted so far. Descriptors that are still registered are not closed:
    /// that is their owners' business, before.
    package func stop() {
        submit { self.inbox.withLock { $0.isStopped = true } }
    }

    // MARK: Loop's thread only

    /// Registers a source, at first for deadlines only.
    package func add(_ source: any EventSource) -> Token {
        assertOnLoop()
        let index = freeSlots.popLast() ?? slots.count
        if index == slots.count { slots.append(Slot()) }
        slots[index].source = source
        return Token(raw: UInt64(slots[index].generation) << 32 | UInt64(index))
    }

    /// Watches a descriptor for its source: edge-triggered for reading, writing and the peer's end; or, with
    /// `levelReading`, for as long as there is something to read. Closing the descriptor ends it.
    package func watch(_ token: Token, _ descriptor: Int32, levelReading: Bool = false) throws(SystemError) {
        let reading = UInt32(SAMBAND_EPOLLIN)
        let all = reading | UInt32(SAMBAND_EPOLLOUT) | UInt32(SAMBAND_EPOLLRDHUP)
        let events = levelReading ? reading : all
        guard samband_epoll_add(epoll, descriptor, events, levelReading ? 0 : 1, token.raw) == 0 else {
            throw .last("epoll_ctl")
        }
    }

    /// Forgets a source. Events and deadlines of it that are on their way are dropped.
    package func remove(_ token: Token) {
        assertOnLoop()
        guard slots[token.index].generation == token.generation else { return }
        let generation = token.generation &+ 1
        slots[token.index] = Slot(generation: generation)
        freeSlots.append(token.index)
    }

    /// Sets or clears the one deadline of a source, in milliseconds of `nowMs`.
    package func setDeadline(_ token: Token, atMs: Int?) {
        let index = token.index
        guard slots[index].generation == token.generation else { return }
        let atMs = atMs ?? .max
        slots[index].deadlineMs = atMs
        if atMs < slots[index].queuedMs {
            slots[index].queuedMs = atMs
            deadlines.push(Deadlines.Entry(atMs: atMs, token: token.raw))
        }
    }

    /// Traps when the caller is not on the loop's thread, in debug builds.
    package func assertOnLoop() {
        assert(thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false, "not on the loop's thread")
    }

    // MARK: The loop

    private static func monotonicMs() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    private func run() {
        thread = pthread_self()
        var tokens = [UInt64](repeating: 0, count: EventLoop.eventsAtOnce)
        var events = [UInt32](repeating: 0, count: EventLoop.eventsAtOnce)
        var jobs: [Job] = []
        while true {
            let (hasJobs, isStopped) = inbox.withLock { inbox in
                inbox.sleeps = inbox.jobs.isEmpty
                return (!inbox.jobs.isEmpty, inbox.isStopped)
            }
            if isStopped, !hasJobs { return }
            let count = samband_epoll_wait(
                epoll, &tokens, &events, Int32(EventLoop.eventsAtOnce), hasJobs ? 0 : waitMs())
            nowMs = EventLoop.monotonicMs()
            for index in 0..<max(0, Int(count)) where tokens[index] != EventLoop.wakeToken {
                source(of: tokens[index])?.onReady(events[index])
            }
            // Taken and given back by swapping, so that both arrays keep their storage.
            inbox.withLock { inbox in
                inbox.sleeps = false
                swap(&inbox.jobs, &jobs)
            }
            for job in jobs { job() }
            jobs.removeAll(keepingCapacity: jobs.count < 1024)
            fireDeadlines()
        }
    }

    private func waitMs() -> Int32 {
        guard let next = deadlines.nextMs else { return -1 }
        return Int32(clamping: max(0, next - EventLoop.monotonicMs()))
    }

    private func fireDeadlines() {
        while let entry = deadlines.popDue(nowMs) {
            let token = Token(raw: entry.token)
            let index = token.index
            guard slots[index].generation == token.generation, slots[index].queuedMs == entry.atMs else {
                continue
            }
            let wanted = slots[index].deadlineMs
            slots[index].queuedMs = .max
            slots[index].deadlineMs = .max
            // One that was put off takes its new place, even when that has passed too: so the order holds.
            if wanted <= entry.atMs {
                slots[index].source?.onDeadline()
            } else if wanted < .max {
                setDeadline(token, atMs: wanted)
            }
        }
    }

    private func source(of raw: UInt64) -> (any EventSource)? {
        let token = Token(raw: raw)
        guard token.index < slots.count, slots[token.index].generation == token.generation else { return nil }
        return slots[token.index].source
    }
}
