import SQLite
import TableModel

/// What an application sees of disputes with one SELECT, by any SQLite that has JSON (3.38 and later).
///
///     SELECT * FROM samband_dispute WHERE table_name = 'referral' AND json_extract(key, '$.id') = 'r-1'
///
/// `samband_dispute` has a row for each side of each open conflict; `samband_waiting` one for each row that is withheld.
/// Keys and rows are JSON; the value of a cell is itself, or JSON where SQLite's JSON has no such value (a BLOB).
package enum DisputeViews {
    /// Makes the views `samband_dispute` and `samband_waiting` anew.
    package static func install(_ connection: Connection) throws {
        try connection.execute(
            """
            DROP VIEW IF EXISTS samband_dispute;
            CREATE VIEW samband_dispute AS SELECT
              c.id AS conflict,
              c.kind AS kind,
              c.table_name AS table_name,
              json_extract(c.shown, '$.key') AS key,
              c.column_name AS column_name,
              \(time("c.opened_at")) AS opened_at,
              json_extract(c.shown, '$.base') AS base,
              json_extract(s.value, '$.site') AS site,
              json_extract(s.value, '$.site') = \(ours) AS is_ours,
              json_extract(s.value, '$.written_at') AS written_at,
              json_extract(s.value, '$.value') AS value
            FROM samband_conflict c, json_each(c.shown, '$.sides') s WHERE c.state = 'open';

            DROP VIEW IF EXISTS samband_waiting;
            CREATE VIEW samband_waiting AS SELECT
              w.id AS id,
              w.conflict AS conflict,
              c.kind AS kind,
              w.table_name AS table_name,
              json_extract(w.shown, '$.key') AS key,
              coalesce(nullif(r.site, ''), 'hub') AS site,
              coalesce(nullif(r.site, ''), 'hub') = \(ours) AS is_ours,
              json_extract(w.shown, '$.operation') AS operation,
              json_extract(w.shown, '$.row') AS row,
              \(time("c.opened_at")) AS since
            FROM samband_withheld w LEFT JOIN samband_conflict c ON c.id = w.conflict
              LEFT JOIN samband_replica r ON r.replica = w.replica
            WHERE w.state = 'withheld';
            """)
    }

    /// The site of this database; the hub goes by the name it has among the sides.
    private static let ours =
        "coalesce((SELECT value FROM samband_meta WHERE name = '\(MetaKey.site.rawValue)'), 'hub')"

    private static func time(_ milliseconds: String) -> String {
        "strftime('%Y-%m-%dT%H:%M:%SZ', \(milliseconds) / 1000, 'unixepoch')"
    }
}
