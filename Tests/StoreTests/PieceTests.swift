import Foundation
import Replication
import SQLite
import SimulationKit
import Testing

@testable import ConflictStore
@testable import HubDatabase
@testable import Merging
@testable import OrderedLog
@testable import TableModel

/// However a change set is taken apart for the merge, the outcome is that of merging all its rows at once
/// (promises 4, 5 and 6): two hubs take in the same change sets, one in small pieces, one whole.
@Suite("Merging in pieces")
struct PieceTests {
    @Test("ends as merging all rows at once does, in random histories")
    func random() throws {
        let seeds = SeedOfRun.seeds(from: 1, count: 30)
        var met = 0
        for seed in seeds { met += try run(seed) }
        print("\(seeds.count) histories merged twice from seed \(seeds[0]): \(met) conflicts and withheld rows")
        #expect(met > seeds.count, "the histories must have something to merge")
    }

    private func run(_ seed: UInt64) throws -> Int {
        var random = SeededRandom(seed: seed)
        let fleet = try TestFleet(Schemas.teams)
        let sites = ["inderoy", "snasa", "verran"]
        for site in sites { try fleet.join(site) }
        fleet.hub.writeBack()
        let path = fleet.folder + "/whole.db"
        try FileManager.default.copyItem(atPath: fleet.folder + "/hub.db", toPath: path)
        let whole = try HubStore(path: path)
        whole.pieces.areOne = true
        fleet.hub.pieces.rows = random.pick([1, 2, 3, 4096])
        for _ in 0..<3 {
            for site in sites {
                for _ in 0..<random.int(0...2) {
                    try write(fleet, site, &random)
                    try fleet.seal(site)
                }
            }
            for site in sites.shuffled(using: &random) where random.chance(80) {
                try push(fleet, site, alsoTo: whole, seed)
            }
            for site in sites where random.chance(70) {
                let position = try fleet.nodes[site]!.position()
                _ = try fleet.order(for: fleet.nodes[site]!.replica, after: position, from: whole)
                try fleet.pull(site)
            }
        }
        return try fleet.hub.conflicts(includeSettled: true).count
    }

    /// One transaction of a few statements; those that a constraint refuses are passed over.
    private func write(_ fleet: TestFleet, _ site: String, _ random: inout SeededRandom) throws {
        let program = fleet.programs[site]!
        func team() -> String { random.pick(["t1", "t2", "t3", "t4"]) }
        func person() -> String { random.pick(["p1", "p2", "p3", "p4", "p5", "p6", "P5"]) }
        func shift() -> String { random.pick(["s1", "s2", "s3", "s4"]) }
        func name() -> String { random.pick(["North", "South", "East", "West"]) }
        func code() -> String { random.pick(["A", "B", "C", "D", "E"]) }
        func number() -> Int { random.int(0...9) }
        try program.execute("BEGIN")
        for _ in 0..<random.int(1...6) {
            let statement =
                switch random.int(0...15) {
                case 0: "INSERT INTO team VALUES('\(team())', '\(name())', NULL, \(number()))"
                case 1: "DELETE FROM team WHERE id = '\(team())'"
                case 2: "UPDATE team SET name = '\(name())' WHERE id = '\(team())'"
                case 3: "UPDATE team SET note = '\(number())' WHERE id = '\(team())'"
                case 4, 5:
                    "INSERT INTO person(id, code, team, lead) VALUES('\(person())', '\(code())', '\(team())', NULL)"
                case 6: "DELETE FROM person WHERE id = '\(person())'"
                case 7: "UPDATE person SET code = '\(code())' WHERE id = '\(person())'"
                case 8:
                    """
                    UPDATE person SET code = 'x' WHERE code = 'A'; UPDATE person SET code = 'A' WHERE code = 'B';
                    UPDATE person SET code = 'B' WHERE code = 'x'
                    """
                case 9: "UPDATE person SET a = \(number()) WHERE id = '\(person())'"
                case 10: "UPDATE person SET b = \(number()), note = 'n\(number())' WHERE id = '\(person())'"
                case 11: "UPDATE person SET lead = '\(person())' WHERE id = '\(person())'"
                case 12: "UPDATE person SET team = '\(team())' WHERE id = '\(person())'"
                case 13: "INSERT INTO shift VALUES('\(shift())', '\(person())', '\(name())', NULL)"
                case 14: "DELETE FROM shift WHERE id = '\(shift())'"
                default: "UPDATE shift SET note = '\(number())', team = '\(name())' WHERE id = '\(shift())'"
                }
            // A refused statement is how a program meets a constraint; its transaction goes on.
            try? program.execute(statement)
        }
        try program.execute("COMMIT")
    }

    private func push(_ fleet: TestFleet, _ site: String, alsoTo whole: HubStore, _ seed: UInt64) throws {
        let node = fleet.nodes[site]!
        while case let known = try fleet.hub.vector()[node.replica], try known < node.sealedSeq() {
            fleet.nowMs += 1
            try fleet.send(node, to: fleet.hub, first: 1)
            try fleet.send(node, to: whole, first: 1)
            let (one, other) = (try End(fleet.hub), try End(whole))
            try #require(one.difference(from: other) == nil, "SAMBAND_SEED=\(seed), behind \(node.replica):\(known)")
        }
    }
}

/// All that a hub says and gives out, but for the numbers of its records.
private struct End {
    var rows: Set<[Value]> = []
    var conflicts: Set<[AnyHashable]> = []
    var withheld: Set<String> = []
    let disputed: Set<UInt64>
    /// Of rows that came back because others refer to them.
    private var parents: Set<UInt64> = []
    /// What goes out of the newest change sets, row by row.
    var given: Set<String> = []
    /// What they overwrote, cell by cell.
    var undone: Set<String> = []

    init(_ hub: HubStore) throws {
        for table in hub.tables {
            let statement = try hub.connection.prepare("SELECT '\(table.number)', * FROM \(table.quotedName)")
            while try statement.step() { rows.insert(statement.values(0, Int(statement.columnCount))) }
        }
        for record in try hub.conflicts(includeSettled: true) {
            // Of several rows that need one parent back, whichever asks first is in the conflict about it; where one of
            // those came back itself, there is none.
            if try record.kind == .foreignKey && hub.conflictTable.withheld(ofConflict: record.id).isEmpty {
                parents.insert(record.row.hash64)
                continue
            }
            conflicts.insert([
                record.kind, record.row, record.column, record.base, record.life.changed, record.life.settlement,
                Set(record.life.sides), record.life.settledBy, record.decision,
            ])
        }
        for record in try hub.withheld() {
            withheld.insert("\(record.row) \(record.dot) \(record.operation) \(record.values)")
        }
        disputed = hub.disputed
        let last = try hub.log.lastPosition()
        for entry in try hub.log.entries(after: last > 2 ? last - 2 : 0, limit: 2) {
            let variant: SegmentVariant = entry.isEffective ? .effective : .authored
            for (row, _, operation) in try hub.reader.operations(of: entry, variant: variant)
            where row.table < ConflictTable.conflictNumber {
                given.insert(
                    "\(entry.id) \(row) \(operation.operation) \(operation.columns) \(operation.values) "
                        + "\(operation.cellStamps)")
            }
            for (row, _, operation) in try hub.reader.operations(of: entry, variant: .undo) {
                for (column, value) in zip(operation.columns, operation.values) {
                    undone.insert("\(entry.id) \(row) \(column) \(value)")
                }
            }
        }
    }

    /// Nil when both are alike. A row taken blind keeps what it overwrote even where it wrote the same.
    func difference(from whole: End) -> String? {
        if rows != whole.rows { return "rows" }
        if conflicts != whole.conflicts {
            return "conflicts: \(conflicts.subtracting(whole.conflicts)) and \(whole.conflicts.subtracting(conflicts))"
        }
        if withheld != whole.withheld { return "withheld rows" }
        if !disputed.symmetricDifference(whole.disputed).isSubset(of: parents.union(whole.parents)) {
            return "disputed rows"
        }
        if given != whole.given { return "what goes out" }
        let missing = whole.undone.subtracting(undone)
        return missing.isEmpty ? nil : "what was overwritten: \(missing) \(undone.subtracting(whole.undone))"
    }
}
