import Foundation
import Replication

/// A snapshot on its way out: the file has no name any more, so that nothing is left of it whatever happens.
/// Read by one reader.
final class SnapshotReader: @unchecked Sendable {
    // @unchecked: the handle is used by the one reader of a body, one call at a time.
    private let handle: FileHandle
    let length: Int
    let digest: [UInt8]

    init(unlinking path: String) throws {
        handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        try FileManager.default.removeItem(atPath: path)
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
