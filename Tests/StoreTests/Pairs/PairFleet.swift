import Replication

/// Two sites and a hub that run all lines of the page which hold under one policy, each on rows of its own.
struct PairFleet {
    private let fleet: TestFleet
    private let lines: [PairPage.Line]

    /// - Parameters:
    ///   - policy: of the column `item.x`; `row` for `x` and `y` as one unit.
    ///   - order: the sites in the order in which all their change sets reach the hub.
    init(_ page: PairPage, policy: String, order: [String]) throws {
        let declared =
            policy == "row"
            ? "INSERT INTO samband_policy(table_name, column_name, policy, unit) VALUES"
                + "('item', 'x', 'manual', 'row'), ('item', 'y', 'manual', 'row');"
            : "INSERT INTO samband_policy(table_name, column_name, policy) VALUES('item', 'x', '\(policy)');"
        fleet = try TestFleet(page.schema + declared)
        lines = page.tables.values.flatMap { $0 }.filter { $0.policies.isEmpty || $0.policies.contains(policy) }
            .sorted { $0.number < $1.number }
        for site in ["snasa", "verran"] { try fleet.join(site) }
        for line in lines {
            for act in line.before { try fleet.write("snasa", act.sql(line: line.number)) }
        }
        try fleet.meet()
        // Snåsa's clock is behind Verran's all the time.
        for line in lines { try write("snasa", line.snasa, line) }
        for line in lines { try write("verran", line.verran, line) }
        for site in order { try fleet.push(site) }
        try fleet.meet()
        try fleet.meet()
    }

    private func write(_ site: String, _ seals: [[Act]], _ line: PairPage.Line) throws {
        for acts in seals {
            let sql = acts.map { $0.sql(line: line.number) }.joined(separator: "; ")
            do {
                try fleet.write(site, "BEGIN; \(sql); COMMIT")
            } catch {
                throw PairPage.Fault(description: "\(line.pair): \(site) cannot do this: \(sql): \(error)")
            }
            try fleet.seal(site)
        }
    }

    /// How each line ended, by its number.
    func ends() throws -> [Int: PairPage.End] {
        var rows: [Int: Set<String>] = [:]
        for table in PairTables.all {
            let sql = "SELECT id, \(table.columns.joined(separator: ", ")) FROM \(table.name)"
            let found = try fleet.rows("hub", sql)
            for site in ["snasa", "verran"] {
                guard Set(try fleet.rows(site, sql)) == Set(found) else {
                    throw PairPage.Fault(description: "\(site) differs from the hub in table \(table.name)")
                }
            }
            for text in found {
                let cells = text.split(separator: "|").map(String.init)
                let line = Int(cells[0].dropFirst())!
                let values = zip(table.columns, cells.dropFirst())
                    .map { PairTables.shown($1, of: $0, line: line) }
                rows[line, default: []].insert("\(cells[0].prefix(1)) (\(values.joined(separator: ", ")))")
            }
        }
        var conflicts: [Int: Set<String>] = [:]
        for record in try fleet.hub.conflicts(includeSettled: true) {
            let isByPolicy = record.life.settlement == .policy && record.decision?.how != "release"
            guard record.life.isOpen || isByPolicy else { continue }
            let (letter, line) = name(record.key)
            conflicts[line, default: []].insert(
                "\(record.kind.rawValue) \(letter)\(record.column.map { ".\($0)" } ?? "")"
                    + (record.life.isOpen ? "" : " settled"))
        }
        var withheld: [Int: Set<String>] = [:]
        for record in try fleet.hub.withheld() {
            let (letter, line) = name(record.key)
            withheld[line, default: []].insert("\(record.operation) \(letter)")
        }
        return Dictionary(
            uniqueKeysWithValues: lines.map { line in
                (
                    line.number,
                    PairPage.End(
                        rows: rows[line.number] ?? [], conflicts: conflicts[line.number] ?? [],
                        withheld: withheld[line.number] ?? [])
                )
            })
    }

    private func name(_ key: [Value]) -> (letter: String, line: Int) {
        guard case .text(let bytes) = key[0] else { preconditionFailure("keys here are texts") }
        let text = String(decoding: bytes, as: UTF8.self)
        return (String(text.prefix(1)), Int(text.dropFirst())!)
    }
}
