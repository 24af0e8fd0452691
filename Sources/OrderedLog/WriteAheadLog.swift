import Glibc
import SQLite
import TableModel

/// SQLite's write-ahead log grows as long as a program reads in one transaction: nothing behind the state that it reads
/// can be written back. (https://www.sqlite.org/wal.html, "Avoiding Excessively Large WAL Files")
package struct WriteAheadLog {
    package let connection: Connection

    package init(connection: Connection) {
        self.connection = connection
    }
    /// From here on it is worth saying.
    static let largeBytes: UInt64 = 256 << 20

    /// How large the log has grown, when it is large and a reader keeps it so; nil when there is nothing to say. Writes
    /// back what may be, and gives the room of a large log back that nobody needs any more.
    package func heldBytes(from large: UInt64 = largeBytes) throws -> UInt64? {
        var about = stat()
        guard stat(connection.path + "-wal", &about) == 0, UInt64(about.st_size) >= large else { return nil }
        if try isWrittenBack("PASSIVE") {
            // Without a wait: a reader of the last state may hold even that for a while.
            try connection.execute("PRAGMA busy_timeout = 0")
            defer { try? connection.execute("PRAGMA busy_timeout = \(ReplicaFile.busyTimeoutMs)") }
            _ = try isWrittenBack("TRUNCATE")
            return nil
        }
        return UInt64(about.st_size)
    }

    /// Writes all back and empties the log, as far as others let it. Does not wait for a program that reads without end, as
    /// Litestream does.
    package func empty() throws {
        try connection.execute("PRAGMA busy_timeout = 0")
        defer { try? connection.execute("PRAGMA busy_timeout = \(ReplicaFile.busyTimeoutMs)") }
        _ = try isWrittenBack("TRUNCATE")
    }

    /// https://www.sqlite.org/pragma.html#pragma_wal_checkpoint: blocked or not, pages in the log, pages written back.
    private func isWrittenBack(_ mode: String) throws -> Bool {
        let statement = try connection.prepare("PRAGMA wal_checkpoint(\(mode))")
        defer { statement.reset() }
        return try statement.step() && statement.integer(1) == statement.integer(2)
    }
}
