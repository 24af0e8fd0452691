import EventLoop
import Glibc
import HTTP

extension Tool {
    /// The tool in a real process: its words, its environment, its descriptors.
    package static func main() async -> Int32 {
        let tool = Tool(console: .process, services: RoomServices())
        return await tool.run(Array(CommandLine.arguments.dropFirst())).rawValue
    }
}

extension Console {
    /// The descriptors and the environment of this process.
    static var process: Console {
        let environment = environmentOfProcess()
        return Console(
            write: { channel, bytes throws(CommandError) in
                try writeAll(bytes, to: channel == .results ? STDOUT_FILENO : STDERR_FILENO)
            },
            readInput: { limit throws(CommandError) in
                do {
                    return try FileText.all(STDIN_FILENO, limit: limit)
                } catch {
                    throw CommandError(
                        .usage, "standard input cannot be read, or has more than \(limit) bytes")
                }
            },
            environment: environment, person: person(environment),
            resultsAreTerminal: isatty(STDOUT_FILENO) == 1,
            notesAreTerminal: isatty(STDERR_FILENO) == 1, columns: columnsOfTerminal(), wall: ShownTime.local,
            pause: { try await Task.sleep(for: .milliseconds($0)) })
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws(CommandError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
                continue
            }
            let code = errno
            if code == EINTR { continue }
            throw CommandError(.inputOutput, "the output cannot be written (\(systemText(code)))")
        }
    }

    private static func environmentOfProcess() -> [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let pointer = entry.pointee {
            let parts = String(cString: pointer).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return variables
    }

    private static func person(_ environment: [String: String]) -> String? {
        if let name = environment["SUDO_USER"], !name.isEmpty { return name }
        guard let entry = getpwuid(getuid()) else { return nil }
        return String(cString: entry.pointee.pw_name)
    }

    private static func columnsOfTerminal() -> Int? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }
}
