import Replication
import SimulationKit
import Testing

@testable import HubDatabase
@testable import HubFromNodes
@testable import TableModel

/// Random histories in which the hub is lost again and again: in the end all are in step, every constraint holds, and
/// every value that was ever written is in the tables, was overwritten or deleted by somebody who had it before him, or
/// is in a conflict or withheld.
@Suite("Histories with a lost hub")
struct LostHubHistoryTests {
    @Test("nothing is lost, whatever the hub forgets", arguments: SeedOfRun.seeds(from: 1, count: 20))
    func histories(seed: UInt64) throws {
        var history = try LostHubHistory(seed: seed)
        do {
            try history.run(steps: 60)
        } catch {
            Issue.record("seed \(seed): \(error)\n\(history.steps.joined(separator: "\n"))")
        }
        #expect(history.complaints.isEmpty, "seed \(seed):\n\(history.steps.joined(separator: "\n"))")
    }

    @Test(
        "nothing is lost when all hubs and backups are, and only nodes' files are left",
        arguments: SeedOfRun.seeds(from: 1, count: 20))
    func nodesAlone(seed: UInt64) throws {
        var history = try LostHubHistory(seed: seed, loses: .everything)
        do {
            try history.run(steps: 60)
        } catch {
            Issue.record("seed \(seed): \(error)\n\(history.steps.joined(separator: "\n"))")
        }
        #expect(
            history.complaints.isEmpty,
            "seed \(seed):\n\(history.complaints)\n\(history.steps.joined(separator: "\n"))")
    }

    @Test(
        "nothing is lost when now a backup stands in the hub's place, now one that was built from nodes' files",
        arguments: SeedOfRun.seeds(from: 1, count: 10))
    func either(seed: UInt64) throws {
        var history = try LostHubHistory(seed: seed, loses: .either)
        do {
            try history.run(steps: 70)
        } catch {
            Issue.record("seed \(seed): \(error)\n\(history.steps.joined(separator: "\n"))")
        }
        #expect(
            history.complaints.isEmpty,
            "seed \(seed):\n\(history.complaints)\n\(history.steps.joined(separator: "\n"))")
    }
}

/// One history. Values are numbers, each written once.
struct LostHubHistory {
    static let schema = """
        CREATE TABLE ward(id TEXT PRIMARY KEY NOT NULL, x INTEGER, y INTEGER, u INTEGER UNIQUE);
        CREATE TABLE stay(id TEXT PRIMARY KEY NOT NULL, ward TEXT REFERENCES ward(id) ON DELETE CASCADE, z INTEGER);
        CREATE INDEX stay_ward ON stay(ward);
        INSERT INTO samband_table(name) VALUES('ward'), ('stay');
        INSERT INTO ward VALUES('w1', 1, 2, NULL), ('w2', 3, 4, NULL);
        """
    static let sites = ["inderoy", "snasa", "verran"]

    /// What is left when the hub is lost: a backup of it, only the nodes' files, or now this and now that.
    enum Loss { case hub, everything, either }

    let fleet: TestFleet
    let loses: Loss
    var random: SeededRandom
    private(set) var steps: [String] = []
    private(set) var complaints: [String] = []
    private var nextValue: Int64 = 100
    private var written: [Int64: String] = [:]
    /// Values that somebody wrote over or deleted who had them before him.
    private var replaced: Set<Int64> = []
    /// What each site wrote into rows that it made.
    private var made: [String: Set<Int64>] = [:]
    private var backups = 0

    init(seed: UInt64, loses: Loss = .hub) throws {
        self.loses = loses
        random = SeededRandom(seed: seed)
        fleet = try TestFleet(Self.schema)
        for site in Self.sites { try fleet.join(site) }
        try fleet.meet()
    }

    mutating func run(steps count: Int) throws {
        for _ in 0..<count { try step() }
        steps.append("end")
        for _ in 0..<3 { for site in Self.sites { try greet(site) } }
        for _ in 0..<2 { try fleet.meet() }
        try checkStep()
        try checkValues()
    }

    private mutating func step() throws {
        let site = random.pick(Self.sites)
        switch random.int(0...99) {
        case 0..<45: try write(site)
        case 45..<55:
            steps.append("seal \(site)")
            try fleet.seal(site)
        case 55..<70: try exchange(site) { try $0.push(site) }
        case 70..<84: try exchange(site) { try $0.pull(site) }
        case 84..<88: try decide()
        case 88..<93:
            backups += 1
            steps.append("back up \(backups)")
            try fleet.backUpHub(as: "backup\(backups)")
        case 93..<97:
            let builds = loses == .everything || (loses == .either && random.chance(50))
            if builds { try loseAll() } else if backups > 0 { try lose() }
        default: break
        }
    }

    /// Greets the hub; a site that has to join anew does.
    private mutating func greet(_ site: String) throws {
        steps.append("greet \(site)")
        guard case .rejoin = try fleet.greet(site) else { return }
        // Its programs end, and what they have written goes along.
        try fleet.seal(site)
        while true {
            guard case .rejoin = try fleet.greet(site) else { continue }
            break
        }
        steps.append("join \(site) anew")
        try fleet.joinAnew(site)
    }

    /// Neither hub nor backup is left.
    private mutating func loseAll() throws {
        // Nobody takes a hub for lost that is only restored and knows what no site does yet.
        if fleet.hub.isRecovering { return }
        let files = Array(Self.sites.shuffled(using: &random).prefix(random.int(1...3)))
        steps.append("build from \(files)")
        let result: HubFromNodes.Result
        do {
            result = try fleet.buildHub(from: files)
        } catch let error as StoreError {
            // It says that it needs more of them: all there are have to do.
            guard error.kind == .refused, files.count < Self.sites.count else { throw error }
            result = try fleet.buildHub(from: Self.sites)
        }
        steps.append("base \(result.sources.filter(\.isBase).map(\.site)), log from \(result.logBegins)")
        try goOnAfterLoss()
    }

    private mutating func goOnAfterLoss() throws {
        guard random.chance(60) else { return }
        for site in Self.sites.shuffled(using: &random).prefix(random.int(0...3)) { try greet(site) }
        if fleet.hub.isRecovering {
            steps.append("accept")
            try fleet.hub.acceptRecovery(nowMs: fleet.nowMs)
        }
    }

    private mutating func exchange(_ site: String, _ body: (TestFleet) throws -> Void) throws {
        steps.append("exchange \(site)")
        switch try fleet.greet(site) {
        case nil: try body(fleet)
        case .rejoin: try greet(site)
        default: break
        }
    }

    private mutating func lose() throws {
        // The newest or any other.
        let number = random.chance(50) ? backups : random.int(1...backups)
        steps.append("restore \(number)")
        try fleet.restoreHub(from: "backup\(number)")
        try goOnAfterLoss()
    }

    private mutating func decide() throws {
        guard !fleet.hub.isRecovering else { return }
        let open = try fleet.hub.conflicts(includeSettled: false)
        guard let conflict = open.randomElement(using: &random) else { return }
        let choices: [ConflictChoice] = [
            .take(site: "now"), .take(site: "snasa"), .delete, .restore, .admit, .discard,
        ]
        let choice = random.pick(choices)
        // What does not fit is refused; what a choice deletes, or writes over as a whole, was before the person who chose.
        var row = conflict.table == "ward" && choice == .delete ? try held("hub", "ward", conflict.key) : []
        if conflict.columnIndex == nil {
            let (table, id) = (conflict.table, Self.name(conflict.key))
            for column in table == "ward" ? ["x", "y", "u"] : ["z"] {
                row += try numbers("hub", "SELECT \(column) FROM \(table) WHERE id = '\(id)'")
            }
        }
        do throws(StoreError) {
            _ = try fleet.hub.resolve(
                conflict.id, choice, changed: nil, by: "kari", reason: nil, nowMs: fleet.nowMs)
        } catch {
            guard error.kind != .inputOutput else { throw error }
            return
        }
        steps.append("decide \(conflict.id) \(choice)")
        replaced.formUnion(row)
        for side in conflict.life.sides { replaced.formUnion(Self.values(of: side)) }
    }

    // MARK: writing

    private mutating func write(_ site: String) throws {
        let id = "w\(random.int(1...4))"
        let value = nextValue
        nextValue += 1
        let sql: String
        var overwritten: Set<Int64> = []
        switch random.int(0...9) {
        case 0..<4:
            let column = random.pick(["x", "y", "x", "y", "u"])
            overwritten = Set(try numbers(site, "SELECT \(column) FROM ward WHERE id = '\(id)'"))
            sql = "UPDATE ward SET \(column) = \(value) WHERE id = '\(id)'"
        case 4..<6:
            sql = "INSERT OR IGNORE INTO ward VALUES('\(id)', \(value), NULL, \(random.int(1...3)))"
        case 6..<8: sql = "INSERT OR IGNORE INTO stay VALUES('s\(random.int(1...4))', '\(id)', \(value))"
        case 8:
            let stay = "s\(random.int(1...4))"
            overwritten = Set(try numbers(site, "SELECT z FROM stay WHERE id = '\(stay)'"))
            sql = "UPDATE stay SET z = \(value) WHERE id = '\(stay)'"
        default:
            overwritten = Set(try held(site, "ward", [.text(id)]))
            sql = "DELETE FROM ward WHERE id = '\(id)'"
        }
        steps.append("\(site): \(sql)")
        // Who makes a row anew whose own stands aside gives that one up.
        // (Protocol/Merge-Model.md#constraints-at-a-node)
        let key = sql.split(separator: "'").dropFirst().first.map(String.init) ?? ""
        let isMade = sql.hasPrefix("INSERT")
        // A delete takes the rows along that refer to it.
        let along = try sql.hasPrefix("DELETE") ? fleet.rows(site, "SELECT id FROM stay WHERE ward = '\(id)'") : []
        let isAside = try isMade && numbers(site, "SELECT 1 FROM samband_aside WHERE instr(canonical, '\(key)')") != []
        do { try fleet.write(site, sql) } catch { return }  // a constraint of its own: nothing was written
        replaced.formUnion(overwritten)
        // Its own row, too, where another's that came first shows in its place.
        if sql.hasPrefix("DELETE") { for row in along + [id] { replaced.formUnion(made["\(site) \(row)"] ?? []) } }
        // Who writes where a conflict shows has seen its sides.
        for conflict in try fleet.nodes[site]!.conflicts(includeSettled: true)
        where sql.contains("'\(Self.name(conflict.key))'") || along.contains(Self.name(conflict.key)) {
            for side in conflict.life.sides { replaced.formUnion(Self.values(of: side)) }
        }
        let isThere =
            try numbers(site, "SELECT 1 FROM ward WHERE \(value) IN (x, y, u)").count
            + numbers(site, "SELECT 1 FROM stay WHERE z = \(value)").count > 0
        guard isThere else { return }
        written[value] = "\(site): \(sql)"
        if isAside { replaced.formUnion(made["\(site) \(key)"] ?? []) }
        if isMade { made["\(site) \(key)", default: []].insert(value) }
    }

    private func numbers(_ place: String, _ sql: String) throws -> [Int64] {
        try fleet.rows(place, sql).compactMap { Int64($0) }
    }

    /// The values of a row of `ward` and of the rows that go with it.
    private func held(_ place: String, _ table: String, _ key: [Replication.Value]) throws -> [Int64] {
        guard case .text(let bytes)? = key.first else { return [] }
        let id = String(decoding: bytes, as: UTF8.self)
        return try ["x", "y", "u"].flatMap { try numbers(place, "SELECT \($0) FROM ward WHERE id = '\(id)'") }
            + numbers(place, "SELECT z FROM stay WHERE ward = '\(id)'")
    }

    // MARK: checking

    private mutating func checkStep() throws {
        for sql in [
            "SELECT * FROM ward ORDER BY 1", "SELECT * FROM stay ORDER BY 1",
            "SELECT id, kind, state, settlement, changed, hex(sides) FROM samband_conflict ORDER BY 1",
            "SELECT id, conflict, state, replica, seq FROM samband_withheld ORDER BY 1",
            "SELECT replica, seq FROM samband_vector ORDER BY 1",
        ] {
            let there = try fleet.rows("hub", sql)
            for site in Self.sites {
                let here = try fleet.rows(site, sql)
                if here != there { complaints.append("\(site) has \(here), the hub \(there)") }
            }
        }
        for place in Self.sites + ["hub"] {
            if try fleet.rows(place, "SELECT count(*) FROM pragma_foreign_key_check") != ["0"] {
                complaints.append("\(place): references lead nowhere")
            }
            if try fleet.rows(place, "PRAGMA integrity_check") != ["ok"] { complaints.append("\(place) is damaged") }
        }
        for site in Self.sites {
            let node = fleet.nodes[site]!
            if try node.inFlightCount() > 0 || node.asideCount() > 0 { complaints.append("\(site) is not through") }
        }
    }

    private mutating func checkValues() throws {
        var kept = Set(try numbers("hub", "SELECT x FROM ward") + numbers("hub", "SELECT y FROM ward"))
        kept.formUnion(try numbers("hub", "SELECT u FROM ward") + numbers("hub", "SELECT z FROM stay"))
        for conflict in try fleet.hub.conflicts(includeSettled: true) {
            for side in conflict.life.sides + [conflict.life.settledBy].compactMap({ $0 }) {
                kept.formUnion(Self.values(of: side))
            }
        }
        for id in try numbers("hub", "SELECT id FROM samband_withheld") {
            guard let record = try fleet.hub.conflictTable.withheld(id: UInt64(id)) else { continue }
            kept.formUnion(record.values.compactMap(Self.number))
        }
        for (value, how) in written.sorted(by: { $0.key < $1.key })
        where !kept.contains(value) && !replaced.contains(value) {
            complaints.append("lost: \(value), written by \(how)")
        }
    }

    private static func values(of side: ConflictSide) -> [Int64] {
        ([side.value].compactMap { $0 } + (side.row.map { Array($0.values) } ?? [])).compactMap(number)
    }

    private static func name(_ key: [Replication.Value]) -> String {
        if case .text(let bytes)? = key.first { String(decoding: bytes, as: UTF8.self) } else { "" }
    }

    private static func number(_ value: Replication.Value) -> Int64? {
        if case .integer(let number) = value { number } else { nil }
    }
}
