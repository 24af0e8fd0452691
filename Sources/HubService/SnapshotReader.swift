import Dispatch
import Foundation
import HTTP
import HubDatabase
import Replication
import Snapshots
import Synchronization

/// Makes snapshots on a thread of their own, one after the other: copying a large database must not keep the hub from
/// its other work.
struct SnapshotMaker: Sendable {
    let database: String
    let folder: String
    let site: String
    let replica: UInt32

    private static let queue = DispatchQueue(label: "samband-snapshot")
    private static let prefix = ".samband-snapshot-"

    func make() async throws -> KeptSnapshot {
        try await withCheckedThrowingContinuation { continuation in
            Self.queue.async { continuation.resume(with: Result { try makeNow() }) }
        }
    }

    private func makeNow() throws -> KeptSnapshot {
        let path = "\(folder)/\(Self.prefix)\(replica)-\(UInt64.random(in: 0...UInt64.max))"
        // All rows are in it: nobody else may read it, and nothing of it stays behind.
        defer { for end in ["", "-journal", "-wal", "-shm"] { unlink(path + end) } }
        let position = try SnapshotFile.make(from: database, to: path, site: site, replica: replica)
        return try KeptSnapshot(path: path, position: position)
    }

    /// Removes what a process that was killed has left.
    static func removeLeftovers(in folder: String) {
        // A folder that cannot be read is said when the database is opened.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where name.hasPrefix(prefix) { unlink("\(folder)/\(name)") }
    }
}

/// A snapshot on its way out; the file may lose its name once this has been made, and is gone with the last reader.
final class KeptSnapshot: Sendable {
    private let file: Int32
    let position: UInt64
    let length: Int
    let digest: [UInt8]

    init(path: String, position: UInt64) throws {
        file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw POSIXError(POSIXError.Code(rawValue: errno) ?? .EIO) }
        self.position = position
        var hash = SHA256()
        var count = 0
        do {
            while let piece = try Self.read(file, at: count, 1 << 20) {
                hash.update(piece)
                count += piece.count
            }
        } catch {
            close(file)
            throw error
        }
        digest = hash.finish()
        length = count
    }

    deinit { close(file) }

    /// The bytes from a place on, read as they are taken; each body has its own place.
    func body(from start: Int) -> Body {
        let place = Mutex(start)
        return Body(length: length - start) { [self] in
            let offset = place.withLock { $0 }
            let piece = try Self.read(file, at: offset, min(1 << 18, length - offset))
            place.withLock { $0 += piece?.count ?? 0 }
            return piece
        }
    }

    /// Nil at the end.
    private static func read(_ file: Int32, at offset: Int, _ count: Int) throws -> [UInt8]? {
        var failure: Int32 = 0
        let piece = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            var got: Int
            repeat { got = pread(file, buffer.baseAddress, count, off_t(offset)) } while got < 0 && errno == EINTR
            if got < 0 { failure = errno }
            filled = max(got, 0)
        }
        if failure != 0 { throw POSIXError(POSIXError.Code(rawValue: failure) ?? .EIO) }
        return piece.isEmpty ? nil : piece
    }
}
