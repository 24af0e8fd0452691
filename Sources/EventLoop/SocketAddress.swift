import CLinux
import Glibc

/// Where a stream socket is bound or connected to, as the kernel wants it.
package struct SocketAddress: Sendable, Equatable {
    private let bytes: [UInt8]
    package let family: Int32

    /// The name of a Unix socket. Nil when the path is empty or longer than 107 bytes (unix(7)).
    package init?(unixPath: String) {
        var address = sockaddr_un()
        let length = samband_unix_address(&address, unixPath)
        if length == 0 { return nil }
        bytes = withUnsafeBytes(of: &address) { Array($0.prefix(Int(length))) }
        family = AF_UNIX
    }

    private init(_ address: UnsafePointer<sockaddr>, _ length: socklen_t) {
        bytes = Array(UnsafeRawBufferPointer(start: address, count: Int(length)))
        family = Int32(address.pointee.sa_family)
    }

    /// The addresses of a host, in the order in which they are to be tried. Blocks for the resolver, unless
    /// `isNumeric` says that no name is allowed. Throws the resolver's code, EAI_NONAME for instance.
    package static func find(host: String, port: UInt16, isNumeric: Bool) throws(ResolverError)
        -> [SocketAddress]
    {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV | (isNumeric ? AI_NUMERICHOST : 0)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else { throw ResolverError(code: code) }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var entry = list
        while let info = entry?.pointee {
            if let address = info.ai_addr { addresses.append(SocketAddress(address, info.ai_addrlen)) }
            entry = info.ai_next
        }
        return addresses
    }

    /// The address that a socket is bound to, as numbers. Nil for a Unix socket.
    package static func bound(_ descriptor: Int32) -> (host: String, port: UInt16)? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var port = [CChar](repeating: 0, count: 32)
        let isFound = withUnsafeMutableBytes(of: &storage) { raw in
            let address = raw.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            return getsockname(descriptor, address, &length) == 0
                && getnameinfo(
                    address, length, &host, socklen_t(host.count), &port, socklen_t(port.count),
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0
        }
        guard isFound, let number = UInt16(SocketAddress.text(port)) else { return nil }
        return (SocketAddress.text(host), number)
    }

    /// Whose connection it is. Nil for a Unix socket.
    package static func peer(_ descriptor: Int32) -> Peer? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &storage) { raw in
            let address = raw.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            guard getpeername(descriptor, address, &length) == 0 else { return nil }
            switch Int32(address.pointee.sa_family) {
            case AF_INET: return Peer(v4: Array(raw[4..<8]))
            case AF_INET6: return Peer(v6: Array(raw[8..<24]))
            default: return nil
            }
        }
    }

    package func bind(_ descriptor: Int32) -> Bool {
        withPointer { Glibc.bind(descriptor, $0, $1) } == 0
    }

    /// True when the connection stands or is under way; else errno tells.
    package func connect(_ descriptor: Int32) -> Bool {
        withPointer { Glibc.connect(descriptor, $0, $1) } == 0 || errno == EINPROGRESS
    }

    private func withPointer(_ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        bytes.withUnsafeBytes { raw in
            // The bytes were copied from a sockaddr; an array's storage is aligned for one.
            call(raw.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
        }
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// An address for counting: of IPv6 the first 64 bits, as one customer has that many addresses.
package struct Peer: Hashable, Sendable {
    private let bytes: [UInt8]
    package let isOwnMachine: Bool

    /// Four bytes of IPv4.
    package init(v4 address: [UInt8]) {
        self.init(bytes: address, isOwnMachine: address[0] == 127)
    }

    /// Sixteen bytes of IPv6, which may hold an address of IPv4.
    package init(v6 address: [UInt8]) {
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
        if address.starts(with: mapped) {
            self.init(v4: Array(address[12...]))
        } else {
            let isLoopback = address.dropLast().allSatisfy { $0 == 0 } && address[15] == 1
            self.init(bytes: Array(address[..<8]), isOwnMachine: isLoopback)
        }
    }

    private init(bytes: [UInt8], isOwnMachine: Bool) {
        self.bytes = bytes
        self.isOwnMachine = isOwnMachine
    }
}

/// Why a name has no address.
package struct ResolverError: Error, Equatable, Sendable, CustomStringConvertible {
    package let code: Int32
    /// True when the resolver says that there is no such name, rather than that it cannot tell now.
    package var isUnknownName: Bool { code == EAI_NONAME }
    package var description: String { String(cString: gai_strerror(code)) }
}
