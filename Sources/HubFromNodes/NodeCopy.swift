import Capturing
import Glibc
import NodeDatabase
import OrderedLog
import Replication
import SQLite
import TableModel

/// A copy of a node's file, from which a hub is built. The file itself is only read: what runs it may go on.
final class NodeCopy {
    /// As the operator named it.
    package let file: String
    package let store: NodeStore
    package let epochs: [Epoch]
    /// When the newest epoch began, in milliseconds since 1970.
    let epochBeganMs: UInt64
    /// The place in the hub's order up to which it has everything.
    package let position: UInt64
    /// What its programs and its own change sets did that no hub has echoed.
    let touched: [RowID: Touch]
    /// Rows that programs have written since the last seal.
    let unsealedCount: Int
    /// By position, the change sets of its log.
    package let places: [UInt64: UInt64]
    private let path: String

    package var connection: Connection { store.connection }
    package var replica: UInt32 { store.replica }

    /// Copies one consistent state of the file, whoever writes it meanwhile.
    /// https://www.sqlite.org/lang_vacuum.html
    init(of file: String, at path: String) throws {
        self.file = file
        self.path = path
        let doing = "reading the node's file \(file)"
        let facts = try DatabaseFacts(path: file)
        guard facts.role == "node" else {
            throw StoreError(
                .misused, doing: doing, why: "it is the database of a \(facts.role)",
                hint: facts.role == "hub"
                    ? "A hub's file is put in its place as it is; a backup too." : "Name the files of nodes.")
        }
        Self.remove(path)
        try DatabaseCopy.make(of: file, at: path)
        store = try NodeStore(path: path)
        let connection = store.connection
        guard try connection.firstString("PRAGMA quick_check") == "ok" else {
            throw StoreError(
                .refused, doing: doing, why: "SQLite finds it damaged (PRAGMA quick_check)",
                hint: "Leave it out; what others have of that site comes from their files.")
        }
        epochs = try EpochTable(connection: connection).all()
        epochBeganMs = try EpochTable(connection: connection).beganMs()
        position = try connection.metaNumber(.position)
        let pending = try Touches.unsealed(connection, store.tables)
        unsealedCount = pending.count
        touched = try Touches.all(store, unsealed: pending)
        var places: [UInt64: UInt64] = [:]
        let rows = try connection.prepare("SELECT position, id FROM samband_change WHERE position IS NOT NULL")
        while try rows.step() { places[rows.unsigned(0)] = rows.unsigned(1) }
        self.places = places
    }

    deinit {
        store.connection.close()
        Self.remove(path)
    }

    private static func remove(_ path: String) {
        for end in ["", "-wal", "-shm", "-journal"] { unlink(path + end) }
    }

    package func entry(at position: UInt64) throws -> LogEntry? {
        try places[position].flatMap { try store.log.entry(id: $0) }
    }

    /// The position up to which it and another mean the same by positions.
    func shared(with other: NodeCopy) -> UInt64 { epochs.sharedPosition(with: other.epochs) ?? .max }
}

/// What own operations that no hub has echoed did to a row: in flight, marked and not sealed, or put aside.
struct Touch {
    package let table: TableLayout
    package let key: [Value]
    /// The first of them inserted it.
    package var isNew = false
    /// Of all columns something was written, or the row was taken away.
    package var isWhole = false
    package var columns: Set<Int> = []
    /// By how much columns of the policy `sum` were raised; nil where that is not known.
    var deltas: [Int: WideSum?] = [:]
    var isAside = false

    /// Adds what one operation did, in the order in which they were made.
    package mutating func add(_ operation: Operation, _ columns: [Int], _ deltas: [Int: Int64], isFirst: Bool) {
        if isFirst { isNew = operation == .insert }
        if operation != .update { isWhole = true }
        self.columns.formUnion(columns)
        for column in columns {
            var sum = self.deltas[column] ?? WideSum()
            if let delta = deltas[column] { sum?.add(delta) } else { sum = nil }
            self.deltas[column] = .some(sum)
        }
    }
}

/// Gathers them.
enum Touches {
    typealias Pending = (row: RowID, touch: Touch)

    /// What is marked and not sealed: a node's own agent seals it and sends it later, for nobody else may give it a name.
    package static func unsealed(_ connection: Connection, _ tables: [TableLayout]) throws -> [Pending] {
        var found: [Pending] = []
        let pendingRows = try PendingRows.all(connection)
        for table in tables {
            guard let pending = pendingRows[table.number] else { continue }
            let rows = try connection.prepare(pending.sql)
            while try rows.step() {
                let key = rows.values(pending.keyColumn(0), table.keyColumns.count)
                var touch = Touch(table: table, key: key)
                switch pending.verdict(of: rows) {
                case .nothing: continue
                case .insert: touch.add(.insert, table.allColumns, [:], isFirst: true)
                case .replace: touch.add(.replace, table.allColumns, [:], isFirst: true)
                case .delete: touch.add(.delete, [], [:], isFirst: true)
                case .update(let mask):
                    let columns = pending.policy.wholeUnits(mask.indexes.filter { $0 < table.dataColumns.count })
                    var deltas: [Int: Int64] = [:]
                    for column in columns { deltas[column] = pending.delta(of: column, in: rows) }
                    touch.add(.update, columns, deltas, isFirst: true)
                }
                found.append((RowID(shape: table.shape, key: key), touch))
            }
        }
        return found
    }

    /// What own operations did to each row: in flight, marked and not sealed, or set aside.
    package static func all(_ store: NodeStore, unsealed: [Pending]) throws -> [RowID: Touch] {
        var touched: [RowID: Touch] = [:]
        let reader = OperationReader(log: store.log, shapes: store.access.tables.mapValues(\.shape))
        for (entry, _) in store.inFlight.all {
            for (row, key, operation) in try reader.operations(of: entry) {
                let table = try store.access.table(row.table, "reading change set \(entry.header.dot)")
                var touch = touched[row] ?? Touch(table: table, key: key)
                touch.add(
                    operation.operation, operation.columns, operation.deltas, isFirst: touched[row] == nil)
                touched[row] = touch
            }
        }
        for (row, pending) in unsealed {
            guard var touch = touched[row] else {
                touched[row] = pending
                continue
            }
            touch.isWhole = touch.isWhole || pending.isWhole
            touch.columns.formUnion(pending.columns)
            for (column, delta) in pending.deltas {
                var sum = touch.deltas[column] ?? WideSum()
                if let delta { sum?.add(delta) } else { sum = nil }
                touch.deltas[column] = .some(sum)
            }
            touched[row] = touch
        }
        for row in try store.allAside() {
            let table = try store.access.table(row.id.table, "reading the rows aside")
            touched[row.id, default: Touch(table: table, key: row.key)].isAside = true
        }
        return touched
    }
}
