import ConflictStore
import OrderedLog
import Replication
import SQLite
import TableModel

/// Lets withheld rows in by themselves when nothing stands in their way any more: a child whose parent has come, a
/// newcomer whose UNIQUE value is free. What comes in is a write of the hub's own, in the transaction that made room.
/// Rows that wait for a person (CHECK, or a delete that did not stand) are left alone.
/// (Protocol/Merge-Model.md#release)
package struct WithheldRelease {
    package let conflicts: ConflictTable
    package let access: TableAccess
    package let origins: CellProvenance
    package let policies: Policies
    /// Where the hub's own change set stands, and its time.
    package let position: UInt64
    package let nowMs: UInt64
    /// The stamps of what the change set before it in the same transaction wrote, which the log does not show yet.
    package var latest: [RowID: [Int: Stamp]] = [:]
    package private(set) var changedConflicts: Set<UInt64> = []
    package private(set) var withheldRows: Set<UInt64> = []
    /// What rows wait for that were found not to fit yet.
    package private(set) var waits: Set<ConflictTable.Wait> = []
    /// Rows that came in: they are of interest to others in their turn.
    package private(set) var released: [RowID] = []

    package init(
        conflicts: ConflictTable, access: TableAccess, origins: CellProvenance, policies: Policies, position: UInt64,
        nowMs: UInt64
    ) {
        self.policies = policies
        self.conflicts = conflicts
        self.access = access
        self.origins = origins
        self.position = position
        self.nowMs = nowMs
    }

    /// Lets in what waited for one of these, and what waits for that.
    package mutating func run(
        _ waits: Set<ConflictTable.Wait>, into arbitration: inout ArbitrationWriter, _ undo: inout SegmentSink
    ) throws {
        var open = try ids(waits)
        var next = 0
        var touched: Set<UInt64> = []
        while next < open.count {
            let id = open[next]
            next += 1
            guard let record = try conflicts.withheld(id: id), record.state == .withheld, !arbitration.holds(record.row)
            else { continue }
            if try release(record, &touched, &arbitration, &undo) {
                open += try ids([.row(record.row), .table(record.row.table)])
            }
        }
        for id in touched.sorted() {
            try part(id)
            try settle(id)
        }
    }

    private func ids(_ waits: Set<ConflictTable.Wait>) throws -> [UInt64] {
        var ids: Set<UInt64> = []
        for wait in waits { ids.formUnion(try conflicts.waiting(for: wait)) }
        return ids.sorted()
    }

    private mutating func release(
        _ record: WithheldRecord, _ touched: inout Set<UInt64>, _ arbitration: inout ArbitrationWriter,
        _ undo: inout SegmentSink
    ) throws -> Bool {
        let records = try conflicts.withheld(of: record.row, onlyOpen: true)
            .filter { try origins.log.lines.isSameAuthor($0.dot, record.dot) }
        var write = WithheldWrite(records)
        let table = try access.table(record.tableNumber, "letting a withheld row in")
        let before = try access.row(table, record.key)
        let policy = policies.table(table.number)
        guard !write.isDelete, write.isWhole == (before == nil), write.add(to: before, policy),
            let target = write.over(before)
        else { return false }
        if let before, try isOverwritten(write, before, policy, table) { return false }
        switch try put(table, record.key, before, target) {
        case .fits: break
        case .waits(let more):
            try conflicts.note(more, of: record.id)
            waits.formUnion(more)
            return false
        }
        if let before {
            let columns = policy.wholeUnits(write.columns)
            let kind = BlockKind(table: table.number, operation: .update, columns: columns)
            try undo.add(kind, key: record.key, values: columns.map { before[$0] })
            try arbitration.update(table, record.row, record.key, columns)
        } else {
            try arbitration.insert(table, record.row, record.key)
        }
        for record in records {
            try conflicts.setState(.released, of: record.id)
            withheldRows.insert(record.id)
        }
        released.append(record.row)
        touched.formUnion(records.map(\.conflict))
        return true
    }

    /// True when one of the cells holds a value that its author had not seen, or one written since: then it is for a
    /// person to say which one counts. What was added to a sum counts beside whatever stands.
    private func isOverwritten(
        _ write: WithheldWrite, _ before: [Value], _ policy: TablePolicy, _ table: TableLayout
    ) throws -> Bool {
        guard let entry = try origins.log.entry(write.records[0].dot) else { return true }
        let stamps = try origins.stamps(
            of: write.row, columnCount: table.dataColumns.count, latest: latest[write.row] ?? [:])
        return try policy.wholeUnits(write.columns).contains { column in
            if write.deltas[column] != nil && policy.policy(of: column) == .sum { return false }
            return try before[column] != write.cells[column] && !hasSeen(entry, stamps[column])
        }
    }

    /// True when the author of a change set had seen the write of this stamp; a policy's decision counts as unseen.
    private func hasSeen(_ entry: LogEntry, _ stamp: Stamp) throws -> Bool {
        if stamp == .zero { return true }
        let dot = Dot(replica: stamp.replica, seq: stamp.seq)
        return entry.hadSeen(dot, at: try origins.log.entry(dot)?.position)
    }

    private enum Fit {
        case fits
        case waits([ConflictTable.Wait])
    }

    /// Puts a row in place if every constraint holds then; else leaves all as it was and says what is in the way.
    private func put(_ table: TableLayout, _ key: [Value], _ before: [Value]?, _ data: [Value]) throws -> Fit {
        let missing = try access.missingParents(of: data, table, key)
        if !missing.isEmpty { return .waits(missing) }
        if let before {
            let children = try access.children(left: before, for: data, table, key)
            if !children.isEmpty { return .waits(children) }
        }
        try access.connection.beginSavepoint("release")
        do {
            try access.put(table, key, data)
            try access.connection.release("release")
            return .fits
        } catch let error as SQLiteError where error.isOfRow {
            try access.connection.rollback(to: "release")
            try access.connection.release("release")
            let blockers = error.isUnique ? try access.blockers(table, key, data) : []
            return .waits(blockers.map { .row(RowID(shape: table.shape, key: $0)) })
        }
    }

    /// A conflict of which nothing is withheld any more is settled.
    private mutating func settle(_ id: UInt64) throws {
        guard var record = try conflicts.record(id), record.life.isOpen else { return }
        changedConflicts.insert(id)
        if try conflicts.withheld(ofConflict: id).contains(where: { $0.state == .withheld }) {
            record.life.touch(at: position)
        } else {
            record.life.settle(by: nil, .policy, at: position)
            record.decision = Decision(by: "policy", atMs: nowMs, how: DecidedHow.release, reason: nil)
        }
        try conflicts.save(record)
    }

    // MARK: rows whose parent will not come

    /// Rows that waited with another which is withheld no more, and did not come in with it, get conflicts of their own:
    /// nothing is given up with that one, and nothing waits where nobody looks.
    package mutating func part(_ id: UInt64) throws {
        guard let conflict = try conflicts.record(id) else { return }
        let left = try conflicts.withheld(ofConflict: id).filter { $0.state == .withheld }
        if left.contains(where: { $0.row == conflict.row }) { return }
        let writes = Dictionary(grouping: left) { Author(row: $0.row, replica: $0.dot.replica) }
        // Deletes of one change set go on waiting together: each waits for the one before it.
        var deletes: [Dot: UInt64] = [:]
        for (author, records) in writes.sorted(by: { $0.value[0].id < $1.value[0].id }) {
            let write = WithheldWrite(records)
            if write.isDelete, let first = deletes[records[0].dot] {
                try move(records, to: first)
                continue
            }
            let table = try access.table(author.row.table, "parting withheld rows")
            let before = try access.row(table, write.key)
            let (kind, standing) = try obstacle(write, table, before)
            let side = ConflictSide(
                dot: records.last!.dot, hlc: try origins.log.entry(records.last!.dot)?.header.hlc ?? 0,
                position: position, value: nil, row: write.isDelete ? nil : write.cells)
            let own = try conflicts.nextConflictID()
            try conflicts.save(
                ConflictRecord(
                    id: own, kind: kind, tableNumber: table.number, table: records[0].table, key: records[0].key,
                    row: author.row, columnIndex: nil, column: nil, openedAtMs: nowMs, base: .row(before),
                    life: Conflict(opening: side, against: standing, at: position, policy: false), decision: nil))
            changedConflicts.insert(own)
            if write.isDelete { deletes[records[0].dot] = own }
            try move(records, to: own)
        }
    }

    private mutating func move(_ records: [WithheldRecord], to conflict: UInt64) throws {
        for record in records {
            try conflicts.setConflict(conflict, of: record.id)
            withheldRows.insert(record.id)
        }
    }

    private struct Author: Hashable {
        let row: RowID
        let replica: UInt32
    }

    /// What keeps a row out by itself, and the rows that stand in its way.
    private func obstacle(
        _ write: WithheldWrite, _ table: TableLayout, _ before: [Value]?
    ) throws -> (kind: ConflictKind, standing: [ConflictSide]) {
        guard let data = write.over(before) else { return (.foreignKey, []) }
        if try !access.missingParents(of: data, table, write.key).isEmpty { return (.foreignKey, []) }
        let blockers = try access.blockers(table, write.key, data)
        let standing: [ConflictSide] = try blockers.compactMap { key in
            guard let writer = try origins.lastWriter(of: RowID(shape: table.shape, key: key)),
                let row = try access.row(table, key)
            else { return nil }
            return ConflictSide(
                dot: writer.dot, hlc: writer.hlc, position: writer.position, value: nil,
                row: Dictionary(uniqueKeysWithValues: row.enumerated().map { ($0, $1) }), key: key)
        }
        return (blockers.isEmpty ? .check : .unique, standing)
    }
}

extension TableAccess {
    /// The parents that this row lacks, as what it has to wait for.
    func missingParents(of data: [Value], _ table: TableLayout, _ key: [Value]) throws -> [ConflictTable.Wait] {
        try table.references.compactMap { reference in
            let values = table.pick(reference.childColumns, key: key, data: data)
            if try hasParent(reference, values) { return nil }
            // A row that refers to itself brings its own parent.
            let own = table.pick(reference.parentColumns, key: key, data: data)
            if reference.parent == table.number, reference.refers(values, to: own) { return nil }
            return wait(for: reference, values)
        }
    }

    /// Rows that refer to values which a row would give up, as what it has to wait for.
    package func children(
        left before: [Value], for data: [Value], _ table: TableLayout, _ key: [Value]
    ) throws -> [ConflictTable.Wait] {
        try table.referencedBy.flatMap { reference -> [ConflictTable.Wait] in
            let old = table.pick(reference.parentColumns, key: key, data: before)
            let new = table.pick(reference.parentColumns, key: key, data: data)
            if old == new || reference.refers(old, to: new) { return [] }
            guard let child = tables[reference.child] else { return [] }
            // (A row that refers to itself has been asked for its parent.)
            return try children(reference, old, limit: 2).filter { child.number != table.number || $0 != key }
                .map { .row(RowID(shape: child.shape, key: $0)) }
        }
    }

    /// All that stands in the way of this row: parents that are missing, rows that hold its UNIQUE values.
    package func obstacles(to data: [Value], _ table: TableLayout, _ key: [Value]) throws -> [ConflictTable.Wait] {
        try missingParents(of: data, table, key)
            + blockers(table, key, data).map { .row(RowID(shape: table.shape, key: $0)) }
    }

    /// What a row that lacks this parent waits for: that very row where its identity is known, else any of its table.
    package func wait(for reference: TableLayout.Reference, _ values: [Value]) -> ConflictTable.Wait {
        guard let table = tables[reference.parent], let row = reference.parentRow(values, table) else {
            return .table(reference.parent)
        }
        return .row(row)
    }
}

extension TableLayout.Reference {
    /// The identity of the row that these values lead to; nil when it is not by the parent's key, or when a value is of
    /// another class than the key's column stores.
    func parentRow(_ values: [Value], _ table: TableLayout) -> RowID? {
        guard Set(parentColumns) == Set(table.keyColumns) else { return nil }
        let key = table.keyColumns.map { values[parentColumns.firstIndex(of: $0)!] }
        guard zip(key, table.keyAffinities).allSatisfy({ $1.stores($0) }) else { return nil }
        return RowID(shape: table.shape, key: key)
    }
}
