import HTTP

/// `samband node serve`: the node's own work, and a socket for operators.
struct NodeRunner {
    private let running: Running

    init(_ database: DatabaseFile, _ context: Context) {
        running = Running(database: database, context: context)
    }

    func run() async throws -> ExitCode {
        try await running.run { opened, heartbeat in
            guard case .node(let work) = opened.work else {
                throw CommandError(
                    .usage, "\(running.database.name) is the database of a hub",
                    hint: "Run it so: samband hub serve --db \(running.database.name)")
            }
            running.announce("node serving \(running.database.name)")
            heartbeat.begin()
            try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    try await work()
                    return false
                }
                group.addTask {
                    await Signals.first()
                    return true
                }
                // Whichever is over first: the signal, or the work with an error.
                let isTold = try await group.next() ?? true
                guard isTold else { throw CommandError(.bug, "the node stopped by itself") }
                heartbeat.end()
                running.announce("node ending")
                group.cancelAll()
                // Cancelled work ends by throwing, or in peace; either is what was asked for.
                while let result = await group.nextResult() { _ = result }
            }
        }
    }
}
