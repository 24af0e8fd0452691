import ConflictStore
import RecordViews
import Replication
import SQLite
import TableModel

/// A row with the names of its columns; `data` is nil when it is not in the table.
package struct RowView: Sendable {
    package let table: String
    package let keyColumns: [String]
    package let key: [Value]
    package let dataColumns: [String]
    package let data: [Value]?
}

/// A row that another one refers to.
package struct ParentView: Sendable {
    package enum State: String, Sendable {
        case present
        case missing
        /// It was received, and waits for a decision itself.
        case withheld
    }

    /// The referring table and its columns.
    package let table: String
    package let columns: [String]
    package let parent: String
    package let parentColumns: [String]
    package let values: [Value]
    package let state: State
    /// The withheld row that it is.
    package let withheld: UInt64?
}

/// A conflict with everything around it that helps to judge it.
package struct ConflictDetail: Sendable {
    package let view: ConflictView
    package let parents: [ParentView]
    /// The tables with rows that refer to the conflict's row: while they do, it cannot be deleted.
    package let children: [String]
    /// The rows that stand in the way of a withheld one, as they are now.
    package let standing: [RowView]
    package let withheld: [WithheldView]
    package var choices: [FittingChoice]
    /// What fits, and was refused when it was tried.
    package var refused: [RefusedChoice] = []
}

/// A withheld row, why it waits, and what waits with it.
package struct WithheldDetail: Sendable {
    package let view: WithheldView
    package var conflict: ConflictDetail?
    /// References of it that lead to no row of a table.
    package let missing: [ParentView]
    /// Withheld rows that refer to it.
    package let waiting: [WithheldView]

    /// The rows that stand in its way; what refers to it waits for it alone.
    package var standing: [RowView] {
        guard let conflict, conflict.view.record.row == view.record.row else { return [] }
        return conflict.standing
    }
}

extension Views {
    /// A conflict with its parents, its children, what stands in the way, and the choices that fit.
    package func detail(_ record: ConflictRecord) throws -> ConflictDetail {
        let view = try conflict(record)
        let held = try conflicts.withheld(ofConflict: record.id).filter { $0.state == .withheld }
        let table = try access.table(record.tableNumber, "showing conflict \(record.id)")
        var rows: [(table: TableLayout, key: [Value], data: [Value])] = []
        if let now = view.now { rows.append((table, record.key, now)) }
        for side in record.life.sides where side.key == nil {
            if let data = whole(side, record, over: view.now) { rows.append((table, record.key, data)) }
        }
        for row in held {
            let itsTable = try access.table(row.tableNumber, "showing conflict \(record.id)")
            if let data = try whole(row, itsTable) { rows.append((itsTable, row.key, data)) }
        }
        let withheldViews = try held.map { try withheld($0) }
        let children = try view.now.map { try childTables(table, record.key, $0) } ?? []
        return ConflictDetail(
            view: view, parents: try rows.flatMap { try parents($0.table, $0.key, $0.data) }.distinct(),
            children: children, standing: try standing(record, table), withheld: withheldViews,
            choices: FittingChoice.all(view, withheld: held, isReferred: !children.isEmpty))
    }

    /// A withheld row, why it waits, and what waits with it.
    package func detail(_ record: WithheldRecord) throws -> WithheldDetail {
        let table = try access.table(record.tableNumber, "showing a withheld row")
        let data = try whole(record, table)
        let missing = try data.map { try parents(table, record.key, $0).filter { $0.state != .present } } ?? []
        let waiting = try conflicts.withheld().filter { other in
            guard other.id != record.id, let child = access.tables[other.tableNumber],
                let values = try whole(other, child), let data
            else { return false }
            return child.references.contains { reference in
                reference.parent == table.number
                    && child.pick(reference.childColumns, key: other.key, data: values)
                        == table.pick(reference.parentColumns, key: record.key, data: data)
            }
        }
        return WithheldDetail(
            view: try withheld(record), conflict: try conflicts.record(record.conflict).map { try detail($0) },
            missing: missing, waiting: try waiting.map { try withheld($0) })
    }

    package func row(table name: String, key: [Value]) throws -> RowView {
        let table = try replicated(name, key, "reading a row of \(name)")
        return RowView(
            table: table.name, keyColumns: table.keyColumns, key: try access.spelling(table, key) ?? key,
            dataColumns: table.dataColumns, data: try access.row(table, key))
    }

    /// The row as it stands, or as it is withheld.
    package func rowOrWithheld(table name: String, key: [Value]) throws -> RowView {
        let found = try row(table: name, key: key)
        let table = try replicated(name, key, "reading a row of \(name)")
        let held = try conflicts.withheld(of: RowID(shape: table.shape, key: key), onlyOpen: true)
        guard found.data == nil, !held.isEmpty else { return found }
        return RowView(
            table: found.table, keyColumns: found.keyColumns, key: held[0].key, dataColumns: found.dataColumns,
            data: WithheldWrite(held).over(nil))
    }

    /// The replicated table of that name, whose key has as many columns.
    package func replicated(_ name: String, _ key: [Value], _ doing: String) throws(StoreError) -> TableLayout {
        guard
            let table = access.tables.values.first(where: {
                sameName($0.name, name) && $0.number < ConflictTable.conflictNumber
            })
        else {
            throw StoreError(
                .notFound, doing: doing, why: "there is no replicated table \(name)",
                hint: spellingHint(
                    name, access.tables.values.filter { $0.number < ConflictTable.conflictNumber }.map(\.name)))
        }
        guard key.count == table.keyColumns.count else {
            throw StoreError(
                .misused, doing: doing, why: "its key has \(table.keyColumns.count) columns, not \(key.count)",
                hint: "Give the key as \(table.keyColumns.joined(separator: ", ")).")
        }
        return table
    }

    // MARK: whole rows

    /// The row as a side would have it; nil when it wants none.
    private func whole(_ side: ConflictSide, _ record: ConflictRecord, over now: [Value]?) -> [Value]? {
        guard var data = now ?? base(record) else { return nil }
        if let column = record.columnIndex {
            data[column] = side.value ?? .null
            return data
        }
        guard let cells = side.row else { return nil }
        for (column, value) in cells where column < data.count { data[column] = value }
        return data
    }

    private func base(_ record: ConflictRecord) -> [Value]? {
        if case .row(let row) = record.base { row } else { nil }
    }

    /// A withheld operation as the row that it would make; nil for a delete, and for an update of an absent row.
    private func whole(_ record: WithheldRecord, _ table: TableLayout) throws -> [Value]? {
        if record.operation.isKeyOnly { return nil }
        if record.columns.count == table.dataColumns.count { return record.values }
        guard var data = try access.row(table, record.key) else { return nil }
        for (column, value) in zip(record.columns, record.values) { data[column] = value }
        return data
    }

    // MARK: what they refer to

    private func parents(_ table: TableLayout, _ key: [Value], _ data: [Value]) throws -> [ParentView] {
        try table.references.compactMap { reference in
            let values = table.pick(reference.childColumns, key: key, data: data)
            guard !values.contains(.null), let parent = access.tables[reference.parent] else { return nil }
            let isThere = try access.hasParent(reference, values)
            let held = isThere ? nil : try withheldRow(parent, reference.parentColumns, values)
            return ParentView(
                table: table.name, columns: reference.childColumns, parent: parent.name,
                parentColumns: reference.parentColumns, values: values,
                state: isThere ? .present : held == nil ? .missing : .withheld, withheld: held)
        }
    }

    private func childTables(_ table: TableLayout, _ key: [Value], _ data: [Value]) throws -> [String] {
        var names: Set<String> = []
        for reference in table.referencedBy {
            let values = table.pick(reference.parentColumns, key: key, data: data)
            if values.contains(.null) { continue }
            if try access.children(reference, values, limit: 1).isEmpty { continue }
            if let child = access.tables[reference.child] { names.insert(child.name) }
        }
        return names.sorted()
    }

    private func withheldRow(_ parent: TableLayout, _ columns: [String], _ values: [Value]) throws -> UInt64? {
        for record in try conflicts.withheld() where record.tableNumber == parent.number {
            guard let data = try whole(record, parent) else { continue }
            if parent.pick(columns, key: record.key, data: data) == values { return record.id }
        }
        return nil
    }

    /// The rows whose sides have a key of their own in the conflict's table.
    private func standing(_ record: ConflictRecord, _ table: TableLayout) throws -> [RowView] {
        guard record.kind == .unique else { return [] }
        return try record.life.sides.compactMap { side in
            guard let key = side.key else { return nil }
            return RowView(
                table: table.name, keyColumns: table.keyColumns, key: key, dataColumns: table.dataColumns,
                data: try access.row(table, key))
        }
    }
}

extension [ParentView] {
    /// Each reference to each row once.
    fileprivate func distinct() -> [ParentView] {
        reduce(into: []) { found, parent in
            let isKnown = found.contains {
                $0.table == parent.table && $0.columns == parent.columns && $0.values == parent.values
            }
            if !isKnown { found.append(parent) }
        }
    }
}
