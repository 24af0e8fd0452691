import Glibc

/// Whether the files that a database was opened on still stand under their names: the database, its write-ahead log and
/// the index of that.
///
/// SQLite does not look. It goes on in a file that was removed or moved away, and every commit in it is lost with the
/// process; programs that come later open what stands under the name. Nor do they find what is in a log that was
/// removed. (https://www.sqlite.org/howtocorrupt.html, section 1.4)
///
/// It is only stat(2) on the names: a descriptor of the database that is closed anywhere in the process takes SQLite's
/// own locks along. (The same page, section 2.2)
package struct StandingFiles: Sendable {
    private struct Identity: Equatable {
        let device: dev_t
        let inode: ino_t
    }

    private enum Finding {
        case stands(Identity)
        case isGone
        /// The name cannot be looked at now: the disk's own errors are found where it is written.
        case unknown
    }

    private struct Known {
        let path: String
        let identity: Identity
    }

    private let path: String
    private let known: [Known]

    /// Remembers what stands there now; SQLite has just opened it. What has no file under its name is not looked for: a
    /// test's disk in memory.
    package init(path: String) {
        self.path = path
        known = ["", "-wal", "-shm"].compactMap { end in
            guard case .stands(let identity) = Self.look(path + end) else { return nil }
            return Known(path: path + end, identity: identity)
        }
    }

    private static func look(_ path: String) -> Finding {
        var about = stat()
        guard stat(path, &about) == 0 else { return [ENOENT, ENOTDIR].contains(errno) ? .isGone : .unknown }
        return .stands(Identity(device: about.st_dev, inode: about.st_ino))
    }

    /// True when nothing is missing and nothing else has come in its place.
    package var stand: Bool { fault(doing: "") == nil }

    /// Refuses when the files do not stand any more.
    package func check(_ doing: String) throws(StoreError) {
        if let fault = fault(doing: doing) { throw fault }
    }

    /// Whether the log may be written back: not into a file that programs use with another log.
    package var allowWritingBack: Bool {
        known.allSatisfy { file in
            switch Self.look(file.path) {
            case .stands(let identity): identity == file.identity
            case .isGone: file.path != path
            case .unknown: true
            }
        }
    }

    private func fault(doing: String) -> StoreError? {
        for file in known {
            let isGone: Bool
            switch Self.look(file.path) {
            case .unknown: continue
            case .isGone: isGone = true
            case .stands(let identity):
                if identity == file.identity { continue }
                isGone = false
            }
            let what =
                isGone
                ? "\(file.path) was removed while this process runs on it"
                : "another file was put in the place of \(file.path) while this process runs on the one that stood there"
            return StoreError(moved: what, doing: doing, hint: hint(isDatabase: file.path == path, isGone: isGone))
        }
        return nil
    }

    private func hint(isDatabase: Bool, isGone: Bool) -> String {
        let end = " Nothing is acknowledged until then."
        if !isDatabase {
            return "End this process and every program that has \(path) open, start again, and check it: "
                + "PRAGMA integrity_check." + end
        }
        return isGone
            ? "Put it back under its name, or put a copy there and start this process anew." + end
            : "Start this process anew to go on with the file that stands there now, or put the former back." + end
    }
}
