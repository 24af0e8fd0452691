import Replication
import SQLite
import SimulationKit

@testable import HubDatabase
@testable import NodeDatabase

/// The real node, and a program that writes its file.
final class StoreNode: NodeEnd {
    let maker: StoreMaker
    let store: NodeStore
    let program: Connection

    init(_ maker: StoreMaker, path: String) throws {
        self.maker = maker
        store = try NodeStore(path: path, rules: maker.bug?.rules ?? .right)
        if maker.catalogue.tables.count % 2 == 1 { store.pieces.rows = 2 }
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

    func outgoing(after seq: UInt64) throws -> [Parcel] {
        try store.outgoing(after: seq, maxBytes: 1 << 24).map {
            Parcel(header: $0.header, segments: $0.segments)
        }
    }

    func take(_ transactions: [[Parcel]], nowMs: UInt64) throws {
        let delivered = transactions.map { transaction in
            transaction.map {
                DeliveredChangeSet(header: $0.header, delivery: $0.delivery, segments: $0.segments)
            }
        }
        guard maker.bug == .leavesAuthorWrong else { return try store.take(delivered, nowMs: nowMs) }
        let own = try store.inFlightCount() > 0 ? rows() : [:]
        try store.take(delivered, nowMs: nowMs)
        try keep(own)
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
