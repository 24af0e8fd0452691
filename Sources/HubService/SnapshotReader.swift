import Dispatch
import Foundation
import ReplicaStore
import Replication

/// Makes snapshots on a thread of their own, one after the other: copying a large database must not keep the hub from
/// its other work.
struct SnapshotMaker: Sendable {
    let database: String
    let folder: String
    let site: String
    let replica: UInt32

    private static let queue = DispatchQueue(label: "samband-snapshot")
    private static let prefix = ".samband-snapshot-"

    func make() async throws -> (file: SnapshotReader, position: UInt64) {
        try await withCheckedThrowingContinuation { continuation in
            Self.queue.async { continuation.resume(with: Result { try makeNow() }) }
        }
    }

    private func makeNow() throws -> (file: SnapshotReader, position: UInt64) {
        let path = "\(folder)/\(Self.prefix)\(replica)-\(UInt64.random(in: 0...UInt64.max))"
        // All rows are in it: nobody else may read it, and nothing of it stays behind.
        defer { for end in ["", "-journal", "-wal", "-shm"] { unlink(path + end) } }
        let position = try SnapshotFile.make(from: database, to: path, site: site, replica: replica)
        return (try SnapshotReader(path: path), position)
    }

    /// Removes what a process that was killed has left.
    static func removeLeftovers(in folder: String) {
        // A folder that cannot be read is said when the database is opened.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where name.hasPrefix(prefix) { unlink("\(folder)/\(name)") }
    }
}

/// A snapshot on its way out; the file may lose its name once this has been made. Read by one reader.
final class SnapshotReader: @unchecked Sendable {
    // @unchecked: the handle is used by the one reader of a body, one call at a time.
    private let handle: FileHandle
    let length: Int
    let digest: [UInt8]

    init(path: String) throws {
        handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        var hash = SHA256()
        var count = 0
        while let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty {
            hash.update([UInt8](piece))
            count += piece.count
        }
        digest = hash.finish()
        length = count
        try handle.seek(toOffset: 0)
    }

    func next() throws -> [UInt8]? {
        guard let piece = try handle.read(upToCount: 1 << 18), !piece.isEmpty else { return nil }
        return [UInt8](piece)
    }
}
