import Foundation

/// A folder that is there for one test and gone after it.
package final class TemporaryFolder: Sendable {
    package let path: String

    /// - Parameter inMemory: where it can be, on a file system in memory: for thousands of commits, whose place is not
    ///   what is tested.
    package init(inMemory: Bool = false) throws {
        let memory = "/dev/shm/"
        let isThere = inMemory && FileManager.default.isWritableFile(atPath: memory)
        path = (isThere ? memory : NSTemporaryDirectory()) + "samband-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    package func file(_ name: String) -> String { path + "/" + name }
}
