import HTTP
import Replication

extension NodeService {
    /// How long a pull waits at the hub for something new.
    static let waitMs = 25_000
    /// The longest pause between two attempts to reach the hub.
    static let pauseCeilingMs: UInt64 = 30_000

    /// Keeps the database in step until the task is cancelled: one loop pushes, one keeps a pull open. What goes
    /// wrong with the line is tried again, ever more rarely up to `pauseCeilingMs`; nothing needs a restart.
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
            do {
                _ = try await pushAll()
                failures = 0
            } catch {
                if Task.isCancelled { return }
                noteLink(error)
                failures += 1
                await pause(failures)
                wantPush()
            }
        }
    }

    private func pullLoop() async {
        var failures = 0
        while !Task.isCancelled {
            do {
                let wasUp = link.isUp
                _ = try await pullAll(waitMs: wasUp ? Self.waitMs : 0)
                failures = 0
                // What could not be sealed may be possible now; and what has waited goes at once.
                onCommit()
                if !wasUp { wantPush() }
            } catch {
                if Task.isCancelled { return }
                noteLink(error)
                failures += 1
                await pause(failures)
            }
        }
    }

    /// Doubles with each failure in a row, with jitter, so that sites do not come back all at once.
    private func pause(_ failures: Int) async {
        let ceiling = min(Self.pauseCeilingMs, 100 << UInt64(min(failures, 16)))
        let ms = UInt64.random(in: ceiling / 2...ceiling)
        try? await Task.sleep(for: .milliseconds(ms))  // cancelled: the loop ends by itself
    }
}
