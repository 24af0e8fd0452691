import Foundation
import Synchronization

/// A child process with its output in files; killed at the latest when nobody refers to it any more.
///
/// Foundation's Process is not used: a fleet kills and restarts its processes often, and each is waited for by its
/// own id, without a run loop.
final class ChildProcess: Sendable {
    struct Failure: Error, CustomStringConvertible { let description: String }

    let id: pid_t
    private let outputPath: String
    private let errorPath: String
    private let status = Mutex<Int32?>(nil)

    /// Starts `program`, a path, with `input` on its standard input.
    init(_ program: String, _ arguments: [String], input: String = "", in folder: String) throws {
        let base = "\(folder)/child-\(UUID().uuidString)"
        outputPath = base + ".out"
        errorPath = base + ".err"
        try input.write(toFile: base + ".in", atomically: false, encoding: .utf8)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, base + ".in", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        // As a shell starts it: a thread of a pool, which may be ours, has signals blocked, and its child would, too.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGTERM, SIGINT] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let environment = ProcessInfo.processInfo.environment
            .filter { !$0.key.hasPrefix("SAMBAND_") }
            .merging(["PYTHONDONTWRITEBYTECODE": "1"]) { $1 }
        var child: pid_t = 0
        let code = withCStrings([program] + arguments) { words in
            withCStrings(environment.map { "\($0.key)=\($0.value)" }) { variables in
                posix_spawn(&child, program, &actions, &attributes, words, variables)
            }
        }
        guard code == 0 else {
            throw Failure(description: "\(program) was not started: \(String(cString: strerror(code)))")
        }
        id = child
    }

    deinit { _ = kill() }

    var output: String { (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? "" }
    var errors: String { (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? "" }

    /// How it ended: its exit status, or 128 and the signal, as shells count; nil while it runs.
    var ended: Int32? { status.withLock { look(&$0, flags: WNOHANG) } }

    private func look(_ known: inout Int32?, flags: Int32) -> Int32? {
        if let known { return known }
        var raw: Int32 = 0
        guard waitpid(id, &raw, flags) == id else { return nil }
        known = raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
        return known
    }

    /// Sends a signal; nothing happens when it has ended.
    func send(_ signal: Int32) {
        status.withLock { known in
            // Under the lock: its id cannot have gone to another process meanwhile.
            if look(&known, flags: WNOHANG) == nil { _ = Glibc.kill(id, signal) }
        }
    }

    /// Ends it as a power cut would, and waits until it is gone.
    func kill() -> Int32 {
        send(SIGKILL)
        return status.withLock { look(&$0, flags: 0) ?? -1 }
    }

    /// Waits for its own end.
    func end(withinMs: Int = patienceMs) async throws -> Int32 {
        try await until("process \(id) ends", withinMs: withinMs) { self.ended }
    }
}

/// Hands out texts as a list of C strings, as exec wants them, for the time of `body`.
func withCStrings<Result>(
    _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    let pointers = texts.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return body(pointers)
}

/// How long tests wait for what has to come. It ends what hangs and measures nothing: ten times what a busy machine takes.
let patienceMs = 240_000

/// Looks again and again until `body` gives something.
func until<Found>(
    _ what: @autoclosure () -> String, withinMs: Int = patienceMs, everyMs: Int = 10,
    _ body: () async throws -> Found?
) async throws -> Found {
    let deadline = ContinuousClock.now + .milliseconds(withinMs)
    while true {
        if let found = try await body() { return found }
        guard ContinuousClock.now < deadline else {
            throw ChildProcess.Failure(description: "waited \(withinMs) ms in vain until \(what())")
        }
        try await Task.sleep(for: .milliseconds(everyMs))
    }
}

/// The same for something that is true or not.
func until(
    _ what: @autoclosure () -> String, withinMs: Int = patienceMs, everyMs: Int = 10,
    _ body: () async throws -> Bool
) async throws {
    let _: Void = try await until(what(), withinMs: withinMs, everyMs: everyMs) {
        try await body() ? () : nil
    }
}
