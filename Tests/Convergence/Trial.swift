import Replication
import SimulationKit

/// Runs one history and checks the promises on the way and at the end.
struct Trial {
    /// What a run saw, for the sums that a test prints.
    struct Tally {
        var steps = 0
        var sets = 0
        var conflicts = 0
        var open = 0
        /// Change sets of the hub's own.
        var carried = 0
        var withheld = 0
        /// The time that passed in it, by its own clocks.
        var milliseconds: UInt64 = 0
        var line = LineTally()
    }

    let maker: any FleetMaker
    /// True when no two rows can break a constraint: then the oracle is exact at every step.
    let isFree: Bool

    /// Notes which constraints were broken on the way.
    let constraints = ConstraintTally()

    init(_ maker: any FleetMaker) {
        self.maker = maker
        isFree = maker.catalogue.tables.allSatisfy { $0.isFree }
    }

    func run(_ scenario: Scenario, seed: UInt64) throws -> Tally {
        let fleet = try Fleet(maker, skewsMs: scenario.skewsMs, seed: seed)
        fleet.watch = { fleet, event in
            try check(fleet, event)
            if !isFree { try constraints.note(fleet, event) }
        }
        for step in scenario.steps { try fleet.perform(step) }
        try fleet.endDiskFaults()
        try fleet.settleEverything()
        try finish(fleet)
        return try tally(fleet, steps: scenario.steps.count)
    }

    /// After every event: constraints hold, and hub and node hold what the oracle says of what they know.
    func check(_ fleet: Fleet, _ event: Fleet.Event) throws {
        switch event {
        case .ingested, .decided:
            if let complaint = try fleet.hub.complaint() { throw Broken("constraints: the hub: \(complaint)") }
            guard isFree, !fleet.hasLostHub else { return }
            let known = fleet.history.sets.values.filter { $0.position != nil }
            let rows = try fleet.hub.rows().mapValues(\.data)
            try compare("the hub", rows, Oracle(known, verdicts: fleet.history.verdicts).rows, held: [])
            if let complaint = PolicyOracle(fleet).complaint(rows) { throw Broken("convergent: the hub: \(complaint)") }
        case .taken(let index), .sealed(let index):
            let site = fleet.sites[index]
            if !site.hasWrittenUnchecked, let complaint = try site.node.complaint() {
                throw Broken("constraints: \(site.name): \(complaint)")
            }
            guard isFree, !fleet.hasLostHub, case .taken = event else { return }
            let rows = try site.node.rows().mapValues(\.data)
            let known = Oracle(
                fleet.known(to: index), verdicts: fleet.history.verdicts(known: site.known))
            try compare(site.name, rows, known.rows, held: held(fleet, index))
        }
    }

    /// Rows that a node's own delete in flight holds away.
    private func held(_ fleet: Fleet, _ index: Int) throws -> Set<RowIdentity> {
        var last: [RowIdentity: RecordedSet] = [:]
        // In the order of their seal, under whatever number.
        for set in try fleet.inFlight(of: index) {
            for row in set.writes.keys { last[row] = set }
        }
        return Set(last.filter { $0.value.writes[$0.key]!.kind == .delete }.keys)
    }

    private func compare(
        _ name: String, _ rows: [RowIdentity: [Value]], _ oracle: [RowIdentity: [Value]],
        held: Set<RowIdentity>
    ) throws {
        for row in Set(rows.keys).union(oracle.keys).sorted() {
            if held.contains(row) {
                guard rows[row] == nil else {
                    throw Broken("convergent: \(name) shows \(row), which its own delete took")
                }
            } else if rows[row] != oracle[row] {
                throw Broken(
                    "convergent: \(name) has \(row) = \(text(rows[row])), the oracle says \(text(oracle[row]))")
            }
        }
    }

    private func text(_ data: [Value]?) -> String {
        data.map { "(\($0.map(\.legible).joined(separator: ", ")))" } ?? "nothing"
    }

    /// At rest: all equal, nothing in flight or aside, every conflict found and none invented, nothing lost.
    func finish(_ fleet: Fleet) throws {
        let rows = try fleet.hub.rows()
        if let missing = fleet.missing().first {
            throw Broken("durable: \(missing.site) has sealed \(missing.dot), which the hub does not have")
        }
        for site in fleet.sites {
            guard try site.node.position() == fleet.hub.lastPosition() else {
                throw Broken("durable: \(site.name) does not get on in the hub's order")
            }
            guard try site.node.inFlightCount() == 0 else {
                throw Broken("never stuck: \(site.name) still has changes in flight")
            }
            if let complaint = try site.node.complaint() { throw Broken("constraints: \(site.name): \(complaint)") }
            guard try site.node.asideCount() == 0 else {
                throw Broken("never stuck: \(site.name) still has rows aside")
            }
            let mine = try site.node.rows()
            guard mine == rows else {
                let row = Set(rows.keys).union(mine.keys).sorted().first { rows[$0] != mine[$0] }!
                throw Broken(
                    "convergent: \(site.name) has \(row) = \(text(mine[row]?.data)) by key \(text(mine[row]?.key)), the hub"
                        + " \(text(rows[row]?.data)) by key \(text(rows[row]?.key))")
            }
        }
        try checkBounds(fleet)
        if fleet.hasLostHub { return try finishAfterLoss(fleet, rows) }
        let everything = Oracle(
            Array(fleet.history.sets.values) + fleet.history.hubActs, verdicts: fleet.history.verdicts,
            withheld: fleet.history.withheld)
        try compare("at rest, everyone", rows.mapValues(\.data), everything.rows, held: [])
        let judge = ConflictJudge(
            fleet.history, conflicts: try fleet.hub.conflicts(), withheld: try fleet.hub.withheld(),
            rows: rows,
            catalogue: maker.catalogue)
        let complaints = judge.complaints()
        if let complaint = complaints.sorted().first { throw Broken(complaint) }
        if let complaint = try waiting(fleet, rows).sorted().first { throw Broken(complaint) }
        if isFree, let row = try fleet.hub.withheld().first { throw Broken("withheld without need: \(row)") }
    }

    private func checkBounds(_ fleet: Fleet) throws {
        if let excess = try fleet.hub.excess() { throw Broken("bounded: the hub: \(excess)") }
        for site in fleet.sites {
            if let excess = try site.node.excess() { throw Broken("bounded: \(site.name): \(excess)") }
        }
    }

    /// After the loss of a hub what its automatic decisions were is made anew: nothing that was written is lost.
    private func finishAfterLoss(_ fleet: Fleet, _ rows: Rows) throws {
        if let missing = fleet.missingDecisions().first {
            throw Broken("durable: decision \(missing), which a site had, has not come back")
        }
        if isFree, !fleet.hasAcceptedEarly {
            // Whatever was lost between: the rows are what they would be if no hub had been.
            let everything = Oracle(
                Array(fleet.history.sets.values) + fleet.history.hubActs, verdicts: fleet.history.verdicts,
                withheld: fleet.history.withheld)
            try compare("at rest after a lost hub, everyone", rows.mapValues(\.data), everything.rows, held: [])
        }
        let judge = ConflictJudge(
            fleet.history, conflicts: try fleet.hub.conflicts(), withheld: try fleet.hub.withheld(), rows: rows,
            catalogue: maker.catalogue)
        if let complaint = judge.losses().sorted().first { throw Broken(complaint) }
        if let complaint = try waiting(fleet, rows).sorted().first { throw Broken(complaint) }
    }

    /// What is wrong about the rows that are still withheld: each belongs to an open conflict, and none waits for what
    /// has long come.
    private func waiting(_ fleet: Fleet, _ rows: Rows) throws -> [String] {
        let conflicts = Dictionary(uniqueKeysWithValues: try fleet.hub.conflicts().map { ($0.id, $0) })
        return try fleet.hub.withheld().filter { $0.state == .withheld }.compactMap { withheld in
            let name = "\(withheld.operation) of \(withheld.row) by \(withheld.dot)"
            guard let conflict = conflicts[withheld.conflict], conflict.life.isOpen else {
                return "\(name) is withheld without an open conflict"
            }
            // A person who takes an admission back is not overruled.
            guard maker.catalogue.isJudged, withheld.operation != .update, withheld.operation != .delete,
                rows[withheld.row] == nil,
                !fleet.history.undone.contains(conflict.id)
            else { return nil }
            let row = Row(key: withheld.key, data: withheld.cells.sorted { $0.key < $1.key }.map(\.value))
            let broken = maker.catalogue.broken(withheld.row, by: row, among: rows)
            return broken.isEmpty && conflict.kind != .check && conflict.kind != .foreignKey
                ? "\(name) is withheld though it fits" : nil
        }
    }

    private func tally(_ fleet: Fleet, steps: Int) throws -> Tally {
        let conflicts = try fleet.hub.conflicts()
        return Tally(
            steps: steps, sets: fleet.history.sets.count, conflicts: conflicts.count,
            open: conflicts.count { $0.life.isOpen },
            carried: fleet.history.order.count { fleet.history.sets[$0] == nil },
            withheld: fleet.history.withheld.values.reduce(0) { $0 + $1.count },
            milliseconds: fleet.nowMs - Fleet.beginMs, line: fleet.line)
    }
}

extension TableModel {
    /// True when no row of it can clash with another or with itself.
    var isFree: Bool { (Catalogue.free + Catalogue.ruled).contains { $0.name == name } }
}
