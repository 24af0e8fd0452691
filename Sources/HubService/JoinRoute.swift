import Foundation
import HTTP
import HubDatabase
import JSONText
import Presentation
import Replication
import TableModel

/// How a site comes in, and how it changes its secrets.
extension HubService {
    /// Gives a site its replica number. The same token with the same secret gets the same answer until it expires.
    func join(_ request: Request) async throws(Problem) -> Response {
        guard let asked = Message<JoinRequest>(json: try await request.provenJSON()),
            let secrets = NodeSecretProofs(asked.secret, asked.bundleKey)
        else {
            throw .incomplete(
                "A join names a token, a secret of 32 characters or more and a bundle key of 32 bytes.",
                next: "Use samband node join.")
        }
        let joined: (site: String, replica: UInt32)
        do {
            joined = try store.join(
                tokenDigest: SHA256.digest(Array(asked.token.utf8)), secrets: secrets, nowMs: now())
        } catch {
            if error.kind == .refused {
                fail(.joinToken)
                throw Problem(
                    type: .joinRefused, title: "The site may not join",
                    detail: "\(error.doing): \(error.why).", next: error.hint)
            }
            throw Problem(error)
        }
        orderGrew()
        return try .proven(
            Message<JoinAnswer> { ($0.site, $0.replica, $0.fleet) = (joined.site, joined.replica, store.fleet) })
    }

    /// Takes new secrets of a site under its former one. From the first use of the new secret on the former opens nothing;
    /// until then both do.
    func rotate(_ request: Request) async throws(Problem) -> Response {
        let caller = try caller(request)
        charge(caller.site, us: RequestCost.request * 4)
        guard let asked = Message<RotateRequest>(json: try await request.provenJSON()),
            let secrets = NodeSecretProofs(asked.secret, asked.bundleKey)
        else {
            throw .incomplete(
                "A change of secrets names a secret of 32 characters or more and a bundle key of 32 bytes.",
                next: "Use samband node rotate.")
        }
        // Once more with the same is harmless, and leaves nothing.
        let isKnown = try answering { () throws(StoreError) in
            try store.siteCredential(secretDigest: secrets.tokenDigest)?.site == caller.site
        }
        if !isKnown { try allowSecrets(caller.site) }
        try answering { () throws(StoreError) in
            try store.offerSecrets(secrets, ofSite: caller.site, nowMs: now())
        }
        return try .proven(Message<EmptyAnswer> { _ in })
    }
}

extension NodeSecretProofs {
    /// What the hub keeps of a node's secrets; nil when the token is too short.
    fileprivate init?(_ secret: String, _ bundleKey: [UInt8]) {
        if secret.utf8.count < 32 { return nil }
        self.init(tokenDigest: SHA256.digest(Array(secret.utf8)), bundleKey: bundleKey)
    }
}

extension Request {
    /// Who asks, for the audit: from afar the operator whose token it shows; on the hub's own machine the user who runs
    /// the program that asks.
    var auditedPerson: String {
        if let user { return user }
        return localPerson(localUser ?? getuid())
    }
}

/// A user of this machine, as the audit names him.
package func localPerson(_ id: UInt32) -> String { "local:\(userName(id) ?? "\(id)")" }

/// The name of a user of this machine; nil when it has none.
private func userName(_ id: UInt32) -> String? {
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 16384)
    guard getpwuid_r(id, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name else {
        return nil
    }
    return String(cString: name)
}
