import HTTP
import Presentation
import Replication
import TableModel

/// What is measured, in Prometheus' text format: numbers only, no value of a row.
/// https://prometheus.io/docs/instrumenting/exposition_formats/
extension HubService {
    func metrics() throws(Problem) -> Response {
        let text = try answering { () throws(StoreError) in try exposition() }
        return Response(.ok, "text/plain; version=0.0.4; charset=utf-8", text)
    }

    private func exposition() throws(StoreError) -> String {
        let counts = try store.counts()
        var page = Exposition()
        page.add("position", .counter, "The end of the hub's order.", [("", try store.lastPosition())])
        page.add("conflicts_open", .gauge, "Conflicts that wait for a person.", [("", UInt64(counts.conflictsOpen))])
        page.add("withheld_rows", .gauge, "Rows kept beside the tables.", [("", UInt64(counts.withheld))])
        page.add(
            "recovering", .gauge, "1 while a restored hub gathers what its sites know.",
            [("", store.isRecovering ? 1 : 0)])
        try addSites(to: &page)
        page.add(
            "quarantined_change_sets", .gauge, "Change sets of retired sites, kept apart.",
            try store.quarantineCounts().sorted { $0.key < $1.key }.map {
                ("{site=\"\($0.key)\"}", UInt64($0.value.changeSets))
            })
        page.add("audit_rows_total", .counter, "Rows written to the audit.", [("", try store.auditHead().number)])
        page.add(
            "credential_failures_total", .counter, "Credentials that opened nothing, by kind.",
            CredentialFailure.allCases.map { ("{kind=\"\($0.rawValue)\"}", failures.counts[$0] ?? 0) })
        return page.text
    }

    private func addSites(to page: inout Exposition) throws(StoreError) {
        let last = try store.lastPosition()
        let sites = try store.sites()
        let replicas = sites.compactMap { site in
            // A site's name needs no escape.
            site.replica.map { (site: site, replica: $0, labels: "{site=\"\(site.name)\",replica=\"\($0)\"}") }
        }
        page.add(
            "site_connected", .gauge, "Whether a pull of the replica waits at the hub.",
            replicas.map { ($0.labels, isConnected($0.replica) ? 1 : 0) })
        page.add(
            "site_behind", .gauge, "Positions of the order that the replica has not acknowledged.",
            replicas.map { ($0.labels, last - min($0.site.acknowledged, last)) })
        page.add(
            "site_last_contact_seconds", .gauge, "When the replica was here last, in seconds since 1970.",
            replicas.compactMap { replica in replica.site.lastContactMs.map { (replica.labels, $0 / 1000) } })
        let states = Dictionary(sites.map { ($0.name, $0.state) }, uniquingKeysWith: { $1 })
        page.add(
            "sites", .gauge, "Sites by state.",
            ["invited", "active", "paused", "retired"].map { state in
                ("{state=\"\(state)\"}", UInt64(states.values.count { $0 == state }))
            })
    }
}

/// A page of numbers with their names.
private struct Exposition {
    enum Kind: String { case counter, gauge }

    private(set) var text = ""

    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ samples: [(labels: String, value: UInt64)]) {
        text += "# HELP samband_\(name) \(help)\n# TYPE samband_\(name) \(kind.rawValue)\n"
        for sample in samples { text += "samband_\(name)\(sample.labels) \(sample.value)\n" }
    }
}
