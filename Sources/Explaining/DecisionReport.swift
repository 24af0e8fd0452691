import ConflictStore
import OrderedLog
import RecordViews
import Replication
import SQLite

/// For each site, what was decided for it and against it: a tilt towards one of them shows.
package struct DecisionReport: Sendable {
    /// How a conflict was settled.
    package enum Way: Int, CaseIterable, Sendable {
        case policy, person, write
    }

    /// What was decided about one site's writes.
    package struct Line: Sendable {
        package let site: String
        /// The outcome is what the site wrote, by the way it was settled.
        package fileprivate(set) var decidedFor = Counts()
        package fileprivate(set) var against = Counts()
        package fileprivate(set) var open = 0

        package var decided: Int { decidedFor.all + against.all }
    }

    /// Conflicts by the way in which they were settled.
    package struct Counts: Hashable, Sendable {
        private var numbers = [Int](repeating: 0, count: Way.allCases.count)

        package subscript(_ way: Way) -> Int { numbers[way.rawValue] }
        package var all: Int { numbers.reduce(0, +) }
        fileprivate mutating func add(_ way: Way) { numbers[way.rawValue] += 1 }
    }

    /// A site for which decisions fell so much more, or less, often than for the others that chance would bring it about
    /// less than once in twenty times.
    package struct Tilt: Hashable, Sendable {
        package let site: String
        package let decidedFor: Int
        package let of: Int
        package let othersFor: Int
        package let othersOf: Int
        package var isTowards: Bool { decidedFor * othersOf > othersFor * of }
    }

    package let sinceMs: UInt64
    /// By name; the hub's own writes under an empty one.
    package let lines: [Line]
    package let settled: Int
    package let open: Int

    /// The strongest one; nil when there is none or too little was decided to tell.
    package var tilt: Tilt? {
        let all = (won: lines.reduce(0) { $0 + $1.decidedFor.all }, of: lines.reduce(0) { $0 + $1.decided })
        let tilts = lines.compactMap { line -> (Tilt, Double)? in
            let tilt = Tilt(
                site: line.site, decidedFor: line.decidedFor.all, of: line.decided,
                othersFor: all.won - line.decidedFor.all, othersOf: all.of - line.decided)
            guard tilt.of >= Self.fewest, tilt.othersOf >= Self.fewest else { return nil }
            // Two proportions against what they are together.
            let share = Double(all.won) / Double(all.of)
            let spread = share * (1 - share) * (1 / Double(tilt.of) + 1 / Double(tilt.othersOf))
            guard spread > 0 else { return nil }
            let apart = Double(tilt.decidedFor) / Double(tilt.of) - Double(tilt.othersFor) / Double(tilt.othersOf)
            let strength = (apart * apart / spread).squareRoot()
            return strength > 1.96 ? (tilt, strength) : nil
        }
        return tilts.max { $0.1 < $1.1 }?.0
    }

    /// Below so many decisions a share says nothing.
    private static let fewest = 5

    fileprivate init(sinceMs: UInt64, lines: [Line], settled: Int, open: Int) {
        self.sinceMs = sinceMs
        self.lines = lines
        self.settled = settled
        self.open = open
    }
}

extension Views {
    /// Counts the decisions for and against each site since a moment, in milliseconds since 1970.
    package func decisionReport(sinceMs: UInt64) throws -> DecisionReport {
        var lines: [String: DecisionReport.Line] = [:]
        var (settled, open) = (0, 0)
        for record in try conflicts.all(includeSettled: true) {
            let outcome = try Outcome(record, sites: record.life.sides.map { try site(of: $0.dot.replica) }, self)
            if let way = outcome.way {
                guard outcome.atMs >= sinceMs else { continue }
                settled += 1
                for (site, isFor) in outcome.bySite where outcome.counts(isFor) {
                    if isFor {
                        lines[site, default: DecisionReport.Line(site: site)].decidedFor.add(way)
                    } else {
                        lines[site, default: DecisionReport.Line(site: site)].against.add(way)
                    }
                }
            } else {
                open += 1
                for site in Set(outcome.sites) { lines[site, default: DecisionReport.Line(site: site)].open += 1 }
            }
        }
        return DecisionReport(
            sinceMs: sinceMs, lines: lines.values.sorted { $0.site < $1.site }, settled: settled, open: open)
    }
}

/// How one conflict ended, seen from each of its sites.
private struct Outcome {
    let way: DecisionReport.Way?
    let atMs: UInt64
    let sites: [String]
    private(set) var bySite: [(site: String, isFor: Bool)] = []
    private let isRelease: Bool

    /// A row that came in when its way was free was decided against nobody.
    func counts(_ isFor: Bool) -> Bool { isFor || !isRelease }

    init(_ record: ConflictRecord, sites: [String], _ views: Views) throws {
        self.sites = sites
        way =
            switch record.life.settlement {
            case nil: nil
            case .policy: .policy
            case .person: .person
            case .write: .write
            }
        atMs =
            record.decision?.atMs ?? record.life.settledBy.map { HybridClock.milliseconds($0.hlc) } ?? record.openedAtMs
        isRelease = record.decision?.how == DecidedHow.release
        guard way != nil else { return }
        // A site with two sides is one party: what it wrote stands when one of them does.
        for site in sites where !bySite.contains(where: { $0.site == site }) {
            let its = zip(record.life.sides, sites).filter { $0.1 == site }.map(\.0)
            bySite.append((site, try its.contains { try Outcome.stands($0, record, views) }))
        }
    }

    /// True when the outcome is what this side wrote.
    private static func stands(_ side: ConflictSide, _ record: ConflictRecord, _ views: Views) throws -> Bool {
        if record.decision?.how == DecidedHow.release { return side.key == nil }
        switch record.decision?.choice {
        case .restore: return side.row != nil
        case .delete: return side.row == nil
        case .admit: return side.key == nil
        case .discard: return side.key != nil
        case .take, .set, nil: break
        }
        if record.kind == .unique {
            // Taken in exchange, or put aside by a later write of its author: the row that stood goes or stays.
            let isExchanged = record.life.settlement == .person && record.life.settledBy?.row != nil
            if side.key != nil || record.life.settledBy == nil { return (side.key == nil) == isExchanged }
        }
        if let by = record.life.settledBy { return agrees(side, with: by) }
        if record.life.settlement == .policy {
            // A change set may bring decisions about other cells of the row as well.
            if let decided = try decided(record, views) {
                let written =
                    record.columnIndex.flatMap { column in side.value.map { [column: $0] } } ?? side.row ?? [:]
                let about = written.filter { decided.index(of: $0.key) != nil }
                if !about.isEmpty { return about.allSatisfy { decided.value(of: $0.key) == $0.value } }
            }
            if record.decision == nil || record.decision?.how == Policy.newest.rawValue {
                let newest = record.life.sides.max { ($0.hlc, $0.dot) < ($1.hlc, $1.dot) }
                return newest.map { agrees(side, with: $0) } ?? false
            }
        }
        // Whatever was settled without a write is what stands in the table.
        guard let table = views.access.tables[record.tableNumber], let now = try views.access.row(table, record.key)
        else { return side.row == nil && side.value == nil }
        return agrees(
            side,
            with: ConflictSide(
                dot: side.dot, hlc: 0, position: 0, value: record.columnIndex.map { now[$0] },
                row: record.columnIndex == nil
                    ? Dictionary(uniqueKeysWithValues: now.enumerated().map { ($0, $1) }) : nil))
    }

    /// The cells that a policy decided stand right behind the write that met the others.
    private static func decided(_ record: ConflictRecord, _ views: Views) throws -> LoggedOperation? {
        guard let entry = try views.log.entries(after: record.life.changed, limit: 1).first else { return nil }
        let reader = OperationReader(log: views.log, shapes: views.access.tables.mapValues(\.shape))
        return try reader.operations(of: entry, wanted: [record.row.hash64])
            .first { $0.row == record.row && $0.operation.operation == .decided }?.operation
    }

    /// True when everything that the side wrote is in the outcome.
    private static func agrees(_ side: ConflictSide, with outcome: ConflictSide) -> Bool {
        if let value = side.value { return value == outcome.value }
        guard let cells = side.row, let stands = outcome.row else { return side.row == nil && outcome.row == nil }
        return cells.allSatisfy { stands[$0.key] == nil || stands[$0.key] == $0.value }
    }
}
