import SimulatedDisk
import SimulationKit

/// What disks did to the operations of a run.
final class FaultTally: CustomStringConvertible {
    var crashes = 0
    /// Of these, the ones whose operation was done all the same.
    var survived = 0
    var failures = 0
    var restarts = 0
    var restores = 0
    var copies = 0
    /// Files that went on as another replica, and ones that gave change sets other stamps.
    var splits = 0
    var restamps = 0
    /// Hubs that were lost, and of those that went on the ones for which an operator did not wait.
    var lostHubs = 0
    var accepted = 0

    var description: String {
        "\(crashes) crashes (\(survived) of them behind the commit), \(failures) failed operations, \(restarts) restarts, "
            + "\(restores) files put back, \(copies) copied, \(splits) splits, \(restamps) restamped, "
            + "\(lostHubs) hubs lost, \(accepted) recoveries accepted early"
    }
}

/// A machine with a disk that may fail, and the programs on it: what they do is begun, breaks off, and is begun anew.
///
/// Faults happen only inside `attempt`; whoever looks at the machine from outside finds its disk calm.
final class Machine<Programs> {
    let name: String
    let disk: SimulatedDisk
    private let start: () throws -> Programs
    private let commit: (Programs) throws -> Void
    private var running: Programs?
    private var random: SeededRandom
    private var image: SimulatedDisk.Image?
    /// How often the power went.
    private(set) var crashes = 0
    /// How often an operation failed without that.
    private(set) var failures = 0
    private let tally: FaultTally
    private var isCalm = true

    /// - Parameters:
    ///   - start: opens the files, as the programs do when the machine has come up.
    ///   - commit: writes something that changes nothing, durably.
    init(
        _ name: String, disk: SimulatedDisk, seed: UInt64, tally: FaultTally, start: @escaping () throws -> Programs,
        commit: @escaping (Programs) throws -> Void
    ) throws {
        self.name = name
        self.tally = tally
        self.disk = disk
        self.start = start
        self.commit = commit
        random = SeededRandom(seed: seed)
        disk.setCalm(true)
        // What a failed sync should have written is gone, as on Linux: trying again writes nothing of it.
        disk.setForgetful(true)
        running = try start()
    }

    var programs: Programs { running! }

    private func setCalm(_ on: Bool) {
        isCalm = on
        disk.setCalm(on)
    }

    /// Looks at what an operation does, from within it.
    func calmly<Seen>(_ body: () throws -> Seen) rethrows -> Seen {
        let before = isCalm
        setCalm(true)
        defer { setCalm(before) }
        return try body()
    }

    /// The programs end in order and begin anew.
    func restart() throws {
        tally.restarts += 1
        running = nil
        running = try start()
    }

    /// The power has gone and comes back: all that ran is gone, of the files what survived is there.
    private func comeUp(_ survival: SimulatedDisk.Survival? = nil) throws {
        crashes += 1
        tally.crashes += 1
        running = nil
        // Some losses of power take all that was not synced, some nothing.
        disk.restorePower(survival ?? random.pick([.random, .random, .random, .nothing, .everything]))
        do { running = try start() } catch {
            throw Broken("durable: \(name) does not come up after a crash: \(error)")
        }
    }

    /// Lets a transaction of one of the programs run on the faulty disk.
    ///
    /// - Parameters:
    ///   - doing: what it is, for a complaint.
    ///   - state: what the transaction would change, read from the programs.
    ///   - isRepeated: false for what its caller begins anew, not its program.
    ///   - isStepwise: true for several transactions: of one that fails those before it stand.
    ///   - isChange: whether an answer says that something has changed.
    ///   - result: what it has come to when the state is another than before.
    /// - Throws: `Interrupted` when it has not happened.
    func attempt<State: Equatable, Result>(
        _ doing: String, state: (Programs) throws -> State, isRepeated: Bool = true, isStepwise: Bool = false,
        isChange: (Result) -> Bool = { _ in true }, _ body: (Programs) throws -> Result,
        result: (Programs, _ before: State, _ after: State) throws -> Result
    ) throws -> Result {
        var answer: Result?
        let before = try state(programs)
        do {
            setCalm(false)
            defer { setCalm(true) }
            let done = try body(programs)
            // The power may go behind a commit, in the checkpoint that it brings about.
            guard disk.isDown else { return done }
            answer = done
        } catch let broken as Broken {
            throw broken
        } catch {
            guard disk.isDown else {
                return try overcome(doing, error, before, state, isRepeated, isStepwise, body, result)
            }
        }
        try comeUp()
        let after = try state(programs)
        if after != before {
            tally.survived += 1
            return try result(programs, before, after)
        }
        if let answer, isChange(answer) {
            throw Broken("durable: \(name) has lost in a crash what it had said is done: \(doing)")
        }
        // Nobody was told that it is done, so it may still come back with the next loss of power: then it would be taken for
        // the transaction under way. (SAMBAND_SEED=52)
        try commit(programs)
        throw Interrupted()
    }

    /// Lets something run that may be lost with the power, or left undone, without harm.
    func attemptLoosely(_ body: (Programs) throws -> Void) throws {
        var isDone = false
        do {
            setCalm(false)
            defer { setCalm(true) }
            try body(programs)
            isDone = true
        } catch {
            guard isOfTheDisk(error) else { throw error }
            failures += 1
            tally.failures += 1
        }
        if disk.isDown {
            try comeUp()
            throw Interrupted()
        }
        if !isDone { throw Interrupted() }
    }

    /// The disk has failed an operation. It must have left no trace, and must succeed once the disk works.
    private func overcome<State: Equatable, Result>(
        _ doing: String, _ error: any Error, _ before: State, _ state: (Programs) throws -> State,
        _ isRepeated: Bool, _ isStepwise: Bool, _ body: (Programs) throws -> Result,
        _ result: (Programs, State, State) throws -> Result
    ) throws -> Result {
        guard isOfTheDisk(error) else { throw error }
        failures += 1
        tally.failures += 1
        guard try isStepwise || state(programs) == before else {
            throw Broken("atomic: \(name) has done in part, or in full, what it said has failed: \(doing): \(error)")
        }
        // What failed in its last step may still be in the file, to be found when the file is opened again.
        switch random.int(0...3) {
        case 0:
            disk.cutPower()
            try comeUp()
        case 1: try restart()
        case _ where !isRepeated: try restart()
        default:
            do { return try body(programs) } catch {
                throw Broken("never stuck: \(name) does not recover when its disk does: \(doing): \(error)")
            }
        }
        let after = try state(programs)
        // A transaction whose sync has failed may still come back with the next loss of power, until another is behind it.
        try commit(programs)
        guard after != before else { throw Interrupted() }
        return try result(programs, before, after)
    }

    /// Something happens to the disk.
    func meet(_ fault: DiskFault) throws {
        switch fault {
        case .crash(let changes): disk.crash(after: changes)
        case .powerLoss:
            disk.cutPower()
            try comeUp(.nothing)
        case .failing(let operation, let spared, let count):
            disk.fail(SimulatedDisk.Operations(operation), after: spared, count: count)
        case .full(let room): disk.limit(room: room)
        case .readOnly: disk.setReadOnly(true)
        case .mended:
            disk.crash(after: 0)
            disk.mend()
        case .restart: try restart()
        case .writeBack: break
        case .image: image = disk.image()
        case .restore:
            guard let image else { return }
            tally.restores += 1
            try put(image)
        }
    }

    /// These files stand in place of all that were there, and the programs begin anew.
    func put(_ image: SimulatedDisk.Image) throws {
        running = nil
        disk.put(image)
        running = try start()
    }
}

extension SimulatedDisk.Operations {
    init(_ operation: DiskOperation) {
        switch operation {
        case .read: self = .reads
        case .write: self = .writes
        case .sync: self = .syncs
        }
    }
}
