import HTTP
import Presentation
import ReplicaStore

extension HubService {
    /// What operators see of the fleet, and do to it.
    static let fleetRoutes: [HubRoute] = [
        HubRoute(.get, "/metrics", for: .overview, answers: .text("numbers, in Prometheus' text format")) {
            hub, _, _ throws(Problem) in try await hub.metrics()
        },
        HubRoute(.get, "/v1/status", for: .overview, answers: .text("the [state](#the-state) of the hub")) {
            hub, _, _ throws(Problem) in try await hub.status()
        },
        HubRoute(
            .post, "/v1/sync", for: .overview, .writes, answers: .text("nothing: only a node does it"),
            problems: [.refused]
        ) { _, _, _ throws(Problem) in
            throw Problem(
                type: .refused, title: "A hub does not sync",
                detail: "The database is the hub's: its nodes come to it.",
                next: "Name a node's file with --db.")
        },
        HubRoute(
            .post, "/v1/secret/rotate", for: .overview, .writes, answers: .text("nothing: only a node does it"),
            problems: [.refused]
        ) { _, _, _ throws(Problem) in
            throw Problem(
                type: .refused, title: "A hub has no site's secrets",
                detail: "The database is the hub's: a site's node makes its own.",
                next: "Name a node's file with --db.")
        },
        HubRoute(
            .post, "/v1/policy", for: .fleet, .writes, audit: [.policySet],
            asks: .json(PolicyRequest.described, limit: 4096),
            answers: .text("an array of the [policies](#policies) of the table"), problems: [.refused]
        ) { hub, request, _ throws(Problem) in try await hub.setPolicy(request) },
        HubRoute(.get, "/v1/site", for: .overview, answers: .text("an array of [sites](#sites)")) {
            hub, _, _ throws(Problem) in try await .json(.array(hub.siteList()))
        },
        HubRoute(
            .post, "/v1/site", for: .fleet, .writes, audit: [.siteAdded],
            asks: .json(SiteInvitation.described, limit: 4096), answers: .json(SiteToken.described),
            problems: [.refused]
        ) { hub, request, _ throws(Problem) in try await hub.addSite(request) },
        siteStep(.pause, .sitePaused), siteStep(.resume, .siteResumed), siteStep(.retire, .siteRetired),
        HubRoute(
            .get, "/v1/site/{name}/quarantine", for: .supervision,
            answers: .text("the [change sets](#sites) that came after the site was retired"), problems: [.notFound]
        ) { hub, _, parameters throws(Problem) in try await hub.quarantineList(parameters["name"]) },
        HubRoute(.get, "/v1/operator", for: .fleet, answers: .text("an array of [operators](#operators)")) {
            hub, _, _ throws(Problem) in try await hub.operatorList()
        },
        HubRoute(
            .post, "/v1/operator", for: .fleet, .writes, audit: [.operatorAdded],
            asks: .json(OperatorInvitation.described, limit: 4096), answers: .json(OperatorToken.described),
            problems: [.refused]
        ) { hub, request, _ throws(Problem) in try await hub.addOperator(request) },
        HubRoute(
            .post, "/v1/operator/{name}/revoke", for: .fleet, .writes, audit: [.operatorRevoked],
            answers: .json(SiteState.described), problems: [.notFound]
        ) { hub, request, parameters throws(Problem) in try await hub.revokeOperator(parameters["name"], request) },
        // It writes where it is told to, with the hub's rights.
        HubRoute(
            .post, "/v1/backup", for: .ownMachine, .writes, audit: [.backup],
            asks: .json(BackupRequest.described, limit: 1 << 14),
            answers: .text("`file`, `bytes`, `at`, `position`, `vector` of a copy of the database, which is verified"),
            problems: [.refused, .busy, .io]
        ) { hub, request, _ throws(Problem) in try await hub.backup(request) },
    ]

    private static func siteStep(_ step: SiteStep, _ event: AuditEvent) -> HubRoute {
        HubRoute(
            .post, "/v1/site/{name}/\(step.rawValue)", for: .fleet, .writes, audit: [event],
            answers: .json(SiteState.described), problems: [.notFound, .refused]
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
                    FieldDescription(
                        "take", "text", "a site, or the change of its side where it has several, or `now`"),
                    FieldDescription("set", "object of values", "the values, by column"),
                    FieldDescription("restore", "`true`", "a deleted row stays"),
                    FieldDescription("delete", "`true`", "it goes"),
                    FieldDescription("admit", "`true`", "the withheld row comes in"),
                    FieldDescription("discard", "`true`", "the withheld row is given up"),
                ] + DecisionSignature.described),
            answers: .text("the [conflict](#conflicts)"), problems: [.notFound, .changed, .refused]
        ) { hub, request, parameters throws(Problem) in try await hub.resolve(parameters["id"], request) },
        HubRoute(
            .post, "/v1/conflict/{id}/undo", for: .rows, .writes, audit: [.conflictUndone, .conflictRead],
            asks: .json(DecisionSignature.described),
            answers: .text("the [conflict](#conflicts), open again"), problems: [.notFound, .changed, .refused]
        ) { hub, request, parameters throws(Problem) in try await hub.undo(parameters["id"], request) },
        HubRoute(
            .post, "/v1/record/merge", for: .rows, .writes, audit: [.recordsMerged, .recordsRead],
            asks: .json(
                ReadRoutes.rowFields + [
                    FieldDescription("into", "array of values", .required, "the key of the row that remains")
                ] + DecisionSignature.described),
            answers: .text("the [merged records](#merged-records)"), problems: [.notFound, .refused]
        ) { hub, request, _ throws(Problem) in try await hub.mergeRecords(request) },
        HubRoute(
            .post, "/v1/record/unmerge", for: .rows, .writes, audit: [.recordsUnmerged, .recordsRead],
            asks: .json([FieldDescription("id", "integer", .required, "of the merge")] + DecisionSignature.described),
            answers: .text("the [merged records](#merged-records), apart again"), problems: [.notFound, .refused]
        ) { hub, request, _ throws(Problem) in try await hub.unmergeRecords(request) },
    ]

    /// For those who see to it that nobody does or reads what he should not. No row of the fleet is in them.
    static let auditRoutes: [HubRoute] = [
        HubRoute(
            .get, "/v1/audit", for: .audit,
            asks: .query([
                FieldDescription("after", "number", "rows behind this one"),
                FieldDescription("from", "number", "seconds since 1970"),
                FieldDescription("to", "number", "seconds since 1970, which is not in it"),
                FieldDescription("who", "text", "a person"),
                FieldDescription("what", "text", "`read.history`, or `read` for all of them"),
                FieldDescription("limit", "number", "1 to 1000; 1000 when missing"),
            ]), answers: .text("`rows` of the [audit](#the-audit), oldest first; `head`")
        ) { hub, request, _ throws(Problem) in try await hub.auditList(request) },
        HubRoute(
            .get, "/v1/audit/verify", for: .audit,
            asks: .query([FieldDescription("head", "NUMBER:DIGEST", "as it was noted earlier")]),
            answers: .text("`holds`, `rows`, `first`, `head`, `broken` (null, or `number` and `why`), `kept_years`")
        ) { hub, request, _ throws(Problem) in try await hub.auditVerdict(request) },
        HubRoute(
            .post, "/v1/audit/row", for: .audit,
            asks: .json(
                ReadRoutes.rowFields + [FieldDescription("after", "integer", "rows of the audit behind this one")],
                limit: 1 << 16),
            answers: .text("`row`: its fingerprint; `rows` of the [audit](#the-audit) that name it; `head`"),
            problems: [.notFound]
        ) { hub, request, _ throws(Problem) in try await hub.auditOfRow(request) },
        HubRoute(
            .post, "/v1/audit/keep", for: .fleet, .writes, audit: [.retentionSet],
            asks: .json(AuditRetention.described, limit: 4096), answers: .text("`kept_years`")
        ) { hub, request, _ throws(Problem) in try await hub.keepAudit(request) },
    ]
}
