import EventLoop
import Glibc
import HTTP

extension Tool {
    /// The first call of a process. What serves until it is told to end is told so by a signal, which may come at once:
    /// nothing slow is begun before it is expected.
    package static func begin() {
        // Any other verb ends by a signal, as programs do. A failure is told when the verb runs.
        if CommandLine.arguments.dropFirst().prefix(2).last == "serve" { try? Signals.install() }
    }

    /// The tool in a real process: its words, its environment, its descriptors.
    ///
    /// - Parameter secure: makes clients for https, in the program that has them.
    package static func main(
        secure: (@Sendable (String, Limits) throws(TransportError) -> any Transport)? = nil
    ) async -> Int32 {
        let reach = secure.map { SecureReach.here($0) } ?? .elsewhere(become: SecureProgram.become)
        let tool = Tool(console: .process, services: RoomServices(), secure: reach)
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
            readLine: { () throws(CommandError) in try readLineOfInput() }, inputIsTerminal: isatty(STDIN_FILENO) == 1,
            environment: environment, person: person(environment),
            resultsAreTerminal: isatty(STDOUT_FILENO) == 1,
            notesAreTerminal: isatty(STDERR_FILENO) == 1, columns: columnsOfTerminal(), wall: ShownTime.local,
            now: { Int64(Glibc.time(nil)) },
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

    /// Bytes of one line that a person types.
    private static let lineBytes = 1 << 20

    /// One byte at a time: what stands behind the line is for whoever reads next.
    private static func readLineOfInput() throws(CommandError) -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            let count = read(STDIN_FILENO, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw CommandError(.inputOutput, "standard input cannot be read (\(systemText(errno)))")
            }
            if count == 0 { return line.isEmpty ? nil : String(decoding: line, as: UTF8.self) }
            if byte == 0x0a { return String(decoding: line, as: UTF8.self) }
            if line.count < lineBytes { line.append(byte) }
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
