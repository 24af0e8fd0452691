import Glibc
import HTTP
import HTTPServer

/// What a serving hub and a serving node have in common: the lock, the service, the control socket, the end.
struct Running {
    let database: DatabaseFile
    let context: Context

    /// Milliseconds that requests have to finish once the end is asked for.
    static let drainMs = 10_000

    /// Takes the lock, opens the service and serves its operators; `body` serves everybody else, begins the heartbeat
    /// when it does, and returns when it is time to end.
    func run(_ body: (OpenedDatabase, Heartbeat) async throws -> Void) async throws -> ExitCode {
        try Signals.install()
        let lock: DatabaseLock
        switch try DatabaseLock.attempt(database) {
        case .taken(let taken): lock = taken
        case .held(let pid):
            let who = pid.map { "process \($0)" } ?? "another process"
            throw CommandError(
                .later, "\(who) runs \(database.name) already",
                hint: "Ask it: samband status --db \(database.name)")
        }
        if Signals.haveCome { return .done }
        let opened = try await context.services.open(path: database.path) { try context.lineToServe($0) }
        defer { withExtendedLifetime(lock) {} }
        let control = try server(try ControlSocket.endpoint(database), opened.operatorHandler)
        let heartbeat = Heartbeat(ServiceManager(context.console.environment), opened.operatorHandler)
        do {
            try await body(opened, heartbeat)
        } catch {
            heartbeat.end()
            await control.drain(deadlineMs: Running.drainMs)
            await opened.close()
            throw error
        }
        heartbeat.end()
        await control.drain(deadlineMs: Running.drainMs)
        await opened.close()
        return .done
    }

    func server(
        _ endpoint: Endpoint, _ handler: any Handler, socketMode: UInt32 = 0o600
    ) throws(CommandError) -> Server {
        do {
            return try Server(at: endpoint, handler: handler, socketMode: socketMode)
        } catch {
            throw CommandError(.inputOutput, error.description)
        }
    }

    /// The line that says that it runs; scripts wait for it. Nobody has to read it.
    func announce(_ what: String) {
        try? context.console.note("samband: \(Visible.text(what)) (pid \(getpid()))")
    }
}
