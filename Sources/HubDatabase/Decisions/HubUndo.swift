import Auditing
import ConflictStore
import Replication
import SQLite
import TableModel

extension HubStore {
    /// Takes a decision back, a person's or a policy's: the conflict is open again, with the sides that it had.
    /// (Protocol/Merge-Model.md#undo)
    ///
    /// What a person's decision wrote is written back: the values that stood before with a new stamp, a deleted row with
    /// its own stamps, so that an edit of it under way still counts; a row let in is withheld again. A policy's decision
    /// is only opened: what stands, stands until a person decides.
    ///
    /// - Parameters:
    ///   - changed: what `life.changed` was when the operator looked; nil to undo whatever stands.
    ///   - by: who undoes it.
    ///   - dryRun: tries all of it and takes it back.
    /// - Returns: the conflict as it is afterwards, or would be.
    /// - Throws: `.notFound`; `.changed` when it is open or has changed since; `.refused` when what the decision wrote no
    ///   longer stands, or a constraint would break.
    package func undo(
        _ id: UInt64, changed: UInt64?, by: String, reason: String?, nowMs: UInt64, dryRun: Bool = false,
        audit entry: AuditEntry? = nil
    ) throws(StoreError) -> ConflictRecord {
        try trying("undoing the decision of conflict \(id)", dryRun: dryRun, audit: entry) {
            try undoInTransaction(id, changed: changed, by: by, reason: reason, nowMs: nowMs)
        }
    }

    private func undoInTransaction(
        _ id: UInt64, changed: UInt64?, by: String, reason: String?, nowMs: UInt64
    ) throws -> ConflictRecord {
        let doing = "undoing the decision of conflict \(id)"
        guard var record = try conflictTable.record(id) else {
            throw StoreError(
                .notFound, doing: doing, why: "there is none of that number",
                hint: "See: samband conflict list --all.")
        }
        guard let settlement = record.life.settlement else {
            throw StoreError(
                .changed, doing: doing, why: "it is open", hint: "Settle it: samband conflict resolve \(id).")
        }
        if let changed, changed != record.life.changed {
            throw StoreError(
                .changed, doing: doing, why: "it has changed since you looked",
                hint: "Look again: samband conflict show \(id).")
        }
        if settlement == .write || record.decision?.how == DecidedHow.release {
            throw StoreError(
                .refused, doing: doing,
                why: settlement == .write ? "a site's own write settled it" : "its row came in by itself",
                hint: "Write the row anew at a site; its history: samband explain.")
        }
        if record.decision?.how == DecidedHow.merge {
            throw StoreError(
                .refused, doing: doing, why: "it was settled by joining two rows",
                hint: "Take that back: samband record unmerge.")
        }
        if record.decision?.how == DecidedHow.unmerge {
            throw StoreError(
                .refused, doing: doing, why: "what it was about is a value of another row again",
                hint: "Merge the two records once more: samband record merge.")
        }
        let position = try log.lastPosition() + 1
        var next = position
        var made: [ConflictTable.Wait] = []
        let withheld = try conflictTable.withheld(ofConflict: id)
        var takenOut: Set<RowID> = []
        if settlement == .person, let written = record.life.settledBy {
            let rows = try takenBack(written, record, withheld, doing)
            made = rows.flatMap { [.row($0.row), .table($0.table.number)] }
            takenOut = Set(rows.filter { $0.operation == .delete }.map(\.row))
            if !rows.isEmpty {
                _ = try write(rows, conflict: id, position: position, nowMs: nowMs, doing)
                next = position + 1
            }
        }
        var states: Set<UInt64> = []
        if settlement == .person {
            for row in withheld where row.waitsAgain(takenOut) {
                // A displaced row was never withheld by the merge: it stands again.
                let isOwn = !isDisplaced(row, record)
                try conflictTable.setState(isOwn ? .withheld : .superseded, of: row.id)
                if isOwn { try conflictTable.note(waits(of: row, in: record), of: row.id) }
                states.insert(row.id)
            }
        }
        record.earlier += [record.decision, Decision(by: by, atMs: nowMs, how: DecidedHow.undo, reason: reason)]
            .compactMap {
                $0
            }
        record.decision = nil
        record.life.reopen(at: position)
        try conflictTable.save(record)
        try publish(at: next, nowMs: nowMs, conflicts: [id], withheld: states, releasing: Set(made))
        try reloadDisputed()
        return record
    }

    /// A row that made room for the one let in was kept under the decision's own dot.
    private func isDisplaced(_ row: WithheldRecord, _ record: ConflictRecord) -> Bool {
        row.dot == record.life.settledBy?.dot
    }

    /// What a row that is withheld again waits for: the row that it came in with, or what stands in its way.
    func waits(of row: WithheldRecord, in record: ConflictRecord) throws -> [ConflictTable.Wait] {
        if row.row != record.row { return [.row(record.row)] }
        let table = try access.table(row.tableNumber, "undoing a decision")
        guard let data = WithheldWrite([row]).over(try access.row(table, row.key)) else { return [] }
        return try access.obstacles(to: data, table, row.key)
    }

    /// What writes the rows of a decision back, and takes out what it let in.
    private func takenBack(
        _ written: ConflictSide, _ record: ConflictRecord, _ withheld: [WithheldRecord], _ doing: String
    ) throws -> [DecidedRow] {
        func refuse(_ table: TableLayout) -> StoreError {
            StoreError(
                .refused, doing: doing, why: "the row of \(table.name) that it wrote has been written since",
                hint: "Write it anew instead; its history: samband explain.")
        }
        guard let entry = try log.entry(id: written.position), entry.header.dot == written.dot else {
            throw StoreError(
                .refused, doing: doing, why: "the decision lies behind the part of the log that is kept",
                hint: "Write the row anew instead.")
        }
        let old = try reader.operations(of: entry, variant: .undo)
        var rows: [DecidedRow] = []
        for (row, key, operation) in try reader.operations(of: entry) {
            let table = try access.table(row.table, doing)
            guard try isLast(written.position, on: row, key, operation, table) else { throw refuse(table) }
            let image = old.first { $0.row == row }
            switch operation.operation {
            case .delete:
                guard let image else { throw refuse(table) }
                rows.append(
                    DecidedRow(
                        table: table, key: image.key, operation: .restored, columns: table.allColumns,
                        values: image.operation.values,
                        stamps: try origins.stamps(of: row, columnCount: table.dataColumns.count, latest: [:])))
            case .insert, .replace: rows.append(DecidedRow(table: table, key: key, operation: .delete))
            default:
                guard let image else { throw refuse(table) }
                rows.append(
                    DecidedRow(
                        table: table, key: key, operation: .update, columns: image.operation.columns,
                        values: image.operation.values))
            }
        }
        return try rows + released(withheld, among: rows.map(\.row), since: written.position, refuse)
    }

    /// The rows that came in with the one that the decision let in: they go back to wait for it.
    func released(
        _ withheld: [WithheldRecord], among known: [RowID], since position: UInt64,
        _ refuse: (TableLayout) -> StoreError
    ) throws -> [DecidedRow] {
        var rows: [DecidedRow] = []
        for record in withheld where record.state == .released && !known.contains(record.row) {
            if rows.contains(where: { $0.row == record.row }) { continue }
            let table = try access.table(record.tableNumber, "undoing a decision")
            let entries = try index.index.entries(holding: record.row.hash64, log: log)
            // It came in for another reason: it stays.
            guard entries.contains(where: { $0.position == position + 1 }) else { continue }
            guard entries.first?.position == position + 1, record.operation != .update else { throw refuse(table) }
            rows.append(DecidedRow(table: table, key: record.key, operation: .delete))
        }
        return rows
    }

    /// True when what the hub wrote at a position is still the last word on these cells, or on the row being there.
    private func isLast(
        _ position: UInt64, on row: RowID, _ key: [Value], _ operation: LoggedOperation, _ table: TableLayout
    ) throws -> Bool {
        if operation.operation == .delete {
            return try index.index.entries(holding: row.hash64, log: log).first?.position == position
        }
        guard try access.exists(table, key) else { return false }
        let stamps = try origins.stamps(of: row, columnCount: table.dataColumns.count, latest: [:])
        return operation.columns.allSatisfy { stamps[$0] == Stamp(hlc: operation.hlc, dot: operation.dot) }
    }
}

extension WithheldRecord {
    /// Whether it waits again when the decision is taken back that these rows came in by: what a person let in or gave
    /// up, and what had come in by itself then; not what came in for another reason and stays.
    func waitsAgain(_ takenOut: Set<RowID>) -> Bool {
        switch state {
        case .withheld, .admitted, .discarded: true
        case .released: takenOut.contains(row)
        case .superseded: false
        }
    }
}
