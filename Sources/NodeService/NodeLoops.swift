import HTTP
import Replication

extension NodeService {
    /// How long a pull waits at the hub for something new. A line that is dead without a word is noticed by it.
    static let waitMs = 6_000
    /// The longest pause between two attempts to reach the hub: with the time in which an attempt fails it makes the
    /// time in which a node is back.
    static let pauseCeilingMs: UInt64 = 2_000

    /// Keeps the database in step until the task is cancelled: one loop pushes, one keeps a pull open. What goes
    /// wrong with the line is tried again after `pauseCeilingMs` at the latest; nothing needs a restart.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.pushLoop() }
            group.addTask { await self.pullLoop() }
        }
        // Nobody keeps the line from here on, and `samband_status` is read without us.
        noteEnd()
    }

    private func pushLoop() async {
        var failures = 0
        while !Task.isCancelled {
            await waitForPush()
            await waitAsAsked()
            let (before, sinceMs) = (contacts, localNow())
            do {
                _ = try await pushAll()
                failures = 0
                succeeded(.push)
            } catch {
                if Task.isCancelled { return }
                failures = count(failures, error, reached: contacts != before)
                failed(.push, error)
                await pause(failures, sinceMs: sinceMs)
                wantPush()
            }
        }
    }

    private func pullLoop() async {
        var failures = 0
        while !Task.isCancelled {
            await waitAsAsked()
            let wasUp = link.isUp
            let (before, sinceMs) = (contacts, localNow())
            switch await attemptPull(waitMs: wasUp ? Self.waitMs : 0) {
            case .success:
                failures = 0
                succeeded(.pull)
                // What could not be sealed may be possible now; and what has waited goes at once.
                onCommit()
                if !wasUp { wantPush() }
                await endRotation()
            case .failure(let error):
                if Task.isCancelled { return }
                // Another call has found the line to be a new one: this was on the old.
                if pullAttempt?.isCancelled == true { continue }
                failures = count(failures, error, reached: contacts != before)
                failed(.pull, error)
                await pause(failures, sinceMs: sinceMs)
            }
        }
    }

    /// Failures in a row, for the pause behind them. A call that was cut after the hub had been reached has most likely
    /// come further: it goes on soon.
    private func count(_ failures: Int, _ error: ExchangeError, reached: Bool) -> Int {
        if reached, case .unreachable(_, .cut) = error { return 1 }
        return failures + 1
    }

    /// A pull that another call may end, when it finds that the line it is on is not there any more.
    private func attemptPull(waitMs: Int) async -> Result<Int, ExchangeError> {
        let task = Task { () async -> Result<Int, ExchangeError> in
            do throws(ExchangeError) { return .success(try await self.pullAll(waitMs: waitMs)) } catch {
                return .failure(error)
            }
        }
        pullAttempt = PullAttempt(sinceMs: localNow(), task: task)
        return await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
    }

    /// Doubles with each failure in a row, with jitter, so that sites do not come back all at once. Ends at once when
    /// the line is found to be back. What failed slowly has had its pause: it is tried again soon.
    private func pause(_ failures: Int, sinceMs: UInt64) async {
        let ceiling = min(Self.pauseCeilingMs, 100 << UInt64(min(failures, 16)))
        // A clock that was set back meanwhile has measured nothing.
        let tookMs = localNow() >= sinceMs ? localNow() - sinceMs : 0
        let wholeMs = UInt64.random(in: ceiling / 2...ceiling)
        let ms = max(UInt64.random(in: 50...150), wholeMs > tookMs ? wholeMs - tookMs : 0)
        let id = nextPause
        nextPause += 1
        let timer = Task {
            try? await Task.sleep(for: .milliseconds(ms))  // cancelled: the pause is over anyway
            self.endPause(id)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { pauses[id] = $0 }
        } onCancel: {
            Task { await self.endPause(id) }
        }
        timer.cancel()
    }

    /// Waits as long as the hub, or what stands in front of it, has asked for (RFC 9110 section 10.2.3), and a
    /// little longer, so that sites do not come back all at once.
    private func waitAsAsked() async {
        let now = localNow()
        // A clock that was set back meanwhile has measured nothing.
        guard askedToWaitUntilMs > now, askedToWaitUntilMs - now <= Self.retryAfterCeilingMs else { return }
        let ms = askedToWaitUntilMs - now + UInt64.random(in: 0...500)
        try? await Task.sleep(for: .milliseconds(ms))  // cancelled: the loop ends by itself
    }

    /// Whatever is asked for, a site is back within this time.
    private static let retryAfterCeilingMs: UInt64 = 60_000

    func noteRetryAfter(_ response: Response) {
        guard [429, 503].contains(response.status.code), let text = response.headers["retry-after"],
            let seconds = UInt64(text)
        else { return }
        askedToWaitUntilMs = localNow() + min(seconds, Self.retryAfterCeilingMs / 1000) * 1000
    }

    private func endPause(_ id: UInt64) { pauses.removeValue(forKey: id)?.resume() }

    /// The line is there: nobody has to wait for it any more.
    func endPauses() {
        for id in pauses.keys.sorted() { endPause(id) }
    }
}

/// A pull that is under way.
struct PullAttempt: Sendable {
    let sinceMs: UInt64
    let task: Task<Result<Int, ExchangeError>, Never>
    var isCancelled: Bool { task.isCancelled }

    func cancel() { task.cancel() }
}
