import Dispatch
import Foundation
import FoundationNetworking
import HTTP
import Synchronization

/// Sends requests to one server over TLS, through Foundation's URLSession: `https://host` or `https://host:port`.
///
///     let hub = try SecureTransport(to: "https://hub.example")
///     let response = try await hub.send(Request(.get, path: ["healthz"]))
///
/// It behaves as `SocketTransport` does: connections are kept, redirects are not followed, bodies stream both ways no
/// faster than they are taken, and cancelling the task or dropping a body unread gives the request up at once. Who may
/// be trusted is the system's store of certificates; URLSession on Linux knows no other.
package final class SecureTransport: Transport {
    private let place: String
    private let limits: Limits
    private let lanes: Lanes

    /// Connects to nothing yet. Throws `.unsupported` for an address that is no https:// one.
    package init(to address: String, limits: Limits = Limits()) throws(TransportError) {
        place = try SecureTransport.origin(of: address)
        self.limits = limits
        lanes = Lanes(kept: limits.keptConnections)
    }

    deinit { lanes.shutDown() }

    /// Sends a request and gives the response as soon as its head is there.
    package func send(_ request: Request) async throws -> Response {
        let (head, isWhole) = try await SecureTransport.start(of: request.body, bytes: limits.inboundBytes)
        let call = SecureCall(request, place, limits)
        var message = try foundationRequest(request, call)
        // A stream always: of a body in memory URLSession would not send anything when it has to send it again.
        if !head.isEmpty { message.httpBodyStream = call.stream(head, isWhole ? nil : request.body) }
        try Task.checkCancellation()
        let lane = try lanes.take(call)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { caller in
                lane.start(message, call, caller)
            }
        } onCancel: {
            call.cancel()
        }
    }

    /// The first bytes of a body, and whether they are all of it: what is small can be sent again over another
    /// connection.
    private static func start(of body: Body, bytes: Int) async throws -> ([UInt8], Bool) {
        if let whole = body.bytes { return (whole, true) }
        var head: [UInt8] = []
        while head.count < bytes {
            guard let piece = try await body.next() else { return (head, true) }
            head += piece
        }
        return (head, false)
    }

    private func foundationRequest(_ request: Request, _ call: SecureCall) throws(TransportError) -> URLRequest {
        guard let url = URL(string: place + request.target.text) else {
            throw call.error(.unsupported("this is no address of a server"))
        }
        var message = URLRequest(url: url)
        message.httpMethod = request.method.rawValue
        // Deadlines are ours: URLSession's own is at least a second, and counts other things.
        message.timeoutInterval = 86_400
        for field in request.headers.fields {
            message.addValue(field.value.text, forHTTPHeaderField: field.name.text)
        }
        if !request.headers.contains("content-type"), request.method == .post {
            // Else URLSession says that it is a form.
            message.setValue("application/octet-stream", forHTTPHeaderField: "content-type")
        }
        message.setValue("samband", forHTTPHeaderField: "user-agent")
        return message
    }

    /// `https://host:port` of an address, without a path.
    static func origin(of address: String) throws(TransportError) -> String {
        let scheme = "https://"
        func refuse(_ why: String) -> TransportError {
            TransportError(.unsupported(why), doing: "Connecting", place: address)
        }
        guard address.hasPrefix(scheme) else { throw refuse("this is no address that begins with https://") }
        let rest = address.dropFirst(scheme.count)
        let plain = rest.hasSuffix("/") ? rest.dropLast() : rest
        guard let endpoint = Endpoint("http://" + plain), case .tcp(let host, let port) = endpoint else {
            throw refuse("this is no address of a server")
        }
        if host.contains(":") {
            throw refuse("Foundation reaches no address of IPv6 in numbers over https: give the hub a name")
        }
        return "https://\(host):\(plain.contains(":") ? port : 443)"
    }
}
