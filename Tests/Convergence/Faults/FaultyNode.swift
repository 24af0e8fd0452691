import HubDatabase
import NodeService
import Replication
import SQLite
import SimulatedDisk
import SimulationKit
import TableModel

/// The real node, and a program that writes its file, on a disk that fails.
///
/// Each of the program's transactions also raises SQLite's `user_version`, which nothing else writes: so it is known
/// of each whether it was committed, also when the power went before the program learned.
final class FaultyNode: NodeEnd {
    private struct Kept: Equatable {
        let transactions: Int64
        let sealed: UInt64
        let position: UInt64
        /// The hub that it follows: the order of another may be a shorter one.
        let hub: UInt64

        /// What was done is done still.
        func covers(_ before: Kept) -> Bool {
            transactions >= before.transactions && sealed >= before.sealed
                && (position >= before.position || hub != before.hub)
        }
    }

    private let machine: Machine<StoreNode>
    let site: String
    /// What programs and the hub have been told is done.
    private var kept = Kept(transactions: 0, sealed: 0, position: 0, hub: 0)
    private let plant: PlantedFault?
    private let tally: FaultTally
    /// Planted: the disk has let it down once.
    private var hasGivenUp = false

    init(_ maker: StoreMaker, site: String, disk: SimulatedDisk, seed: UInt64, tally: FaultTally, plant: PlantedFault?)
        throws
    {
        self.site = site
        self.plant = plant
        self.tally = tally
        // A log that is written back after every few pages is one that crashes meet in every state.
        let pages = Int(seed % 40)
        machine = try Machine(site, disk: disk, seed: seed, tally: tally) {
            let node = try StoreNode(maker, path: disk.path("site.db"))
            try node.program.execute("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = \(pages)")
            try plant?.begin(node)
            return node
        } commit: { node in
            let now = try Self.transactions(node)
            try node.program.execute("PRAGMA user_version = -1; PRAGMA user_version = \(now)")
        }
        kept = try state()
    }

    private var node: StoreNode { machine.programs }

    private static func transactions(_ node: StoreNode) throws -> Int64 {
        try node.program.firstInteger("PRAGMA user_version") ?? 0
    }

    private func state() throws -> Kept {
        Kept(
            transactions: try Self.transactions(node), sealed: try node.store.sealedSeq(),
            position: try node.store.position(), hub: try node.hub())
    }

    /// What was said to be done is there after every crash.
    private func watched<Result>(_ body: () throws -> Result) throws -> Result {
        let crashes = machine.crashes
        let result = Swift.Result { try body() }
        let now = try state()
        guard now.covers(kept) else {
            throw Broken("durable: \(site) had \(kept) and has \(now) after a crash")
        }
        if machine.crashes > crashes {
            guard try node.program.firstString("PRAGMA quick_check") == "ok" else {
                throw Broken("durable: the file of \(site) is damaged after a crash")
            }
        }
        kept = now
        return try result.get()
    }

    // MARK: its program

    func transaction(_ writes: [UserWrite], afterEach: (UserWrite, Rows) -> Void) throws -> Bool {
        try run(writes) { node, writes in try node.transaction(writes, afterEach: afterEach) }
    }

    func uncheckedTransaction(_ writes: [UserWrite], afterEach: (UserWrite, Rows) -> Void) throws -> Bool {
        try run(writes) { node, writes in try node.uncheckedTransaction(writes, afterEach: afterEach) }
    }

    private func run(_ writes: [UserWrite], _ body: (StoreNode, [UserWrite]) throws -> Bool) throws -> Bool {
        let counted = writes + [.sql("PRAGMA user_version = \(kept.transactions + 1)")]
        return try watched {
            try machine.attempt(
                "a program's transaction", state: Self.transactions, isRepeated: false, isChange: { $0 }
            ) { node in
                do { return try body(node, counted) } catch {
                    // Some errors have ended the transaction already, others leave that to the program.
                    node.program.rollback()
                    throw error
                }
            } result: { _, _, _ in
                true
            }
        }
    }

    // MARK: what the node does

    func seal(nowMs: UInt64) throws -> Dot? {
        try watched {
            try machine.attempt("seal", state: { try $0.store.sealedSeq() }, isChange: { $0 != nil }) {
                try giveUpIfPlanted()
                return try $0.seal(nowMs: nowMs)
            } result: { node, before, after in
                guard after == before + 1 else {
                    throw Broken("durable: \(site) sealed \(before + 1) and is at \(after)")
                }
                return Dot(replica: node.replica, seq: after)
            }
        }
    }

    /// Piece by piece. With the programs that run the pull ends.
    func takePull(_ answer: Arrival, isFollowing: Bool, nowMs: UInt64) throws -> Int {
        let running = node
        let answer = plant?.arriving(answer) ?? answer
        var intake = try running.intake(isFollowing: isFollowing, nowMs: nowMs)
        var taken = 0
        for piece in answer.pieces {
            taken += try step(&intake) { try $1.take(piece, $0.store, localMs: nowMs, nowMs: nowMs) }
            guard running === node else { throw Interrupted() }
        }
        taken += try step(&intake) { try $1.takeWhole($0.store, nowMs: nowMs) }
        if taken > 0 { try plant?.spoil(node) }
        guard running === node else { throw Interrupted() }
        if answer.isCut { try watched { try machine.attemptLoosely { try intake.keepRest($0.store) } } }
        return taken
    }

    private func step(
        _ intake: inout PullIntake, _ body: (StoreNode, inout PullIntake) throws -> Int
    ) throws -> Int {
        let start = intake
        let before = try state()
        let done = try watched {
            try machine.attempt(
                "take in a pull behind \(before.position)", state: { [try $0.position(), try $0.hub()] },
                isStepwise: node.maker.isInPieces, isChange: { $0.isChange }
            ) { node in
                try giveUpIfPlanted()
                var next = start
                let taken = try body(node, &next)
                let isChange = try node.position() != before.position || node.hub() != before.hub
                return (intake: next, taken: taken, isChange: isChange)
            } result: { _, _, _ in
                (intake: start, taken: 0, isChange: true)
            }
        }
        intake = done.intake
        return done.taken
    }

    func pullRequest() throws -> PullRequest { try node.pullRequest() }
    var keepsEverything: Bool { node.keepsEverything }

    private func giveUpIfPlanted() throws {
        guard plant == .neverStuck else { return }
        hasGivenUp = hasGivenUp || machine.failures > 0
        if hasGivenUp {
            throw StoreError(.inputOutput, doing: "anything", why: "the disk has failed before", hint: "")
        }
    }

    func noteAcknowledged(_ seq: UInt64) throws {
        try watched { try machine.attemptLoosely { $0.store.noteAcknowledged(seq) } }
    }

    func meet(_ fault: DiskFault) throws {
        if fault == .writeBack {
            do { try watched { try machine.attemptLoosely { $0.store.writeBack() } } } catch is Interrupted {}
        }
        if fault == .restore {
            try machine.meet(fault)
            kept = try state()
        } else {
            try watched { try machine.meet(fault) }
        }
    }

    // MARK: the beginning of a contact

    func image() -> SimulatedDisk.Image { machine.disk.image() }

    func fits(_ greeting: SimulationKit.Greeting) throws -> Bool {
        try plant == .sameDot || node.fits(greeting)
    }

    func splitAsked() throws -> SplitAsked {
        var asked: SplitAsked?
        try watched { try machine.attemptLoosely { asked = try $0.splitAsked() } }
        return asked!
    }

    func split(to replica: UInt32, at seq: UInt64, nowMs: UInt64) throws {
        try machine.attempt("go on as \(replica)", state: { $0.replica }) {
            try $0.split(to: replica, at: seq, nowMs: nowMs)
        } result: { _, _, after in
            guard after == replica else { throw Broken("atomic: \(site) goes on as \(after), not as \(replica)") }
        }
        kept = try state()
        tally.splits += 1
    }

    func restamp(above held: UInt64, hubMs: UInt64) throws -> Bool {
        // The newest own digest tells whether it has happened.
        func newest(_ node: StoreNode) throws -> [UInt8]? { try node.store.digest(ofOwn: node.store.sealedSeq()) }
        let isDone = try watched {
            try machine.attempt("restamp", state: newest, isChange: { $0 }) {
                try $0.restamp(above: held, hubMs: hubMs)
            } result: { _, _, _ in
                true
            }
        }
        if isDone { tally.restamps += 1 }
        return isDone
    }

    // MARK: what is seen from outside

    var replica: UInt32 { node.replica }
    func rows() throws -> Rows { try node.rows() }
    func pushBytes(after seq: UInt64, firstSegment: UInt64) throws -> [UInt8] {
        try node.pushBytes(after: seq, firstSegment: firstSegment)
    }
    func position() throws -> UInt64 { try node.position() }
    func vector() throws -> VectorClock { try node.vector() }
    func inFlightCount() throws -> Int { try node.inFlightCount() }
    func asideCount() throws -> Int { try node.asideCount() }
    func complaint() throws -> String? { try node.complaint() }
    func excess() throws -> String? { try node.excess() }
    func follower() throws -> Follower { try node.follower() }
    func offers(after position: UInt64) throws -> [SeenOffer] { try node.offers(after: position) }
    func handedBytes(_ dots: [Dot]) throws -> [UInt8] { try node.handedBytes(dots) }
    func isDiverged(_ error: any Error) -> Bool { node.isDiverged(error) }
}
