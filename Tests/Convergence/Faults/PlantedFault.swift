import Replication
import SQLite
import SimulatedDisk
import SimulationKit

/// A promise broken on purpose, to see that its checker notices.
enum PlantedFault: String, CaseIterable {
    /// A program's writes go past the triggers.
    case captured
    /// The intake of a pull takes in what has come of a hub transaction before its last frame. (`PullIntake`)
    case takenEarly
    /// The stream of a pull leaves out an arbitration at the border of a hub transaction. (`PullStream`)
    case arbitrationLeftOut
    /// The intake of a push forgets what had come of a change set before the line was cut. (`PushIntake`)
    case pushForgotten
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
        case .takenEarly, .arbitrationLeftOut: 2
        case .causal: 3
        case .convergent: 4
        case .noSilentLoss: 5
        case .constraints: 6
        case .durable, .sameDot, .sameHub, .handedSetDropped: 7
        case .bounded: 9
        case .neverStuck, .neverHeard, .pushForgotten: 10
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

    /// What comes to the intake of a pull.
    func arriving(_ answer: Arrival) -> Arrival {
        guard self == .takenEarly else { return answer }
        let frames = Self.frames(answer.bytes).map { frame in
            guard case .header(let header, var delivery) = frame, !delivery.isAbsorbed else { return frame }
            delivery.endsTransaction = true
            return .header(header, delivery)
        }
        return Arrival(frames.map { $0.encoded() }, isCut: answer.isCut)
    }

    private static func frames(_ bytes: [UInt8]) -> [Frame] {
        var reader = FrameReader()
        reader.append(bytes)
        var frames: [Frame] = []
        // Behind a bent frame nothing is read.
        while let frame = try? reader.next() { frames.append(frame) }
        return frames
    }

    /// After a pull was taken in.
    func spoil(_ node: StoreNode) throws {
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
    func kept(_ handed: Arrival) -> Arrival {
        guard self == .handedSetDropped else { return handed }
        let parcels = Wire.read(handed.bytes).parcels
        return Arrival([Wire.bytes(parcels.filter { $0.header.kind != .local || $0.header.dot.seq < 2 })])
    }

    /// The hub is lost with writes that it had acknowledged and nobody else had seen.
    private static let unseenWrites = Scenario(
        catalogue: Catalogue([.plain]), skewsMs: [0, 0],
        steps: [
            .write(0, [insert(1, 1)]), .settle, .write(0, [set(x: 2)]), .seal(0), .write(0, [set(y: 3)]), .seal(0),
            .push(0, .none), .wait(1000), .write(1, [set(x: 4)]), .loseHub(0, .lost), .pull(1, .none), .settle,
        ])

    /// What the stream of a pull gives out.
    func given(_ answer: [UInt8]) -> [UInt8] {
        let reading = Wire.read(answer)
        let transactions = Wire.transactions(reading.parcels)
        switch self {
        case .causal: return Wire.bytes(inWrongOrder(transactions).flatMap { $0 }, end: reading.end)
        case .arbitrationLeftOut: return Wire.bytes(transactions.flatMap(withoutArbitration), end: reading.end)
        default: return answer
        }
    }

    private func withoutArbitration(_ transaction: [Parcel]) -> [Parcel] {
        guard transaction.count == 2, transaction[1].header.kind == .arbitration, !transaction[0].delivery.isAbsorbed
        else { return transaction }
        var delivery = transaction[0].delivery
        delivery.endsTransaction = true
        return [Parcel(header: transaction[0].header, delivery: delivery, segments: transaction[0].segments)]
    }

    /// Two change sets of different authors, of which the second had seen the first, change places.
    private func inWrongOrder(_ transactions: [[Parcel]]) -> [[Parcel]] {
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
