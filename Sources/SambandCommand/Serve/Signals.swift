import CLinux
import EventLoop
import Glibc
import Synchronization

/// SIGTERM and SIGINT as something to wait for. A handler may do next to nothing (signal-safety(7)): it adds to an
/// eventfd, from which a thread of ours reads.
enum Signals {
    private static let descriptor = Atomic<Int32>(-1)

    /// From now on SIGTERM and SIGINT only end the wait of `first`; a second one ends the process at once.
    static func install() throws(CommandError) {
        let counter = eventfd(0, Int32(EFD_CLOEXEC))
        guard counter >= 0 else {
            throw CommandError(.inputOutput, "no descriptor is left (\(systemText(errno)))")
        }
        // A command ends quietly when nobody reads on (`| head`); what serves outlives the reader of its notes.
        signal(SIGPIPE, SIG_IGN)
        descriptor.store(counter, ordering: .releasing)
        for number in [SIGTERM, SIGINT] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                // The default is back: the next one of its kind ends the process.
                signal(number, SIG_DFL)
                var one: UInt64 = 1
                _ = write(Signals.descriptor.load(ordering: .acquiring), &one, 8)
            }
            sigaction(number, &action, nil)
        }
    }

    /// Returns when a signal has come or the task is cancelled. One task waits at a time.
    static func first() async {
        let counter = descriptor.load(ordering: .acquiring)
        await withTaskCancellationHandler {
            await withCheckedContinuation { (waiting: CheckedContinuation<Void, Never>) in
                let isStarted = Thread.start("signals") {
                    var value: UInt64 = 0
                    while read(counter, &value, 8) < 0, errno == EINTR {}
                    waiting.resume()
                }
                // Without a thread nothing could be served either.
                if !isStarted { waiting.resume() }
            }
        } onCancel: {
            var one: UInt64 = 1
            _ = write(counter, &one, 8)
        }
    }
}
