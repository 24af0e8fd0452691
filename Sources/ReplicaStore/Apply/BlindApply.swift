import Replication
import SQLite

/// Applies a segment at the speed of plain SQL, for when nothing concurrent touches its rows. It is strict: an
/// insert must meet no row, an update or delete exactly one, constraints must hold. Where that fails it stops
/// and says so; the caller goes back to its savepoint and takes the careful path.
struct BlindApply {
    let access: TableAccess
    /// What was overwritten, where the hub keeps undo images.
    var undo: SegmentSink?

    /// - Returns: false when a row was not as a blind apply needs it.
    mutating func apply(_ segment: Segment) throws -> Bool {
        for block in segment.blocks {
            let table = try access.table(block.kind.table, "applying a change set")
            do {
                guard try apply(block, table, segment.bytes) else { return false }
            } catch let error as SQLiteError where error.isOfRow {
                return false
            }
        }
        return true
    }

    private mutating func apply(_ block: Block, _ table: TableLayout, _ bytes: [UInt8]) throws -> Bool {
        if block.kind.operation.isWholeRow, block.kind.columns.count != table.dataColumns.count {
            throw CodecError(reading: "segment", at: 0, why: "a whole row without all columns")
        }
        switch block.kind.operation {
        case .insert:
            return try each(block, bytes, table.insertSQL, keyFirst: true, again: false) { _, _ in true }
        case .update, .decided:
            let keys = table
            let columns = block.kind.columns
            let kind = BlockKind(table: table.number, operation: .update, columns: columns)
            return try each(
                block, bytes, table.updateSQL(columns), keyFirst: false, again: false, keepingOld: (keys, columns, kind)
            ) {
                connection, _ in connection.changes == 1
            }
        case .replace:
            let kind = BlockKind(table: table.number, operation: .insert, columns: table.allColumns)
            return try each(
                block, bytes, table.rewriteSQL, keyFirst: true, again: true, keepingOld: (table, table.allColumns, kind)
            ) { connection, _ in connection.changes == 1 }
        case .delete:
            let kind = BlockKind(table: table.number, operation: .insert, columns: table.allColumns)
            return try each(
                block, bytes, table.deleteSQL, keyFirst: true, again: false, keepingOld: (table, table.allColumns, kind)
            ) { connection, _ in connection.changes == 1 }
        case .carried, .restored, .evicted:
            return try hubRows(block, table, bytes)
        }
    }

    /// Steps one statement a row, its cells bound in place: key and data, data and key, or key, data and key.
    private mutating func each(
        _ block: Block, _ bytes: [UInt8], _ sql: String, keyFirst: Bool, again: Bool,
        keepingOld old: (table: TableLayout, columns: [Int], kind: BlockKind)? = nil,
        _ holds: (Connection, Int) -> Bool
    ) throws -> Bool {
        let statement = try access.connection.cached(sql)
        let oldStatement =
            undo != nil && old != nil ? try access.connection.prepare(old!.table.selectSQL(old!.columns)) : nil
        let connection = access.connection
        var sink = undo
        undo = nil
        defer { undo = sink }
        return try bytes.withUnsafeBytes { raw in
            // Bound cells point into `raw`, so none may stay bound when it goes.
            defer {
                statement.clearBindings()
                oldStatement?.clearBindings()
            }
            let base = raw.baseAddress!
            let span = bytes.span
            var cursor = RowCursor(block)
            while cursor.next(span) {
                if let oldStatement, let old {
                    guard try keepOld(cursor, oldStatement, old.kind, base, span, &sink!) else { return false }
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
                } catch {
                    statement.reset()
                    throw error
                }
                statement.reset()
                guard holds(connection, 1) else { return false }
            }
            return true
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
            for (index, cell) in cursor.key.enumerated() { block.sections[index].cell(cell.value(in: span)) }
            for index in kind.columns.indices {
                statement.append(Int32(index), to: &block.sections[cursor.key.count + index])
            }
            block.endRow()
        }
        return true
    }

    /// What the hub carries along is put there whatever stands: it repeats what the hub has.
    private func hubRows(_ block: Block, _ table: TableLayout, _ bytes: [UInt8]) throws -> Bool {
        let span = bytes.span
        var cursor = RowCursor(block)
        while cursor.next(span) {
            let key = cursor.key.map { $0.value(in: span) }
            if block.kind.operation == .evicted {
                try access.delete(table, key)
            } else {
                try access.put(table, key, cursor.cells.map { $0.value(in: span) })
            }
        }
        return true
    }
}

/// Whether the foreign keys of the rows that a change set touched hold, asked through indexes after it was
/// applied. (The applying connection has foreign_keys off, for SQLite would fire cascades that nobody sees.)
struct ReferenceCheck {
    let access: TableAccess

    /// False when some row lost its parent, or when the question needs the careful path.
    func holds(_ segment: Segment) throws -> Bool {
        for block in segment.blocks {
            let table = try access.table(block.kind.table, "checking a change set's references")
            if block.kind.operation.isKeyOnly {
                guard try noChild(block, table, segment.bytes) else { return false }
                continue
            }
            if block.kind.operation != .insert,
                table.referencedBy.contains(where: { reference in
                    reference.parentColumns.contains { column in
                        table.dataColumns.firstIndex(of: column).map { block.kind.columns.contains($0) } ?? false
                    }
                })
            {
                return false
            }
            guard try parents(block, table, segment.bytes) else { return false }
        }
        return true
    }

    private func parents(_ block: Block, _ table: TableLayout, _ bytes: [UInt8]) throws -> Bool {
        let touched = table.references.filter { reference in
            block.kind.operation.isWholeRow
                || reference.childColumns.contains { column in
                    table.dataColumns.firstIndex(of: column).map { block.kind.columns.contains($0) } ?? false
                }
        }
        if touched.isEmpty { return true }
        let span = bytes.span
        var cursor = RowCursor(block)
        while cursor.next(span) {
            let key = cursor.key.map { $0.value(in: span) }
            for reference in touched {
                var values: [Value] = []
                for column in reference.childColumns {
                    if let index = table.keyColumns.firstIndex(of: column) {
                        values.append(key[index])
                    } else if let data = table.dataColumns.firstIndex(of: column),
                        let place = block.kind.columns.firstIndex(of: data)
                    {
                        values.append(cursor.cells[place].value(in: span))
                    } else if let data = table.dataColumns.firstIndex(of: column) {
                        values.append(try access.cells(table, key, [data])?[0] ?? .null)
                    }
                }
                guard try access.hasParent(reference, values) else { return false }
            }
        }
        return true
    }

    private func noChild(_ block: Block, _ table: TableLayout, _ bytes: [UInt8]) throws -> Bool {
        if table.referencedBy.isEmpty { return true }
        let span = bytes.span
        var cursor = RowCursor(block)
        while cursor.nextKey(span) {
            let key = cursor.key.map { $0.value(in: span) }
            for reference in table.referencedBy {
                var values: [Value] = []
                for column in reference.parentColumns {
                    guard let index = table.keyColumns.firstIndex(of: column) else { return false }
                    values.append(key[index])
                }
                guard try access.children(reference, values, limit: 1).isEmpty else {
                    return false
                }
            }
        }
        return true
    }
}
