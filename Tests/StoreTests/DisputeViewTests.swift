import SQLite
import Testing

@testable import Explaining

@Suite("What applications see of disputes with one SELECT")
struct DisputeViewTests {
    static let schema = """
        CREATE TABLE patient(id TEXT PRIMARY KEY NOT NULL, name TEXT, photo BLOB, weight REAL) STRICT;
        CREATE TABLE bed(id TEXT PRIMARY KEY NOT NULL, place INTEGER UNIQUE, who TEXT) STRICT;
        INSERT INTO samband_table(name) VALUES('patient'), ('bed');
        """

    private static func fleet() throws -> TestFleet {
        let fleet = try TestFleet(schema)
        try fleet.join("snasa")
        try fleet.join("verran")
        return fleet
    }

    private static let places = ["hub", "snasa", "verran"]

    @Test("both sides of a cell stand in samband_dispute with their values, and each site knows its own")
    func cell() throws {
        let fleet = try Self.fleet()
        try fleet.write("snasa", "INSERT INTO patient VALUES('p-1', 'Ola', NULL, 71.5)")
        try fleet.meet()
        try fleet.write("snasa", "UPDATE patient SET name = 'Ola Nordmann'")
        try fleet.write("verran", "UPDATE patient SET name = 'Ola N.'")
        try fleet.meet()
        try fleet.meet()
        let query = """
            SELECT conflict, kind, table_name, column_name, base, site, is_ours, value FROM samband_dispute
            WHERE table_name = 'patient' AND json_extract(key, '$.id') = 'p-1' ORDER BY site
            """
        for place in Self.places {
            let (snasa, verran) = (place == "snasa" ? 1 : 0, place == "verran" ? 1 : 0)
            #expect(
                try fleet.rows(place, query) == [
                    "1|cell|patient|name|Ola|snasa|\(snasa)|Ola Nordmann",
                    "1|cell|patient|name|Ola|verran|\(verran)|Ola N.",
                ], "\(place)")
        }
        // Times are as everywhere else: they compare as text.
        let times = try fleet.rows("snasa", "SELECT opened_at, written_at FROM samband_dispute")
        for time in times.flatMap({ $0.split(separator: "|") }) {
            #expect(time.wholeMatch(of: /2023-11-14T\d\d:\d\d:\d\dZ/) != nil, "\(time)")
        }

        _ = try fleet.hub.resolve(1, .take(site: "verran"), changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs)
        try fleet.meet()
        for place in Self.places {
            #expect(try fleet.rows(place, "SELECT * FROM samband_dispute") == [], "\(place)")
            #expect(
                try fleet.rows(place, "SELECT count(*), count(shown) FROM samband_conflict") == ["1|0"], "\(place)")
        }
    }

    @Test("values keep their type: numbers are numbers, NULL is NULL, a BLOB is JSON that names it")
    func types() throws {
        for (column, one, other, wanted) in [
            ("weight", "71.0", "NULL", ["real|71.0", "null|NULL"]),
            ("photo", "x'00ff'", "x''", [#"text|{"blob":"AP8="}"#, #"text|{"blob":""}"#]),
            ("name", "'{\"a\":1}'", "''", [#"text|{"a":1}"#, "text|"]),
        ] {
            let fleet = try Self.fleet()
            try fleet.write("snasa", "INSERT INTO patient VALUES('p-1', 'x', x'aa', 1)")
            try fleet.meet()
            try fleet.write("snasa", "UPDATE patient SET \(column) = \(one)")
            try fleet.write("verran", "UPDATE patient SET \(column) = \(other)")
            try fleet.meet()
            try fleet.meet()
            #expect(
                try fleet.rows("verran", "SELECT typeof(value), value FROM samband_dispute ORDER BY site") == wanted)
        }
    }

    @Test("a delete against an edit shows the row as JSON, and no value for who deleted it")
    func wholeRow() throws {
        let fleet = try Self.fleet()
        try fleet.write("snasa", "INSERT INTO patient VALUES('p-1', 'Ola', NULL, 71.5)")
        try fleet.meet()
        try fleet.write("snasa", "DELETE FROM patient")
        try fleet.write("verran", "UPDATE patient SET name = 'Kari'")
        try fleet.meet()
        try fleet.meet()
        let query = "SELECT kind, column_name, base, site, value FROM samband_dispute ORDER BY site"
        for place in Self.places {
            #expect(
                try fleet.rows(place, query) == [
                    #"delete_update|NULL|{"id":"p-1","name":"Ola","photo":null,"weight":71.5}|snasa|NULL"#,
                    #"delete_update|NULL|{"id":"p-1","name":"Ola","photo":null,"weight":71.5}|verran|"#
                        + #"{"id":"p-1","name":"Kari"}"#,
                ], "\(place)")
        }
    }

    @Test("a withheld row stands in samband_waiting with all its values, until it is settled")
    func waiting() throws {
        let fleet = try Self.fleet()
        try fleet.write("snasa", "INSERT INTO bed VALUES('b-1', 16, 'Ola')")
        try fleet.write("verran", "INSERT INTO bed VALUES('b-2', 16, 'Kari')")
        try fleet.meet()
        try fleet.meet()
        let query = "SELECT id, conflict, kind, table_name, key, site, is_ours, operation, row FROM samband_waiting"
        for place in Self.places {
            #expect(
                try fleet.rows(place, query) == [
                    #"1|1|unique|bed|{"id":"b-2"}|verran|\#(place == "verran" ? 1 : 0)|insert|"#
                        + #"{"id":"b-2","place":16,"who":"Kari"}"#
                ], "\(place)")
            #expect(try fleet.rows(place, "SELECT since FROM samband_waiting").first?.hasPrefix("2023-11-14T") == true)
            // The conflict names the row that stands and the one that waits.
            #expect(
                try fleet.rows(place, "SELECT site, json_extract(value, '$.id') FROM samband_dispute ORDER BY site")
                    == ["snasa|b-1", "verran|b-2"], "\(place)")
        }
        // Its author takes it back.
        try fleet.write("verran", "INSERT OR REPLACE INTO bed VALUES('b-2', 17, 'Kari')")
        try fleet.meet()
        try fleet.meet()
        for place in Self.places {
            #expect(try fleet.rows(place, "SELECT * FROM samband_waiting") == [], "\(place)")
        }
    }

    @Test("a long value is counted, not shown, and what is shown of a conflict stays small")
    func longValues() throws {
        let fleet = try Self.fleet()
        try fleet.write("snasa", "INSERT INTO patient VALUES('p-1', 'Ola', NULL, 1)")
        try fleet.meet()
        try fleet.write("snasa", "UPDATE patient SET photo = zeroblob(3000000)")
        try fleet.write("verran", "UPDATE patient SET photo = zeroblob(60000)")
        try fleet.meet()
        try fleet.meet()
        #expect(
            try fleet.rows("snasa", "SELECT site, substr(value, 1, 20) FROM samband_dispute ORDER BY site") == [
                #"snasa|{"bytes":3000000}"#, #"verran|{"blob":"AAAAAAAAAAA"#,
            ])
        // Thirty texts that are each short enough to be shown, and together are not.
        let wide = try TestFleet(
            """
            CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL, \((1...30).map { "c\($0) TEXT" }.joined(separator: ", "))) STRICT;
            INSERT INTO samband_table(name) VALUES('t');
            """)
        try wide.join("snasa")
        try wide.join("verran")
        for site in ["snasa", "verran"] {
            let values = (1...30).map { _ in "printf('\(site) %.*c', 50000, 'x')" }.joined(separator: ", ")
            try wide.write(site, "INSERT INTO t SELECT 'r', \(values)")
        }
        try wide.meet()
        try wide.meet()
        #expect(
            try wide.rows("verran", "SELECT site, json_extract(value, '$.c7.bytes') FROM samband_dispute ORDER BY site")
                == ["snasa|50006", "verran|50007"])
        #expect(try wide.rows("hub", "SELECT max(length(shown)) < 10000 FROM samband_conflict") == ["1"])
    }

    @Test("columns that settle together are shown together, as JSON of those columns")
    func unit() throws {
        let fleet = try TestFleet(
            """
            CREATE TABLE visit(id TEXT PRIMARY KEY NOT NULL, day TEXT, hour INTEGER, note TEXT) STRICT;
            INSERT INTO samband_table(name) VALUES('visit');
            INSERT INTO samband_policy(table_name, column_name, policy, unit)
              VALUES('visit', 'day', 'manual', 'row'), ('visit', 'hour', 'manual', 'row');
            """)
        try fleet.join("snasa")
        try fleet.join("verran")
        try fleet.write("snasa", "INSERT INTO visit VALUES('v-1', 'Monday', 9, 'first')")
        try fleet.meet()
        try fleet.write("snasa", "UPDATE visit SET day = 'Tuesday'")
        try fleet.write("verran", "UPDATE visit SET hour = 14")
        try fleet.meet()
        try fleet.meet()
        for place in Self.places {
            #expect(
                try fleet.rows(place, "SELECT kind, column_name, base, value FROM samband_dispute ORDER BY site") == [
                    #"cell|NULL|{"day":"Monday","hour":9}|{"day":"Tuesday","hour":9}"#,
                    #"cell|NULL|{"day":"Monday","hour":9}|{"day":"Monday","hour":14}"#,
                ], "\(place)")
        }
    }

    @Test("a child is shown in the words of its own table, at every site and at one that joins later")
    func child() throws {
        let fleet = try TestFleet(
            """
            CREATE TABLE course(id TEXT PRIMARY KEY NOT NULL, title TEXT) STRICT;
            CREATE TABLE course_staff(course TEXT NOT NULL REFERENCES course(id), staff TEXT NOT NULL,
              attended INTEGER, PRIMARY KEY(course, staff)) STRICT;
            CREATE TABLE course_patient(course TEXT NOT NULL REFERENCES course(id), patient TEXT NOT NULL,
              kin INTEGER, PRIMARY KEY(course, patient)) STRICT;
            INSERT INTO samband_table(name) VALUES('course'), ('course_staff'), ('course_patient');
            """)
        try fleet.join("snasa")
        try fleet.join("verran")
        try fleet.write("snasa", "INSERT INTO course VALUES('c-1', 'Hjerteskole')")
        try fleet.meet()
        try fleet.write("snasa", "DELETE FROM course; INSERT INTO course VALUES('c-2', 'KOLS')")
        try fleet.write("verran", "INSERT INTO course_patient VALUES('c-1', 'p-1', 2)")
        try fleet.write("verran", "INSERT INTO course VALUES('c-2', 'Diabetes')")
        try fleet.meet()
        try fleet.meet()
        try fleet.join("mosvik")
        for place in Self.places + ["mosvik"] {
            #expect(
                try fleet.rows(
                    place, "SELECT site, value FROM samband_dispute WHERE kind = 'foreign_key' ORDER BY site") == [
                        "snasa|NULL", #"verran|{"course":"c-1","patient":"p-1","kin":2}"#,
                    ], "\(place)")
            let store: any ReadableStore = place == "hub" ? fleet.hub : fleet.nodes[place]!
            let view = try #require(
                try store.conflictViews(includeSettled: false).first { $0.record.kind == .foreignKey })
            let child = try #require(view.json["sides"]?.array?.first { $0["site"] == "verran" })
            #expect(child["table"] == "course_patient" && child["value"]?["kin"] == 2, "\(place)")
        }
    }

    @Test("a site that joins later sees them as the others do")
    func newcomer() throws {
        let fleet = try Self.fleet()
        try fleet.write("snasa", "INSERT INTO bed VALUES('b-1', 16, 'Ola')")
        try fleet.write("verran", "INSERT INTO bed VALUES('b-2', 16, 'Kari')")
        try fleet.meet()
        try fleet.join("mosvik")
        for view in ["samband_dispute", "samband_waiting"] {
            let there = try fleet.rows("mosvik", "SELECT * FROM \(view)")
            #expect(!there.isEmpty)
            #expect(try fleet.rows("hub", "SELECT * FROM \(view)") == there)
        }
    }
}
