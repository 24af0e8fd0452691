import CLinux
import EventLoop
import Glibc
import Synchronization

/// SIGTERM and SIGINT as something to wait for. A handler may do next to nothing (signal-safety(7)): it adds to an
/// eventfd, from which a thread of ours reads.
enum Signals {
    private static let descriptor = Atomic<Int32>(-1)

    private static var numbers: [Int32] { [SIGTERM, SIGINT] }

    /// From now on SIGTERM and SIGINT only end the wait of `first`; a second one ends the process at once. What
    /// has come since an earlier call counts.
    static func install() throws(CommandError) {
        if descriptor.load(ordering: .acquiring) < 0 {
            let counter = eventfd(0, Int32(EFD_CLOEXEC))
            guard counter >= 0 else {
                throw CommandError(.inputOutput, "no descriptor is left (\(systemText(errno)))")
            }
            descriptor.store(counter, ordering: .releasing)
        }
        if haveCome { return }
        // A command ends quietly when nobody reads on (`| head`); what serves outlives the reader of its notes.
        signal(SIGPIPE, SIG_IGN)
        for number in numbers {
            var action = sigaction()
            // A file that takes long to open is opened all the same.
            action.sa_flags = SA_RESTART
            action.__sigaction_handler.sa_handler = { number in
                // The default is back: the next one of its kind ends the process.
                signal(number, SIG_DFL)
                var one: UInt64 = 1
                _ = write(Signals.descriptor.load(ordering: .acquiring), &one, 8)
            }
            sigaction(number, &action, nil)
        }
        // What came while this process became another program has waited.
        var waiting = set()
        pthread_sigmask(SIG_UNBLOCK, &waiting, nil)
    }

    /// True when a signal has come.
    static var haveCome: Bool {
        var look = pollfd(fd: descriptor.load(ordering: .acquiring), events: Int16(POLLIN), revents: 0)
        return poll(&look, 1, 0) == 1
    }

    /// Before this process becomes another program: a thread of a queue may have signals blocked, and the program would
    /// inherit that. Where they are expected, those that come meanwhile wait for its `install`. (execve(2))
    static func handOver() {
        let isInstalled = descriptor.load(ordering: .acquiring) >= 0
        var blocked = isInstalled ? set() : sigset_t()
        pthread_sigmask(SIG_SETMASK, &blocked, nil)
        if isInstalled, haveCome { raise(SIGTERM) }
    }

    private static func set() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
        return set
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
