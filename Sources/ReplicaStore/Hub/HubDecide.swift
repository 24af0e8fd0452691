import Replication
import SQLite

/// How a person settles a conflict.
package enum Choice: Hashable, Sendable {
    /// What this side wrote.
    case take(site: String)
    /// What stands.
    case now
    /// Values of the operator's own, by column name.
    case set([String: Value])
    /// The row stays.
    case restore
    /// The row goes.
    case delete
    /// What is withheld comes in, as it was written.
    case admit
    /// What is withheld is given up; it is kept, as discarded.
    case discard

    /// As the decision is recorded.
    package var how: String {
        switch self {
        case .take, .now: "take"
        case .set: "set"
        case .restore: "restore"
        case .delete: "delete"
        case .admit: "admit"
        case .discard: "discard"
        }
    }
}

extension HubStore {
    /// Settles a conflict by a person's decision, which is a write of the hub like any other: with everything the
    /// hub knows as its context, always written and always sent, naming the one conflict that it settles.
    /// (DESIGN, section 6; the model, part two, "Decision by an operator".)
    ///
    /// - Parameters:
    ///   - changed: what `life.changed` was when the operator looked; nil to decide whatever stands.
    ///   - by: who decides.
    ///   - dryRun: tries all of it and takes it back.
    /// - Returns: the conflict as it is afterwards, or would be.
    /// - Throws: `.notFound`; `.changed` when it is settled already or has changed since; `.refused` when the
    ///   choice does not fit the conflict or a constraint would break.
    package func resolve(
        _ id: UInt64, _ choice: Choice, changed: UInt64?, by: String, reason: String?, nowMs: UInt64,
        dryRun: Bool = false
    ) throws(StoreError) -> ConflictRecord {
        var tried: ConflictRecord?
        do {
            return try writing("settling conflict \(id)") {
                let record = try resolveInTransaction(
                    id, choice, changed: changed, by: by, reason: reason, nowMs: nowMs)
                if dryRun {
                    tried = record
                    // Nothing of it stays: the transaction is rolled back.
                    throw StoreError(.refused, doing: "trying a decision", why: "it was only tried", hint: "")
                }
                return record
            }
        } catch {
            if let tried { return tried }
            throw error
        }
    }

    private func resolveInTransaction(
        _ id: UInt64, _ choice: Choice, changed: UInt64?, by: String, reason: String?, nowMs: UInt64
    ) throws -> ConflictRecord {
        let doing = "settling conflict \(id)"
        guard var record = try conflictTable.record(id) else {
            throw StoreError(
                .notFound, doing: doing, why: "there is none of that number",
                hint: "See: samband conflict list --all.")
        }
        guard record.life.isOpen else {
            throw StoreError(
                .changed, doing: doing, why: "it is settled already",
                hint: "See how: samband conflict show \(id).")
        }
        if let changed, changed != record.life.changed {
            throw StoreError(
                .changed, doing: doing, why: "it has changed since you looked",
                hint: "Look again: samband conflict show \(id).")
        }
        let writes = try decide(record, choice, doing)
        let position = try log.lastPosition() + 1
        var settledBy: ConflictSide?
        var next = position
        if let writes {
            settledBy = try write(writes, record, position: position, nowMs: nowMs, doing)
            next = position + 1
        }
        record.life.settle(by: settledBy, .person, at: position)
        record.decision = Decision(by: by, atMs: nowMs, how: choice.how, reason: reason)
        try conflictTable.save(record)
        try publish([(ConflictTable.conflictNumber, record.id)], at: next, nowMs: nowMs)
        try reloadDisputed()
        return record
    }

    private struct DecidedWrite {
        let operation: Operation
        let columns: [Int]
        let values: [Value]
    }

    /// What the choice writes; nil when the row simply stays as it is.
    private func decide(_ record: ConflictRecord, _ choice: Choice, _ doing: String) throws -> DecidedWrite? {
        func refuse(_ why: String, _ hint: String) -> StoreError {
            StoreError(.refused, doing: doing, why: why, hint: hint)
        }
        guard !record.kind.withholds else {
            throw refuse(
                "its row is withheld, and admitting or discarding withheld rows is not in this version",
                "The row is kept with all its values: samband withheld show.")
        }
        let table = try access.table(record.tableNumber, doing)
        let row = try access.row(table, record.key)
        switch choice {
        case .delete:
            guard record.kind == .deleteUpdate || record.kind == .insert else {
                throw refuse("it is about one cell", "Use --take or --set.")
            }
            return DecidedWrite(operation: .delete, columns: [], values: [])
        case .restore:
            guard record.kind == .deleteUpdate else {
                throw refuse("nothing was deleted", "Use --take or --set.")
            }
            return nil
        case .now:
            guard let row else { throw refuse("the row is not there any more", "It needs no decision on its values.") }
            let columns = record.columnIndex.map { [$0] } ?? table.allColumns
            if record.kind == .deleteUpdate { return nil }
            return DecidedWrite(operation: .update, columns: columns, values: columns.map { row[$0] })
        case .take(let site):
            let side = try record.life.sides.last {
                let name = try siteName(of: $0.dot.replica)
                return name == site || (name.isEmpty && site == "hub")
            }
            guard let side else {
                throw refuse("site \(site) is no side of it", "Its sides: samband conflict show \(record.id).")
            }
            if let column = record.columnIndex, let value = side.value {
                return DecidedWrite(operation: .update, columns: [column], values: [value])
            }
            guard let cells = side.row else { return DecidedWrite(operation: .delete, columns: [], values: []) }
            if record.kind == .deleteUpdate { return nil }
            let columns = cells.keys.sorted()
            return DecidedWrite(operation: .update, columns: columns, values: columns.map { cells[$0]! })
        case .set(let values):
            return try decideSet(record, values, table, refuse)
        case .admit, .discard:
            throw refuse("nothing of it is withheld", "Use --take or --set.")
        }
    }

    private func decideSet(
        _ record: ConflictRecord, _ values: [String: Value], _ table: TableLayout,
        _ refuse: (String, String) -> StoreError
    ) throws -> DecidedWrite {
        var byColumn: [Int: Value] = [:]
        for (name, value) in values {
            guard let column = table.dataColumns.firstIndex(where: { $0.lowercased() == name.lowercased() }) else {
                throw refuse("table \(table.name) has no such column to set", "Name a column that is not of the key.")
            }
            if let disputed = record.columnIndex, column != disputed {
                throw refuse("it is about column \(table.dataColumns[disputed]) only", "Set that one.")
            }
            byColumn[column] = value
        }
        guard !byColumn.isEmpty else { throw refuse("no column is set", "Use --set COLUMN=VALUE.") }
        let columns = byColumn.keys.sorted()
        return DecidedWrite(operation: .update, columns: columns, values: columns.map { byColumn[$0]! })
    }

    private func write(
        _ decided: DecidedWrite, _ record: ConflictRecord, position: UInt64, nowMs: UInt64, _ doing: String
    ) throws -> ConflictSide {
        guard try applyBlind([Segment(segment(of: decided, record))], position: position) else {
            throw StoreError(
                .refused, doing: doing,
                why: "the row is not there any more, or the value would break a constraint of \(record.table)",
                hint: "Look again: samband conflict show \(record.id).")
        }
        // A column may store a value otherwise than it is given ('5' as 5): what it holds is what is sent.
        let table = try access.table(record.tableNumber, doing)
        let values = try access.cells(table, record.key, decided.columns) ?? []
        let stored = DecidedWrite(operation: decided.operation, columns: decided.columns, values: values)
        let bytes = segment(of: stored, record)
        let digest = SHA256.digest(bytes)
        try log.appendSegment(bytes, change: position, variant: .authored, number: 0, digest: digest)
        let header = try ownHeader(
            .decision, position: position, rowCount: 1, conflict: record.id, digests: [digest], nowMs: nowMs)
        _ = try appendOwn(header, position: position, hashes: [record.row.hash64], endsTransaction: false)
        let cells = Dictionary(uniqueKeysWithValues: zip(stored.columns, stored.values))
        return ConflictSide(
            dot: header.dot, hlc: header.hlc, position: position,
            value: record.columnIndex.flatMap { cells[$0] },
            row: record.columnIndex != nil || decided.operation == .delete ? nil : cells)
    }

    private func segment(of decided: DecidedWrite, _ record: ConflictRecord) -> [UInt8] {
        var builder = SegmentBuilder()
        builder.add(
            BlockKind(table: record.tableNumber, operation: decided.operation, columns: decided.columns),
            key: record.key, values: decided.values)
        builder.close()
        return builder.takeFinished()[0]
    }
}

extension HubStore {
    /// Sends rows of the hub's own tables as they now stand to every site, as one change set of the hub.
    func publish(_ rows: [(table: Int, id: UInt64)], at position: UInt64, nowMs: UInt64) throws {
        let origins = Origins(
            index: index, log: log,
            reader: OperationReader(log: log, shapes: access.tables.mapValues(\.shape)))
        var arbitration = ArbitrationWriter(access: access, origins: origins, change: position)
        for row in rows { try arbitration.system(row.table, id: row.id) }
        guard let added = try arbitration.finish() else {
            preconditionFailure("a row that was just saved can be read")
        }
        let header = try ownHeader(
            .arbitration, position: position, rowCount: added.rowCount, conflict: 0, digests: added.digests,
            nowMs: nowMs)
        _ = try appendOwn(header, position: position, hashes: added.hashes, endsTransaction: true)
    }
}
