import SQLite
import TableModel

/// The view `samband_status`: one row by which an application can say "offline since 10:32, 14 changes waiting".
package enum StatusView {
    /// Makes the view anew.
    package static func install(_ connection: Connection) throws {
        let rows = try connection.prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'samband_mark_*' ORDER BY name")
        var marks: [String] = []
        while try rows.step() { marks.append("(SELECT count(*) FROM \(rows.string(0)))") }
        func meta(_ key: MetaKey) -> String {
            "(SELECT value FROM samband_meta WHERE name = '\(key.rawValue)')"
        }
        let waiting = marks.isEmpty ? "0" : marks.joined(separator: " + ")
        try connection.execute(
            """
            DROP VIEW IF EXISTS samband_status;
            CREATE VIEW samband_status AS SELECT
              \(meta(.role)) AS role,
              \(meta(.site)) AS site,
              coalesce(\(meta(.link)), 'down') AS link,
              \(meta(.linkSince)) AS link_since,
              \(meta(.lastContact)) AS last_contact,
              \(waiting) + (SELECT coalesce(sum(length(key_hashes)), 0) / 8 FROM samband_change
                WHERE replica = \(meta(.replica)) AND position IS NULL
                  AND seq > coalesce(\(meta(.acknowledged)), 0)) AS pending,
              (SELECT count(*) FROM samband_change WHERE position IS NULL) AS in_flight,
              (SELECT count(*) FROM samband_conflict WHERE state = 'open') AS conflicts_open,
              (SELECT count(*) FROM samband_withheld WHERE state = 'withheld') AS withheld,
              \(meta(.trouble)) AS trouble;
            """)
    }
}
