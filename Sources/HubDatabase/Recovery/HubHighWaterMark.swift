import Glibc
import Replication
import TableModel

/// A small file beside the hub's database that says how far the hub had come. It is no part of a backup: a database
/// that is behind its seat, or has none, was put back or moved, and goes on under a new replica number. So no dot of
/// the hub ever names two contents, though nothing in a restored file says that it is one.
///
/// It is written without fsync after each commit: after a power cut it may be behind, never ahead of what was committed.
package final class HubHighWaterMark {
    package let path: String
    private let file: Int32
    private var last: [UInt8] = []

    /// Where the seat of a database is.
    package static func path(of database: String) -> String { database + "-samband.seat" }

    /// Opens the seat of a database, or makes it, readable by its owner only.
    package init(database: String) throws(StoreError) {
        path = HubHighWaterMark.path(of: database)
        file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw HubHighWaterMark.failure(path) }
    }

    deinit { close(file) }

    private static func failure(_ path: String) -> StoreError {
        StoreError(
            .inputOutput, doing: "noting how far the hub has come, in \(path)", why: String(cString: strerror(errno)),
            hint: "Look at the folder of the hub's database, its rights and its space.")
    }

    /// What was noted last; nil when nothing was.
    func read() throws -> (replica: UInt32, position: UInt64)? {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = pread(file, &bytes, bytes.count, 0)
        guard count >= 0 else { throw HubHighWaterMark.failure(path) }
        let words = String(decoding: bytes.prefix(count), as: UTF8.self).split(whereSeparator: {
            $0 == " " || $0 == "\n"
        })
        guard words.count == 2, let replica = UInt32(words[0]), let position = UInt64(words[1]) else { return nil }
        return (replica, position)
    }

    /// Notes a position of the hub's order as given out.
    package func note(replica: UInt32, position: UInt64) throws {
        let numbers = [String(replica), String(position)]
        let widths = [10, 20]
        let padded = zip(numbers, widths).map { String(repeating: "0", count: $1 - $0.utf8.count) + $0 }
        let text = Array((padded.joined(separator: " ") + "\n").utf8)
        if text == last { return }
        guard pwrite(file, text, text.count, 0) == text.count else { throw HubHighWaterMark.failure(path) }
        last = text
    }
}
