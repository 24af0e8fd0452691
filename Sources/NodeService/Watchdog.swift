import HTTP
import JSONText
import Presentation

/// What is wrong with the way to the hub.
package enum LineFault: Hashable, Sendable {
    case nameNotFound, refused, noRoute, noAnswer, cut
    /// The line is there, and the hub, which was restored, gathers what its sites know.
    case gathering
    /// Something else than the hub answered: a page, for instance that of a hotel's network.
    case page
    case redirect(to: String)
    /// Something on the way answered in the hub's place, with this status.
    case proxy(Int)
    case stranger
    /// The certificate at the hub's address does not hold.
    case untrusted(TransportError.Distrust)
    case other

    init(_ error: any Error) {
        guard let error = error as? TransportError else {
            self = .other
            return
        }
        self =
            switch error.cause {
            case .nameNotFound, .timeout(.resolve, _): .nameNotFound
            case .refused: .refused
            case .unreachable: .noRoute
            case .reset, .closedBeforeResponse, .closedMidBody: .cut
            case .timeout: .noAnswer
            case .badResponse: .stranger
            case .untrusted(let distrust): .untrusted(distrust)
            case .requestBody, .unsupported, .system, .shutDown: .other
            }
    }

    /// What a response is that is not the hub's.
    init(_ response: Response) {
        let host = response.headers["location"].flatMap { Endpoint("\($0)") }.map { "\($0)" }
        self =
            switch response.status.code {
            case 300..<400: .redirect(to: host ?? "another address")
            case 511: .page
            case 500...: .proxy(response.status.code)
            default: "\(response.headers["content-type"] ?? "none")".hasPrefix("text/html") ? .page : .stranger
            }
    }

    /// What is wrong, and what to do about it.
    var words: (what: String, next: String) {
        switch self {
        case .nameNotFound:
            ("the name of the hub is not found", "check the name, and this machine's resolver and network")
        case .refused: ("the hub's machine refuses the connection", "see that the hub runs, and at this address")
        case .noRoute: ("there is no way to the hub's address", "check this machine's network")
        case .noAnswer: ("the hub does not answer", "check the network and the hub's machine")
        case .cut: ("the line to the hub is cut again and again", "check the network")
        case .gathering:
            (
                "the hub was restored and gathers what its sites know",
                "see at the hub what it waits for: samband recover status"
            )
        case .page:
            (
                "a page answers instead of the hub, as a network does that wants a sign-in first",
                "sign in to the network"
            )
        case .redirect(let to):
            (
                "something on the way sends the node on to \(to) instead of the hub",
                "sign in to the network, or mend the address"
            )
        case .proxy(let status):
            ("something on the way answers \(status) instead of the hub", "see that the hub runs behind its proxy")
        case .stranger:
            ("something other than the hub answers at its address", "check the address and what is on the way")
        case .untrusted(let distrust):
            ("the certificate at the hub's address \(distrust.why)", distrust.advice)
        case .other: ("the hub is not reached", "")
        }
    }
}

/// Knows what keeps the node from its work, from the last failures of each part of it, and says it in one sentence. A
/// value without a clock.
struct Watchdog: Sendable {
    /// What fails by itself and recovers by itself.
    enum Part: Hashable, Sendable, CaseIterable { case push, pull }

    private struct Trouble: Sendable {
        let error: ExchangeError
        let sinceMs: UInt64
    }

    private var troubles: [Part: Trouble] = [:]
    /// Why what programs write cannot be sealed.
    var disk = DiskWatch()
    /// Why it cannot be, where it is no matter of the disk.
    var unsealable: String?
    private let file: String

    init(file: String) { self.file = file }

    mutating func failed(_ part: Part, _ error: ExchangeError, nowMs: UInt64) {
        if case .store(let error) = error { disk.failed(error, nowMs: nowMs) }
        // It has not worked meanwhile, for whatever reason.
        let sinceMs = troubles[part]?.sinceMs ?? nowMs
        troubles[part] = Trouble(error: error, sinceMs: sinceMs)
    }

    mutating func succeeded(_ part: Part) { troubles[part] = nil }

    /// What is wrong, since when and what to do; nil when nothing is. What concerns this machine comes first, then what
    /// the hub says, then the line.
    var sentence: String? {
        if disk.isFailing { return disk.sentence(file: file) }
        if let unsealable { return unsealable }
        let known = Part.allCases.compactMap { troubles[$0] }
        let spoken = known.first { if case .unreachable = $0.error { false } else { true } }
        guard let trouble = spoken ?? known.first else { return disk.sentence(file: file) }
        let since = "since \(rfc3339(ms: trouble.sinceMs))"
        switch trouble.error {
        case .store(let error): return "\(error) (\(since))"
        case .refused(let status, let title, let detail, let next):
            if status == 403 { return "the hub does not exchange with this node, \(since): \(detail) \(next)" }
            if status == 401 {
                return "the hub refuses this node's credential, \(since): \(detail) \(next)"
            }
            return "the hub answers, but not as it should, \(since): \(title): \(detail) \(next)"
        case .unreachable(let why, let fault):
            let (what, next) = fault.words
            let advice = next.isEmpty ? "" : "; \(next)"
            return "\(what), \(since)\(advice). Everything is kept, and it is tried again by itself (\(why))"
        }
    }
}
