import HTTP
import Replication
import Synchronization

/// Lets one credential have so many requests under way and no more, so that one site or operator, or whoever has got
/// hold of its secret, cannot take up the hub alone. It counts what is shown, valid or not: an invalid one takes no
/// place of anybody else's.
final class CredentialGate: Handler {
    private let inner: any Handler
    private let limits: HTTP.Limits
    private let underWay = Mutex<[[UInt8]: Int]>([:])
    /// Refusals that are being held.
    private let held = Mutex(0)

    init(_ inner: any Handler, _ limits: HTTP.Limits) {
        self.inner = inner
        self.limits = limits
    }

    func respond(to request: Request) async -> Response {
        guard let digest = HubService.bearerDigest(request) else { return await inner.respond(to: request) }
        guard let place = take(digest) else {
            await hold()
            return tooMany.response
        }
        let response = await inner.respond(to: request)
        guard response.body.bytes == nil else {
            withExtendedLifetime(place) {}
            return response
        }
        // What is still being made of the answer counts.
        let body = response.body
        return Response(
            response.status, headers: response.headers,
            body: Body(length: body.length) {
                _ = place
                return try await body.next()
            })
    }

    /// A refusal waits for a second at least, and for longer the more of them there are: who asks again at once, on as
    /// many lines as he likes, does not keep the hub busy with refusing.
    private func hold() async {
        let count = held.withLock { held in
            held += 1
            return held
        }
        defer { held.withLock { $0 -= 1 } }
        // Cancelled: the caller is gone.
        try? await Task.sleep(for: .seconds(min(max(1, Double(count) / Self.refusalsPerSecond), 60)))
    }

    private static let refusalsPerSecond = 16.0

    private func take(_ digest: [UInt8]) -> Place? {
        let isFree = underWay.withLock { counts in
            let count = counts[digest, default: 0]
            if count >= limits.requestsPerCredential { return false }
            counts[digest] = count + 1
            return true
        }
        return isFree ? Place(digest, self) : nil
    }

    private var tooMany: Problem {
        Problem(
            type: .busy, title: "Too many requests at once",
            detail: "This credential has \(limits.requestsPerCredential) requests under way already.",
            next: "Wait for an answer, then try again. If these are not yours, somebody else has your secret.",
            retryAfterSeconds: limits.retryAfterSeconds)
    }

    /// One request's place, given back when nobody holds it any more.
    private final class Place: Sendable {
        private let digest: [UInt8]
        private let gate: CredentialGate

        init(_ digest: [UInt8], _ gate: CredentialGate) {
            self.digest = digest
            self.gate = gate
        }

        deinit {
            gate.underWay.withLock { counts in
                if let count = counts[digest] { counts[digest] = count > 1 ? count - 1 : nil }
            }
        }
    }
}
