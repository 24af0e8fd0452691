import CLinux
import Glibc

/// A database by its file, with the two files beside it that say who runs it. A link and the file it points to are
/// one database.
struct DatabaseFile: Equatable, Sendable {
    /// As the user wrote it, for messages.
    let name: String
    /// Without links and `..`.
    let path: String

    var lockPath: String { path + "-samband.lock" }
    var socketPath: String { path + "-samband.sock" }

    /// A file that is there.
    init(existing name: String) throws(CommandError) {
        guard let path = DatabaseFile.resolve(name) else { throw DatabaseFile.unreachable(name, errno) }
        var about = stat()
        guard stat(path, &about) == 0 else { throw DatabaseFile.unreachable(name, errno) }
        guard about.st_mode & S_IFMT == S_IFREG else {
            throw CommandError(.usage, "\(name) is no file", hint: "Give the database's file.")
        }
        // Before a lock is laid beside it. (https://www.sqlite.org/fileformat.html, section 1.3)
        let header = try FileText.start(path, count: 20)
        guard header.prefix(16) == Array("SQLite format 3\0".utf8)[...] else {
            throw CommandError(.usage, "\(name) is no SQLite database", hint: "Check --db.")
        }
        // A backup does not keep its log beside it (its write version is 1): SQLite would lay that of the database which
        // stood here before over it, page by page, and say nothing. (The same page, section 4.4.)
        var log = stat()
        if header.count > 18, header[18] == 1, stat(path + "-wal", &log) == 0, log.st_size > 0 {
            throw CommandError(
                .inputOutput, "beside \(name), which is a backup, lies \(name)-wal of another database",
                hint: "Move \(name)-wal and \(name)-shm away, then try again.")
        }
        self.name = name
        self.path = path
    }

    /// A file that may have to be made, in a folder that is there.
    init(wanted name: String) throws(CommandError) {
        if let path = DatabaseFile.resolve(name) {
            self.name = name
            self.path = path
            return
        }
        let cut = name.lastIndex(of: "/")
        let folder = cut.map { $0 == name.startIndex ? "/" : String(name[..<$0]) } ?? "."
        let last = cut.map { String(name[name.index(after: $0)...]) } ?? name
        guard !last.isEmpty else { throw .words("\(name) is no file", hint: "Give the database's file.") }
        guard let resolved = DatabaseFile.resolve(folder) else {
            throw CommandError(
                .inputOutput, "the folder \(folder) cannot be reached (\(systemText(errno)))",
                hint: "Make it first: mkdir -p \(folder)")
        }
        self.name = name
        path = resolved == "/" ? "/" + last : resolved + "/" + last
    }

    private static func resolve(_ name: String) -> String? {
        guard let pointer = realpath(name, nil) else { return nil }
        defer { free(pointer) }
        return String(cString: pointer)
    }

    private static func unreachable(_ name: String, _ code: Int32) -> CommandError {
        switch code {
        case ENOENT:
            CommandError(
                .inputOutput, "there is no file \(name)",
                hint: "Check --db. A new one comes from: samband hub init, samband node join")
        case EACCES:
            CommandError(
                .notPermitted, "this user may not reach \(name)",
                hint: "Run it as the user who owns the database.")
        default: CommandError(.inputOutput, "\(name) cannot be reached (\(systemText(code)))")
        }
    }
}

/// The system's words for an errno.
func systemText(_ code: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 128)
    guard strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
