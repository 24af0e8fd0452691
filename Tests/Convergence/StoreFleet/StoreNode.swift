import ReplicaStore
import Replication
import SQLite
import SimulationKit

/// The real node, and a program that writes its file.
final class StoreNode: NodeEnd {
    let maker: StoreMaker
    let store: NodeStore
    let program: Connection

    init(_ maker: StoreMaker, path: String) throws {
        self.maker = maker
        store = try NodeStore(path: path, rules: maker.bug?.rules ?? .right)
        program = try Connection(path: path, mode: .readWrite, busyTimeoutMs: 1000)
        try program.execute("PRAGMA foreign_keys = ON")
    }

    deinit { program.close() }

    var replica: UInt32 { store.replica }

    func transaction(_ writes: [UserWrite], afterEach: (UserWrite, Rows) -> Void) throws {
        try program.execute("BEGIN IMMEDIATE")
        for write in writes {
            if maker.bug == .dropsTheAside, case .insert(let table, let key, _) = write {
                try dropAside(table, key)
            }
            do {
                try program.execute(write.sql(maker.catalogue))
            } catch {
                // The program's statement is refused, as it would be without Samband.
                guard error.isConstraint else { throw error }
            }
            afterEach(write, try maker.rows(program))
        }
        try program.execute("COMMIT")
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
        try store.take(delivered, nowMs: nowMs)
    }

    func position() throws -> UInt64 { try store.position() }
    func vector() throws -> VectorClock { try store.vector() }
    func inFlightCount() throws -> Int { try store.inFlightCount() }
    func asideCount() throws -> Int { try store.asideCount() }
    func complaint() throws -> String? { try maker.complaint(program) }
}
