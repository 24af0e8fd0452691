import HubDatabase
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

    func take(_ transactions: [[Parcel]], nowMs: UInt64) throws {
        let last = transactions.last?.last?.delivery.position ?? 0
        let before = try state()
        _ = try watched {
            try machine.attempt(
                "take in up to \(last)", state: { [try $0.position(), try $0.hub()] }, isChange: { $0 }
            ) {
                try giveUpIfPlanted()
                if let plant {
                    try plant.take($0, transactions, nowMs: nowMs)
                } else {
                    try $0.take(transactions, nowMs: nowMs)
                }
                return try $0.position() != before.position || $0.hub() != before.hub
            } result: { _, _, after in
                guard after[0] == last else { throw Broken("atomic: \(site) took in up to \(after[0]) of \(last)") }
                return true
            }
        }
    }

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
    func outgoing(after seq: UInt64) throws -> [Parcel] { try node.outgoing(after: seq) }
    func position() throws -> UInt64 { try node.position() }
    func vector() throws -> VectorClock { try node.vector() }
    func inFlightCount() throws -> Int { try node.inFlightCount() }
    func asideCount() throws -> Int { try node.asideCount() }
    func complaint() throws -> String? { try node.complaint() }
    func excess() throws -> String? { try node.excess() }
    func follower() throws -> Follower { try node.follower() }
    func offers(after position: UInt64) throws -> [SeenOffer] { try node.offers(after: position) }
    func handedIn(_ dot: Dot) throws -> Parcel? { try node.handedIn(dot) }
    func isDiverged(_ error: any Error) -> Bool { node.isDiverged(error) }
}
