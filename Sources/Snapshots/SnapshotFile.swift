import Capturing
import Glibc
import OrderedLog
import Explaining
import Replication
import SQLite
import TableModel

/// Turns a copy of the hub's database into that of a node.
package enum SnapshotFile {
    /// Copies the hub's database, on a connection of its own, and makes the copy a node's. The file is readable by its
    /// owner only; on a failure it is for the caller to take away.
    ///
    /// - Returns: the position of the hub's order that the rows stand at.
    package static func make(
        from hub: String, to path: String, site: String, replica: UInt32
    ) throws(StoreError) -> UInt64 {
        try storing("writing a snapshot for replica \(replica)") {
            let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard file >= 0 else {
                throw StoreError(
                    .inputOutput, doing: "writing a snapshot", why: String(cString: strerror(errno)),
                    hint: "Look at the folder of the hub's database, its rights and its space.")
            }
            close(file)
            try DatabaseCopy.make(of: hub, at: path)
            let copy = try Connection(path: path, mode: .readWrite, busyTimeoutMs: 1000)
            defer { copy.close() }
            try ReplicaFile.prepare(copy)
            return try turnIntoNode(copy, site: site, replica: replica)
        }
    }

    /// - Returns: the position of the hub's order that the rows stand at.
    private static func turnIntoNode(_ copy: Connection, site: String, replica: UInt32) throws -> UInt64 {
        let log = ChangeLog(connection: copy)
        let position = try log.lastPosition()
        try copy.transaction {
            try SnapshotContent.apply(to: copy)
            try copy.setMeta(.role, .text("node"))
            try copy.setMeta(.site, .text(site))
            try copy.setMeta(.replica, UInt64(replica))
            try copy.setMeta(.position, position)
            try copy.setMeta(.hlcSeen, copy.metaNumber(.hlc))
            // What local programs' writes go through, and what programs read.
            try Capture.install(in: copy)
            try SystemGuards.install(in: copy)
            try StatusView.install(copy)
            try DisputeViews.install(copy)
        }
        // What was taken out leaves no trace.
        try copy.execute("PRAGMA journal_mode = DELETE; VACUUM;")
        return position
    }
}
