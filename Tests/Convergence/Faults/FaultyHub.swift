import HubDatabase
import HubService
import Replication
import SQLite
import SimulatedDisk
import SimulationKit
import TableModel

/// True for what a disk has made fail; everything else is a fault of the code under test.
func isOfTheDisk(_ error: any Error) -> Bool {
    if let error = error as? StoreError { return error.kind == .inputOutput }
    // SQLITE_IOERR, SQLITE_FULL, SQLITE_READONLY, SQLITE_CANTOPEN. https://www.sqlite.org/rescode.html
    if let error = error as? SQLiteError { return [10, 13, 8, 14].contains(error.code & 0xff) }
    return false
}

/// The real hub on a disk that fails.
final class FaultyHub: HubEnd {
    private let machine: Machine<StoreHub>
    private let observer: UInt32
    private let plant: PlantedFault?
    /// What it has answered that it has.
    private var acknowledged = VectorClock()
    private var random: SeededRandom
    private let tally: FaultTally
    private let seat: SimulatedSeat
    private var images: [SimulatedDisk.Image] = []
    /// Sites without a machine: they hand in at once that they know nothing.
    private let idle: () -> [Follower]

    init(
        _ maker: StoreMaker, disk: SimulatedDisk, seed: UInt64, tally: FaultTally, plant: PlantedFault?,
        idle: @escaping () -> [Follower]
    ) throws {
        self.plant = plant
        self.tally = tally
        self.idle = idle
        let seat = try SimulatedSeat(maker, path: disk.path("hub.db"))
        self.seat = seat
        observer = maker.template.replicas["observer"]!
        random = SeededRandom(seed: seed)
        machine = try Machine("the hub", disk: disk, seed: seed, tally: tally) {
            try StoreHub(maker, path: disk.path("hub.db"), seat: seat.open())
        } commit: { hub in
            try hub.reader.execute("PRAGMA user_version = 1; PRAGMA user_version = 0")
        }
        images = [disk.image()]
    }

    private var hub: StoreHub { machine.programs }

    var replica: UInt32 { hub.replica }
    func vector() throws -> VectorClock { try hub.vector() }
    func admit(site: String, nowMs: UInt64) throws -> UInt32 { try hub.admit(site: site, nowMs: nowMs) }
    func rows() throws -> Rows { try hub.rows() }
    func conflicts() throws -> [SeenConflict] { try hub.conflicts() }
    func withheld() throws -> [SeenWithheld] { try hub.withheld() }
    func complaint() throws -> String? { try hub.complaint() }
    func excess() throws -> String? { try hub.excess() }

    /// True when it has happened.
    private func change(_ doing: String, _ body: (StoreHub) throws -> Bool) throws -> Bool {
        let done = try watched {
            try machine.attempt(doing, state: { try $0.store.lastPosition() }, isChange: { $0 }, body) { _, _, _ in true
            }
        }
        acknowledged = try hub.vector()
        if random.chance(10) { try writeBack() }
        return done
    }

    /// What the hub has answered is there after every crash.
    private func watched<Result>(_ body: () throws -> Result) throws -> Result {
        let crashes = machine.crashes
        let result = Swift.Result { try body() }
        if machine.crashes > crashes { try checkAcknowledged() }
        return try result.get()
    }

    private func checkAcknowledged() throws {
        guard try hub.vector().covers(acknowledged) else {
            throw Broken(
                "durable: the hub had acknowledged \(acknowledged.entries) and has \(try hub.vector().entries) after a crash"
            )
        }
        guard try hub.reader.firstString("PRAGMA quick_check") == "ok" else {
            throw Broken("durable: the hub's file is damaged after a crash")
        }
    }

    /// Piece by piece. With the programs that run the push ends: who sends it greets anew.
    func takePush(_ push: Arrival, from replica: UInt32, nowMs: UInt64) throws {
        let running = hub
        var intake = running.intake(of: replica)
        for piece in push.pieces {
            try step("take in a push of \(replica)", intake) { hub, intake in
                try intake.take(piece, hub.store, nowMs: nowMs)
            } then: {
                intake = $0
            }
            guard running === hub else { throw Interrupted() }
        }
        if !push.isCut {
            // All is taken in: it only says whether the push ended as it should.
            return try intake.finish(hub.store, nowMs: nowMs)
        }
        if plant == .pushForgotten { return }
        try watched { try machine.attemptLoosely { try intake.keepRest($0.store) } }
    }

    private func step(
        _ doing: String, _ before: PushIntake, _ body: (StoreHub, inout PushIntake) throws -> Void,
        then: (PushIntake) -> Void
    ) throws {
        let after = try watched {
            try machine.attempt(
                doing, state: { try $0.store.lastPosition() }, isStepwise: hub.maker.isInPieces,
                isChange: { $0.hasIngested }
            ) { hub in
                var intake = before
                intake.hasIngested = false
                try body(hub, &intake)
                return intake
            } result: { _, _, _ in
                before
            }
        }
        then(after)
        acknowledged = try hub.vector()
        if random.chance(10) { try writeBack() }
    }

    func held(of replica: UInt32) throws -> HeldPart? { try hub.held(of: replica) }

    func lastPosition() throws -> UInt64 { try hub.lastPosition() }
    func greeting(of replica: UInt32) throws -> SimulationKit.Greeting { try hub.greeting(of: replica) }

    func split(_ asked: SplitAsked, nowMs: UInt64) throws -> (replica: UInt32, at: UInt64) {
        let done = try watched {
            try machine.attempt(
                "split \(asked.replica)", state: { try $0.lastPosition() }, isChange: { $0.isNew }
            ) { hub -> Split in
                let before = try hub.lastPosition()
                let given = try hub.split(asked, nowMs: nowMs)
                return Split(replica: given.replica, at: given.at, isNew: try hub.lastPosition() > before)
            } result: { hub, _, _ in
                // It has happened and nobody was told: asked again, it is the same.
                let given = try hub.split(asked, nowMs: nowMs)
                return Split(replica: given.replica, at: given.at, isNew: true)
            }
        }
        acknowledged = try hub.vector()
        return (done.replica, done.at)
    }

    private struct Split {
        let replica: UInt32
        let at: UInt64
        let isNew: Bool
    }

    func decide(_ conflict: UInt64, seen changed: UInt64, _ choice: SimulationKit.Choice, nowMs: UInt64) throws -> Bool
    {
        try change("decide conflict \(conflict)") { try $0.decide(conflict, seen: changed, choice, nowMs: nowMs) }
    }

    func undo(_ conflict: UInt64, seen changed: UInt64, nowMs: UInt64) throws -> Bool {
        try change("undo the decision of conflict \(conflict)") {
            try $0.undo(conflict, seen: changed, nowMs: nowMs)
        }
    }

    /// As a site asks for it: with what it has reached.
    func givePull(_ request: PullRequest, to replica: UInt32, nowMs: UInt64) throws -> [UInt8] {
        if replica == observer { return try hub.givePull(request, to: replica, nowMs: nowMs) }
        var answer: [UInt8] = []
        try watched {
            try machine.attemptLoosely { hub in
                try hub.store.acknowledge(replica, position: request.position, sealed: 0, nowMs: 0)
                answer = try hub.givePull(request, to: replica, nowMs: nowMs)
            }
        }
        return plant?.given(answer) ?? answer
    }

    func meet(_ fault: DiskFault) throws {
        if fault == .writeBack { try writeBack() }
        if fault == .image { images.append(machine.disk.image()) }
        try watched { try machine.meet(fault) }
    }

    // MARK: lost and put back

    var isRecovering: Bool { hub.isRecovering }

    func lose(image: Int?, seat fate: SeatFate) throws {
        tally.lostHubs += 1
        if fate == .lost { seat.lose() }
        let image = image.map { images[$0 % images.count] } ?? machine.disk.image()
        if plant == .sameHub { try seat.fit(image) }
        try machine.put(image)
        acknowledged = try hub.vector()
        guard hub.isRecovering else { return }
        for follower in idle() { try hub.noteHeard(follower, nowMs: 0) }
    }

    func recoveryStep(of follower: Follower) throws -> RecoveryAsked? { try hub.recoveryStep(of: follower) }
    func checkOrder(of follower: Follower) throws { try hub.checkOrder(of: follower) }

    func wanted(_ offers: [SeenOffer], from follower: Follower) throws -> [Dot] {
        try recovering("look at what \(follower.replica) offers") { try $0.wanted(offers, from: follower) }
    }

    func keep(_ handed: Arrival, from follower: Follower) throws {
        try recovering("keep what \(follower.replica) hands in") {
            try $0.keep(plant?.kept(handed) ?? handed, from: follower)
        }
    }

    func noteHeard(_ follower: Follower, nowMs: UInt64) throws {
        if plant == .neverHeard { return }
        try recovering("note that \(follower.replica) was heard") { try $0.noteHeard(follower, nowMs: nowMs) }
        acknowledged = try hub.vector()
    }

    func acceptRecovery(nowMs: UInt64) throws {
        try recovering("accept the recovery") { hub in
            if hub.isRecovering { try hub.acceptRecovery(nowMs: nowMs) }
        }
        tally.accepted += 1
        acknowledged = try hub.vector()
    }

    /// What was answered is there after every crash; what was not may be asked for again.
    private func recovering<Answer>(_ doing: String, _ body: (StoreHub) throws -> Answer) throws -> Answer {
        let before = try hub.recoveryState()
        return try watched {
            try machine.attempt(doing, state: { try $0.recoveryState() }, isChange: { $0.hasChanged }) { hub in
                let answer = try body(hub)
                return (answer: answer, hasChanged: try machine.calmly { try hub.recoveryState() } != before)
            } result: { hub, _, _ in
                (answer: try body(hub), hasChanged: true)
            }
        }.answer
    }

    private func writeBack() throws {
        do {
            try watched { try machine.attemptLoosely { $0.store.writeBack() } }
        } catch is Interrupted {}
    }
}
