import Replication
import SQLite
import SimulatedDisk
import SimulationKit

/// A promise broken on purpose, to see that its checker notices.
enum PlantedFault: String, CaseIterable {
    /// A program's writes go past the triggers.
    case captured
    /// A node takes what comes together in two transactions.
    case atomic
    /// The hub gives out a change set before what its author had seen.
    case causal
    /// A node lets an incoming delete take a row that its own update keeps alive.
    case convergent
    /// The value that loses is dropped without a conflict.
    case noSilentLoss
    /// A node deletes a row that others refer to.
    case constraints
    /// The hub acknowledges what it has not synced.
    case durable
    /// A file that was put back goes on as if nothing had been.
    case sameDot
    /// A restored hub goes on under the number that it had.
    case sameHub
    /// A restored hub says that it has kept what is handed in, and keeps only some of it.
    case handedSetDropped
    /// A node keeps the parts of change sets that have long come whole.
    case bounded
    /// A node that the disk has once let down never tries again.
    case neverStuck
    /// A restored hub waits for a site that it has heard.
    case neverHeard

    /// The promise of `Protocol/Promises.md`, by number. That memory is bounded has its fault in `LongHistoryTests`.
    var promise: Int {
        switch self {
        case .captured: 1
        case .atomic: 2
        case .causal: 3
        case .convergent: 4
        case .noSilentLoss: 5
        case .constraints: 6
        case .durable, .sameDot, .sameHub, .handedSetDropped: 7
        case .bounded: 9
        case .neverStuck, .neverHeard: 10
        }
    }

    var bug: PlantedBug? {
        switch self {
        case .convergent: .nodeObeysDelete
        case .noSilentLoss: .dropsTheLoser
        default: nil
        }
    }

    /// How the complaints of the checker of its promise begin.
    var complaints: [String] {
        switch promise {
        case 1: ["captured:"]
        case 2: ["atomic:"]
        case 3: ["causal:"]
        case 4: ["convergent:"]
        case 5: ["missed:", "lost:"]
        case 6: ["constraints:"]
        case 7: ["durable:"]
        case 9: ["bounded:"]
        default: ["never stuck:"]
        }
    }

    func scenario(_ seed: UInt64) -> Scenario {
        switch self {
        case .convergent, .noSilentLoss: return Scenario(contestedBy: seed)
        case .constraints:
            var random = SeededRandom(seed: seed)
            return Scenario(
                seed: seed, catalogue: Catalogue([.parent, .child]), siteCount: 2, decides: false, random: &random)
        case .handedSetDropped: return Self.unseenWrites
        case .sameHub, .neverHeard: return Scenario(lostHubOf: seed)
        default: return Scenario(faultsOf: seed)
        }
    }

    func adjust(_ machine: String, _ disk: SimulatedDisk) {
        if self == .durable && machine == "hub" { disk.setLying(true) }
    }

    // MARK: what it makes of the code's own doings

    func begin(_ node: StoreNode) throws {
        if self == .captured { try node.program.setTriggersEnabled(false) }
    }

    func take(_ node: StoreNode, _ transactions: [[Parcel]], nowMs: UInt64) throws {
        switch self {
        case .atomic:
            for transaction in transactions { try node.take([transaction], nowMs: nowMs) }
        default: try node.take(transactions, nowMs: nowMs)
        }
        if self == .bounded {
            try node.program.setTriggersEnabled(false)
            defer { try? node.program.setTriggersEnabled(true) }  // of a connection that is open
            try node.program.execute(
                "INSERT OR IGNORE INTO samband_staged(replica, seq, number, digest, bytes) VALUES(1, 1, 0, x'00', x'00')"
            )
        }
        if self == .constraints {
            try node.program.setTriggersEnabled(false)
            try node.program.execute("PRAGMA foreign_keys = OFF; DELETE FROM parent; PRAGMA foreign_keys = ON")
            try node.program.setTriggersEnabled(true)
        }
    }

    /// What a restored hub keeps of what it is handed in.
    func kept(_ parcels: [Parcel]) -> [Parcel] {
        self == .handedSetDropped ? parcels.filter { $0.header.kind != .local || $0.header.dot.seq < 2 } : parcels
    }

    /// The hub is lost with writes that it had acknowledged and nobody else had seen.
    private static let unseenWrites = Scenario(
        catalogue: Catalogue([.plain]), skewsMs: [0, 0],
        steps: [
            .write(0, [insert(1, 1)]), .settle, .write(0, [set(x: 2)]), .seal(0), .write(0, [set(y: 3)]), .seal(0),
            .push(0, .none), .wait(1000), .write(1, [set(x: 4)]), .loseHub(0, .lost), .pull(1, .none), .settle,
        ])

    /// Two change sets of different authors, of which the second had seen the first, change places.
    func given(_ transactions: [[Parcel]]) -> [[Parcel]] {
        guard self == .causal else { return transactions }
        var given = transactions
        for place in given.indices.dropLast() where given[place].count == 1 && given[place + 1].count == 1 {
            let (a, b) = (given[place][0], given[place + 1][0])
            guard b.header.contextDelta[a.header.dot.replica] >= a.header.dot.seq else { continue }
            given[place] = [at(a.delivery.position, b)]
            given[place + 1] = [at(b.delivery.position, a)]
            break
        }
        return given
    }

    private func at(_ position: UInt64, _ parcel: Parcel) -> Parcel {
        var delivery = parcel.delivery
        delivery.position = position
        return Parcel(header: parcel.header, delivery: delivery, segments: parcel.segments)
    }
}
