import CLinux
import Glibc
import HTTP
import JSONText
import Synchronization
import TableModel
import TestKit

@testable import SambandCommand

/// A tool in a world of its own: what it prints is kept, what it asks is answered from a list, and no clock, user or
/// terminal of this machine shows.
final class FakeWorld: Sendable {
    struct Printed {
        var results = ""
        var notes = ""
        var code = ExitCode.done
    }

    /// What a request was, as the handler saw it.
    struct Asked: Equatable {
        var line: String
        var body: JSON?
    }

    struct State {
        var results: [UInt8] = []
        var notes: [UInt8] = []
        var asked: [Asked] = []
        var pauses = 0
        /// What is left of what a person types.
        var lines: [String] = []
        /// What is left of standard input.
        var input: [UInt8] = []
    }

    let folder: TemporaryFolder
    let services: FakeServices
    let state: Mutex<State>
    /// What happens meanwhile whenever the tool pauses.
    let onPause = Mutex<(@Sendable () -> Void)?>(nil)

    init(_ answers: [String: FakeAnswer] = [:]) throws {
        folder = try TemporaryFolder()
        state = Mutex(State())
        services = FakeServices(answers)
        // Enough of a database for the tool, which leaves the rest to the services.
        try FakeWorld.write(Array("SQLite format 3\0".utf8), folder.file("hub.db"))
    }

    static func write(_ bytes: [UInt8], _ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { close(descriptor) }
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { throw FakeError.cannotWrite }
    }

    var database: String { folder.file("hub.db") }
    var asked: [Asked] { services.asked.withLock { $0 } }

    /// Runs the tool on these words, with SAMBAND_DB for the fake database unless the environment says otherwise.
    func run(
        _ words: String..., environment: [String: String]? = nil, input: String = "",
        isTerminal: Bool = false, lines: [String] = [],
        columns: Int? = nil, pauses: Int = 0
    ) async -> Printed {
        await run(
            words: words, environment: environment, input: input, isTerminal: isTerminal, lines: lines,
            columns: columns, pauses: pauses)
    }

    func run(
        words: [String], environment: [String: String]? = nil, input: String = "", isTerminal: Bool = false,
        lines: [String] = [], columns: Int? = nil, pauses: Int = 0, services: (any Services)? = nil,
        secure: SecureReach = .elsewhere { CommandError(.usage, "it would become samband-https") }
    ) async -> Printed {
        state.withLock { $0 = State(lines: lines, input: Array(input.utf8)) }
        let console = Console(
            write: { channel, bytes throws(CommandError) in
                self.state.withLock { state in
                    if channel == .results { state.results += bytes } else { state.notes += bytes }
                }
            },
            readInput: { _ throws(CommandError) in
                // It is read to its end: there is nothing a second time.
                self.state.withLock { state in
                    defer { state.input = [] }
                    return state.input
                }
            },
            readLine: { () throws(CommandError) in
                self.state.withLock { $0.lines.isEmpty ? nil : $0.lines.removeFirst() }
            }, inputIsTerminal: isTerminal,
            environment: environment ?? ["SAMBAND_DB": database], person: "kari",
            resultsAreTerminal: isTerminal,
            notesAreTerminal: isTerminal, columns: columns, wall: FakeWorld.wall,
            now: { 1_795_290_360 },
            pause: { _ in
                self.onPause.withLock { $0 }?()
                let isOver = self.state.withLock { state in
                    state.pauses += 1
                    return state.pauses > pauses
                }
                if isOver { throw CancellationError() }
            })
        let code = await Tool(
            console: console, services: services ?? self.services,
            secure: secure
        ).run(words)
        return state.withLock { state in
            Printed(
                results: String(decoding: state.results, as: UTF8.self),
                // The folder's name is made by chance.
                notes: String(decoding: state.notes, as: UTF8.self).replacing(folder.file(""), with: ""),
                code: code)
        }
    }

    /// Norway in winter, whatever the machine's zone is.
    @Sendable static func wall(_ seconds: Int64) -> ShownTime.Wall {
        var moment = time_t(seconds + 3600)
        var fields = tm()
        gmtime_r(&moment, &fields)
        return ShownTime.Wall(
            year: Int(fields.tm_year) + 1900, month: Int(fields.tm_mon) + 1, day: Int(fields.tm_mday),
            hour: Int(fields.tm_hour), minute: Int(fields.tm_min), second: Int(fields.tm_sec), zone: "CET")
    }
}

enum FakeError: Error { case cannotWrite }

/// What is answered to one request; several in turn, the last one ever after.
struct FakeAnswer: Sendable {
    let responses: [@Sendable () -> Response]

    static func json(_ texts: String...) -> FakeAnswer {
        FakeAnswer(responses: texts.map { text in { Response.json(.ok, Array(text.utf8)) } })
    }

    static func problem(_ problem: Problem) -> FakeAnswer {
        FakeAnswer(responses: [{ problem.response }])
    }
}

/// Services that answer from a list, and keep what they were asked.
final class FakeServices: Services, Handler {
    let answers: [String: FakeAnswer]
    let asked = Mutex<[FakeWorld.Asked]>([])
    let made = Mutex<[String]>([])

    init(_ answers: [String: FakeAnswer]) { self.answers = answers }

    func respond(to request: Request) async -> Response {
        let line = "\(request.method.rawValue) \(request.target)"
        let bytes = (try? await request.collectBody(limit: 1 << 20)) ?? []
        let count = asked.withLock { asked in
            asked.append(FakeWorld.Asked(line: line, body: try? JSON(parsing: bytes)))
            return asked.count { $0.line == line }
        }
        guard let answer = answers[line] else {
            return Problem(.notFound, title: "Not in the list: \(line)").response
        }
        return answer.responses[min(count, answer.responses.count) - 1]()
    }

    func createHub(path: String, fleet: String, migrations: [Migration]) async throws -> DatabaseFacts {
        made.withLock { $0 += migrations.map { "\($0.name): \($0.sql)" } }
        throw Problem(.unprocessableContent, title: "refused", detail: "as the test wants")
    }

    func buildHub(path: String, from files: [String]) async throws -> JSON {
        made.withLock { $0 += files }
        throw Problem(.unprocessableContent, title: "refused", detail: "as the test wants")
    }

    func joinNode(
        path: String, hub: String, token: String, transport: any Transport
    ) async throws -> DatabaseFacts {
        made.withLock { $0.append("\(hub) \(token)") }
        throw Problem(.forbidden, title: "refused", detail: "the token was used")
    }

    func open(
        path: String, connect: @escaping @Sendable (String) throws -> any Transport
    ) async throws -> OpenedDatabase {
        OpenedDatabase(.node(run: { try await Task.sleep(for: .seconds(3600)) }), operatorHandler: self)
    }
}
