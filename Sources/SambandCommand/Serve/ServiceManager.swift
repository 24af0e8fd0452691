import CLinux
import Glibc

/// The service manager that started this process and waits for word of it: systemd, whose datagrams are so plain that
/// its library is not needed. A process that nobody manages has none.
/// https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
struct ServiceManager: Sendable {
    /// What it may be told, one line of a datagram each.
    enum Word: Equatable, Sendable {
        case ready, stopping
        /// The process is well. Without it for the time that `watchdogMs` is half of, the process is ended and begun
        /// anew.
        case watchdog
        /// What `systemctl status` shows, in one line.
        case status(String)

        fileprivate var line: String {
            switch self {
            case .ready: "READY=1"
            case .stopping: "STOPPING=1"
            case .watchdog: "WATCHDOG=1"
            // A line break would begin another word.
            case .status(let text): "STATUS=" + String(Visible.text(text).prefix(ServiceManager.statusLength))
            }
        }
    }

    private static let statusLength = 500

    /// Half of the time after which a silent process is ended; nil where nobody counts.
    let watchdogMs: Int?
    private let path: [UInt8]

    /// From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; nil when nobody waits for word, or at an address that is no
    /// Unix socket.
    init?(_ environment: [String: String], process: pid_t = getpid()) {
        var path = Array((environment["NOTIFY_SOCKET"] ?? "").utf8)
        switch path.first {
        case 0x2f: break
        // An abstract socket: its name begins with a zero byte and ends without one. (unix(7))
        case 0x40: path[0] = 0
        default: return nil
        }
        self.path = path
        let isOurs = environment["WATCHDOG_PID"].map { $0 == "\(process)" } ?? true
        watchdogMs =
            isOurs
            ? environment["WATCHDOG_USEC"].flatMap { UInt64($0) }.flatMap {
                $0 > 0 ? Int(max(1, min($0, UInt64(Int32.max) * 1000) / 2000)) : nil
            } : nil
    }

    /// One datagram, unless the address is too long for one. That it cannot be sent is no reason to serve any less: the manager draws its own conclusions.
    func tell(_ words: Word...) {
        let text = Array(words.map(\.line).joined(separator: "\n").utf8)
        _ = samband_send_datagram(path, path.count, text, text.count)
    }
}
