import Foundation
import FoundationNetworking
import HTTP

/// What URLSession says of a failure, in our words. On Linux it has few codes; the text is that of libcurl.
enum SecureFault {
    /// - Parameter received: bytes of the answer that had come; nil when its head had not.
    static func cause(of failure: any Error, received: Int?) -> TransportError.Cause {
        let text = text(of: failure)
        if let received { return .closedMidBody(received: received) }
        if let said = said(text.lowercased(), text) { return said }
        switch (failure as? URLError)?.code ?? .unknown {
        case .cannotFindHost, .dnsLookupFailed: return .nameNotFound
        case .cannotConnectToHost: return .refused
        case .networkConnectionLost: return .reset
        default: return .unreachable(text)
        }
    }

    private static func text(of failure: any Error) -> String {
        let outer = failure as NSError
        let inner = outer.userInfo[NSUnderlyingErrorKey] as? NSError
        return (inner ?? outer).localizedDescription
    }

    /// What libcurl's words mean, where there is no code for it.
    private static func said(_ low: String, _ text: String) -> TransportError.Cause? {
        func has(_ part: String) -> Bool { low.contains(part) }
        if has("certificate has expired") { return .untrusted(.expired) }
        if has("not yet valid") { return .untrusted(.notYetValid) }
        if has("certificate subject name") || has("does not match target host name") { return .untrusted(.wrongName) }
        if has("issuer certificate") || has("self-signed certificate") || has("self signed certificate") {
            return .untrusted(.unknownAuthority)
        }
        if has("certificate") { return .untrusted(.other(text)) }
        if has("wrong version number") || has("packet length too long") || has("http request") {
            return .badResponse("it does not speak TLS")
        }
        if has("empty reply") { return .closedBeforeResponse }
        if has("connection reset") || has("broken pipe") || has("unexpected eof") || has("ssl_error_syscall")
            || has("aborted by") || has("rewind")
        {
            return .reset
        }
        if has("ssl") || has("tls") { return .untrusted(.other(text)) }
        return nil
    }
}
