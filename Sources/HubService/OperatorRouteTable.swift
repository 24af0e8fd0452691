import Auditing
import HTTP
import HubDatabase
import Presentation

extension HubService {
    /// What operators see of the fleet, and do to it.
    static let fleetRoutes: [HubRoute] = [
        HubRoute(.get, "/metrics", for: .overview) {
            hub, _, _ throws(Problem) in try await hub.metrics()
        },
        HubRoute(.get, "/v1/status", for: .overview) {
            hub, _, _ throws(Problem) in try await hub.status()
        },
        HubRoute(
            .post, "/v1/sync", for: .overview, .writes,
            problems: [.refused]
        ) { _, _, _ throws(Problem) in
            throw Problem(
                type: .refused, title: "A hub does not sync",
                detail: "The database is the hub's: its nodes come to it.",
                next: "Name a node's file with --db.")
        },
        HubRoute(
            .post, "/v1/secret/rotate", for: .overview, .writes,
            problems: [.refused]
        ) { _, _, _ throws(Problem) in
            throw Problem(
                type: .refused, title: "A hub has no site's secrets",
                detail: "The database is the hub's: a site's node makes its own.",
                next: "Name a node's file with --db.")
        },
        HubRoute(
            .post, "/v1/policy", for: .fleet, .writes, audit: [.policySet],
            asks: .json(PolicyRequest.described, limit: 4096), problems: [.refused]
        ) { hub, request, _ throws(Problem) in try await hub.setPolicy(request) },
        HubRoute(.get, "/v1/site", for: .overview) {
            hub, _, _ throws(Problem) in try await .json(.array(hub.siteList()))
        },
        HubRoute(
            .post, "/v1/site", for: .fleet, .writes, audit: [.siteAdded],
            asks: .json(SiteInvitation.described, limit: 4096), answers: .json(SiteToken.described),
            problems: [.refused]
        ) { hub, request, _ throws(Problem) in try await hub.addSite(request) },
        siteStep(.pause, .sitePaused), siteStep(.resume, .siteResumed), siteStep(.retire, .siteRetired),
        HubRoute(
            .get, "/v1/site/{name}/quarantine", for: .supervision, problems: [.notFound]
        ) { hub, _, parameters throws(Problem) in try await hub.quarantineList(parameters["name"]) },
        HubRoute(.get, "/v1/operator", for: .fleet) {
            hub, _, _ throws(Problem) in try await hub.operatorList()
        },
        HubRoute(
            .post, "/v1/operator", for: .fleet, .writes, audit: [.operatorAdded],
            asks: .json(OperatorInvitation.described, limit: 4096), answers: .json(OperatorToken.described),
            problems: [.refused]
        ) { hub, request, _ throws(Problem) in try await hub.addOperator(request) },
        HubRoute(
            .post, "/v1/operator/{name}/revoke", for: .fleet, .writes, audit: [.operatorRevoked],
            answers: .json(NewState.described), problems: [.notFound]
        ) { hub, request, parameters throws(Problem) in try await hub.revokeOperator(parameters["name"], request) },
        // It writes where it is told to, with the hub's rights.
        HubRoute(
            .post, "/v1/backup", for: .ownMachine, .writes, audit: [.backup],
            asks: .json(BackupRequest.described, limit: 1 << 14),
            problems: [.refused, .busy, .io]
        ) { hub, request, _ throws(Problem) in try await hub.backup(request) },
    ]

    private static func siteStep(_ step: SiteStep, _ event: AuditEvent) -> HubRoute {
        HubRoute(
            .post, "/v1/site/{name}/\(step.rawValue)", for: .fleet, .writes, audit: [event],
            answers: .json(NewState.described), problems: [.notFound, .refused]
        ) { hub, request, parameters throws(Problem) in
            try await hub.step(step, event, parameters["name"], request)
        }
    }

    /// By which a person decides: about conflicts, and about rows that mean one thing.
    static let decisionRoutes: [HubRoute] = [
        HubRoute(
            .post, "/v1/conflict/{id}/resolve", for: .rows, .writes, audit: [.conflictResolved, .conflictRead],
            asks: .json(
                [
                    MemberDescription("take", "text"),
                    MemberDescription("set", "object of values"),
                    MemberDescription("restore", "`true`"),
                    MemberDescription("delete", "`true`"),
                    MemberDescription("admit", "`true`"),
                    MemberDescription("discard", "`true`"),
                ] + DecisionSignature.described), problems: [.notFound, .changed, .refused]
        ) { hub, request, parameters throws(Problem) in try await hub.resolve(parameters["id"], request) },
        HubRoute(
            .post, "/v1/conflict/{id}/undo", for: .rows, .writes, audit: [.conflictUndone, .conflictRead],
            asks: .json(DecisionSignature.described), problems: [.notFound, .changed, .refused]
        ) { hub, request, parameters throws(Problem) in try await hub.undo(parameters["id"], request) },
        HubRoute(
            .post, "/v1/record/merge", for: .rows, .writes, audit: [.recordsMerged, .recordsRead],
            asks: .json(
                ReadRoutes.rowFields + [
                    MemberDescription("into", "array of values", .required)
                ] + DecisionSignature.described), problems: [.notFound, .refused]
        ) { hub, request, _ throws(Problem) in try await hub.mergeRecords(request) },
        HubRoute(
            .post, "/v1/record/unmerge", for: .rows, .writes, audit: [.recordsUnmerged, .recordsRead],
            asks: .json([MemberDescription("id", "integer", .required)] + DecisionSignature.described),
            problems: [.notFound, .refused]
        ) { hub, request, _ throws(Problem) in try await hub.unmergeRecords(request) },
    ]

    /// For those who see to it that nobody does or reads what he should not. No row of the fleet is in them.
    static let auditRoutes: [HubRoute] = [
        HubRoute(
            .get, "/v1/audit", for: .audit,
            asks: .query([
                MemberDescription("after", "number"),
                MemberDescription("from", "number"),
                MemberDescription("to", "number"),
                MemberDescription("who", "text"),
                MemberDescription("what", "text"),
                MemberDescription("limit", "number"),
            ])
        ) { hub, request, _ throws(Problem) in try await hub.auditList(request) },
        HubRoute(
            .get, "/v1/audit/verify", for: .audit,
            asks: .query([MemberDescription("head", "NUMBER:DIGEST")])
        ) { hub, request, _ throws(Problem) in try await hub.auditVerdict(request) },
        HubRoute(
            .post, "/v1/audit/row", for: .audit,
            asks: .json(
                ReadRoutes.rowFields + [MemberDescription("after", "integer")],
                limit: 1 << 16),
            problems: [.notFound]
        ) { hub, request, _ throws(Problem) in try await hub.auditOfRow(request) },
        HubRoute(
            .post, "/v1/audit/keep", for: .fleet, .writes, audit: [.retentionSet],
            asks: .json(AuditRetention.described, limit: 4096)
        ) { hub, request, _ throws(Problem) in try await hub.keepAudit(request) },
    ]
}
