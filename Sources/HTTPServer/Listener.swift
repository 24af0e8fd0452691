import CLinux
import EventLoop
import Glibc
import HTTP

/// A listening socket that hands on each connection it accepts. Loop's thread only, once it is opened.
// @unchecked: made on any thread, then touched by its loop's thread only.
final class Listener: EventSource, @unchecked Sendable {
    /// Where it listens: with the port that the system chose, if it was asked for 0.
    let endpoint: Endpoint
    private let descriptor: Int32
    private let loop: EventLoop
    private let onAccept: (Int32) -> Void
    private let onOverload: (Int32) -> Void
    private var token: EventLoop.Token?
    /// A descriptor in reserve: without it, a connection that cannot be accepted for want of descriptors would
    /// stay in the queue, and the loop would be told of it over and over.
    private var reserve: Int32
    private let socketFile: (device: UInt, inode: UInt)?

    /// Binds and listens. `onAccept` gets each new descriptor, and owns it; `onOverload` one for which there is
    /// no room.
    init(
        _ endpoint: Endpoint, on loop: EventLoop, backlog: Int32, socketMode: UInt32,
        onAccept: @escaping (Int32) -> Void,
        onOverload: @escaping (Int32) -> Void
    ) throws(ServerError) {
        self.loop = loop
        self.onAccept = onAccept
        self.onOverload = onOverload
        switch endpoint {
        case .tcp(let host, let port):
            descriptor = try Listener.openTCP(host, port, endpoint)
            let bound = SocketAddress.bound(descriptor)
            self.endpoint = .tcp(host: bound?.host ?? host, port: bound?.port ?? port)
            socketFile = nil
        case .unix(let path):
            descriptor = try Listener.openUnix(path, endpoint, socketMode)
            self.endpoint = endpoint
            socketFile = Listener.identity(path)
        }
        reserve = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard listen(descriptor, backlog) == 0 else {
            let error = ServerError(endpoint, .last("listen"))
            Glibc.close(descriptor)
            throw error
        }
    }

    deinit { if reserve >= 0 { Glibc.close(reserve) } }

    func start() throws(SystemError) {
        let token = loop.add(self)
        self.token = token
        try loop.watch(token, descriptor, levelReading: true)
    }

    /// Accepts no more; what the kernel holds in its queue is dropped by it. The file of a Unix socket goes,
    /// if it is still ours.
    func close() {
        guard let token else { return }
        self.token = nil
        loop.remove(token)
        Glibc.close(descriptor)
        if case .unix(let path) = endpoint, let socketFile, let now = Listener.identity(path),
            now == socketFile
        {
            unlink(path)
        }
    }

    func onReady(_ events: UInt32) {
        // Some at a time; the kernel tells again while there are more.
        for _ in 0..<64 {
            let connection = samband_accept(descriptor)
            if connection >= 0 {
                onAccept(connection)
                continue
            }
            switch errno {
            // accept(2): errors of the connection that is taken off the queue; there may be others behind it.
            case EINTR, ECONNABORTED, EPROTO, ENETDOWN, EHOSTDOWN, EHOSTUNREACH, ENETUNREACH: continue
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return shed()
            default: return
            }
        }
    }

    func onDeadline() {}

    private func shed() {
        if reserve >= 0 { Glibc.close(reserve) }
        let connection = samband_accept(descriptor)
        if connection >= 0 {
            onOverload(connection)
            Glibc.close(connection)
        }
        reserve = open("/dev/null", O_RDONLY | O_CLOEXEC)
    }

    // MARK: Opening

    private static func openTCP(_ host: String, _ port: UInt16, _ endpoint: Endpoint) throws(ServerError)
        -> Int32
    {
        // A name could block for the resolver and mean several addresses; localhost is the one that everybody
        // writes.
        let numeric = host == "localhost" ? "127.0.0.1" : host
        let found: [SocketAddress]
        do {
            found = try SocketAddress.find(host: numeric, port: port, isNumeric: true)
        } catch {
            throw ServerError(
                place: "\(endpoint)", why: "\(host) is not an address in numbers",
                next: "Give one of this machine, 127.0.0.1:7420 or [::]:7420 for instance.")
        }
        let address = found[0]
        let descriptor = samband_stream_socket(address.family)
        guard descriptor >= 0 else { throw ServerError(endpoint, .last("socket")) }
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        // socket(7): else a restarted server waits for old connections to be forgotten.
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        guard address.bind(descriptor) else {
            let error = ServerError(endpoint, .last("bind"))
            Glibc.close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func openUnix(
        _ path: String, _ endpoint: Endpoint, _ mode: UInt32
    ) throws(ServerError) -> Int32 {
        guard let address = SocketAddress(unixPath: path) else {
            throw ServerError(
                place: "\(endpoint)",
                why: "the path of a Unix socket has 1 to 107 bytes, this one \(path.utf8.count)",
                next: "Choose a shorter path.")
        }
        try removeStale(path, address, endpoint)
        let descriptor = samband_stream_socket(AF_UNIX)
        guard descriptor >= 0 else { throw ServerError(endpoint, .last("socket")) }
        // Before bind, which makes the file: so it is never open to others, not even for a moment. What the process's
        // umask takes off is given back, where others are meant.
        guard fchmod(descriptor, mode & 0o600) == 0, address.bind(descriptor), chmod(path, mode) == 0 else {
            let error = ServerError(endpoint, .last("bind"))
            Glibc.close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Removes the file that a killed server left behind: a socket, on which nobody listens.
    private static func removeStale(
        _ path: String, _ address: SocketAddress, _ endpoint: Endpoint
    ) throws(ServerError) {
        var about = stat()
        guard lstat(path, &about) == 0 else { return }
        guard about.st_mode & S_IFMT == S_IFSOCK else {
            throw ServerError(
                place: "\(endpoint)", why: "a file that is no socket stands there",
                next: "Choose another path.")
        }
        let probe = samband_stream_socket(AF_UNIX)
        guard probe >= 0 else { throw ServerError(endpoint, .last("socket")) }
        defer { Glibc.close(probe) }
        if address.connect(probe) || errno != ECONNREFUSED {
            throw ServerError(
                place: "\(endpoint)", why: "another process listens there",
                next: "End that process, or choose another path.")
        }
        unlink(path)
    }

    private static func identity(_ path: String) -> (device: UInt, inode: UInt)? {
        var about = stat()
        return lstat(path, &about) == 0 ? (UInt(about.st_dev), UInt(about.st_ino)) : nil
    }
}

extension ServerError {
    init(_ endpoint: Endpoint, _ error: SystemError) {
        let next =
            switch error.code {
            case EADDRINUSE: "End the process that listens there, or choose another address."
            case EADDRNOTAVAIL: "Choose an address of this machine."
            case EACCES:
                "Choose a port above 1023 or a directory that may be written, or give the right to it."
            case ENOENT: "Make the directory first."
            default: "Look at the limits and rights of this process."
            }
        self.init(place: "\(endpoint)", why: "\(error)", next: next)
    }
}
