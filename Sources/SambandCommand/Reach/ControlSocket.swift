import CLinux
import EventLoop
import Glibc
import HTTP
import HTTPClient
import Synchronization

/// The Unix socket through which a running hub or node answers the operators of its machine.
enum ControlSocket {
    /// Where it is, in a form that fits into a socket's address (107 bytes): a longer path goes through an open
    /// descriptor of its folder, which is kept for the rest of the process: in Linux, a path like any other.
    static func endpoint(_ database: DatabaseFile) throws(CommandError) -> Endpoint {
        let path = database.socketPath
        if path.utf8.count <= 107 { return .unix(path: path) }
        guard let cut = path.lastIndex(of: "/") else { return .unix(path: path) }
        let folder = folders.withLock { folders in
            let name = String(path[..<cut])
            let descriptor = folders[name] ?? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            if descriptor >= 0 { folders[name] = descriptor }
            return descriptor
        }
        guard folder >= 0 else {
            throw CommandError(
                .inputOutput, "the folder of \(database.name) cannot be opened (\(systemText(errno)))")
        }
        return .unix(path: "/proc/self/fd/\(folder)\(path[cut...])")
    }

    private static let folders = Mutex<[String: Int32]>([:])

    /// A client for the process that runs the database; nil when none listens.
    static func answering(
        _ database: DatabaseFile, _ answerTimeoutMs: Int
    ) async throws(CommandError) -> (any Transport)? {
        guard try isListening(database) else { return nil }
        var limits = Limits()
        limits.firstByteTimeoutMs = answerTimeoutMs
        do {
            return try SocketTransport(to: try endpoint(database), limits: limits)
        } catch let error as CommandError {
            throw error
        } catch {
            throw CommandError(thrown: error)
        }
    }

    /// One connection, to see whether somebody listens: a killed process leaves its socket's file behind.
    private static func isListening(_ database: DatabaseFile) throws(CommandError) -> Bool {
        var about = stat()
        guard stat(database.socketPath, &about) == 0 else { return false }
        guard case .unix(let path) = try endpoint(database), let address = SocketAddress(unixPath: path)
        else {
            return false
        }
        let descriptor = samband_stream_socket(AF_UNIX)
        guard descriptor >= 0 else {
            throw CommandError(.inputOutput, "no socket is left (\(systemText(errno)))")
        }
        defer { close(descriptor) }
        if address.connect(descriptor) { return true }
        let code = errno
        switch code {
        case ECONNREFUSED, ENOENT: return false
        case EACCES, EPERM:
            throw CommandError(
                .notPermitted, "this user may not ask the process that runs \(database.name)",
                hint: "Run it as the user who runs that process.")
        case EAGAIN: return true  // Its queue is full: somebody listens.
        default:
            throw CommandError(.inputOutput, "\(database.socketPath) cannot be reached (\(systemText(code)))")
        }
    }
}
