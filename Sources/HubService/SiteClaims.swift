import HTTP
import HubDatabase
import JSONText
import Presentation
import Replication
import TableModel

/// Who has greeted this restored hub with a secret that it does not know: for an operator to confirm, or not. Kept in
/// memory and bounded; who is meant greets again every few seconds.
struct SiteClaims {
    struct Claim {
        let site: String
        let replica: UInt32
        let secretDigest: [UInt8]
        var atMs: UInt64

        /// What both ends can show and compare: the beginning of the secret's digest tells nothing of the secret.
        var fingerprint: String { SiteClaims.fingerprint(secretDigest) }
    }

    /// Whoever makes names up pushes out of the list only what is older.
    static let limit = 64

    /// The one heard last is the last.
    private(set) var all: [Claim] = []

    mutating func note(_ claim: Claim) {
        all.removeAll { $0.secretDigest == claim.secretDigest }
        all.append(claim)
        if all.count > Self.limit { all.removeFirst() }
    }

    mutating func drop(_ secretDigest: [UInt8]) { all.removeAll { $0.secretDigest == secretDigest } }

    static func fingerprint(_ digest: [UInt8]) -> String {
        let hex = Array("0123456789abcdef")
        return String(digest.prefix(8).flatMap { [hex[Int($0 >> 4)], hex[Int($0 & 15)]] })
    }

    var json: JSON {
        .array(
            all.sorted { ($0.site, $0.fingerprint) < ($1.site, $1.fingerprint) }.map {
                [
                    "name": .string($0.site), "replica": .integer(Int64($0.replica)),
                    "fingerprint": .string($0.fingerprint), "at": .string(rfc3339(ms: $0.atMs)),
                ]
            })
    }
}

extension HubService {
    /// Notes whose greeting is not known here, and says what is to be done; nil when this hub was never restored, or the
    /// greeting does not say whose it is.
    func claim(_ request: Request, secretDigest: [UInt8], replica: UInt32?) throws(Problem) -> Problem? {
        guard let replica, let site = request.headers["samband-site"].map({ "\($0)" }), isSiteName(site),
            try answering({ () throws(StoreError) in try store.wasRestored() })
        else { return nil }
        let claim = SiteClaims.Claim(site: site, replica: replica, secretDigest: secretDigest, atMs: now())
        claims.note(claim)
        return Problem(
            type: .unconfirmed, title: "Not confirmed yet",
            detail: "This hub was restored and does not know the secret that site \(site) shows; its fingerprint is "
                + "\(claim.fingerprint).",
            next: "At the hub, after comparing it: samband recover accept --site \(site) "
                + "--fingerprint \(claim.fingerprint).",
            headers: ["www-authenticate": "Bearer"])
    }

    /// An operator says that who shows a secret is the site that it says it is.
    func confirmSite(_ name: String, fingerprint: String?, _ request: Request) throws(Problem) {
        // Without it whoever greets under that name at this moment would be let in, and anybody can.
        guard let fingerprint else {
            throw Problem(
                .badRequest, title: "The fingerprint is needed",
                detail: "A name alone does not tell who shows a secret for it.",
                next: "Add --fingerprint F, as the site's node shows it: samband status.")
        }
        let found = claims.all.filter { $0.site == name && $0.fingerprint == fingerprint }
        guard let claim = found.first else {
            throw Problem(
                .notFound, title: "Nobody to confirm",
                detail: "No site of the name \(name.prefix(32)) has shown itself with a secret that is not known here "
                    + "and has that fingerprint.",
                next:
                    "The hub has to run, and the site's node, too: it greets every few seconds. samband recover status."
            )
        }
        guard found.count == 1 else {
            throw Problem(
                .conflict, title: "Several say that they are this site",
                detail: "\(found.count) secrets are shown for site \(name).",
                next: "Name the right one: --fingerprint F. The site's node shows it: samband status.")
        }
        let entry = entry(
            request, .siteConfirmed,
            [
                "site": .string(claim.site), "replica": .integer(Int64(claim.replica)),
                "fingerprint": .string(claim.fingerprint),
            ])
        try answering { () throws(StoreError) in
            try store.confirmSite(
                claim.site, replica: claim.replica, secretDigest: claim.secretDigest, nowMs: now(), audit: entry)
        }
        claims.drop(claim.secretDigest)
    }
}
