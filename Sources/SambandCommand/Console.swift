import HTTP
import JSONText

/// The world around a command: where its words go, what it can ask. A value, so that tests put another in its place.
package struct Console: Sendable {
    package enum Channel: Sendable { case results, notes }

    /// Writes bytes to standard output or standard error, all of them or it throws.
    package var write: @Sendable (Channel, [UInt8]) throws(CommandError) -> Void
    /// Standard input to its end, at most so many bytes.
    package var readInput: @Sendable (Int) throws(CommandError) -> [UInt8]
    /// A line that a person types, without its end; nil at the end of input.
    package var readLine: @Sendable () throws(CommandError) -> String?
    /// True when a person sits at standard input.
    package var inputIsTerminal: Bool
    package var environment: [String: String]
    /// Who sits at this shell, also behind sudo; nil where nobody can be told.
    package var person: String?
    package var resultsAreTerminal: Bool
    package var notesAreTerminal: Bool
    /// The width of the terminal; nil where there is none.
    package var columns: Int?
    /// The time on the wall for seconds since 1970.
    var wall: @Sendable (Int64) -> ShownTime.Wall
    /// Seconds since 1970.
    package var now: @Sendable () -> Int64
    /// Waits between two looks of `--watch`.
    package var pause: @Sendable (_ ms: Int) async throws -> Void

    /// The style for results.
    var style: Style { Style(isColoured: resultsAreTerminal && isColourWanted) }

    /// What NO_COLOR and TERM allow (https://no-color.org: any value but the empty one says no).
    private var isColourWanted: Bool {
        (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }

    /// Prints a result.
    func print(_ text: String) throws(CommandError) { try write(.results, Array(text.utf8)) }

    /// Prints a result in JSON: in one line for programs, indented for eyes.
    func print(_ json: JSON) throws(CommandError) {
        do {
            try write(.results, try json.bytes(resultsAreTerminal ? .indented : .compact) + [0x0a])
        } catch let error as CommandError {
            throw error
        } catch {
            throw CommandError(.bug, "the answer has no form in JSON: \(error)")
        }
    }

    /// Says something to the person, beside the results.
    func note(_ text: String) throws(CommandError) { try write(.notes, Array((text + "\n").utf8)) }

    /// True where a question can be asked and answered.
    var canAsk: Bool { inputIsTerminal && resultsAreTerminal }

    /// Asks; what is typed, trimmed of blanks. Nil when input ends.
    func ask(_ question: String) throws(CommandError) -> String? {
        try print(question + " ")
        guard let line = try readLine() else { return nil }
        let blanks: Set<Character> = [" ", "\t", "\r"]
        return String(line.drop { blanks.contains($0) }.reversed().drop { blanks.contains($0) }.reversed())
    }

    /// Asks for a yes; everything else is a no.
    func confirm(_ question: String) throws(CommandError) -> Bool {
        guard let answer = try ask(question + " [y/N]") else { return false }
        return ["y", "yes"].contains(answer.lowercased())
    }

    /// A time of an interface as people read it; what is no time is shown as it came, and nothing as –.
    func time(_ text: String?) -> String {
        guard let text else { return "–" }
        return ShownTime.seconds(text).map { wall($0).text } ?? text
    }
}

/// What a verb runs in.
struct Context: Sendable {
    let console: Console
    let services: any Services
    let secure: SecureReach
    let token = TokenOfRun()
}
