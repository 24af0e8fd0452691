import HTTP

/// `samband hub serve`: the hub's service behind a socket for sites and one for operators.
struct HubServer {
    private let running: Running
    private let endpoint: Endpoint
    private let acceptsClock: Bool

    init(_ database: DatabaseFile, _ endpoint: Endpoint, acceptsClock: Bool, _ context: Context) {
        self.acceptsClock = acceptsClock
        running = Running(database: database, context: context)
        self.endpoint = endpoint
    }

    func run() async throws -> ExitCode {
        try await running.run { opened, heartbeat in
            guard case .hub(let networkHandler, let begin, let drain) = opened.work else {
                throw CommandError(
                    .usage, "\(running.database.name) is the database of a site",
                    hint: "Run it so: samband node serve --db \(running.database.name)")
            }
            try await begin(acceptsClock)
            // As a port of this machine would be: whoever comes in has to show who it is. nginx runs as another user.
            let server = try running.server(endpoint, networkHandler, socketMode: 0o666)
            running.announce("hub serving on \(HubServer.url(server.endpoint))")
            heartbeat.begin()
            await Signals.first()
            heartbeat.end()
            running.announce("hub ending")
            // Long polls are answered now; what came before gets the time it needs.
            await drain()
            await server.drain(deadlineMs: Running.drainMs) { _, target in target.path == ["v1", "pull"] }
        }
    }

    /// What a site is to write behind `--hub`.
    private static func url(_ endpoint: Endpoint) -> String {
        switch endpoint {
        case .tcp: "http://\(endpoint)"
        case .unix: "\(endpoint)"
        }
    }
}
