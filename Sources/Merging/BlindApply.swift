import OrderedLog
import Replication
import SQLite
import TableModel

/// Applies rows at the speed of plain SQL, for when nothing concurrent touches them. It is strict: an insert must meet no
/// row, an update or delete exactly one, constraints must hold. A row that is not so is refused, and the rest goes on:
/// the caller goes back to its savepoint and knows all that must be looked at.
package struct BlindApply {
    package let access: TableAccess
    /// What was overwritten, where the hub keeps undo images.
    package var undo: SegmentSink?
    /// Rows that are left to others.
    private var leaving: OrdinalSteps
    private var ordinal: UInt32 = 0
    /// Of the rows that were not as a blind apply needs them.
    package private(set) var refused: [UInt32] = []

    package init(access: TableAccess, undo: SegmentSink?, leaving: [UInt32] = []) {
        self.access = access
        self.undo = undo
        self.leaving = OrdinalSteps(leaving)
    }

    /// True when so much was refused that going on is in vain.
    package var isHopeless: Bool { refused.count >= 4096 }

    /// Applies the next segment.
    package mutating func apply(_ segment: Segment) throws {
        for block in segment.blocks where !isHopeless {
            try apply(block, access.table(block.kind.table, "applying a change set"), segment.bytes)
        }
    }

    private mutating func apply(_ block: Block, _ table: TableLayout, _ bytes: [UInt8]) throws {
        if block.kind.operation.isWholeRow, block.kind.columns.count != table.dataColumns.count {
            throw CodecError(reading: "segment", at: 0, why: "a whole row without all columns")
        }
        switch block.kind.operation {
        case .insert:
            try each(block, bytes, table.insertSQL, keyFirst: true, again: false)
        case .update, .decided:
            let kind = BlockKind(table: table.number, operation: .update, columns: block.kind.columns)
            try each(
                block, bytes, table.updateSQL(block.kind.columns), keyFirst: false, again: false, keeping: (table, kind)
            )
        case .replace:
            let kind = BlockKind(table: table.number, operation: .insert, columns: table.allColumns)
            try each(block, bytes, table.rewriteSQL, keyFirst: true, again: true, keeping: (table, kind))
        case .delete:
            let kind = BlockKind(table: table.number, operation: .insert, columns: table.allColumns)
            try each(block, bytes, table.deleteSQL, keyFirst: true, again: false, keeping: (table, kind))
        case .carried where table.isOurs:
            try each(block, bytes, table.upsertSQL, keyFirst: true, again: false)
        case .carried, .restored, .evicted:
            try hubRows(block, table, bytes)
        }
    }

    /// Steps one statement a row, its cells bound in place: key and data, data and key, or key, data and key.
    ///
    /// - Parameter old: what the undo image keeps of the row before; nil for an insert, which makes it.
    private mutating func each(
        _ block: Block, _ bytes: [UInt8], _ sql: String, keyFirst: Bool, again: Bool,
        keeping old: (table: TableLayout, kind: BlockKind)? = nil
    ) throws {
        let statement = try access.connection.cached(sql)
        let oldStatement =
            undo != nil && old != nil ? try access.connection.prepare(old!.table.selectSQL(old!.kind.columns)) : nil
        let connection = access.connection
        var sink = undo
        undo = nil
        defer { undo = sink }
        try bytes.withUnsafeBytes { raw in
            // Bound cells point into `raw`, so none may stay bound when it goes.
            defer {
                statement.clearBindings()
                oldStatement?.clearBindings()
            }
            let base = raw.baseAddress!
            let span = bytes.span
            var cursor = RowCursor(block)
            while cursor.next(span) {
                defer { ordinal += 1 }
                if leaving.takes(ordinal) { continue }
                if let oldStatement, let old,
                    try !keepOld(cursor, oldStatement, old.kind, base, span, &sink!)
                {
                    refused.append(ordinal)
                    continue
                }
                var place: Int32 = 1
                func bind(_ cells: [CellView]) throws {
                    for cell in cells {
                        try statement.bind(cell, of: base, at: place)
                        place += 1
                    }
                }
                try bind(keyFirst ? cursor.key : cursor.cells)
                try bind(keyFirst ? cursor.cells : cursor.key)
                if again { try bind(cursor.key) }
                do {
                    _ = try statement.step()
                } catch let error as SQLiteError where error.isOfRow {
                    statement.reset()
                    refused.append(ordinal)
                    continue
                }
                statement.reset()
                if old != nil, connection.changes != 1 { refused.append(ordinal) }
            }
        }
    }

    /// Appends the row as it stands to the undo image; false when it is not there.
    private func keepOld(
        _ cursor: RowCursor, _ statement: Statement, _ kind: BlockKind, _ base: UnsafeRawPointer,
        _ span: Span<UInt8>, _ sink: inout SegmentSink
    ) throws -> Bool {
        for (index, cell) in cursor.key.enumerated() { try statement.bind(cell, of: base, at: Int32(index + 1)) }
        defer { statement.reset() }
        guard try statement.step() else { return false }
        try sink.row(kind, keyColumnCount: cursor.key.count) { block in
            for (index, cell) in cursor.key.enumerated() { block.sections[index].cell(cell, in: span) }
            for index in kind.columns.indices {
                statement.append(Int32(index), to: &block.sections[cursor.key.count + index])
            }
            block.endRow()
        }
        return true
    }

    /// What the hub carries along is put there whatever stands: it repeats what the hub has.
    private mutating func hubRows(_ block: Block, _ table: TableLayout, _ bytes: [UInt8]) throws {
        let span = bytes.span
        var cursor = RowCursor(block)
        while cursor.next(span) {
            defer { ordinal += 1 }
            if leaving.takes(ordinal) { continue }
            let key = cursor.key.map { $0.value(in: span) }
            do {
                if block.kind.operation == .evicted {
                    try access.delete(table, key)
                } else {
                    try access.put(table, key, cursor.cells.map { $0.value(in: span) })
                }
            } catch let error as SQLiteError where error.isConstraint {
                refused.append(ordinal)
            }
        }
    }
}
