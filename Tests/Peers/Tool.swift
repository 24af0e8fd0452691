import Foundation
import HTTPTestKit
import Testing

/// A program of the system that the tests talk to. Where it is missing, its tests are skipped with a reason; but
/// not in CI, where a missing program is a failure.
struct Tool: Sendable {
    let name: String
    /// The package of Debian that brings it.
    let package: String

    static let curl = Tool(name: "curl", package: "curl")
    static let wrk = Tool(name: "wrk", package: "wrk")
    static let nginx = Tool(name: "nginx", package: "nginx-light")

    var path: String? {
        let places = (ProcessInfo.processInfo.environment["PATH"] ?? "") + ":/usr/sbin"
        let folders: [Substring] = places.split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// A trait for the tests that need it.
    var isHere: ConditionTrait {
        .enabled(
            if: path != nil || ProcessInfo.processInfo.environment["CI"] != nil,
            "\(name) is not installed (apt-get install \(package))")
    }

    struct Outcome: Sendable {
        /// 0 when it ended well.
        let status: Int32
        let output: [UInt8]
        let errors: String
        var text: String { String(decoding: output, as: UTF8.self) }
    }

    /// Runs it to its end, on a thread of its own.
    func run(_ arguments: [String], input: URL? = nil) async throws -> Outcome {
        guard let path else { throw Failure("\(name) is not installed (apt-get install \(package))") }
        return try await onThread {
            let folder = FileManager.default.temporaryDirectory
            let files = ["out", "err"].map {
                folder.appendingPathComponent("\(UUID().uuidString).\($0)").path
            }
            defer { for file in files { unlink(file) } }
            // Not Foundation's Process, and no pipes: nginx goes into the background, and both wait for whoever
            // holds an inherited descriptor.
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            posix_spawn_file_actions_addopen(&actions, 0, input?.path ?? "/dev/null", O_RDONLY, 0)
            for (index, file) in files.enumerated() {
                posix_spawn_file_actions_addopen(
                    &actions, Int32(index + 1), file, O_CREAT | O_WRONLY | O_TRUNC, 0o600)
            }
            let words = ([path] + arguments).map { strdup($0) }
            defer { for word in words { free(word) } }
            var process = pid_t()
            let code = posix_spawn(&process, path, &actions, nil, words + [nil], environ)
            if code != 0 { throw Failure("\(path) cannot be started: error \(code)") }
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
            return Outcome(
                status: status, output: Array(try Data(contentsOf: URL(fileURLWithPath: files[0]))),
                errors: String(decoding: try Data(contentsOf: URL(fileURLWithPath: files[1])), as: UTF8.self))
        }
    }
}

/// A new folder, removed with the closure's end.
func withFolder<Value>(_ body: (URL) async throws -> Value) async throws -> Value {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("samband-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
}
