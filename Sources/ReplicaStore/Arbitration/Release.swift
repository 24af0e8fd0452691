import Replication
import SQLite

/// Lets withheld rows in by themselves when nothing stands in their way any more: a child whose parent has come, a
/// newcomer whose UNIQUE value is free. What comes in is a write of the hub's own, in the transaction that made room.
/// Rows that wait for a person (CHECK, or a delete that did not stand) are left alone.
/// (DESIGN, section 6; the model, part two: "never by letting the old dot in".)
struct Release {
    let conflicts: ConflictTable
    let access: TableAccess
    let origins: Origins
    /// Where the hub's own change set stands, and its time.
    let position: UInt64
    let nowMs: UInt64
    /// The stamps of what the change set before it in the same transaction wrote, which the log does not show yet.
    var latest: [RowID: [Int: Stamp]] = [:]
    private(set) var changedConflicts: Set<UInt64> = []
    private(set) var withheldRows: Set<UInt64> = []
    /// What rows wait for that were found not to fit yet.
    private(set) var waits: Set<ConflictTable.Wait> = []
    /// Rows that came in: they are of interest to others in their turn.
    private(set) var released: [RowID] = []

    init(conflicts: ConflictTable, access: TableAccess, origins: Origins, position: UInt64, nowMs: UInt64) {
        self.conflicts = conflicts
        self.access = access
        self.origins = origins
        self.position = position
        self.nowMs = nowMs
    }

    /// Lets in what waited for one of these, and what waits for that.
    mutating func run(
        _ waits: Set<ConflictTable.Wait>, into arbitration: inout ArbitrationWriter, _ undo: inout SegmentSink
    ) throws {
        var open = try ids(waits)
        var next = 0
        while next < open.count {
            let id = open[next]
            next += 1
            guard let record = try conflicts.withheld(id: id), record.state == .withheld, !arbitration.holds(record.row)
            else { continue }
            if try release(record, &arbitration, &undo) {
                open += try ids([.row(record.row), .table(record.row.table)])
            }
        }
    }

    private func ids(_ waits: Set<ConflictTable.Wait>) throws -> [UInt64] {
        var ids: Set<UInt64> = []
        for wait in waits { ids.formUnion(try conflicts.waiting(for: wait)) }
        return ids.sorted()
    }

    private mutating func release(
        _ record: WithheldRecord, _ arbitration: inout ArbitrationWriter, _ undo: inout SegmentSink
    ) throws -> Bool {
        let records = try conflicts.withheld(of: record.row, onlyOpen: true)
            .filter { $0.dot.replica == record.dot.replica }
        let write = WithheldWrite(records)
        let table = try access.table(record.tableNumber, "letting a withheld row in")
        let before = try access.row(table, record.key)
        guard !write.isDelete, write.isWhole == (before == nil), let target = write.over(before) else {
            return false
        }
        if before != nil, try isOverwritten(write, table) { return false }
        switch try put(table, record.key, target) {
        case .fits: break
        case .waits(let more):
            try conflicts.note(more, of: record.id)
            waits.formUnion(more)
            return false
        }
        if let before {
            let kind = BlockKind(table: table.number, operation: .update, columns: write.columns)
            try undo.add(kind, key: record.key, values: write.columns.map { before[$0] })
            try arbitration.update(table, record.row, record.key, write.columns)
        } else {
            try arbitration.insert(table, record.row, record.key)
        }
        for record in records {
            try conflicts.setState(.released, of: record.id)
            withheldRows.insert(record.id)
        }
        released.append(record.row)
        for id in Set(records.map(\.conflict)) { try settle(id) }
        return true
    }

    /// True when someone has written one of the cells since: then it is for a person to say which one counts.
    private func isOverwritten(_ write: WithheldWrite, _ table: TableLayout) throws -> Bool {
        guard let entry = try origins.log.entry(write.records[0].dot) else { return true }
        let stamps = try origins.stamps(
            of: write.row, columnCount: table.dataColumns.count, latest: latest[write.row] ?? [:])
        return write.columns.contains { stamps[$0] > entry.header.stamp }
    }

    private enum Fit {
        case fits
        case waits([ConflictTable.Wait])
    }

    /// Puts a row in place if every constraint holds then; else leaves all as it was and says what is in the way.
    private func put(_ table: TableLayout, _ key: [Value], _ data: [Value]) throws -> Fit {
        let missing = try access.missingParents(of: data, table, key)
        if !missing.isEmpty { return .waits(missing) }
        try access.connection.beginSavepoint("release")
        do {
            try access.put(table, key, data)
            try access.connection.release("release")
            return .fits
        } catch let error as SQLiteError where error.isConstraint {
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
            record.decision = Decision(by: "policy", atMs: nowMs, how: "release", reason: nil)
        }
        try conflicts.save(record)
    }

    // MARK: rows whose parent will not come

    /// Rows that waited with another that is withheld no more, and is not in the table either, get a conflict of their
    /// own: nothing is given up with it.
    mutating func part(from row: RowID, conflict id: UInt64) throws {
        let table = try access.table(row.table, "parting withheld rows")
        let all = try conflicts.withheld(ofConflict: id)
        if let key = all.first(where: { $0.row == row })?.key, try access.exists(table, key) { return }
        let left = all.filter { $0.state == .withheld && $0.row != row }
        for (child, records) in Dictionary(grouping: left, by: \.row).sorted(by: { $0.key < $1.key }) {
            let write = WithheldWrite(records)
            let side = ConflictSide(
                dot: records.last!.dot, hlc: try origins.log.entry(records.last!.dot)?.header.hlc ?? 0,
                position: position, value: nil, row: write.isDelete ? nil : write.cells)
            let own = try conflicts.nextConflictID()
            try conflicts.save(
                ConflictRecord(
                    id: own, kind: .foreignKey, tableNumber: child.table, table: records[0].table, key: records[0].key,
                    row: child, columnIndex: nil, column: nil, openedAtMs: nowMs, base: .row(nil),
                    life: Conflict(opening: side, against: [], at: position, policy: false), decision: nil))
            changedConflicts.insert(own)
            for record in records {
                try conflicts.setConflict(own, of: record.id)
                withheldRows.insert(record.id)
            }
        }
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

    /// All that stands in the way of this row: parents that are missing, rows that hold its UNIQUE values.
    func obstacles(to data: [Value], _ table: TableLayout, _ key: [Value]) throws -> [ConflictTable.Wait] {
        try missingParents(of: data, table, key)
            + blockers(table, key, data).map { .row(RowID(shape: table.shape, key: $0)) }
    }

    /// What a row that lacks this parent waits for: that very row where its identity is known, else any of its table.
    func wait(for reference: TableLayout.Reference, _ values: [Value]) -> ConflictTable.Wait {
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
