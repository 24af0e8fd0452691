import Glibc
import OrderedLog
import Replication
import SQLite
import TableModel

/// What a verified backup of the hub holds.
package struct BackupRecord: Hashable, Sendable {
    /// When it was begun, in milliseconds since 1970.
    package let atMs: UInt64
    /// The end of the hub's order in it.
    package let position: UInt64
    package let vector: VectorClock
}

/// Copies a hub's database while it is being written, and proves that the copy is whole before it gets its name.
///
/// The copy is a plain file without WAL, so that it can lie on any disk and be read from a read-only one. It is marked:
/// a hub that is opened on it knows that it was restored.
package enum BackupFile {
    private static let doing = "writing a backup of the hub"

    package typealias OnConnection = DatabaseCopy.OnConnection

    /// Writes a backup on connections of its own: the hub goes on with its work. Afterwards the file stands there
    /// complete, verified and on the disk, readable by its owner only; on a failure nothing stands there.
    ///
    /// - Parameter path: a file that does not exist yet.
    /// - Returns: what is in it, and its size in bytes.
    package static func make(
        from hub: String, to path: String, nowMs: UInt64, onConnection: OnConnection = { _ in }
    ) throws(StoreError) -> (record: BackupRecord, bytes: UInt64) {
        guard access(path, F_OK) != 0 else {
            throw StoreError(
                .misused, doing: doing, why: "the file \(path) is already there",
                hint: "Choose another name, or move the file away.")
        }
        let file: NewDatabaseFile
        do {
            file = try NewDatabaseFile(path: path, doing: "write a backup", maySitOnNetwork: true)
        } catch { throw failed(error) }
        do {
            try copy(hub, to: file.buildPath, onConnection)
            let record = try mark(file.buildPath, atMs: nowMs)
            try placing { () throws(SchemaError) in try file.flush() }
            try verify(file.buildPath, onConnection)
            let bytes = size(of: file.buildPath)
            try placing { () throws(SchemaError) in try file.publish() }
            return (record, bytes)
        } catch {
            file.abandon()
            throw error
        }
    }

    private static func copy(
        _ hub: String, to path: String, _ onConnection: OnConnection
    ) throws(StoreError) {
        try storing(doing) { try DatabaseCopy.make(of: hub, at: path, onConnection: onConnection) }
    }

    /// Writes into the copy that it is one.
    private static func mark(_ path: String, atMs: UInt64) throws(StoreError) -> BackupRecord {
        try storing(doing) {
            let copy = try Connection(path: path, mode: .readWrite, busyTimeoutMs: 1000)
            defer { copy.close() }
            try ReplicaFile.prepare(copy)
            let log = ChangeLog(connection: copy)
            return try copy.transaction {
                let record = BackupRecord(atMs: atMs, position: try log.lastPosition(), vector: try log.vector())
                try copy.setMeta(.restored, atMs)
                try copy.setBackup(record)
                return record
            }
        }
    }

    private static func verify(_ path: String, _ onConnection: OnConnection) throws(StoreError) {
        try storing("verifying a backup of the hub") {
            // Of a file that is opened read-only SQLite does not read the CHECK constraints, nor check them.
            let copy = try Connection(path: path, mode: .readWrite, busyTimeoutMs: 1000)
            defer { copy.close() }
            try copy.execute("PRAGMA query_only = ON")
            try onConnection(copy.interruptHandle)
            try ReplicaFile.prepare(copy)
            try BackupCheck(connection: copy).run()
        }
    }

    private static func placing(_ body: () throws(SchemaError) -> Void) throws(StoreError) {
        do { try body() } catch { throw failed(error) }
    }

    private static func failed(_ error: SchemaError) -> StoreError {
        switch error {
        case .refused(let refusal):
            StoreError(.inputOutput, doing: doing, why: "\(refusal.what): \(refusal.why)", hint: refusal.hint)
        case .database(let error):
            StoreError(.inputOutput, doing: doing, why: "\(error)", hint: "Look at the disk and its space.")
        }
    }

    private static func size(of path: String) -> UInt64 {
        var about = stat()
        return stat(path, &about) == 0 ? UInt64(about.st_size) : 0
    }
}

extension Connection {
    fileprivate func setBackup(_ record: BackupRecord) throws(SQLiteError) {
        var vector = ByteWriter()
        vector.vector(record.vector)
        try setMeta(.backupAt, record.atMs)
        try setMeta(.backupPosition, record.position)
        try setMeta(.backupVector, .blob(vector.bytes))
    }
}

extension HubStore {
    /// Remembers a verified backup, unless a newer one is remembered.
    package func noteBackup(_ record: BackupRecord) throws(StoreError) {
        try writing("noting a backup", whileRecovering: true) {
            let known = try connection.meta(.backupAt) == nil ? nil : try connection.metaNumber(.backupPosition)
            if let known, known > record.position { return }
            try connection.setBackup(record)
        }
    }

    /// The newest verified backup of this hub that it knows of.
    package func newestBackup() throws(StoreError) -> BackupRecord? {
        try storing("reading when the newest backup was made") {
            guard case .blob(let bytes) = try connection.meta(.backupVector) else { return nil }
            var reader = ByteReader(0..<bytes.count, reading: "vector clock of a backup")
            return BackupRecord(
                atMs: try connection.metaNumber(.backupAt), position: try connection.metaNumber(.backupPosition),
                vector: try reader.vector(bytes.span))
        }
    }
}
