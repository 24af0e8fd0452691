/// Where a server listens or a client connects: a TCP address or a Unix socket.
package enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    case tcp(host: String, port: UInt16)
    case unix(path: String)

    /// Reads `unix:PATH`, `127.0.0.1:7420`, `hub.example:7420`, `[::1]:0`, each also behind `http://` and then
    /// with port 80 when it names none. Nil for anything else, https among it.
    package init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            if path.isEmpty || path.utf8.contains(0) { return nil }
            self = .unix(path: path)
            return
        }
        var rest = Substring(text)
        let isURL = rest.hasPrefix("http://")
        if isURL {
            rest = rest.dropFirst(7)
            if rest.hasSuffix("/") { rest = rest.dropLast() }
        }
        let host: Substring
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = rest[rest.index(after: rest.startIndex)..<end]
            rest = rest[rest.index(after: end)...]
            // An address of IPv6 in its brackets (RFC 3986 section 3.2.2); a zone is left to the resolver.
            guard host.contains(":"),
                host.utf8.allSatisfy({ Octet.isUnreserved($0) || $0 == Octet.colon || $0 == 0x25 })
            else { return nil }
        } else {
            let end = rest.lastIndex(of: ":") ?? rest.endIndex
            host = rest[..<end]
            rest = rest[end...]
            guard !host.isEmpty, host.utf8.allSatisfy(Octet.isUnreserved) else { return nil }
        }
        if rest.isEmpty, isURL {
            self = .tcp(host: String(host), port: 80)
            return
        }
        guard rest.hasPrefix(":"), rest.dropFirst().utf8.allSatisfy(Octet.isDigit),
            let port = UInt16(rest.dropFirst())
        else { return nil }
        self = .tcp(host: String(host), port: port)
    }

    /// The value of the Host field for this peer (RFC 9110 section 7.2).
    package var authority: String {
        switch self {
        case .tcp(let host, let port): "\(host.contains(":") ? "[\(host)]" : host):\(port)"
        case .unix: "localhost"
        }
    }

    package var description: String {
        switch self {
        case .tcp: authority
        case .unix(let path): "unix:\(path)"
        }
    }
}
