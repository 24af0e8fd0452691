import Glibc
import HTTP
import HTTPClient

/// How hubs are reached over https. Foundation's URLSession takes longer to be loaded than most verbs need for all they
/// do, so it is in a program of its own, `samband-https`: the same tool, into which this one turns when it has to.
package enum SecureReach: Sendable {
    /// This program has it.
    case here(@Sendable (String, Limits) throws(TransportError) -> any Transport)
    /// Another program has it: becomes that, and returns only when that fails.
    case elsewhere(become: @Sendable () -> CommandError)
}

/// The address of a hub as it was given.
struct HubAddress {
    let url: String

    var isSecure: Bool { url.hasPrefix("https://") }

    /// Whether what is said goes over a network, for everybody on the way to read.
    var isOpen: Bool {
        guard url.hasPrefix("http://"), let endpoint = Endpoint(url) else { return false }
        return !endpoint.isOfThisMachine
    }

    static let warning =
        "warning: http:// to another machine: whoever is on the way reads all rows and credentials, and can change "
        + "them. Use https://"
}

extension Endpoint {
    /// A Unix socket, or an address that no network leads to.
    var isOfThisMachine: Bool {
        switch self {
        case .unix: true
        case .tcp(let host, _):
            host == "localhost" || host == "::1"
                || host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || $0 &- 0x30 < 10 }
        }
    }
}

extension Context {
    /// A node's line to its hub, while it serves: says what is wrong with it, and becomes the program that speaks https
    /// before anything else is begun.
    func lineToServe(_ url: String) throws -> any Transport {
        let address = HubAddress(url: url)
        if address.isSecure, case .elsewhere(let become) = secure { throw become() }
        if address.isOpen { try console.note(HubAddress.warning) }
        return try line(url)
    }

    /// A node's line to its hub. Each step has a time by which a line that is dead is known to be, whether or not the
    /// system says so: what hangs keeps the node from coming back. The time for an answer comes with each request.
    func line(_ url: String) throws(CommandError) -> any Transport {
        var limits = Limits()
        limits.connectTimeoutMs = 4_000
        limits.firstByteTimeoutMs = 5_000
        limits.inactivityTimeoutMs = 10_000
        limits.silentPeerMs = 5_000
        limits.keptConnections = 1
        return try transport(url, limits)
    }

    /// A client for a hub at a URL. The first byte of an answer may take as long as a long poll or a sync does.
    func client(_ url: String, _ answerTimeoutMs: Int) throws(CommandError) -> any Transport {
        var limits = Limits()
        limits.firstByteTimeoutMs = answerTimeoutMs
        return try transport(url, limits)
    }

    private func transport(_ url: String, _ limits: Limits) throws(CommandError) -> any Transport {
        do {
            guard HubAddress(url: url).isSecure else { return try SocketTransport(to: url, limits: limits) }
            switch secure {
            case .here(let make): return try make(url, limits)
            case .elsewhere(let become): return BecomingSecure(become: become)
            }
        } catch {
            throw CommandError(error)
        }
    }

    /// Before a verb begins: whether the hub of its words may be reached as it is written.
    func checkHub(_ invocation: Invocation) throws(CommandError) {
        guard let url = invocation.value(.hub), invocation.verb.option(Option.hub.name) != nil else { return }
        let address = HubAddress(url: url)
        // Now, while nothing is begun and standard input is still whole.
        if address.isSecure, case .elsewhere(let become) = secure { throw become() }
        guard address.isOpen else { return }
        guard invocation.flag(.insecureHTTP) else {
            throw .words(
                "\(url) is http:// to another machine, where whoever is on the way reads and changes what is said",
                hint: "Use https://. On a network that only your own machines share, add --insecure-http.")
        }
        try console.note(HubAddress.warning)
    }
}

/// Becomes the program that speaks https once something is to be sent: most verbs ask a database and never its hub.
private struct BecomingSecure: Transport {
    let become: @Sendable () -> CommandError

    func send(_ request: Request) async throws -> Response { throw become() }
}

/// `samband-https`, beside this program.
enum SecureProgram {
    /// Runs it in this process, with the same words. Returns only when it cannot be run.
    @Sendable static func become() -> CommandError {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let own = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let path = own + "-https"
        Signals.handOver()
        let words = ([path] + CommandLine.arguments.dropFirst()).map { strdup($0) } + [nil]
        execv(path, words)
        let code = errno
        for word in words { free(word) }
        return CommandError(
            .usage, "https is spoken by the program \(path), which cannot be run (\(systemText(code)))",
            hint: "Install it beside this one: it comes in the same package.")
    }
}
