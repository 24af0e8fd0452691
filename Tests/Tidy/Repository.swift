import Foundation
import Testing

/// The text files of the repository, by path from its top. A value, so that a test can plant a fault in a copy.
struct Repository: Sendable {
    var files: [String: String]
    /// Every file, also those that are no text.
    var paths: Set<String>

    static let top = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Reads all but build folders and what is hidden.
    static func read() throws -> Repository {
        var repository = Repository(files: [:], paths: [])
        let manager = FileManager.default
        var waiting = try manager.contentsOfDirectory(atPath: top.path).filter { !$0.hasPrefix(".") }
        waiting.append(".ci/run")
        while let path = waiting.popLast() {
            var isFolder: ObjCBool = false
            let full = top.appending(path: path).path
            guard manager.fileExists(atPath: full, isDirectory: &isFolder) else { continue }
            if isFolder.boolValue {
                waiting += try manager.contentsOfDirectory(atPath: full)
                    .filter { !$0.hasPrefix(".") && $0 != "__pycache__" }.map { "\(path)/\($0)" }
                continue
            }
            repository.paths.insert(path)
            if isText(path) { repository.files[path] = try String(contentsOfFile: full, encoding: .utf8) }
        }
        return repository
    }

    /// By the end of its name; a file without one is a script.
    private static func isText(_ path: String) -> Bool {
        let name = path.split(separator: "/").last!
        guard let dot = name.lastIndex(of: ".") else { return true }
        return [
            "swift", "md", "sql", "py", "sh", "json", "bad", "hex", "h", "modulemap", "service", "socket",
            "timer",
            "conf", "txt", "css", "html", "yml",
        ].contains(String(name[name.index(after: dot)...]))
    }

    /// The same with one file more, or another text in its place.
    func planting(_ path: String, _ text: String) -> Repository {
        var copy = self
        copy.files[path] = text
        copy.paths.insert(path)
        return copy
    }

    /// The same without one file.
    func removing(_ path: String) -> Repository {
        var copy = self
        copy.files[path] = nil
        copy.paths.remove(path)
        return copy
    }

    /// The files whose name ends like this, in order.
    func all(_ ending: String) -> [(path: String, text: String)] {
        files.filter { $0.key.hasSuffix(ending) }.sorted { $0.key < $1.key }.map {
            (path: $0.key, text: $0.value)
        }
    }

    /// True for a file, and for a folder that holds one.
    func has(_ path: String) -> Bool { paths.contains(path) || paths.contains { $0.hasPrefix(path + "/") } }
}

/// A line that breaks a rule.
struct Finding: Hashable, Sendable, CustomStringConvertible {
    let path: String
    /// From 1; 0 when it is about the whole file.
    let line: Int
    let why: String

    var description: String { line == 0 ? "\(path): \(why)" : "\(path):\(line): \(why)" }
}

/// What the repository asks of itself, with faults that it must notice.
struct Rule: Sendable, CustomTestStringConvertible {
    let name: String
    let check: @Sendable (Repository) -> [Finding]
    /// Each makes the clean repository break this rule.
    let faults: [@Sendable (Repository) -> Repository]

    var testDescription: String { name }
}

extension String {
    /// Its lines with their numbers.
    var numbered: [(number: Int, line: Substring)] {
        split(separator: "\n", omittingEmptySubsequences: false).enumerated().map { ($0 + 1, $1) }
    }
}
