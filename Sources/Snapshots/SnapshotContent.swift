import SQLite
import TableModel

/// What a snapshot holds of Samband's own tables: a list of what may be in it. A table, a column or a fact that is not
/// named here does not get into a snapshot; who adds one decides here whether every site may have it.
package enum SnapshotContent {
    /// What becomes of a table of the hub.
    package enum Treatment: Sendable {
        /// The rows stay, with these columns.
        case kept([String: ColumnTreatment])
        /// The table stays, for the node has one too; its rows go.
        case emptied
        /// The table goes.
        case dropped
    }

    package enum ColumnTreatment: Sendable {
        case kept
        /// The hub's value goes, and this SQL expression takes its place.
        case reset(String)
    }

    /// Every table with `samband_` before its name that a hub's file has.
    package static let tables: [String: Treatment] = [
        // The facts: row by row, see `MetaKey.treatment`.
        "samband_meta": .kept(columns("name value")),

        // What is replicated, and how its conflicts settle.
        "samband_table": .kept(columns("number name scope_column ids run_triggers")),
        "samband_column": .kept(columns("table_number column_number name")),
        "samband_policy": .kept(columns("id table_name column_name policy unit set_by set_at")),

        // Whose change sets there are, and which of them are in the rows.
        "samband_replica": .kept(
            columns(
                "replica site state split_from split_seq split_at",
                reset: [
                    "last_digest": "zeroblob(32)", "sent": "0", "acknowledged": "0", "acknowledged_sealed": "0",
                    "last_contact": "NULL", "clock_offset": "NULL", "renumbered": "0", "heard": "NULL",
                    "switch_from": "NULL", "switch_at": "NULL",
                ])),
        "samband_epoch": .kept(columns("number hub base began_at")),
        "samband_vector": .kept(columns("replica seq", reset: ["sealed": "0"])),

        // What people are to decide, or have decided: it travels to every site anyway.
        "samband_conflict": .kept(
            columns(
                """
                id kind table_number table_name key canonical column_index column_name state settlement opened_at changed
                base sides settled_by decided_by decided_at decided_how reason earlier shown
                """)),
        "samband_withheld": .kept(
            columns("id conflict table_number table_name key canonical replica seq state operation row shown")),
        "samband_join": .kept(
            columns(
                """
                id table_number table_name key canonical into_key position conflict joined_by joined_at reason undone_by
                undone_at undone_reason
                """)),

        // The node has its own.
        "samband_aside": .emptied,
        "samband_change": .emptied,
        "samband_segment": .emptied,
        "samband_staged": .emptied,

        // The hub's alone, in tables that every database has.
        "samband_site": .emptied,
        "samband_split": .emptied,
        "samband_handed": .emptied,
        "samband_handed_segment": .emptied,
        "samband_led_on": .emptied,
        "samband_wait": .emptied,

        // The hub's alone.
        "samband_audit": .dropped,
        "samband_operator": .dropped,
        "samband_quarantine": .dropped,
        "samband_quarantine_segment": .dropped,
    ]

    private static func columns(_ kept: String, reset: [String: String] = [:]) -> [String: ColumnTreatment] {
        var columns = reset.mapValues { ColumnTreatment.reset($0) }
        for name in kept.split(whereSeparator: \.isWhitespace) { columns[String(name)] = .kept }
        return columns
    }

    /// Tables that are not of the schema and not Samband's: Litestream writes them into a database that it replicates.
    private static let foreignTables = ["_litestream_*"]

    /// Takes everything out of a copy of the hub's file that this list does not name. The tables of the schema stay.
    static func apply(to copy: Connection) throws {
        try drop("trigger", in: copy)
        try drop("view", in: copy)
        for table in try names(of: "table", like: "samband_*", in: copy) {
            switch tables[table.lowercased()] {
            case .kept(let columns): try keep(columns, of: table, in: copy)
            case .emptied: try copy.execute("DELETE FROM \(quote(identifier: table))")
            case .dropped, nil: try copy.execute("DROP TABLE \(quote(identifier: table))")
            }
        }
        for pattern in foreignTables {
            for table in try names(of: "table", like: pattern, in: copy) {
                try copy.execute("DROP TABLE \(quote(identifier: table))")
            }
        }
        try forgetFacts(in: copy)
        try forgetStatistics(in: copy)
    }

    /// Resets columns, and takes out those that the list does not name; what SQLite does not let go makes it throw.
    private static func keep(
        _ known: [String: ColumnTreatment], of table: String, in copy: Connection
    ) throws {
        let rows = try copy.prepare("SELECT name FROM pragma_table_xinfo(?1)")
        try rows.bind(at: 1, text: table)
        var (unknown, resets): ([String], [String]) = ([], [])
        while try rows.step() {
            let column = rows.string(0)
            switch known[column.lowercased()] {
            case .kept: break
            case .reset(let expression): resets.append("\(quote(identifier: column)) = \(expression)")
            case nil: unknown.append(column)
            }
        }
        rows.reset()
        if !resets.isEmpty {
            try copy.execute("UPDATE \(quote(identifier: table)) SET \(resets.joined(separator: ", "))")
        }
        for column in unknown {
            try copy.execute("ALTER TABLE \(quote(identifier: table)) DROP COLUMN \(quote(identifier: column))")
        }
    }

    private static func forgetFacts(in copy: Connection) throws {
        let kept = MetaKey.allCases.filter { $0.treatment == .kept }.map { quoteText($0.rawValue) }
        try copy.execute("DELETE FROM samband_meta WHERE name NOT IN (\(kept.joined(separator: ", ")))")
    }

    /// What ANALYZE noted holds values of rows, also of rows that are gone by now. The counts of the schema's tables stay.
    private static func forgetStatistics(in copy: Connection) throws {
        for table in try names(of: "table", like: "sqlite_stat?", in: copy) {
            let whose = table == "sqlite_stat1" ? " WHERE lower(tbl) GLOB 'samband_*'" : ""
            try copy.execute("DELETE FROM \(table)\(whose)")
        }
    }

    private static func drop(_ type: String, in copy: Connection) throws {
        for name in try names(of: type, like: "samband_*", in: copy) {
            try copy.execute("DROP \(type) \(quote(identifier: name))")
        }
    }

    private static func names(of type: String, like pattern: String, in copy: Connection) throws -> [String] {
        let rows = try copy.prepare(
            "SELECT name FROM sqlite_schema WHERE type = ?1 AND lower(name) GLOB ?2 ORDER BY name")
        try rows.bind(at: 1, text: type)
        try rows.bind(at: 2, text: pattern)
        var names: [String] = []
        while try rows.step() { names.append(rows.string(0)) }
        rows.reset()
        return names
    }
}

extension MetaKey {
    /// What becomes of a fact of the hub.
    package enum Treatment: Sendable {
        case kept
        /// The snapshot has its own.
        case replaced
        case dropped
    }

    package var treatment: Treatment {
        switch self {
        case .fleet, .formatVersion, .schemaVersion, .hlc: .kept
        case .role, .site, .replica, .position, .hlcSeen: .replaced
        // The hub's own log, and what becomes of its file.
        case .seq, .digest, .restored, .fromNodes, .recovering, .policiesBack, .joinsMissing: .dropped
        case .backupAt, .backupPosition, .backupVector: .dropped
        case .acceptedMs, .runningMs: .dropped
        case .auditKey, .auditYears: .dropped
        // A node makes these itself.
        case .hub, .clockOffsetMs, .schemaCookie, .acknowledged, .link, .linkSince, .lastContact, .lastContactMs:
            .dropped
        case .splitTicket, .notice, .noticeMs, .trouble, .testified: .dropped
        }
    }
}
