import Replication
import SimulationKit

/// A node in memory, of the pure rules and nothing else.
final class ReferenceNode: NodeEnd {
    struct Mark {
        var columns: Set<Int> = []
        /// The row as it was when the first mark was made; nil when it was not there.
        var before: Row?
        var wasAway = false
    }

    let maker: ReferenceMaker
    let replica: UInt32
    private var table: [RowID: Row] = [:]
    private var marks: [RowID: Mark] = [:]
    private var inFlight: [(dot: Dot, operations: [RowID: LoggedOperation])] = []
    private var sealed: [Parcel] = []
    private var seen = VectorClock()
    private var place: UInt64 = 0
    private var clock = HybridClock()
    private var sealedContext = VectorClock()

    init(_ maker: ReferenceMaker, replica: UInt32, hub: ReferenceHub) {
        self.maker = maker
        self.replica = replica
        table = hub.table
        seen = hub.seen
        place = UInt64(hub.entries.count)
        clock = hub.clock
    }

    func rows() -> Rows { maker.rows(table) }
    func position() -> UInt64 { place }
    func vector() -> VectorClock { seen }
    func inFlightCount() -> Int { inFlight.count }
    func asideCount() -> Int { 0 }
    func complaint() -> String? { nil }

    // MARK: Writing

    func transaction(_ writes: [UserWrite], afterEach: (UserWrite, Rows) -> Void) -> Bool {
        for write in writes {
            run(write)
            afterEach(write, rows())
        }
        return true
    }

    func uncheckedTransaction(_ writes: [UserWrite], afterEach: (UserWrite, Rows) -> Void) -> Bool {
        transaction(writes, afterEach: afterEach)
    }

    private func run(_ write: UserWrite) {
        switch write {
        case .insert(let table, let key, let data), .orIgnore(let table, let key, let data):
            if self.table[maker.id(table, key)] == nil {
                put(maker.id(table, key), Row(key: key, data: data))
            }
        case .orReplace(let table, let key, let data): put(maker.id(table, key), Row(key: key, data: data))
        case .upsert(let table, let key, let data, let column):
            let row = maker.id(table, key)
            if var stands = self.table[row] {
                stands.data[column] = data[column]
                put(row, stands)
            } else {
                put(row, Row(key: key, data: data))
            }
        case .update(let table, let key, let cells):
            guard var stands = self.table[maker.id(table, key)] else { return }
            for (column, value) in cells { stands.data[column] = value }
            put(maker.id(table, key), stands)
        case .delete(let table, let key): take(away: maker.id(table, key))
        case .rekey(let table, let key, let new):
            guard let stands = self.table[maker.id(table, key)] else { return }
            let target = maker.id(table, new)
            guard target == maker.id(table, key) || self.table[target] == nil else { return }
            if stands.key == new { return }
            take(away: maker.id(table, key))
            put(target, Row(key: new, data: stands.data))
        case .sql: preconditionFailure("a fleet in memory speaks no SQL")
        }
    }

    private func put(_ row: RowID, _ new: Row) {
        var mark = marks[row] ?? Mark(before: table[row])
        if let old = table[row], old.key == new.key {
            let changed = new.data.indices.filter { old.data[$0] != new.data[$0] }
            if changed.isEmpty { return }
            mark.columns.formUnion(changed)
        } else {
            mark.wasAway = true
        }
        marks[row] = mark
        table[row] = new
    }

    private func take(away row: RowID) {
        guard let old = table[row] else { return }
        var mark = marks[row] ?? Mark(before: old)
        mark.wasAway = true
        marks[row] = mark
        table[row] = nil
    }

    // MARK: Sealing

    /// One row of a change set.
    private struct Shipped {
        let row: RowID
        let key: [Value]
        let operation: Operation
        let columns: [Int]
        let values: [Value]
        var deltas: [(column: Int, delta: Int64)] = []
    }

    private func deltas(
        _ policy: TablePolicy, _ columns: [Int], _ old: Row, _ new: Row
    ) -> [(column: Int, delta: Int64)] {
        policy.sums.compactMap { column in
            guard columns.contains(column), case .integer(let before) = old.data[column],
                case .integer(let now) = new.data[column]
            else { return nil }
            return (column, now - before)
        }
    }

    func seal(nowMs: UInt64) -> Dot? {
        let dot = Dot(replica: replica, seq: seen[replica] + 1)
        var shipped: [Shipped] = []
        for (row, mark) in marks.sorted(by: { $0.key < $1.key }) {
            let all = table[row].map { Array($0.data.indices) } ?? []
            switch (mark.before, table[row]) {
            case (nil, nil): break
            case (nil, let new?):
                shipped.append(
                    Shipped(row: row, key: new.key, operation: .insert, columns: all, values: new.data))
            case (let old?, nil):
                shipped.append(Shipped(row: row, key: old.key, operation: .delete, columns: [], values: []))
            case (let old?, let new?):
                let policy = maker.policy(ofTable: row.table)
                let columns = mark.wasAway ? all : policy.wholeUnits(mark.columns.sorted())
                shipped.append(
                    Shipped(
                        row: row, key: new.key, operation: mark.wasAway ? .replace : .update, columns: columns,
                        values: columns.map { new.data[$0] }, deltas: deltas(policy, columns, old, new)))
            }
        }
        marks = [:]
        guard !shipped.isEmpty else { return nil }
        var builder = SegmentBuilder()
        for row in shipped {
            builder.add(
                BlockKind(
                    table: row.row.table, operation: row.operation, columns: row.columns,
                    deltas: row.deltas.map(\.column)),
                key: row.key, values: row.values, deltas: row.deltas.map(\.delta))
        }
        builder.close()
        let segments = builder.takeFinished()
        var others = VectorClock()
        for entry in seen.entries where entry.replica != replica {
            others.advance(entry.replica, to: entry.seq)
        }
        let header = ChangeSetHeader(
            kind: .local, dot: dot, hlc: clock.tick(nowMs: nowMs), position: place,
            contextDelta: others.delta(since: sealedContext), schemaVersion: 1,
            rowCount: UInt64(shipped.count),
            conflict: 0, previous: sealed.last?.header.digest ?? ChangeSetHeader.firstPrevious,
            segmentDigests: segments.map(SHA256.digest))
        sealedContext = others
        seen.advance(replica, to: dot.seq)
        sealed.append(Parcel(header: header, segments: segments))
        let operations = shipped.map { row in
            (
                row.row,
                LoggedOperation(
                    dot: dot, hlc: header.hlc, position: .max, seen: place, operation: row.operation,
                    columns: row.columns, values: row.values)
            )
        }
        inFlight.append((dot, Dictionary(uniqueKeysWithValues: operations)))
        return dot
    }

    func pushBytes(after seq: UInt64, firstSegment: UInt64) -> [UInt8] {
        Wire.bytes(sealed.filter { $0.header.dot.seq > seq })
    }

    func pullRequest() -> PullRequest { PullRequest(position: place) }

    // MARK: Taking in

    func takePull(_ answer: Arrival, isFollowing: Bool, nowMs: UInt64) throws -> Int {
        let transactions = Wire.transactions(Wire.read(answer.bytes).parcels)
        if !transactions.isEmpty { try take(transactions, nowMs: nowMs) }
        return transactions.reduce(0) { $0 + $1.count }
    }

    private func take(_ transactions: [[Parcel]], nowMs: UInt64) throws {
        _ = seal(nowMs: nowMs)
        for parcel in transactions.flatMap({ $0 }) {
            guard parcel.delivery.position > place || maker.bug == .nodeTakesTwice else { continue }
            clock.observe(parcel.header.hlc)
            if parcel.delivery.isEcho {
                inFlight.removeAll { $0.dot == parcel.header.dot }
            } else {
                for write in try maker.decodeRows(parcel.segments) {
                    try apply(
                        maker.logged(write.write, parcel.header, position: parcel.delivery.position),
                        write.row,
                        key: write.write.key)
                }
            }
            seen.advance(parcel.header.dot.replica, to: parcel.header.dot.seq)
            place = max(place, parcel.delivery.position)
        }
    }

    private func apply(_ incoming: LoggedOperation, _ row: RowID, key: [Value]) throws {
        let own = inFlight.compactMap { $0.operations[row] }
        let columns: [Int]
        switch maker.rules.atNode(incoming, own) {
        case .ignore: return
        case .take:
            if incoming.operation.isKeyOnly {
                table[row] = nil
                return
            }
            if incoming.operation.isWholeRow && incoming.columns.count == incoming.values.count
                && table[row] == nil
            {
                table[row] = Row(key: key, data: incoming.values)
                return
            }
            columns = incoming.columns
        case .takeCells(let some): columns = some
        }
        guard table[row] != nil else {
            throw Broken("replica \(replica) was handed an update of a row it has not: \(row)")
        }
        for column in columns { table[row]!.data[column] = incoming.value(of: column)! }
        // An own spelling in flight stands until its echo; the hub sends the row along if it does not keep it.
        let isSpelt = own.contains { $0.operation.isWholeRow }
        if incoming.operation.isWholeRow && !isSpelt { table[row]!.key = key }
    }
}
