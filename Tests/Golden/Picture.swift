import FleetKit
import JSONText
import Replication
import SQLite

/// All that a fleet holds at the end of a history, as text in four parts. Texts of one seed are equal, byte for byte, in
/// every run; what the machine draws at random – secrets, tickets, the key of the audit – is left out.
struct Picture {
    enum Part: String, CaseIterable {
        /// The rows of the user's tables.
        case rows
        /// The change sets and their bytes.
        case log
        /// Conflicts, withheld rows, and everything else that Samband keeps.
        case records
        /// What the reading routes answer.
        case answers
    }

    private(set) var texts: [Part: String] = [:]

    init(of fleet: ServicesFleet) async throws {
        var (rows, log, records) = ("", "", "")
        for place in ["hub"] + fleet.sites {
            let reader = try fleet.reader(place)
            defer { reader.close() }
            for table in try Picture.tables(reader) {
                let text = try Picture.text(of: table, reader)
                let titled = text.isEmpty ? "" : "-- \(place) \(table)\n\(text)"
                switch table {
                case "samband_change", "samband_segment": log += titled
                case _ where table.hasPrefix("samband_"): records += titled
                default: rows += titled
                }
            }
        }
        texts = [.rows: rows, .log: log, .records: records]
        texts[.answers] = try await Picture.answers(fleet).replacing(fleet.folder, with: "FOLDER")
    }

    /// The digest of a part, short.
    func digest(_ part: Part) -> String {
        SHA256.digest(Array(texts[part]!.utf8)).prefix(6).map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }

    // MARK: tables

    private static func tables(_ reader: Connection) throws -> [String] {
        let statement = try reader.prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' ORDER BY name")
        var names: [String] = []
        while try statement.step() { names.append(statement.string(0)) }
        return names
    }

    /// Columns that the machine draws, or that name its user.
    private static let drawn: [String: Set<String>] = [
        "samband_site": ["token_digest", "secret_digest", "bundle_key", "next_digest", "next_bundle_key"],
        "samband_split": ["ticket"],
        // `details` has fingerprints of rows under a key that is drawn, and the digest is of all.
        "samband_audit": ["who", "details", "digest"],
    ]
    /// With them SQLite's own count of schema changes: how often capture was made anew.
    private static let drawnMeta = ["audit_key", "schema_cookie", "split_ticket"]

    private static func text(of table: String, _ reader: Connection) throws -> String {
        let quoted = quote(identifier: table)
        let about = try reader.prepare("SELECT name FROM pragma_table_info(?1)")
        try about.bind(at: 1, text: table)
        var columns: [String] = []
        while try about.step() { columns.append(about.string(0)) }
        columns.removeAll { drawn[table]?.contains($0) == true }
        let line = columns.map { "quote(\(quote(identifier: $0)))" }.joined(separator: " || '|' || ")
        let isMeta = table == "samband_meta"
        let names = drawnMeta.map { "'\($0)'" }.joined(separator: ", ")
        let statement = try reader.prepare(
            "SELECT \(line) AS line FROM \(quoted) \(isMeta ? "WHERE name NOT IN (\(names))" : "") ORDER BY "
                + columns.map { quote(identifier: $0) }.joined(separator: ", "))
        var text = ""
        while try statement.step() { text += statement.string(0) + "\n" }
        return text
    }

    // MARK: answers

    private static func answers(_ fleet: ServicesFleet) async throws -> String {
        var text = ""
        for place in [nil] + fleet.sites.map(Optional.some) {
            func ask(_ method: String, _ path: [String], _ query: [(String, String)] = [], _ body: JSON? = nil)
                async throws
                -> JSON
            {
                let answer =
                    if let place {
                        try await fleet.ask(at: place, body == nil ? .get : .post, path, query: query, body)
                    } else {
                        try await fleet.ask(body == nil ? .get : .post, path, query: query, body)
                    }
                let said = String(decoding: try answer.json.bytes(), as: UTF8.self)
                let about = try body.map { String(decoding: try $0.bytes(), as: UTF8.self) } ?? ""
                text += "-- \(place ?? "hub") \(path.joined(separator: "/")) \(about) \(answer.status)\n\(said)\n"
                return answer.json
            }
            let shared = [["status"], ["withheld"], ["log"]]
            for path in place == nil ? shared + [["policy"], ["conflict", "count"], ["conflict", "report"]] : shared {
                let answer = try await ask("GET", path)
                for member in path == ["withheld"] ? answer.array ?? [] : [] {
                    _ = try await ask("GET", ["withheld", "\(member["id"]?.integer ?? 0)"])
                }
            }
            let conflicts = try await ask("GET", ["conflict"], [("all", "true")]).array ?? []
            for conflict in place == nil ? conflicts : Array(conflicts.prefix(1)) {
                _ = try await ask("GET", ["conflict", "\(conflict["id"]?.integer ?? 0)"])
            }
            for row in asked(conflicts, atHub: place == nil) {
                _ = try await ask("POST", ["explain"], [], row)
                if place == nil { _ = try await ask("POST", ["history"], [], row) }
            }
        }
        return text
    }

    /// The rows to be explained: those of conflicts, and one that most histories have.
    private static func asked(_ conflicts: [JSON], atHub isHub: Bool) -> [JSON] {
        var rows: [JSON] = []
        for conflict in conflicts {
            let key = (conflict["key"]?.object?.members ?? []).map(\.value)
            let row: JSON = ["table": conflict["table"] ?? .null, "key": .array(key)]
            if !rows.contains(row) { rows.append(row) }
        }
        rows = Array(rows.prefix(isHub ? 4 : 1))
        let known: JSON = ["table": "person", "key": ["p1"]]
        return rows.contains(known) ? rows : rows + [known]
    }
}
