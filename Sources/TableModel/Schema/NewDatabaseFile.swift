import Glibc
import SQLite

/// A database file that is built beside its place and takes it only when it is complete: whatever happens
/// before, nothing stands there.
///
/// The file in the making is `.NAME.samband-new` in the same folder, held by flock(2) while its maker lives.
/// What a crash left of it is taken over and begun again by the next one.
///
/// It holds all rows of the fleet, and no program but the hub opens it: it is its owner's only.
package final class NewDatabaseFile {
    package let path: String
    package let buildPath: String
    private let lock: Int32
    private let folder: String
    private let doing: String

    /// Claims the place. Refuses when anything stands there, the remains of another database included.
    ///
    /// - Parameters:
    ///   - maySitOnNetwork: true for a copy that nobody works on there.
    package init(
        path: String, doing: String = "create a fleet database", maySitOnNetwork: Bool = false
    ) throws(SchemaError) {
        self.doing = doing
        let slash = path.lastIndex(of: "/")
        folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        self.path = path
        buildPath = (folder == "/" ? "/" : folder + "/") + ".\(name).samband-new"
        for suffix in ["", "-wal", "-journal", "-shm"] where access(path + suffix, F_OK) == 0 {
            throw NewDatabaseFile.refusal(
                doing, path + suffix, "the file is already there",
                suffix.isEmpty
                    ? "Choose another name, or move the file away."
                    : "It belonged to another database of this name: move it away.")
        }
        if !maySitOnNetwork { try FileSystem.check(folder: folder, doing: doing) }
        lock = open(buildPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else {
            throw NewDatabaseFile.refusal(
                doing, path, "the folder cannot be written: \(String(cString: strerror(errno)))",
                "Create the folder, or choose one that you may write.")
        }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw NewDatabaseFile.refusal(
                doing, path, "another process is creating it at this moment", "Wait until it has finished.")
        }
        // A file of no bytes is a new database; SQLite's own remains beside it are of no use without the rest.
        ftruncate(lock, 0)
        removeCompanions()
    }

    deinit { close(lock) }

    /// Puts what has been written on the disk, and lets go of the system's copy of it in memory as far as it will: what
    /// is read then comes from the disk.
    package func flush() throws(SchemaError) {
        guard fsync(lock) == 0 else { throw failure("it could not be written to the disk") }
        // Only advice; without it the check is of what memory holds.
        _ = posix_fadvise(lock, 0, 0, POSIX_FADV_DONTNEED)
    }

    /// Puts the complete file in its place, with everything on the disk before its name is.
    package func publish() throws(SchemaError) {
        guard fsync(lock) == 0 else { throw failure("it could not be written to the disk") }
        try takeName()
        removeCompanions()
        let handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard handle >= 0, fsync(handle) == 0 else {
            throw failure("its name could not be written to the disk")
        }
        close(handle)
    }

    /// link(2) fails when somebody has taken the name meanwhile, where rename(2) would overwrite. Not every file system
    /// has it: those of USB sticks and of some network shares do not.
    private func takeName() throws(SchemaError) {
        if link(buildPath, path) == 0 {
            unlink(buildPath)
            return
        }
        let hasNoLinks = [EPERM, EOPNOTSUPP, ENOSYS, EMLINK].contains(errno)
        guard hasNoLinks, access(path, F_OK) != 0, rename(buildPath, path) == 0 else {
            throw failure("it could not be given its name")
        }
    }

    /// Leaves nothing behind.
    package func abandon() {
        removeCompanions()
        unlink(buildPath)
    }

    private func removeCompanions() {
        for suffix in ["-wal", "-journal", "-shm"] { unlink(buildPath + suffix) }
    }

    private func failure(_ what: String) -> SchemaError {
        NewDatabaseFile.refusal(
            doing, path, "\(what): \(String(cString: strerror(errno)))",
            "Check the disk and the folder, then try again.")
    }

    private static func refusal(_ doing: String, _ what: String, _ why: String, _ hint: String) -> SchemaError {
        SchemaError.refused(Refusal(doing: doing, what: what, why: why, hint: hint))
    }
}
