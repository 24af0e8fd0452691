import CLinux
import Foundation
import SQLite
import Synchronization
import TableModel

/// Notices commits of other programs to a database in WAL mode: inotify tells that the write-ahead log is being
/// written, which is shortly *before* the commit can be seen, and `PRAGMA data_version` tells when it can.
/// (https://www.sqlite.org/pragma.html#pragma_data_version, inotify(7))
///
/// Runs on a thread of its own, with a connection of its own; costs nothing while nobody writes.
package final class CommitWatch: Sendable {
    /// One element for one or more commits.
    package let commits: AsyncStream<Void>
    private let stopping: Int32

    /// How long after a write to the log its commit is waited for, and how often it is looked for meanwhile.
    private static let settleMs = 50
    private static let lookEveryMicroseconds: UInt32 = 300
    /// How often it looks without being told: where inotify says nothing, a commit is still found.
    private static let fallbackMs: Int32 = 1000

    /// - Parameter path: the database. Throws when it cannot be opened or watched.
    package init(path: String) throws {
        let connection = try Connection(path: path, mode: .readOnly, busyTimeoutMs: 1000)
        let inotify = samband_inotify()
        stopping = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard inotify >= 0, stopping >= 0 else {
            throw SystemFailure(doing: "watching \(path) for commits", code: errno)
        }
        let folder = Joining.folder(of: path)
        guard inotify_add_watch(inotify, folder, UInt32(IN_MODIFY | IN_CREATE)) >= 0 else {
            throw SystemFailure(doing: "watching the folder of \(path) for commits", code: errno)
        }
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        commits = stream
        let watcher = Watcher(connection: connection, inotify: inotify, stopping: stopping, continuation: continuation)
        let thread = Foundation.Thread { watcher.run() }
        thread.name = "samband-watch"
        thread.start()
    }

    /// Ends the thread and the stream.
    package func stop() {
        var one: UInt64 = 1
        _ = write(stopping, &one, 8)
    }

    /// What the thread owns.
    private final class Watcher: @unchecked Sendable {
        // @unchecked: made on one thread and used on the new one only.
        private let connection: Connection
        private let inotify: Int32
        private let stopping: Int32
        private let continuation: AsyncStream<Void>.Continuation
        private let files: StandingFiles
        private var version: Int64 = -1

        init(
            connection: Connection, inotify: Int32, stopping: Int32, continuation: AsyncStream<Void>.Continuation
        ) {
            self.connection = connection
            files = StandingFiles(path: connection.path)
            self.inotify = inotify
            self.stopping = stopping
            self.continuation = continuation
        }

        func run() {
            defer {
                close(inotify)
                close(stopping)
                connection.close()
                continuation.finish()
            }
            // What was committed before the watch began counts as news.
            continuation.yield()
            while true {
                var waits = [
                    pollfd(fd: inotify, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: stopping, events: Int16(POLLIN), revents: 0),
                ]
                let ready = poll(&waits, 2, CommitWatch.fallbackMs)
                if waits[1].revents != 0 { return }
                if ready > 0 { drain() }
                // Nothing is committed any more that this connection would see: whoever is told looks, too.
                if !files.stand { continuation.yield() }
                look(upToMs: ready > 0 ? CommitWatch.settleMs : 0)
            }
        }

        private func drain() {
            var buffer = [UInt8](repeating: 0, count: 4096)
            while read(inotify, &buffer, buffer.count) > 0 {}
        }

        /// Looks until a commit shows, or the time is over.
        private func look(upToMs: Int) {
            var looks = upToMs * 1000 / Int(CommitWatch.lookEveryMicroseconds)
            while true {
                // A database that is being locked for a moment is looked at again at the next turn.
                if let now = try? connection.dataVersion(), now != version {
                    version = now
                    continuation.yield()
                    return
                }
                guard looks > 0 else { return }
                looks -= 1
                usleep(CommitWatch.lookEveryMicroseconds)
            }
        }
    }
}

/// A call of the system that failed.
struct SystemFailure: Error, CustomStringConvertible {
    let doing: String
    let code: Int32

    var description: String { "\(doing) failed: \(String(cString: strerror(code)))" }
}
