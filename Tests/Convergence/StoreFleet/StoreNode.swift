import NodeService
import Replication
import SQLite
import SimulationKit

@testable import HubDatabase
@testable import NodeDatabase

/// The real node, behind the intake and the stream that ship, and a program that writes its file.
final class StoreNode: NodeEnd {
    let maker: StoreMaker
    let store: NodeStore
    let program: Connection

    init(_ maker: StoreMaker, path: String) throws {
        self.maker = maker
        store = try NodeStore(path: path, rules: maker.bug?.rules ?? .right, segmentBytes: maker.segmentBytes)
        if maker.isInPieces { store.pieces.rows = 2 }
        program = try Connection(path: path, mode: .readWrite, busyTimeoutMs: 1000)
        try program.execute("PRAGMA foreign_keys = ON")
    }

    deinit { program.close() }

    var replica: UInt32 { store.replica }

    func transaction(_ writes: [UserWrite], afterEach: (UserWrite, Rows) -> Void) throws -> Bool {
        try program.execute("BEGIN IMMEDIATE")
        for write in writes {
            if maker.bug == .dropsTheAside, case .insert(let table, let key, _) = write {
                try dropAside(table, key)
            }
            try run(write, on: program, afterEach)
        }
        do {
            try program.execute("COMMIT")
            return true
        } catch {
            // A deferred reference leads nowhere: the whole transaction is refused.
            guard error.isConstraint else { throw error }
            try program.execute("ROLLBACK")
            return false
        }
    }

    private func run(
        _ write: UserWrite, on connection: Connection, _ afterEach: (UserWrite, Rows) -> Void
    ) throws {
        do {
            try connection.execute(write.sql(maker.catalogue))
        } catch {
            // The program's statement is refused, as it would be without Samband.
            guard error.isConstraint else { throw error }
        }
        afterEach(write, try maker.rows(connection))
    }

    /// A program that has switched off all that a connection can, and gone round NOT NULL by way of the schema's text,
    /// which only its own connection ever reads.
    func uncheckedTransaction(_ writes: [UserWrite], afterEach: (UserWrite, Rows) -> Void) throws -> Bool {
        let loose = try Connection(path: program.path, mode: .readWrite, busyTimeoutMs: 1000)
        defer { loose.close() }
        try loose.execute(
            "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA writable_schema = ON;"
                + " BEGIN IMMEDIATE")
        for table in maker.catalogue.tables { try declare(table.looseSQL, table.name, on: loose) }
        try loose.execute("PRAGMA writable_schema = RESET")
        for write in writes { try run(write, on: loose, afterEach) }
        try loose.execute("PRAGMA writable_schema = ON")
        for table in maker.catalogue.tables { try declare(table.createSQL, table.name, on: loose) }
        try loose.execute("COMMIT")
        return true
    }

    private func declare(_ sql: String, _ table: String, on connection: Connection) throws {
        let statement = try connection.cached("UPDATE sqlite_schema SET sql = ?1 WHERE type = 'table' AND name = ?2")
        try statement.bind(at: 1, text: sql)
        try statement.bind(at: 2, text: table)
        try statement.run()
    }

    private func dropAside(_ table: Int, _ key: [Value]) throws {
        let number = maker.number(ofTable: table)
        let row = RowID(shape: maker.catalogue.shape(table, number: number), key: key)
        try program.setTriggersEnabled(false)
        let statement = try program.prepare(
            "DELETE FROM samband_aside WHERE table_number = ?1 AND canonical = ?2")
        try statement.bind(at: 1, integer: Int64(number))
        try statement.bind(at: 2, blob: row.canonical)
        try statement.run()
        try program.setTriggersEnabled(true)
    }

    func rows() throws -> Rows { try maker.rows(program) }

    func seal(nowMs: UInt64) throws -> Dot? { try store.seal(nowMs: nowMs) }

    func pushBytes(after seq: UInt64, firstSegment: UInt64) throws -> [UInt8] {
        var stream = PushStream(try store.offers(after: seq, maxBytes: 4 << 20), firstSegment: firstSegment)
        var bytes: [UInt8] = []
        while let piece = try stream.next(from: store) { bytes += piece }
        return bytes
    }

    func pullRequest() throws -> PullRequest {
        PullRequest(
            position: try store.position(),
            held: try store.staged().last.map {
                HeldPart(dot: $0.header.dot, segments: UInt64($0.segmentCount))
            })
    }

    var keepsEverything: Bool { maker.pullRoom(of: replica).worthKeepingBytes == 0 }

    func intake(isFollowing: Bool, nowMs: UInt64) throws -> PullIntake {
        PullIntake(
            left: isFollowing ? [] : try store.staged(), room: maker.pullRoom(of: replica), localMs: nowMs)
    }

    func takePull(_ answer: Arrival, isFollowing: Bool, nowMs: UInt64) throws -> Int {
        let own = try maker.bug == .leavesAuthorWrong && store.inFlightCount() > 0 ? rows() : [:]
        var intake = try intake(isFollowing: isFollowing, nowMs: nowMs)
        var taken = 0
        for piece in answer.pieces { taken += try intake.take(piece, store, localMs: nowMs, nowMs: nowMs) }
        taken += try intake.takeWhole(store, nowMs: nowMs)
        if answer.isCut { try intake.keepRest(store) }
        if !own.isEmpty { try keep(own) }
        return taken
    }

    /// What the hub took out of the table is put back, unseen by capture.
    private func keep(_ own: Rows) throws {
        let now = try rows()
        try program.setTriggersEnabled(false)
        for (row, data) in own where now[row] == nil {
            let write = UserWrite.orIgnore(row.table, data.key, data.data)
            // It may be refused, like any other.
            try? program.execute(write.sql(maker.catalogue))
        }
        try program.setTriggersEnabled(true)
    }

    func position() throws -> UInt64 { try store.position() }
    func vector() throws -> VectorClock { try store.vector() }
    func inFlightCount() throws -> Int { try store.inFlightCount() }
    func asideCount() throws -> Int { try store.asideCount() }
    func complaint() throws -> String? { try maker.complaint(program) }

    func fits(_ greeting: SimulationKit.Greeting) throws -> Bool {
        try greeting.seq == 0 || store.digest(ofOwn: greeting.seq) == greeting.digest
    }

    func splitAsked() throws -> SplitAsked {
        let sealed = try store.sealedSeq()
        return SplitAsked(
            replica: replica, sealed: sealed,
            digests: try store.ownDigests(above: 0, below: sealed + 1, limit: Int(Int32.max)).map(\.digest),
            position: try store.position(), ticket: try store.splitTicket(maker.numbers.ticket))
    }

    func split(to replica: UInt32, at seq: UInt64, nowMs: UInt64) throws {
        try store.split(to: replica, at: seq, notice: "split", nowMs: nowMs)
    }

    func restamp(above held: UInt64, hubMs: UInt64) throws -> Bool {
        try store.restamp(above: held, hubMs: hubMs, notice: { "\($0)" }, nowMs: hubMs) > 0
    }
}
