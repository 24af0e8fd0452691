import HTTP
import Presentation

typealias HubRoute = ServedRoute<HubService>

extension HubService {
    /// All that the hub serves: what stands in no table is answered 404.
    static let routes = siteRoutes + recoveryRoutes + fleetRoutes + decisionRoutes + auditRoutes + ReadRoutes.table()

    static let routeTable = Dictionary(uniqueKeysWithValues: routes.map { ($0.route, $0) })

    /// The exchange with sites, over the network only.
    private static let siteRoutes: [HubRoute] = [
        HubRoute(.get, "/healthz", for: .anyone) { _, _, _ throws(Problem) in
            Response(.ok, "text/plain; charset=utf-8", "ok\n")
        },
        HubRoute(
            .post, "/v1/join", for: .anyone, .writes, audit: [.siteJoined],
            asks: .provenJSON(JoinRequest.described, limit: 4096), answers: .provenJSON(JoinAnswer.described),
            problems: [.joinRefused, .damaged]
        ) { hub, request, _ throws(Problem) in try await hub.join(request) },
        HubRoute(
            .get, "/v1/snapshot", for: .site, after: [.isServing],
            problems: [.busy, .io]
        ) { hub, request, _ throws(Problem) in try await hub.snapshot(request) },
        HubRoute(
            .post, "/v1/hello", for: .siteOrRetired, .writes, audit: [.secretsChanged],
            asks: .provenJSON(GreetingRequest.described, limit: 1 << 20),
            answers: .provenJSON(GreetingAnswer.described), problems: [.unconfirmed, .diverged, .damaged]
        ) { hub, request, _ throws(Problem) in try await hub.hello(request) },
        HubRoute(
            .post, "/v1/push", for: .siteOrRetired, .writes,
            asks: .frames, answers: .provenJSON(PushAnswer.described),
            problems: [.anotherHub, .missing, .changed, .refused, .replaced, .damaged, .cut]
        ) { hub, request, _ throws(Problem) in try await hub.push(request) },
        HubRoute(
            .post, "/v1/pull", for: .site, .writes, after: [.namesHub, .isServing],
            asks: .provenJSON(PullRequest.described, limit: 1 << 16),
            problems: [.replaced, .damaged]
        ) { hub, request, _ throws(Problem) in try await hub.pull(request) },
        HubRoute(
            .post, "/v1/split", for: .site, .writes, after: [.namesHub],
            asks: .provenJSON(SplitQuestion.described, limit: 1 << 18), answers: .provenJSON(SplitReply.described),
            problems: [.missing, .refused, .damaged]
        ) { hub, request, _ throws(Problem) in try await hub.split(request) },
        HubRoute(
            .post, "/v1/rotate", for: .site, .writes, audit: [.secretsOffered],
            asks: .provenJSON(RotateRequest.described, limit: 4096), answers: .provenJSON(EmptyAnswer.described),
            problems: [.busy, .damaged]
        ) { hub, request, _ throws(Problem) in try await hub.rotate(request) },
    ]

    /// By which a restored hub gets back what its sites know.
    private static let recoveryRoutes: [HubRoute] = [
        HubRoute(
            .post, "/v1/recovery/offer", for: .site, .writes,
            asks: .provenJSON(OfferRequest.described, limit: 4 << 20), answers: .provenJSON(OfferAnswer.described),
            problems: [.anotherHub, .refused, .damaged]
        ) { hub, request, _ throws(Problem) in try await hub.offer(request) },
        HubRoute(
            .post, "/v1/recovery/sets", for: .site, .writes, asks: .frames,
            answers: .provenJSON(HandedInAnswer.described), problems: [.anotherHub, .refused, .damaged, .cut]
        ) { hub, request, _ throws(Problem) in try await hub.handIn(request) },
        HubRoute(
            .post, "/v1/recovery/done", for: .site, .writes, asks: .provenJSON(DoneRequest.described, limit: 4096),
            answers: .provenJSON(EmptyAnswer.described), problems: [.anotherHub, .damaged]
        ) { hub, request, _ throws(Problem) in try await hub.handedIn(request) },
        HubRoute(.get, "/v1/recovery", for: .overview) {
            hub, _, _ throws(Problem) in try await hub.recovery()
        },
        HubRoute(
            .post, "/v1/recovery/begin", for: .fleet, .writes, audit: [.recoveryBegun]
        ) { hub, request, _ throws(Problem) in try await hub.beginRecovery(request) },
        HubRoute(
            .post, "/v1/recovery/accept", for: .fleet, .writes, audit: [.recoveryAccepted, .siteConfirmed],
            asks: .json(RecoveryAcceptance.described, limit: 4096),
            problems: [.refused]
        ) { hub, request, _ throws(Problem) in try await hub.acceptRecovery(request) },
    ]
}
