/// Every limit and time-out of HTTP in Samband, for the server and for the client. Each has a test of its own.
package struct Limits: Sendable, Equatable {
    package init() {}

    // MARK: What a message may be

    /// Bytes of a request line or status line without its CRLF. More: 414.
    package var startLineBytes = 8 * 1024
    /// Bytes of all header fields of a message, or of all its trailer fields, with their CRLFs. More: 431.
    package var fieldBytes = 16 * 1024
    /// Header fields of a message; trailer fields likewise. More: 431.
    package var fieldCount = 100
    /// Bytes of a message's body, without the framing of its chunks. More: 413.
    package var bodyBytes = 1 << 30
    /// Bytes of the line that begins a chunk: its size and extensions. More: 400.
    package var chunkLineBytes = 256
    /// Bytes of chunk extensions in one body, all together. More: 400.
    package var chunkExtensionBytes = 4 * 1024
    /// Interim responses (1xx) before a final one that a client reads past.
    package var interimResponses = 8

    // MARK: What a server holds at once

    /// Connections. For one more, that which has waited longest without a request makes room; where all have one, the
    /// newcomer is answered 503 and closed.
    package var connections = 16_384
    /// Milliseconds without a request that a connection is given before it has to make room.
    package var idleGraceMs = 1_000
    /// Connections from one address, or from one /64 of IPv6; one more is answered 503 and closed.
    package var connectionsPerPeer = 256
    /// Whether that goes for this machine too. In front of a hub nginx is the peer of everybody.
    package var limitsOwnMachine = false
    /// Requests on one connection; it ends with the answer to the last.
    package var requestsPerConnection = 10_000
    /// Requests that one credential has under way at once, over all connections; one more is answered 503.
    package var requestsPerCredential = 16
    /// Pulls of one site that wait at once; one more sends the oldest away.
    package var pollsPerSite = 1
    /// Connections beyond `connections` that are being told 503; one more is closed without a word.
    package var refusals = 64
    /// The Retry-After of that 503, in seconds.
    package var retryAfterSeconds = 5
    /// Connections that the kernel holds until they are accepted.
    package var backlog: Int32 = 1024
    /// Received bytes of one body that wait for their reader; above it the socket is not read.
    package var inboundBytes = 256 * 1024
    /// Bytes on their way to one peer; above it the body is not pulled.
    package var outboundBytes = 256 * 1024
    /// Bytes of a request's body that are read and dropped, when its handler did not want them, to keep the
    /// connection. With more to come it is closed.
    package var discardedBytes = 64 * 1024

    // MARK: How long a server waits

    /// Milliseconds from the first byte of a request to the end of its head. Longer: 408.
    package var headTimeoutMs = 10_000
    /// Milliseconds without a byte of a body that is being read. Longer: 408.
    package var bodyTimeoutMs = 30_000
    /// Bytes per second that a body must come at on average, once `bodyTimeoutMs` have passed. Less: 408.
    package var bodyBytesPerSecond = 50
    /// Milliseconds between requests, or before the first. Longer: closed.
    package var idleTimeoutMs = 75_000
    /// Milliseconds in which a peer takes nothing of what is being sent to it. Longer: closed.
    package var writeTimeoutMs = 30_000
    /// Bytes per second at which a peer must take what is sent to it on average, once `writeTimeoutMs` have passed.
    /// Less: closed.
    package var sendBytesPerSecond = 50
    /// Milliseconds for a peer to close after it was told that the connection ends. Longer: closed.
    package var lingerTimeoutMs = 2_000

    // MARK: How long a client waits, and what it keeps

    /// Milliseconds in which the system of a TCP peer acknowledges nothing, neither bytes nor probes. Longer: the
    /// connection is broken. 0: hours, as the system has it.
    package var silentPeerMs = 0
    /// Milliseconds to find an address and connect to it.
    package var connectTimeoutMs = 10_000
    /// Milliseconds from the end of the request to the first byte of the response. A long poll needs more than
    /// the server waits.
    package var firstByteTimeoutMs = 60_000
    /// Milliseconds without progress within a response, or within a request that is being sent.
    package var inactivityTimeoutMs = 30_000
    /// Threads that look up names at once; a lookup cannot be ended, so they may outlast whoever asked.
    package var resolverThreads = 8
    /// Connections that are kept open for the next request.
    package var keptConnections = 8
    /// Milliseconds for which such a connection is kept; less than a server's `idleTimeoutMs`.
    package var keptTimeoutMs = 30_000
}
