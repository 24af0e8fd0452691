import Auditing
import HTTP
import JSONText
import Explaining
import RecordViews
import Replication

/// Rows whose values an answer shows to a person, for the audit of a hub.
package struct ShownRows: Sendable {
    package let what: AuditEvent
    /// What they were shown by: the number of a conflict, say.
    package let details: JSON.Object
    package let rows: [ShownRow]

    package init(_ what: AuditEvent, _ rows: [ShownRow], details: JSON.Object = JSON.Object()) {
        self.what = what
        self.details = details
        self.rows = rows
    }
}

/// One of them, and the sites whose writes are shown of it; empty for the hub's own.
package struct ShownRow: Sendable {
    package let table: String
    package let key: [Value]
    package let sites: [String]

    package init(table: String, key: [Value], sites: some Sequence<String>) {
        self.table = table
        self.key = key
        self.sites = Set(sites).sorted()
    }
}

/// An answer, and the rows of which it shows values; nil where it shows none.
package struct Reading: Sendable {
    package let response: Response
    package let shown: ShownRows?

    package init(_ response: Response, shows shown: ShownRows? = nil) {
        self.response = response
        self.shown = shown
    }
}

extension ConflictView {
    package var shown: ShownRow { ShownRow(table: record.table, key: record.key, sites: sites) }
}

extension WithheldView {
    package var shown: ShownRow { ShownRow(table: record.table, key: record.key, sites: [site]) }
}

extension RowView {
    var shown: ShownRow { ShownRow(table: table, key: key, sites: []) }
}

extension ConflictDetail {
    var shown: [ShownRow] { [view.shown] + standing.map(\.shown) + withheld.map(\.shown) }
}

extension WithheldDetail {
    var shown: [ShownRow] {
        [view.shown] + waiting.map(\.shown) + (conflict?.shown.filter { $0.key != view.shown.key } ?? [])
    }
}

extension Explanation {
    var shown: ShownRow {
        ShownRow(table: row.table, key: row.key, sites: events.map(\.site) + withheld.map(\.site))
    }
}
