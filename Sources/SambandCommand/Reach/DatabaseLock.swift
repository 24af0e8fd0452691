import CLinux
import Glibc

/// The one process that runs a database: an exclusive flock(2) on `FILE-samband.lock`, with that process's number in
/// the file. The system gives it back when the process ends, however it ends; the file stays.
final class DatabaseLock: Sendable {
    enum Attempt {
        case taken(DatabaseLock)
        /// Another process has it; its number, where it could be read.
        case held(pid: Int?)
    }

    private let descriptor: Int32

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Takes the lock without waiting.
    static func attempt(_ database: DatabaseFile) throws(CommandError) -> Attempt {
        let descriptor = open(database.lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let code = errno
            throw CommandError(
                code == EACCES ? .notPermitted : .inputOutput,
                "the lock \(database.lockPath) cannot be opened (\(systemText(code)))",
                hint: "Run it as the user who owns the database; its folder must be writable.")
        }
        if samband_lock(descriptor, 1) != 0 {
            let code = errno
            defer { close(descriptor) }
            guard code == EWOULDBLOCK else {
                throw CommandError(
                    .inputOutput, "the lock \(database.lockPath) cannot be taken (\(systemText(code)))",
                    hint: "Keep the database on a local disk.")
            }
            return .held(pid: readNumber(descriptor))
        }
        let number = Array("\(getpid())\n".utf8)
        // The number is for people only; without it the lock holds all the same.
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, number, number.count, 0)
        return .taken(DatabaseLock(descriptor: descriptor))
    }

    private static func readNumber(_ descriptor: Int32) -> Int? {
        var bytes = [UInt8](repeating: 0, count: 24)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int(String(decoding: bytes.prefix(count).prefix { $0 != 0x0a }, as: UTF8.self))
    }

    /// What to tell when it is held and nobody answers.
    static func busy(_ database: DatabaseFile, pid: Int?) -> CommandError {
        let who = pid.map { "process \($0)" } ?? "another process"
        return CommandError(
            .later, "\(who) has the lock of \(database.name) and does not answer",
            hint: pid.map { "Wait and try again, or look at it: ps -fp \($0)" } ?? "Wait and try again.")
    }
}
