import HTTP
import JSONText
import Synchronization

/// Lets the service manager know how the process goes: that it serves, in one line how its fleet is, and – only while
/// the thread that the database lives on answers – that it is well. A thread that hangs, on a disk say, makes it fall
/// silent, and the manager begins the process anew.
final class Heartbeat: Sendable {
    private let manager: ServiceManager?
    private let handler: any Handler
    private let task = Mutex<Task<Void, Never>?>(nil)

    /// Milliseconds between two looks where nobody counts on them: how old the line of `systemctl status` may be.
    static let restMs = 10_000

    /// - Parameter handler: answers `GET /v1/status` on the database's thread.
    init(_ manager: ServiceManager?, _ handler: any Handler) {
        self.manager = manager
        self.handler = handler
    }

    /// It serves from now on.
    func begin() {
        guard let manager else { return }
        manager.tell(.ready)
        let everyMs = min(manager.watchdogMs ?? Heartbeat.restMs, Heartbeat.restMs)
        let beat = Task { [handler] in
            while !Task.isCancelled {
                // Returns when the database's thread has answered, and not before.
                let words = await Heartbeat.look(handler)
                if Task.isCancelled { return }
                manager.tell(.watchdog, .status(words))
                try? await Task.sleep(for: .milliseconds(everyMs))  // cancelled: the loop ends by itself
            }
        }
        task.withLock { $0 = beat }
    }

    /// It is about to end. Nothing is asked any more.
    func end() {
        let beat = task.withLock { task in
            defer { task = nil }
            return task
        }
        guard let beat else { return }
        beat.cancel()
        manager?.tell(.stopping, .status("ending: what has begun is finished"))
    }

    private static func look(_ handler: any Handler) async -> String {
        do {
            let response = try await InProcessTransport(handler).send(Request(.get, path: ["v1", "status"]))
            let bytes = try await response.body.collect(limit: Caller.answerBytes)
            guard response.status.isSuccess else { return "its status cannot be read: \(response.status)" }
            return line(try JSON(parsing: bytes, within: JSON.Bounds(bytes: Caller.answerBytes)))
        } catch {
            return "its status cannot be read: \(error)"
        }
    }

    /// The status of a hub or a node in one line. (Protocol/Command-Line.md#json)
    static func line(_ status: JSON) -> String {
        if let trouble = status["trouble"]?.string { return trouble }
        let open = status["conflicts"]?["open"]?.integer ?? 0
        var parts: [String] = []
        if status["role"] == "hub" {
            let sites = (status["sites"]?.array ?? []).filter { $0["state"] == "active" }
            let connected = sites.count { $0["connected"] == true }
            parts = ["\(status["fleet"]?.string ?? "hub"): \(connected) of \(sites.count) sites connected"]
        } else {
            let since = status["link_since"]?.string.map { " since \($0)" } ?? ""
            let pending = (status["pending"]?.integer ?? 0) + (status["in_flight"]?.integer ?? 0)
            parts = [
                "\(status["site"]?.string ?? "node"): link \(status["link"]?.string ?? "down")\(since)",
                "\(count(pending, "change", "changes")) on the way to the hub",
            ]
        }
        parts.append(count(open, "open conflict", "open conflicts"))
        return parts.joined(separator: ", ")
    }
}
