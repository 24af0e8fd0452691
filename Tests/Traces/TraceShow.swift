import FleetKit
import JSONText

/// What a fleet holds, in lines.
struct TraceShow {
    private let fleet: ServicesFleet

    init(_ fleet: ServicesFleet) { self.fleet = fleet }

    /// Rows, conflicts and withheld rows; with a place, only its rows.
    func all(at place: String?) async throws -> [String] {
        if let place { return try rows(at: place) }
        return try rows() + (try await conflicts()) + (try await withheld()) + merges()
    }

    // MARK: rows

    /// The rows of every table; places that have the same stand together.
    private func rows() throws -> [String] {
        var groups: [(places: [String], rows: [String])] = []
        for place in ["hub"] + fleet.sites {
            let rows = try rows(at: place)
            if let same = groups.firstIndex(where: { $0.rows == rows }) {
                groups[same].places.append(place)
            } else {
                groups.append(([place], rows))
            }
        }
        if groups.count == 1 { return groups[0].rows + (try fleet.sites.flatMap { try onItsWay(at: $0) }) }
        return try groups.flatMap { group in
            ["at \(group.places.joined(separator: ", "))"] + group.rows.map { "  " + $0 }
        }
            + fleet.sites.flatMap { try onItsWay(at: $0) }
    }

    func rows(at place: String) throws -> [String] {
        var lines: [String] = []
        for table in try fleet.rows(place, "SELECT name FROM samband_table ORDER BY number").map({ $0[0] }) {
            let columns = try fleet.rows(place, "SELECT name FROM pragma_table_xinfo('\(table)')").map { $0[0] }
            let cells = columns.map { "quote(\"\($0)\")" }.joined(separator: " || ', ' || ")
            let rows = try fleet.rows(place, "SELECT \(cells) FROM \"\(table)\" ORDER BY 1").map { "  " + $0[0] }
            lines.append("\(table)(\(columns.joined(separator: ", ")))" + (rows.isEmpty ? " is empty" : ""))
            lines += rows
        }
        return lines
    }

    /// Of a site, what has not found its place yet.
    func onItsWay(at place: String) throws -> [String] {
        let inFlight = try fleet.rows(place, "SELECT count(*) FROM samband_change WHERE position IS NULL")[0][0]
        let aside = try fleet.rows(place, "SELECT count(*) FROM samband_aside")[0][0]
        var lines: [String] = []
        if inFlight != "0" { lines.append("in flight at \(place): \(inFlight)") }
        if aside != "0" { lines.append("aside at \(place): \(aside)") }
        return lines
    }

    /// The records of conflicts and withheld rows, as every place has them.
    func records(at place: String) throws -> [[String]] {
        try fleet.rows(
            place,
            """
            SELECT 'conflict', id, kind, state, quote(settlement), changed, hex(base), hex(sides), quote(decided_how) || quote(decided_by)
              FROM samband_conflict
            UNION ALL SELECT 'withheld', id, conflict, state, operation, hex(row), replica, seq, ''
              FROM samband_withheld
            UNION ALL SELECT 'merge', id, table_name, hex(key), hex(into_key), joined_by, quote(undone_by), '', ''
              FROM samband_join ORDER BY 1, 2
            """)
    }

    // MARK: conflicts

    private func conflicts() async throws -> [String] {
        let all = try await fleet.ask(.get, ["conflict"], query: [("all", "true")]).json.array ?? []
        if all.isEmpty { return ["no conflict"] }
        var lines: [String] = []
        for conflict in all.sorted(by: { $0["id"]?.integer ?? 0 < $1["id"]?.integer ?? 0 }) {
            let id = conflict["id"]?.integer ?? 0
            let column = conflict["column"]?.string.map { " " + $0 } ?? ""
            lines.append(
                "conflict \(id), \(conflict["kind"]?.string ?? ""): \(conflict["table"]?.string ?? "") "
                    + "\(Self.key(conflict["key"]))\(column), \(Self.state(conflict))")
            lines.append("  before: \(Self.text(conflict["base"]))")
            // By name, not in the order of arrival.
            lines += (conflict["sides"]?.array ?? []).map { side in
                let table = side["table"]?.string.map { "\($0) " } ?? ""
                return "  \(side["site"]?.string ?? ""): \(table)\(Self.text(side["value"]))"
            }.sorted()
            let detail = try await fleet.ask(.get, ["conflict", "\(id)"]).json
            for decision in detail["earlier"]?.array ?? [] { lines.append("  earlier: \(Self.decision(decision))") }
        }
        return lines
    }

    private static func state(_ conflict: JSON) -> String {
        guard let decision = conflict["decision"], !decision.isNull else { return conflict["state"]?.string ?? "" }
        return "settled, \(Self.decision(decision))"
    }

    private static func decision(_ decision: JSON) -> String {
        "\(decision["how"]?.string ?? "") by \(decision["by"]?.string ?? "")"
    }

    /// The choices that are offered, of each open conflict.
    func choices() async throws -> [String] {
        var lines: [String] = []
        for conflict in try await fleet.ask(.get, ["conflict"]).json.array ?? [] {
            let id = conflict["id"]?.integer ?? 0
            let choices = try await fleet.ask(.get, ["conflict", "\(id)"]).json["choices"]?.array ?? []
            let texts = choices.map { choice in
                ([choice["how"]?.string, choice["site"]?.string].compactMap { $0 }
                    + (choice["columns"]?.array ?? []).compactMap(\.string)).joined(separator: " ")
            }
            lines.append("conflict \(id): \(texts.sorted().joined(separator: ", "))")
        }
        return lines
    }

    private func withheld() async throws -> [String] {
        var lines: [String] = []
        for id in try fleet.rows("hub", "SELECT id FROM samband_withheld ORDER BY id").map({ $0[0] }) {
            let answer = try await fleet.ask(.get, ["withheld", id]).json
            guard let row = answer["withheld"] else { continue }
            lines.append(
                "\(answer["state"]?.string ?? "") \(id), in conflict \(row["conflict"]?.integer ?? 0): "
                    + "\(row["operation"]?.string ?? "") of \(row["site"]?.string ?? ""), "
                    + "\(row["table"]?.string ?? "") \(Self.key(row["key"])) \(Self.text(row["values"]))")
        }
        return lines
    }

    /// Records that were merged.
    private func merges() throws -> [String] {
        try fleet.rows("hub", "SELECT id, table_name, joined_by, undone_by FROM samband_join ORDER BY id").map {
            "merge \($0[0]), of \($0[1]) by \($0[2])" + ($0[3].isEmpty ? "" : ", taken back by \($0[3])")
        }
    }

    // MARK: explanation

    func explanation(_ table: String, _ key: JSON) async throws -> [String] {
        let answer = try await fleet.ask(.post, ["explain"], ["table": .string(table), "key": key])
        guard answer.status == 200 else { throw Answered(json: answer.json) }
        var lines: [String] = []
        for column in answer.json["columns"]?.array ?? [] {
            let writer = column["written_by"]
            var line = "\(column["column"]?.string ?? "") = \(Self.text(column["value"]))"
            if let writer, !writer.isNull {
                line += ", \(writer["what"]?.string ?? "") of \(writer["site"]?.string ?? "")"
            }
            if let over = column["over"], !over.isNull { line += ", over \(Self.text(over["value"]))" }
            lines.append(line)
        }
        for event in answer.json["events"]?.array ?? [] {
            let lost = (event["lost"]?.array ?? []).compactMap(\.string)
            lines.append(
                "\(event["site"]?.string ?? ""): \(event["what"]?.string ?? "") \(Self.text(event["values"])), "
                    + "\(event["outcome"]?.string ?? "")"
                    + (lost.isEmpty ? "" : ", lost \(lost.joined(separator: ", "))"))
        }
        return lines
    }

    // MARK: values

    private static func key(_ key: JSON?) -> String {
        (key?.object?.members ?? []).map { text($0.value) }.joined(separator: ", ")
    }

    /// A value as SQL writes it; of a row its columns.
    private static func text(_ value: JSON?) -> String {
        switch value {
        case .string(let text): "'\(text)'"
        case .integer(let number): "\(number)"
        case .real(let number): "\(number)"
        case .null, nil: "NULL"
        case .object(let row) where row.members.map(\.name) == ["blob"]: "blob \(row["blob"]?.string ?? "")"
        case .object(let row):
            "(\(row.members.map { "\($0.name) \(text($0.value))" }.joined(separator: ", ")))"
        case .bool, .array: "\(value!)"
        }
    }
}
