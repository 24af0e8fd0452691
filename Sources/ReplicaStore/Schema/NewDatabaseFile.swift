import Glibc
import SQLite

/// A database file that is built beside its place and takes it only when it is complete: whatever happens
/// before, nothing stands there.
///
/// The file in the making is `.NAME.samband-new` in the same folder, held by flock(2) while its maker lives.
/// What a crash left of it is taken over and begun again by the next one.
final class NewDatabaseFile {
    let path: String
    let buildPath: String
    private let lock: Int32
    private let folder: String

    private static let doing = "create a fleet database"

    /// Claims the place. Refuses when anything stands there, the remains of another database included.
    init(path: String) throws(SchemaError) {
        let slash = path.lastIndex(of: "/")
        folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        self.path = path
        buildPath = (folder == "/" ? "/" : folder + "/") + ".\(name).samband-new"
        for suffix in ["", "-wal", "-journal", "-shm"] where access(path + suffix, F_OK) == 0 {
            throw NewDatabaseFile.refusal(
                path + suffix, "the file is already there",
                suffix.isEmpty
                    ? "Choose another name, or move the file away."
                    : "It belonged to another database of this name: move it away.")
        }
        try FileSystem.check(folder: folder, doing: NewDatabaseFile.doing)
        // The owner and the group, as far as the umask lets them: the applications of the machine write here.
        lock = open(buildPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o660)
        guard lock >= 0 else {
            throw NewDatabaseFile.refusal(
                path, "the folder cannot be written: \(String(cString: strerror(errno)))",
                "Create the folder, or choose one that you may write.")
        }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw NewDatabaseFile.refusal(
                path, "another process is creating it at this moment", "Wait until it has finished.")
        }
        // A file of no bytes is a new database; SQLite's own remains beside it are of no use without the rest.
        ftruncate(lock, 0)
        removeCompanions()
    }

    deinit { close(lock) }

    /// Puts the complete file in its place, with everything on the disk before its name is.
    func publish() throws(SchemaError) {
        guard fsync(lock) == 0 else { throw failure("it could not be written to the disk") }
        // link(2) fails when somebody has taken the name meanwhile, where rename(2) would overwrite.
        guard link(buildPath, path) == 0 else { throw failure("it could not be given its name") }
        unlink(buildPath)
        removeCompanions()
        let handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard handle >= 0, fsync(handle) == 0 else {
            throw failure("its name could not be written to the disk")
        }
        close(handle)
    }

    /// Leaves nothing behind.
    func abandon() {
        removeCompanions()
        unlink(buildPath)
    }

    private func removeCompanions() {
        for suffix in ["-wal", "-journal", "-shm"] { unlink(buildPath + suffix) }
    }

    private func failure(_ what: String) -> SchemaError {
        NewDatabaseFile.refusal(
            path, "\(what): \(String(cString: strerror(errno)))",
            "Check the disk and the folder, then try again.")
    }

    private static func refusal(_ what: String, _ why: String, _ hint: String) -> SchemaError {
        SchemaError.refused(Refusal(doing: doing, what: what, why: why, hint: hint))
    }
}
