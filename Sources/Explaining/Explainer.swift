import ConflictStore
import OrderedLog
import RecordViews
import Replication
import SQLite
import TableModel

/// Reads the log, the conflicts and the row itself, and says which write each value comes from.
struct Explainer {
    package let views: Views
    private let reader: OperationReader

    init(_ views: Views) {
        self.views = views
        reader = OperationReader(log: views.log, shapes: views.access.tables.mapValues(\.shape))
    }

    /// One change set's part in the row: as written, what of it went out, and what it wrote over.
    private struct Act {
        let entry: LogEntry
        let authored: LoggedOperation?
        let effective: LoggedOperation?
        let undo: LoggedOperation?

        /// As its author wrote it; a node has only what the hub gave out.
        var written: LoggedOperation? { authored ?? effective }
    }

    /// How a row came to the values that it has.
    package func explain(table name: String, key: [Value]) throws -> Explanation {
        let table = try views.replicated(name, key, "explaining a row of \(name)")
        let row = RowID(shape: table.shape, key: key)
        let acts = try acts(on: row)
        let now = try views.row(table: name, key: key)
        let records = try conflicts(about: row, table)
        let held = try views.conflicts.withheld(of: row, onlyOpen: false)
        let stories = try now.data.map { data in
            try data.indices.map { try story(of: $0, data[$0], table, acts, records, held) }
        }
        let joins = try joins(of: row, acts)
        return Explanation(
            row: now, columns: stories ?? [], events: try acts.compactMap { try event($0, table, held, joins) },
            conflicts: try records.map { try views.conflict($0) },
            withheld: try views.conflicts.withheld(of: row, onlyOpen: true).map { try views.withheld($0) },
            joins: joins, logBegins: try logBegins(),
            isWhole: acts.first?.written.map { $0.operation == .insert } ?? false)
    }

    // MARK: what the log holds

    private func acts(on row: RowID) throws -> [Act] {
        let hash = row.hash64
        let statement = try views.connection.prepare("SELECT id, key_hashes FROM samband_change ORDER BY id")
        var ids: [UInt64] = []
        while try statement.step() {
            if statement.withBytes(1, { KeyHashes.contains(KeyHashes.decode([UInt8]($0)), hash) }) {
                ids.append(statement.unsigned(0))
            }
        }
        return try ids.compactMap { id in
            guard let entry = try views.log.entry(id: id) else { return nil }
            func operation(_ variant: SegmentVariant) throws -> LoggedOperation? {
                try reader.operations(of: entry, variant: variant, wanted: [hash]).first { $0.row == row }?.operation
            }
            let authored = try operation(.authored)
            let act = Act(
                entry: entry, authored: authored,
                effective: entry.isEffective ? try operation(.effective) : authored, undo: try operation(.undo))
            // A hash is only a perhaps.
            return act.written == nil ? nil : act
        }
    }

    private func logBegins() throws -> Explanation.LogBegin? {
        let statement = try views.connection.prepare("SELECT id FROM samband_change ORDER BY id LIMIT 1")
        guard try statement.step(), let entry = try views.log.entry(id: statement.unsigned(0)) else { return nil }
        return Explanation.LogBegin(position: entry.position, hlc: entry.header.hlc)
    }

    /// Those about the row, and those in which it stands in another's way.
    private func conflicts(about row: RowID, _ table: TableLayout) throws -> [ConflictRecord] {
        try views.conflicts.all(includeSettled: true).filter { record in
            record.row == row
                || record.tableNumber == row.table && record.kind == .unique
                    && record.life.sides.contains { side in
                        side.key.map { RowID(shape: table.shape, key: $0) == row } ?? false
                    }
        }
    }

    /// Those of this row with another, and those that led its references on.
    private func joins(of row: RowID, _ acts: [Act]) throws -> [Explanation.JoinView] {
        try RecordMergeTable(connection: views.connection).all().compactMap { join in
            guard let table = views.access.tables[join.tableNumber] else { return nil }
            let isOneOf =
                row.table == table.number
                && [join.key, join.into].contains { RowID(shape: table.shape, key: $0) == row }
            guard isOneOf || acts.contains(where: { $0.entry.position == join.position }) else { return nil }
            return Explanation.JoinView(join: join, keyColumns: table.keyColumns)
        }
    }

    // MARK: events

    private func event(
        _ act: Act, _ table: TableLayout, _ held: [WithheldRecord], _ joins: [Explanation.JoinView]
    ) throws -> RowEvent? {
        guard let written = act.written else { return nil }
        let header = act.entry.header
        // A decision keeps what it displaces under its own dot; it took effect itself.
        let withheld = header.kind == .decision ? nil : held.first { $0.dot == header.dot }
        let lost = written.columns.filter { act.effective?.index(of: $0) == nil }
        let outcome: RowEvent.Outcome =
            if act.entry.position == nil { .inFlight } else if withheld != nil {
                .withheld
            } else if act.effective == nil {
                written.operation == .delete ? .undone : .lost
            } else if !lost.isEmpty { .partly } else { .applied }
        let released = released(by: written, header, held)
        return RowEvent(
            what: released.isEmpty ? what(written, header) : .released, outcome: outcome,
            site: try views.site(of: header.dot.replica),
            dot: header.dot, hlc: header.hlc, position: act.entry.position,
            columns: written.columns.map { table.dataColumns[$0] }, values: written.values,
            lost: withheld == nil ? lost.map { table.dataColumns[$0] } : [],
            conflict: header.conflict == 0 ? nil : header.conflict, withheld: (withheld ?? released.first)?.id,
            join: joins.first { $0.join.position == act.entry.position }?.join.id)
    }

    private func what(_ operation: LoggedOperation, _ header: ChangeSetHeader) -> RowEvent.What {
        switch operation.operation {
        case .carried: .carried
        case .decided: .policy
        case .restored: .restored
        case .evicted: .evicted
        default:
            switch header.kind {
            case .decision: .decision
            // Cells that a delete which did not stand had cleared.
            case .arbitration: .restored
            case .local: written(operation.operation)
            }
        }
    }

    /// The withheld rows of one author that the hub let in with this write of its own; none for any other write.
    private func released(
        by operation: LoggedOperation, _ header: ChangeSetHeader, _ held: [WithheldRecord]
    ) -> [WithheldRecord] {
        guard header.kind == .arbitration, operation.operation == .insert || operation.operation == .update
        else { return [] }
        let byAuthor = Dictionary(grouping: held.filter { $0.state == .released }, by: \.dot.replica)
        return byAuthor.values.first { records in
            let cells = WithheldWrite(records).cells
            return operation.columns.allSatisfy { cells[$0] == operation.value(of: $0) }
        } ?? []
    }

    private func written(_ operation: Operation) -> RowEvent.What {
        switch operation {
        case .insert: .insert
        case .replace: .replace
        case .delete: .delete
        default: .update
        }
    }

    // MARK: columns

    private func story(
        of column: Int, _ value: Value, _ table: TableLayout, _ acts: [Act], _ records: [ConflictRecord],
        _ held: [WithheldRecord]
    ) throws -> ColumnStory {
        // Of the writes that went out, the one of greatest stamp stands; a carried cell repeats the stamp of another.
        let writes = acts.compactMap { act -> (act: Act, stamp: Stamp)? in
            guard let operation = act.effective, let stamp = operation.stamp(of: column),
                operation.value(of: column) == value
            else { return nil }
            return (act, stamp)
        }
        let last = writes.max { $0.stamp < $1.stamp }
        // About the column itself, or about cells of the row of which it is one.
        let about = records.filter { record in
            record.columnIndex == column
                || record.columnIndex == nil
                    && record.life.sides.contains { $0.key == nil && $0.row?[column] != nil }
        }
        var writer: ColumnStory.Writer?
        var before: Value?
        if let last {
            let origin = origin(of: last.stamp, column, acts)
            writer = try self.writer(last, origin, column, held)
            before = origin.flatMap { over($0, column, acts) }
        }
        return ColumnStory(
            column: table.dataColumns[column], value: value, writer: writer, over: before,
            conflicts: about.map(\.id))
    }

    /// The change set that wrote the cell first, where another one only repeats it.
    private func origin(of stamp: Stamp, _ column: Int, _ acts: [Act]) -> Act? {
        acts.first { act in
            guard let operation = act.effective, operation.operation != .carried, operation.operation != .restored
            else { return false }
            return operation.stamp(of: column) == stamp
        }
    }

    private func writer(
        _ write: (act: Act, stamp: Stamp), _ origin: Act?, _ column: Int, _ held: [WithheldRecord]
    ) throws -> ColumnStory.Writer? {
        if let origin, let operation = origin.written {
            let header = origin.entry.header
            if let record = released(by: operation, header, held).last(where: { $0.columns.contains(column) }) {
                // The hub wrote it, but as its author had written it.
                return ColumnStory.Writer(
                    site: try views.site(of: record.dot.replica), dot: record.dot,
                    hlc: try views.log.entry(record.dot)?.header.hlc ?? header.hlc, position: origin.entry.position,
                    what: .released)
            }
            return ColumnStory.Writer(
                site: try views.site(of: header.dot.replica), dot: header.dot, hlc: header.hlc,
                position: origin.entry.position, what: what(operation, header))
        }
        if write.stamp.isDecided {
            // Decided as the row was brought back: the whole row carries it.
            let header = write.act.entry.header
            return ColumnStory.Writer(
                site: try views.site(of: header.dot.replica), dot: header.dot, hlc: header.hlc,
                position: write.act.entry.position, what: .policy)
        }
        // Repeated from a write that is no longer in the log: its stamp still says whose and when.
        guard write.stamp != .zero else { return nil }
        return ColumnStory.Writer(
            site: try views.site(of: write.stamp.replica),
            dot: Dot(replica: write.stamp.replica, seq: write.stamp.seq), hlc: write.stamp.hlc, position: nil,
            what: .update)
    }

    /// What stood before: the hub kept it; elsewhere it is what went out last before.
    private func over(_ origin: Act, _ column: Int, _ acts: [Act]) -> Value? {
        guard let place = acts.firstIndex(where: { $0.entry.id == origin.entry.id }) else { return nil }
        if let kept = origin.undo?.value(of: column) { return kept }
        if origin.effective?.operation == .insert { return nil }
        return acts[..<place].reversed().lazy.compactMap { $0.effective?.value(of: column) }.first
    }
}
