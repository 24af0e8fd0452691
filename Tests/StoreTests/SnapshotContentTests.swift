import Foundation
import NodeDatabase
import Replication
import SQLite
import Snapshots
import TableModel
import Testing

@testable import HubDatabase

/// A site gets the rows and what travels anyway, and nothing of what only the hub may know (promise 8).
@Suite("What a snapshot holds")
struct SnapshotContentTests {
    private static let marker = "only-the-hub-knows"

    /// A hub with conflicts, withheld rows, decisions, joined records, policies and operators.
    private func fleet() throws -> TestFleet {
        let fleet = try TestFleet(Schemas.wards)
        for site in ["snasa", "verran"] { try fleet.join(site) }
        try fleet.write("snasa", "UPDATE stay SET note = 'a'; INSERT INTO remark VALUES('m2', 'w2')")
        try fleet.write("verran", "UPDATE stay SET note = 'b'; DELETE FROM ward WHERE id = 'w2'")
        try fleet.meet()
        let hub = fleet.hub
        for conflict in try hub.conflicts(includeSettled: false) where conflict.column != nil {
            _ = try hub.resolve(
                conflict.id, .now, changed: nil, by: "kari", reason: "seen", nowMs: fleet.nowMs)
        }
        try hub.setPolicy(
            table: "stay", column: "note", policy: .newest, unit: nil, by: "kari", nowMs: fleet.nowMs)
        try hub.addOperator(
            "kari", .operator, tokenDigest: Array(Self.marker.utf8), by: "ola", nowMs: fleet.nowMs)
        try fleet.write("snasa", "INSERT INTO ward VALUES('w7', 'C'), ('w8', 'C')")
        try fleet.meet()
        _ = try hub.mergeRecords(
            table: "ward", key: [.text("w7")], into: [.text("w8")], by: "kari", reason: nil,
            nowMs: fleet.nowMs, dryRun: false)
        return fleet
    }

    private func texts(_ sql: String, _ connection: Connection) throws -> [String] {
        let rows = try connection.prepare(sql)
        var found: [String] = []
        while try rows.step() { found.append(rows.string(0)) }
        return found
    }

    /// But those of marks, which the node makes anew.
    private func tables(_ connection: Connection) throws -> [String] {
        try texts(
            """
            SELECT name FROM sqlite_schema
            WHERE type = 'table' AND name GLOB 'samband_*' AND name NOT GLOB 'samband_mark_[0-9]*'
            """, connection)
    }

    private func columns(_ table: String, _ connection: Connection) throws -> [String] {
        try texts("SELECT name FROM pragma_table_xinfo('\(table)')", connection)
    }

    /// The tables, columns and facts of a hub's file that the list does not name.
    private func unlisted(_ connection: Connection) throws -> [String] {
        var found: [String] = []
        for table in try tables(connection) {
            switch SnapshotContent.tables[table] {
            case nil: found.append(table)
            case .kept(let known):
                found += try columns(table, connection).filter { known[$0] == nil }.map { "\(table).\($0)" }
            case .emptied, .dropped: break
            }
        }
        return try found
            + texts("SELECT name FROM samband_meta", connection).filter { MetaKey(rawValue: $0) == nil }
    }

    @Test("every table, column and fact of a hub's file is in the list, and the list names no others")
    func listIsWhole() throws {
        let fleet = try fleet()
        let connection = fleet.hub.connection
        let unlisted = try unlisted(connection)
        #expect(unlisted.isEmpty, "\(unlisted)")
        #expect(try Set(tables(connection)) == Set(SnapshotContent.tables.keys))
        for case (let table, .kept(let known)) in SnapshotContent.tables {
            #expect(try Set(columns(table, connection)) == Set(known.keys), "\(table)")
        }
        try plant(connection)
        #expect(
            try Set(self.unlisted(connection))
                == ["samband_planted", "samband_conflict.planted", "samband_site_2", "planted_key"])
    }

    private func plant(_ connection: Connection) throws {
        try connection.execute(
            """
            CREATE TABLE samband_planted(secret TEXT); INSERT INTO samband_planted VALUES('\(Self.marker)');
            CREATE TABLE "samband_site_2"(secret TEXT); INSERT INTO samband_site_2 VALUES('\(Self.marker)');
            ALTER TABLE samband_conflict ADD COLUMN planted TEXT;
            UPDATE samband_conflict SET planted = '\(Self.marker)';
            INSERT INTO samband_meta VALUES('planted_key', '\(Self.marker)');
            """)
    }

    @Test("what nobody put into the list does not leave the hub, and the site can work with its snapshot")
    func plantedStays() throws {
        let fleet = try fleet()
        try plant(fleet.hub.connection)
        try fleet.join("lierne")
        try expectNoMarker(fleet, "lierne")
        try fleet.write("lierne", "INSERT INTO ward VALUES('w9', 'new')")
        try fleet.meet()
        #expect(try fleet.rows("snasa", "SELECT name FROM ward WHERE id = 'w9'") == ["new"])
    }

    @Test("no value of a table, column or fact that the list does not keep is anywhere in the file")
    func valuesStay() throws {
        let fleet = try fleet()
        let connection = fleet.hub.connection
        for (table, treatment) in SnapshotContent.tables {
            if case .kept = treatment { continue }
            try fill(table, connection)
        }
        for key in MetaKey.allCases where key.treatment == .dropped {
            // Its value would keep the hub from giving anything out.
            if key == .fromNodes { continue }
            try connection.setMeta(key, .text(Self.marker))
        }
        try connection.execute(
            """
            UPDATE samband_replica SET sent = 4711, acknowledged = 4711, acknowledged_sealed = 4711, last_contact = 4711,
              clock_offset = 4711, renumbered = 4711, heard = 4711, switch_from = 4711, switch_at = 4711;
            CREATE TABLE _litestream_seq(secret TEXT); INSERT INTO _litestream_seq VALUES('\(Self.marker)');
            CREATE TABLE own(word TEXT); INSERT INTO own VALUES('stays');
            ANALYZE;
            """)
        let path = fleet.folder + "/copy.db"
        _ = try SnapshotFile.make(from: fleet.folder + "/hub.db", to: path, site: "lierne", replica: 4242)
        try expectNoMarker(fleet, "copy")
        for case (let table, .kept(let known)) in SnapshotContent.tables {
            for case (let column, .reset(let expression)) in known {
                #expect(
                    try fleet.rows("copy", "SELECT count(*) FROM \(table) WHERE \(column) IS NOT \(expression)") == [
                        "0"
                    ],
                    "\(table).\(column)")
            }
        }
        #expect(try fleet.rows("copy", "SELECT word FROM own") == ["stays"])
        #expect(try fleet.rows("copy", "SELECT count(*) > 0 FROM samband_conflict") == ["1"])
        #expect(
            try fleet.rows("copy", "SELECT name FROM samband_meta ORDER BY name")
                == MetaKey.allCases.filter { $0.treatment != .dropped }.map(\.rawValue).sorted())
    }

    /// Adds a row that has the marker in every column that takes one.
    private func fill(_ table: String, _ connection: Connection) throws {
        let rows = try connection.prepare("SELECT name, type FROM pragma_table_xinfo('\(table)')")
        var (names, values): ([String], [String]) = ([], [])
        while try rows.step() {
            names.append(rows.string(0))
            switch rows.string(1) {
            case "TEXT": values.append("'\(Self.marker)'")
            case "BLOB": values.append("CAST('\(Self.marker)' AS BLOB)")
            default: values.append("4711")
            }
        }
        rows.reset()
        try connection.execute(
            "INSERT INTO \(table)(\(names.joined(separator: ", "))) VALUES(\(values.joined(separator: ", ")))")
    }

    private func expectNoMarker(_ fleet: TestFleet, _ name: String) throws {
        let bytes = try Data(contentsOf: URL(filePath: "\(fleet.folder)/\(name).db"))
        #expect(bytes.range(of: Data(Self.marker.utf8)) == nil)
    }
}
