import Foundation
import TestKit

/// The programs that the tests start.
enum Programs {
    /// The tool as it was built with these tests: both are in one folder.
    static let samband: String = {
        if let named = ProcessInfo.processInfo.environment["SAMBAND_PROGRAM"] { return named }
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: tests).deletingLastPathComponent().appending(path: "samband").path
    }()

    static var sqlite: String { ChildProgram.find("sqlite3") ?? "sqlite3" }
    static var python: String { ChildProgram.find("python3") ?? "python3" }

    /// A script beside these tests.
    static func script(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Scripts/\(name)").path
    }

    /// Tests/run brings it from PyPI.
    static var litestream: String? {
        ProcessInfo.processInfo.environment["SAMBAND_LITESTREAM"] ?? ChildProgram.find("litestream")
    }

    static var areHere: Bool { ChildProgram.areHere("sqlite3", "python3") }
}

/// What a program answered.
struct Answer: Sendable, CustomStringConvertible {
    let words: [String]
    let status: Int32
    let output: String
    let errors: String

    var description: String { "\(words.joined(separator: " ")) → \(status)\n\(output)\(errors)" }
}

/// Ends the processes it was told of when the process of the tests is gone, however it went.
final class Warden: Sendable {
    private let line: Int32
    private let shell: pid_t

    init() throws {
        // Closed on exec: no other child keeps the line open when the tests are gone.
        var ends: [Int32] = [0, 0]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw ChildProcess.Failure(description: "no socket is left")
        }
        line = ends[1]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        // A process group of its own: Ctrl-C at the terminal leaves it its work.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        let text = """
            all=" "
            while read -r what id; do
              case $what in
              begun) all="$all$id " ;;
              ended) all="${all%% $id *} ${all#* $id }" ;;
              esac
            done
            for id in $all; do kill -9 "$id"; done
            """
        var child: pid_t = 0
        let code = withCStrings(["sh", "-c", text]) { words in
            withCStrings([]) { posix_spawn(&child, "/bin/sh", &actions, &attributes, words, $0) }
        }
        close(ends[0])
        guard code == 0 else {
            close(ends[1])
            throw ChildProcess.Failure(description: "sh was not started: \(String(cString: strerror(code)))")
        }
        shell = child
    }

    deinit {
        close(line)
        var status: Int32 = 0
        waitpid(shell, &status, 0)
    }

    func note(begun id: pid_t) { write("begun \(id)\n") }
    func note(ended id: pid_t) { write("ended \(id)\n") }

    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(line, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
}
