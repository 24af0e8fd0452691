import SQLite
import SimulationKit

/// What may stand beside the tables of a database whose fleet is at rest: the log, conflicts, and what the documents name.
/// (Protocol/Promises.md#9-bounded)
extension StoreMaker {
    /// Nil when nothing else stands there.
    func excess(_ connection: Connection, isHub: Bool) throws -> String? {
        for table in catalogue.tables {
            let sql = try connection.firstString("SELECT sql FROM sqlite_schema WHERE name = '\(table.name)'")
            guard sql == table.createSQL else { return "table \(table.name) is not as it was declared" }
        }
        let tables = try names(
            connection, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'samband!_%' ESCAPE '!'")
        for name in tables where !template.tables.contains(name) && !name.hasPrefix("samband_mark_") {
            return "it has a table \(name), which no new database has"
        }
        for (what, sql) in Self.transient + (isHub ? Self.ofHub : Self.ofNode) {
            let count = try connection.firstInteger("SELECT count(*) FROM \(sql)") ?? 0
            if count > 0 { return "it keeps \(count) \(what)" }
        }
        for name in tables where name.hasPrefix("samband_mark_") {
            let count = try connection.firstInteger("SELECT count(*) FROM \(name)") ?? 0
            if count > 0 { return "it keeps \(count) marks of what was sealed" }
        }
        return nil
    }

    private func names(_ connection: Connection, _ sql: String) throws -> [String] {
        let statement = try connection.prepare(sql)
        var names: [String] = []
        while try statement.step() { names.append(statement.string(0)) }
        return names
    }

    /// What is there for a while only, and what would lie in the log without being a part of it.
    private static let transient = [
        ("rows aside", "samband_aside"),
        (
            "segments of no change set",
            "samband_segment s WHERE NOT EXISTS(SELECT 1 FROM samband_change c WHERE c.id = s.change)"
        ),
        ("change sets on their way", "samband_change WHERE position IS NULL"),
        (
            "withheld rows of no conflict",
            "samband_withheld w WHERE NOT EXISTS(SELECT 1 FROM samband_conflict c WHERE c.id = w.conflict)"
        ),
    ]

    private static let ofHub = [
        // The rest of another one comes when its site comes, if ever.
        (
            "parts of change sets that have come whole",
            "samband_staged s JOIN samband_vector v ON v.replica = s.replica WHERE s.seq <= v.seq"
        ),
        (
            "waits of rows that are not withheld",
            "samband_wait w WHERE NOT EXISTS(SELECT 1 FROM samband_withheld h WHERE h.id = w.withheld)"
        ),
        (
            "segments that were handed in and are in the log",
            """
            samband_handed_segment s
            WHERE NOT EXISTS(SELECT 1 FROM samband_handed h WHERE h.id = s.handed AND h.state <> 'taken')
            """
        ),
        ("change sets of a site that was never retired", "samband_quarantine"),
    ]

    private static let ofNode = [
        ("parts of hub transactions that have come whole", "samband_staged"),
        ("change sets that were handed in", "samband_handed"), ("waits", "samband_wait"), ("tickets", "samband_split"),
    ]
}

extension StoreHub {
    func excess() throws -> String? { try maker.excess(reader, isHub: true) }
}

extension StoreNode {
    func excess() throws -> String? { try maker.excess(program, isHub: false) }
}
