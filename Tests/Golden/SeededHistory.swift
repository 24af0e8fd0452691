import FleetKit
import JSONText
import SimulationKit

/// A history out of a seed: what the sites write, when they meet the hub, what is decided there, and what breaks.
struct SeededHistory {
    /// What some histories have more of than others.
    enum Theme: Int, CaseIterable {
        case plain, references, uniqueness, policies, decisions, records, split, lostHub
    }

    let seed: UInt64
    let theme: Theme
    let fleet: ServicesFleet
    private var random: SeededRandom
    private(set) var tally = Tally()
    /// The site whose file is kept.
    private var kept: String?
    private var hasBackup = false
    private var isDone = false
    /// What the sites clash about in this round.
    private var clash = CareStatement.Clash.bed
    private var paused: Set<String> = []
    /// How often each site has sealed since it met the hub.
    private var sealed: [String: Int] = [:]

    init(seed: UInt64, template: FleetTemplate) throws {
        self.seed = seed
        theme = Theme.allCases[Int(seed % UInt64(Theme.allCases.count))]
        var random = SeededRandom(seed: seed)
        let isSkewed = random.chance(50)
        let skews = template.sites.map { ($0, Int64(random.int(-50...1000))) }
        self.random = random
        fleet = try ServicesFleet(
            template, skewsMs: isSkewed ? Dictionary(uniqueKeysWithValues: skews) : [:], seed: seed)
    }

    /// Drives it to its end, where everybody has met and nothing is on its way.
    mutating func run() async throws {
        for _ in 0..<random.int(3...4) {
            clash = random.pick(CareStatement.Clash.allCases)
            for site in fleet.sites {
                if random.chance(10) { toggle(site) }
                for _ in 0..<random.pick([0, 1, 1, 2]) { try await write(at: site) }
            }
            let first = fleet.sites.shuffled(using: &random)
            for site in first where random.chance(80) { await sync(site) }
            for site in first where random.chance(40) { await sync(site) }
            for _ in 0..<(theme == .uniqueness ? 2 : random.int(1...2)) { try await special() }
        }
        try await finish()
    }

    // MARK: sites

    private var tables: [Int] {
        switch theme {
        case .plain: [0, 4, 5]
        case .references: [0, 1, 2, 3]
        case .uniqueness: [2, 2, 0, 3]
        case .policies: [4, 4, 5]
        case .decisions: [0, 1, 2]
        case .records: [0, 1, 6]
        case .split: [0, 2, 6]
        case .lostHub: [0, 1, 2, 4]
        }
    }

    private mutating func write(at site: String) async throws {
        let part = fleet.sites.firstIndex(of: site) ?? 0
        let clashes = theme == .uniqueness ? 75 : theme == .decisions ? 50 : 0
        let statements = try (0..<random.pick([1, 1, 2])).map { _ in
            if random.chance(clashes) { return CareStatement(clash, part: part, &random) }
            return try CareStatement(&random, tables: tables) { table in
                let columns = table.keyColumns.map { "quote(\($0))" }.joined(separator: ", ")
                return Set(try fleet.rows(site, "SELECT \(columns) FROM \(table.name)"))
            }
        }
        let children = try fleet.rows(site, Self.children)
        do {
            try fleet.write(site, statements.map(\.sql).joined(separator: ";\n"))
            for statement in statements { tally.add(statement.kind.rawValue) }
            let left = try fleet.rows(site, Self.children)
            if statements.allSatisfy({ $0.sql.hasPrefix("DELETE FROM person") }), left[0][0] < children[0][0] {
                tally.add("cascade")
            }
            if statements.allSatisfy({ $0.sql.hasPrefix("DELETE FROM") }), left[0][1] < children[0][1] {
                tally.add("set to null")
            }
        } catch {
            tally.add("refused to a program")
        }
        if random.chance(70) {
            await fleet.seal(site)
            sealed[site, default: 0] += 1
        }
    }

    private static let children = """
        SELECT (SELECT count(*) FROM stay),
          (SELECT count(*) FROM bed_night WHERE stay NOT NULL) + (SELECT count(*) FROM person WHERE doctor NOT NULL)
        """

    private mutating func sync(_ site: String) async {
        if random.chance(4) { fleet.line(site).cutNextPush(after: random.int(1...400)) }
        if random.chance(4) { fleet.line(site).cutNextPull(after: random.int(1...400)) }
        do {
            try await fleet.sync(site)
            tally.add("met")
            if sealed.removeValue(forKey: site) ?? 0 > 1 { tally.add("several change sets in a push") }
        } catch {
            tally.add("did not meet")
        }
    }

    private mutating func toggle(_ site: String) {
        fleet.line(site).isDown.toggle()
        if fleet.line(site).isDown { tally.add("went off line") }
    }

    // MARK: the hub

    private mutating func special() async throws {
        switch theme {
        case .split where random.chance(60): try await keepOrPutBack()
        case .lostHub where random.chance(60): try await backUpOrRestore()
        case .records where random.chance(70):
            random.chance(50) ? try await mergeRecords() : try await unmergeRecords()
        case .policies where random.chance(20): try await setPolicy()
        case .plain where random.chance(40): try await siteLife()
        default:
            random.chance(70) ? try await decide() : try await undo()
        }
    }

    /// An operator settles an open conflict by one of the choices that are offered.
    mutating func decide() async throws {
        let open = try await fleet.ask(.get, ["conflict"]).json.array ?? []
        guard !open.isEmpty, let id = random.pick(open)["id"]?.integer else { return }
        let detail = try await fleet.ask(.get, ["conflict", "\(id)"]).json
        let choices = detail["choices"]?.array ?? []
        guard !choices.isEmpty, let how = random.pick(choices).object else { return }
        let word = how["how"]?.string ?? ""
        var body = JSON.Object([("by", "kari"), ("changed", detail["changed"] ?? .null)])
        switch word {
        case "take": body["take"] = how["site"]
        case "set":
            guard let columns = how["columns"]?.array, let column = columns.randomElement(using: &random)?.string
            else { return }
            body["set"] = .object(JSON.Object([(column, .integer(Int64(random.int(0...9))))]))
        default: body[word] = true
        }
        if random.chance(30) { body["reason"] = "asked" }
        if random.chance(15) { body["dry_run"] = true }
        let answer = try await fleet.ask(.post, ["conflict", "\(id)", "resolve"], .object(body))
        tally.add(answer.status == 200 ? "decided" : "refused to an operator")
    }

    private mutating func undo() async throws {
        let all = try await fleet.ask(.get, ["conflict"], query: [("all", "true")]).json.array ?? []
        let decided = all.filter { $0["decision"]?["by"] == "kari" }
        guard !decided.isEmpty, let id = random.pick(decided)["id"]?.integer else { return try await decide() }
        let answer = try await fleet.ask(.post, ["conflict", "\(id)", "undo"], ["by": "ola", "reason": "wrong"])
        tally.add(answer.status == 200 ? "undone" : "refused to an operator")
    }

    private mutating func mergeRecords() async throws {
        let gone = random.pick(["p1", "p2", "p3"])
        let into = random.pick(["p1", "p2", "p3"].filter { $0 != gone })
        let answer = try await fleet.ask(
            .post, ["record", "merge"],
            ["table": "person", "key": [.string(gone)], "into": [.string(into)], "by": "kari", "reason": "one person"])
        tally.add(answer.status == 200 ? "records merged" : "refused to an operator")
    }

    private mutating func unmergeRecords() async throws {
        let merged = try fleet.rows("hub", "SELECT id FROM samband_join WHERE undone_at IS NULL ORDER BY id")
        guard let id = merged.randomElement(using: &random).flatMap({ Int64($0[0]) }) else {
            return try await mergeRecords()
        }
        let answer = try await fleet.ask(.post, ["record", "unmerge"], ["id": .integer(id), "by": "ola"])
        tally.add(answer.status == 200 ? "records unmerged" : "refused to an operator")
    }

    private mutating func setPolicy() async throws {
        let policy: JSON = random.pick(["newest", "manual", nil])
        let answer = try await fleet.ask(
            .post, ["policy"], ["table": "stock", "column": "note", "policy": policy, "by": "kari"])
        tally.add(answer.status == 200 ? "policy set" : "refused to an operator")
    }

    // MARK: sites that come and go

    private mutating func siteLife() async throws {
        if fleet.sites.count < 4, !fleet.sites.contains("mosvik"), random.chance(50) {
            try await fleet.join("mosvik")
            tally.add("joined late")
        } else {
            let site = random.pick(fleet.sites)
            let step = paused.contains(site) ? "resume" : "pause"
            let answer = try await fleet.ask(.post, ["site", site, step], [:])
            guard answer.status == 200 else { return tally.add("refused to an operator") }
            if paused.remove(site) == nil { paused.insert(site) }
            tally.add(step + "d")
        }
    }

    // MARK: what breaks

    private mutating func keepOrPutBack() async throws {
        if isDone { return try await decide() }
        guard let site = kept else {
            let site = random.pick(fleet.sites)
            try fleet.keepFile(of: site, as: "kept")
            kept = site
            return
        }
        try await fleet.putBackFile(of: site, from: "kept")
        isDone = true
        tally.add("file put back")
    }

    private mutating func backUpOrRestore() async throws {
        if isDone { return try await decide() }
        guard hasBackup else {
            try await fleet.backUpHub(as: "backup")
            hasBackup = true
            return
        }
        try await fleet.restoreHub(from: "backup")
        isDone = true
        tally.add("hub lost")
    }

    // MARK: the end

    /// Everybody is on line again and meets the hub until nothing is left to exchange.
    private mutating func finish() async throws {
        if theme == .lostHub, hasBackup, !isDone { try await backUpOrRestore() }
        if theme == .split, kept != nil, !isDone { try await keepOrPutBack() }
        for site in fleet.sites {
            fleet.line(site).isDown = false
            if paused.contains(site) { _ = try await fleet.ask(.post, ["site", site, "resume"], [:]) }
        }
        // After a restoration a site is told to wait until all have been heard.
        for round in 0..<4 {
            var failures = 0
            for site in fleet.sites {
                do {
                    try await fleet.sync(site)
                } catch {
                    failures += 1
                    if round == 3 { tally.troubles.append("\(site): \(error)") }
                }
            }
            if round >= 2, failures == 0 { break }
        }
        try checkRows()
        await fleet.writeNotes()
        try await tally.addOutcome(of: fleet)
    }

    /// Every site has the hub's rows.
    private mutating func checkRows() throws {
        for table in CareSchema.tables {
            let columns = (table.keyColumns + table.columns.map(\.name)).map { "quote(\($0))" }.joined(separator: ", ")
            let sql = "SELECT \(columns) FROM \(table.name) ORDER BY \(table.keyColumns.joined(separator: ", "))"
            let rows = try fleet.rows("hub", sql)
            for site in fleet.sites where try fleet.rows(site, sql) != rows {
                tally.troubles.append("\(site) has other rows of \(table.name) than the hub")
            }
        }
    }
}
