import Glibc
import HTTP
import Synchronization

/// Where a verb's question goes.
enum Place: Equatable, Sendable {
    case database(String)
    case hub(url: String, tokenFile: String)

    /// What `--db`, `--hub`, `--token-file` and their variables say.
    init(_ invocation: Invocation) throws(CommandError) {
        switch (invocation.value(.database), invocation.value(.hub)) {
        case (nil, nil):
            throw .words(
                "\(invocation.verb.name) needs a database or a hub",
                hint: "Add --db FILE (or set SAMBAND_DB), or --hub URL --token-file F.")
        case (_?, _?):
            throw .words(
                "a database and a hub are named, and only one can be asked",
                hint: "Leave out --db or --hub, or unset SAMBAND_DB or SAMBAND_HUB.")
        case (let file?, nil): self = .database(file)
        case (nil, let url?):
            self = .hub(url: url, tokenFile: try invocation.required(.tokenFile))
        }
    }
}

extension Context {
    /// Milliseconds for a process that has the lock to begin to answer: it may just be starting, or be a command
    /// that will soon be done.
    static let lockPatienceMs = 3_000

    /// Finds who answers for the place that the command line names, asks, and lets go again.
    func asking<Answer: Sendable>(
        _ invocation: Invocation, answerTimeoutMs: Int = 120_000,
        _ body: (Caller) async throws -> Answer
    ) async throws -> Answer {
        switch try Place(invocation) {
        case .hub(let url, let tokenFile):
            let field = try token.field(tokenFile, console)
            return try await body(
                Caller(transport: try client(url, answerTimeoutMs), token: field, isLocal: false))
        case .database(let name):
            let database: DatabaseFile
            do {
                database = try DatabaseFile(existing: name)
            } catch {
                // A process may still run on a file that was removed, and says so.
                guard let gone = try? DatabaseFile(wanted: name),
                    let transport = try await ControlSocket.answering(gone, answerTimeoutMs)
                else { throw error }
                return try await body(Caller(transport: transport, token: nil, isLocal: true))
            }
            return try await asking(database, answerTimeoutMs, body)
        }
    }

    /// The process that runs the database is asked through its socket; when none does, its part is taken here.
    private func asking<Answer: Sendable>(
        _ database: DatabaseFile, _ answerTimeoutMs: Int, _ body: (Caller) async throws -> Answer
    ) async throws -> Answer {
        var waitedMs = 0
        while true {
            if let transport = try await ControlSocket.answering(database, answerTimeoutMs) {
                return try await body(Caller(transport: transport, token: nil, isLocal: true))
            }
            switch try DatabaseLock.attempt(database) {
            case .taken(let lock): return try await asking(database, holding: lock, body)
            case .held(let pid):
                if waitedMs >= Context.lockPatienceMs { throw DatabaseLock.busy(database, pid: pid) }
            }
            try await console.pause(50)
            waitedMs += 50
        }
    }

    private func asking<Answer: Sendable>(
        _ database: DatabaseFile, holding lock: DatabaseLock, _ body: (Caller) async throws -> Answer
    ) async throws -> Answer {
        let opened = try await services.open(path: database.path) { try line($0) }
        let transport = InProcessTransport(opened.operatorHandler)
        defer { withExtendedLifetime(lock) {} }
        do {
            let answer = try await body(Caller(transport: transport, token: nil, isLocal: true))
            await opened.close()
            return answer
        } catch {
            await opened.close()
            throw error
        }
    }
}

/// The operator's token, read once for all that a verb asks: standard input gives it only once.
final class TokenOfRun: Sendable {
    private let known = Mutex<FieldValue?>(nil)

    /// The field that shows the token in this file (`-` is standard input).
    func field(_ file: String, _ console: Console) throws(CommandError) -> FieldValue {
        if let field = known.withLock({ $0 }) { return field }
        let token = try FileText.line(file, console)
        guard let field = FieldValue("Bearer " + token), !token.contains(" ") else {
            throw CommandError(.usage, "\(file) holds no token", hint: "A token is one word in one line.")
        }
        known.withLock { $0 = field }
        return field
    }
}
