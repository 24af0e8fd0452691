import Glibc
import HTTP

extension Verb {
    static let nodeJoin = Verb(
        "node join", "create a site's database from its hub, with the token of: site add",
        options: [.database, .hub, .tokenFile, .insecureHTTP, .json],
        examples: ["samband node join --db snasa.db --hub https://hub.example --token-file snasa.token"],
        task: { _ in "join the fleet" },
        run: { invocation, context in
            let database = try DatabaseFile(wanted: try invocation.required(.database))
            let hub = try invocation.required(.hub)
            let token = try FileText.line(try invocation.required(.tokenFile), context.console)
            let transport = try context.client(hub, 120_000)
            let joined = try await holding(database) {
                try await context.services.joinNode(
                    path: database.path, hub: hub, token: token, transport: transport)
            }
            if invocation.flag(.json) {
                try context.console.print([
                    "fleet": .string(joined.fleet), "site": .string(joined.site),
                    "replica": .integer(Int64(joined.replica)),
                ])
                return .done
            }
            try context.console.print(
                Visible.text(
                    "\(database.name) is the site \(joined.site) of \(joined.fleet), replica \(joined.replica)"
                ) + "\n")
            try context.console.note("samband: next: samband node serve --db \(Visible.text(database.name))")
            return .done
        })
}

/// Runs `body` with the lock of a database that may not be there yet. When it makes none, the lock's file goes too.
private func holding<Result: Sendable>(
    _ database: DatabaseFile, _ body: () async throws -> Result
) async throws -> Result {
    switch try DatabaseLock.attempt(database) {
    case .held(let pid): throw DatabaseLock.busy(database, pid: pid)
    case .taken(let lock):
        defer {
            if access(database.path, F_OK) != 0 { unlink(database.lockPath) }
            withExtendedLifetime(lock) {}
        }
        return try await body()
    }
}
