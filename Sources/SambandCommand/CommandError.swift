import HTTP
import JSONText
import NodeService
import TableModel

/// How the process ends, after sysexits.h where it has a word for it.
package enum ExitCode: Int32, Sendable {
    case done = 0
    /// The answer is no: not found, or the data or a constraint forbids it, also because things have changed.
    case no = 1
    case usage = 64
    /// The hub cannot be reached; nothing is lost.
    case unreachable = 69
    /// A mistake of ours.
    case bug = 70
    case inputOutput = 74
    /// Busy, or another process has the lock.
    case later = 75
    case notPermitted = 77
}

/// Why a command did not do what it was asked: rendered in one place as `error:` and `hint:` lines.
package struct CommandError: Error, Equatable, Sendable {
    package let code: ExitCode
    package let why: String
    /// What to do about it; empty when there is nothing.
    package let hint: String
    /// True when the words of the command line are wrong: nothing was begun, so no task is named.
    package let isAboutWords: Bool

    package init(_ code: ExitCode, _ why: String, hint: String = "") {
        self.init(code, why, hint: hint, isAboutWords: false)
    }

    private init(_ code: ExitCode, _ why: String, hint: String, isAboutWords: Bool) {
        self.code = code
        self.why = why
        self.hint = hint
        self.isAboutWords = isAboutWords
    }

    static func words(_ why: String, hint: String = "") -> CommandError {
        CommandError(.usage, why, hint: hint, isAboutWords: true)
    }

    /// The lines for standard error. `task` says what was being done and to what: "list the conflicts (hub.db)".
    func text(task: String?) -> String {
        let start = if let task, !isAboutWords { "cannot \(task): " } else { "" }
        // Sentences of the other rooms end with a stop, ours do not.
        var why = why[...]
        while why.last == "." { why.removeLast() }
        let error = "error: " + Visible.text(start + why) + "\n"
        return hint.isEmpty ? error : error + "hint: " + Visible.text(hint) + "\n"
    }
}

// MARK: What the other rooms throw

extension CommandError {
    /// What a service or a hub answered instead of a result. The status says who has to act; for 5xx the end of the
    /// problem's type says it more exactly.
    init(_ problem: ProblemAnswer) {
        let code: ExitCode =
            switch problem.status {
            case 401, 403: .notPermitted
            case 400, 405, 413, 414, 415: .usage
            case 422: problem.kind == "misused" ? .usage : .no
            case 404, 409, 410, 412: .no
            case 408, 429: .later
            case 500...599 where problem.kind == "io": .inputOutput
            case 423, 502...504: problem.kind == "hub-unreachable" ? .unreachable : .later
            case 500...599 where problem.kind == "diverged": .no
            default: .bug
            }
        self.init(code, problem.detail.isEmpty ? problem.title : problem.detail, hint: problem.next)
    }

    /// Whatever a call into another room threw.
    init(thrown error: any Error) {
        switch error {
        case let error as CommandError: self = error
        case let error as Problem: self.init(ProblemAnswer(error))
        case let error as TransportError: self.init(error)
        case let error as StoreError: self.init(error)
        case let error as SchemaError: self.init(error)
        case let error as ExchangeError: self.init(error)
        case let error as BodyError: self.init(.unreachable, "\(error)", hint: "It may pass: try again.")
        case is CancellationError: self.init(.later, "it was interrupted", hint: "Run the command again.")
        default:
            self.init(
                .bug, "\(error)",
                hint: "This should not happen. Please report it with the command and this text.")
        }
    }

    init(_ error: StoreError) {
        let code: ExitCode =
            switch error.kind {
            case .misused: .usage
            case .refused, .missing, .notFound, .changed, .diverged: .no
            case .busy, .wrongClock: .later
            case .inputOutput: .inputOutput
            }
        self.init(code, "\(error.doing): \(error.why)", hint: error.hint)
    }

    init(_ error: SchemaError) {
        switch error {
        case .refused(let refusal): self.init(.usage, "\(refusal.what): \(refusal.why)", hint: refusal.hint)
        case .database(let error):
            self.init(.inputOutput, "\(error)", hint: "Look at the disk, its space and the folder's rights.")
        }
    }

    init(_ error: ExchangeError) {
        switch error {
        case .unreachable(let why, _):
            self.init(
                .unreachable, why,
                hint: "Check the address and the line, then run it again with the same token.")
        case .refused(let status, let title, let detail, let next):
            self.init(ProblemAnswer(status: status, title: title, detail: detail, next: next))
        case .store(let error): self.init(error)
        }
    }

    init(_ error: TransportError) {
        let code: ExitCode =
            switch error.cause {
            case .unsupported: .usage
            case .system: .inputOutput
            case .requestBody, .shutDown: .bug
            default: .unreachable
            }
        self.init(code, "\(error.doing) at \(error.place): \(error.why)", hint: error.next)
    }
}

/// A problem document (RFC 9457) as it was answered.
struct ProblemAnswer: Equatable {
    let status: Int
    let type: String
    let title: String
    let detail: String
    let next: String

    /// The last segment of the type: `…/problems/hub-unreachable` → `hub-unreachable`.
    var kind: Substring { type.split(separator: "/").last ?? "" }

    init(status: Int, title: String, detail: String, next: String) {
        self.status = status
        type = "about:blank"
        self.title = title
        self.detail = detail
        self.next = next
    }

    init(_ problem: Problem) {
        status = problem.status.code
        type = problem.type
        title = problem.title
        detail = problem.detail
        next = problem.next
    }

    /// The status counts, not the member `status`: an intermediary may have changed it (RFC 9457 section 3.1.2).
    init(_ status: Status, _ document: JSON?) {
        self.status = status.code
        type = document?["type"]?.string ?? "about:blank"
        title = document?["title"]?.string ?? "the answer was \(status)"
        detail = document?["detail"]?.string ?? ""
        next = document?["next"]?.string ?? ""
    }
}
