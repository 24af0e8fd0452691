import OrderedLog
import Replication
import SQLite
import TableModel

/// What a node's database knows about its line to the hub.
extension NodeStore {
    package func hubAddress() throws(StoreError) -> String {
        try storing("reading the hub's address") { try connection.metaText(.hub) ?? "" }
    }

    /// The replica number of the hub whose order this database follows.
    package func hubReplica() throws(StoreError) -> UInt32 {
        try storing("reading the hub's replica number") { try EpochTable(connection: connection).hub() }
    }

    /// The digest of one of our own change sets; nil when there is none of that seq here.
    package func digest(ofOwn seq: UInt64) throws(StoreError) -> [UInt8]? {
        try storing("reading the digest of change set \(replica):\(seq)") {
            try log.entry(Dot(replica: replica, seq: seq))?.header.digest
        }
    }

    /// Rows written here that the hub has not acknowledged: those marked, and those sealed since.
    package func pendingCount(acknowledged: UInt64) throws(StoreError) -> UInt64 {
        try storing("counting the changes that wait") {
            try refresh()
            var count: UInt64 = 0
            for table in tables {
                let mark = sealer.markTable(table.number)
                count += UInt64(try connection.firstInteger("SELECT count(*) FROM \(mark)") ?? 0)
            }
            for (entry, _) in inFlight.all
            where entry.header.dot.replica == replica && entry.header.dot.seq > acknowledged {
                count += entry.header.rowCount
            }
            return count
        }
    }
}

/// A snapshot that has just arrived.
package enum NodeFile {
    /// Checks that it is this replica's database, whole and sound, notes the hub's address in it, and
    /// leaves it in WAL mode.
    package static func adopt(_ path: String, hub: String, site: String, replica: UInt32) throws(StoreError) {
        try storing("opening the snapshot \(path)") {
            let opened = try ReplicaFile.open(path, role: "node")
            defer { opened.connection.close() }
            guard try opened.connection.firstString("PRAGMA quick_check") == "ok" else {
                throw StoreError(
                    .refused, doing: "opening the snapshot \(path)", why: "SQLite finds it damaged",
                    hint: "Join again with the same token.")
            }
            guard try opened.connection.metaText(.site) == site, opened.replica == replica else {
                throw StoreError(
                    .refused, doing: "opening the snapshot \(path)", why: "it is that of another site",
                    hint: "Ask the hub's operator for a new join token.")
            }
            try opened.connection.setMeta(.hub, .text(hub))
            // Programs may write it before a node first runs on it. What was written so far is in the file itself.
            try ReplicaFile.enterWriteAheadLog(opened.connection)
        }
    }
}
