import Foundation

/// Programs of the machine that tests start as child processes, and what they answered.
package enum ChildProgram {
    package struct Answer: Sendable {
        package let status: Int32
        package let output: String
        package let errors: String
    }

    /// The path of a program, found as a shell would.
    package static func find(_ name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// True when all programs are here. Where one is missing, tests that need it are left out and say so; on
    /// the continuous integration machine (CI is set) they run and fail.
    package static func areHere(_ names: String...) -> Bool {
        let missing = names.filter { find($0) == nil }
        guard !missing.isEmpty else { return true }
        if ProcessInfo.processInfo.environment["CI"] != nil { return true }
        print("left out: \(missing.joined(separator: ", ")) is not on this machine")
        return false
    }

    package struct Missing: Error { package let name: String }

    /// Runs a program to its end with `input` on its standard input.
    package static func run(_ name: String, _ arguments: [String], input: String = "") throws -> Answer {
        guard let path = find(name) else { throw Missing(name: name) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        // Files, not pipes: a program that writes much before it reads cannot get stuck.
        let folder = try TemporaryFolder()
        let files = try ["in", "out", "err"].map { name -> FileHandle in
            let file = folder.file(name)
            try Data(name == "in" ? Array(input.utf8) : []).write(to: URL(fileURLWithPath: file))
            return try FileHandle(forUpdating: URL(fileURLWithPath: file))
        }
        process.standardInput = files[0]
        process.standardOutput = files[1]
        process.standardError = files[2]
        try process.run()
        process.waitUntilExit()
        let texts = try ["out", "err"].map { try String(contentsOfFile: folder.file($0), encoding: .utf8) }
        return Answer(status: process.terminationStatus, output: texts[0], errors: texts[1])
    }
}
