import Auditing
import ConflictStore
import JSONText
import Merging
import OrderedLog
import RecordViews
import Replication
import SQLite
import TableModel

extension HubStore {
    /// Settles a conflict by a person's decision, which is a write of the hub like any other: with everything the
    /// hub knows as its context, always written and always sent, naming the one conflict that it settles.
    /// (Protocol/Merge-Model.md#a-persons-decision)
    ///
    /// - Parameters:
    ///   - changed: what `life.changed` was when the operator looked; nil to decide whatever stands.
    ///   - by: who decides.
    ///   - dryRun: tries all of it and takes it back.
    /// - Returns: the conflict as it is afterwards, or would be.
    /// - Throws: `.notFound`; `.changed` when it is settled already or has changed since; `.refused` when the
    ///   choice does not fit the conflict or a constraint would break.
    package func resolve(
        _ id: UInt64, _ choice: ConflictChoice, changed: UInt64?, by: String, reason: String?, nowMs: UInt64,
        dryRun: Bool = false, audit entry: AuditEntry? = nil
    ) throws(StoreError) -> ConflictRecord {
        try trying("settling conflict \(id)", dryRun: dryRun, audit: entry) {
            try resolveInTransaction(id, choice, changed: changed, by: by, reason: reason, nowMs: nowMs)
        }
    }

    func resolveInTransaction(
        _ id: UInt64, _ choice: ConflictChoice, changed: UInt64?, by: String, reason: String?, nowMs: UInt64
    ) throws -> ConflictRecord {
        let doing = "settling conflict \(id)"
        guard var record = try conflictTable.record(id) else {
            throw StoreError(
                .notFound, doing: doing, why: "there is none of that number",
                hint: "See: samband conflict list --all.")
        }
        guard record.life.isOpen else {
            throw StoreError(
                .changed, doing: doing, why: try settledWords(record),
                hint: "See how: samband conflict show \(id).")
        }
        if let changed, changed != record.life.changed {
            throw StoreError(
                .changed, doing: doing, why: "it has changed since you looked",
                hint: "Look again: samband conflict show \(id).")
        }
        let table = try access.table(record.tableNumber, doing)
        let plan = try DecisionPlanner(store: self, record: record, table: table, doing: doing).plan(choice)
        let position = try log.lastPosition() + 1
        var settledBy: ConflictSide?
        var next = position
        if !plan.rows.isEmpty {
            let (header, stored) = try write(
                plan.rows, conflict: record.id, position: position, nowMs: nowMs, doing)
            settledBy = side(of: record, header, stored, position)
            next = position + 1
        }
        record.life.settle(by: settledBy, .person, at: position)
        record.decision = Decision(by: by, atMs: nowMs, how: choice.word.rawValue, reason: reason)
        try conflictTable.save(record)
        try finish(record, plan, settledBy?.dot, at: next, nowMs: nowMs)
        return record
    }

    /// Who settled it, how and when: what the operator who comes second has to know.
    private func settledWords(_ record: ConflictRecord) throws -> String {
        if let decision = record.decision {
            let by = decision.by == "policy" ? "a policy" : decision.by
            return "\(by) settled it already, at \(rfc3339(ms: decision.atMs)) (\(decision.how))"
        }
        guard let write = record.life.settledBy else { return "it is settled already" }
        return "a write of \(try siteName(of: write.dot.replica)) settled it already (change \(write.dot))"
    }

    /// What the decision wrote about the conflict's own cell or row.
    private func side(
        of record: ConflictRecord, _ header: ChangeSetHeader, _ stored: [DecidedRow], _ position: UInt64
    ) -> ConflictSide? {
        guard let row = stored.first(where: { $0.row == record.row }) else { return nil }
        let cells = Dictionary(uniqueKeysWithValues: zip(row.columns, row.values))
        return ConflictSide(
            dot: header.dot, hlc: header.hlc, position: position, value: record.columnIndex.flatMap { cells[$0] },
            row: record.columnIndex != nil || row.operation == .delete ? nil : cells)
    }

    /// Sees to the withheld rows of a decided conflict, lets in what waited for it, and sends all records to every site.
    private func finish(
        _ record: ConflictRecord, _ plan: DecisionPlan, _ dot: Dot?, at position: UInt64, nowMs: UInt64
    ) throws {
        var changed: Set<UInt64> = []
        for withheld in plan.withheld?.records ?? [] {
            try conflictTable.setState(plan.withheld!.state, of: withheld.id)
            changed.insert(withheld.id)
        }
        for row in plan.displaced {
            guard let dot else { preconditionFailure("a row is displaced by a write") }
            let operation = LoggedOperation(
                dot: dot, hlc: clock.last, position: position, seen: position - 1, operation: .insert,
                columns: row.columns, values: row.values)
            let id = try conflictTable.withhold(
                operation, key: row.key, row: row.row, table: row.table, conflict: record.id)
            try conflictTable.setState(.discarded, of: id)
            changed.insert(id)
        }
        let waits = plan.rows.flatMap { [ConflictTable.Wait.row($0.row), .table($0.table.number)] }
        try publish(
            at: position, nowMs: nowMs, conflicts: [record.id], withheld: changed, releasing: Set(waits),
            parting: { try $0.part(record.id) })
        try reloadDisputed()
    }
}

extension HubStore {
    /// Sends rows of the hub's own tables as they now stand to every site, as one change set of the hub.
    func publish(_ rows: [(table: Int, id: UInt64)], at position: UInt64, nowMs: UInt64) throws {
        var arbitration = ArbitrationWriter(access: access, origins: origins, change: position)
        for row in rows { try arbitration.system(row.table, id: row.id) }
        try publish(arbitration, at: position, nowMs: nowMs)
    }

    /// The same for conflicts and withheld rows, after letting in what waited for something.
    ///
    /// - Parameters:
    ///   - adding: what else goes into the change set.
    ///   - parting: what else is to be done with the rows that wait.
    func publish(
        at position: UInt64, nowMs: UInt64, conflicts: Set<UInt64>, withheld: Set<UInt64>,
        releasing waits: Set<ConflictTable.Wait>,
        adding: (inout ArbitrationWriter) throws -> Void = { _ in },
        parting: (inout WithheldRelease) throws -> Void = { _ in }
    ) throws {
        let origins = origins
        var arbitration = ArbitrationWriter(access: access, origins: origins, change: position)
        var undo = SegmentSink(log: log, change: position, variant: .undo)
        var release = WithheldRelease(
            conflicts: conflictTable, access: access, origins: origins, policies: policies, position: position,
            nowMs: nowMs)
        try adding(&arbitration)
        try release.run(waits, into: &arbitration, &undo)
        try undo.finish()
        try parting(&release)
        for id in release.changedConflicts.union(conflicts).sorted() {
            try arbitration.system(ConflictTable.conflictNumber, id: id)
        }
        for id in release.withheldRows.union(withheld).sorted() {
            try arbitration.system(ConflictTable.withheldNumber, id: id)
        }
        try publish(arbitration, at: position, nowMs: nowMs)
    }

    private func publish(_ writer: ArbitrationWriter, at position: UInt64, nowMs: UInt64) throws {
        var arbitration = writer
        guard let added = try arbitration.finish() else {
            preconditionFailure("a row that was just saved can be read")
        }
        let header = try ownHeader(
            .arbitration, position: position, rowCount: added.rowCount, conflict: 0, digests: added.digests,
            nowMs: nowMs)
        _ = try appendOwn(header, position: position, hashes: added.hashes, endsTransaction: true)
    }

    /// Which writes the cells of rows repeat, as the log has it now.
    var origins: CellProvenance { CellProvenance(index: index, log: log, finder: finder) }
}
