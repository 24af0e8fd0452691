import OrderedLog
import Replication

/// Which rows of a change set go out otherwise than their author wrote them.
struct EffectiveRows {
    /// By ordinal, the place in `columns`; -1 where nothing goes out.
    private var altered: [UInt32: Int32] = [:]
    private var columns: [[Int]] = []

    mutating func note(_ work: MergeRow) {
        guard let operation = work.operation, let ordinal = work.ordinal else { return }
        guard let left = work.effectiveColumns else {
            altered[ordinal] = -1
            return
        }
        if left == operation.columns { return }
        if let place = columns.lastIndex(of: left) {
            altered[ordinal] = Int32(place)
        } else {
            altered[ordinal] = Int32(columns.count)
            columns.append(left)
        }
    }

    /// Writes what is left of the change set for the others, when that is not all of it.
    func write(_ rows: IncomingRows, to log: ChangeLog) throws -> Bool {
        if altered.isEmpty { return false }
        var sink = SegmentSink(log: log, change: rows.entry.id, variant: .effective)
        var ordinal: UInt32 = 0
        for segment in rows.segments {
            for block in segment.blocks {
                try write(block, segment.bytes.span, &ordinal, &sink)
            }
        }
        try sink.finish()
        return true
    }

    private func write(
        _ block: Block, _ span: Span<UInt8>, _ ordinal: inout UInt32, _ sink: inout SegmentSink
    ) throws {
        var cursor = RowCursor(block)
        while cursor.next(span) {
            defer { ordinal += 1 }
            // What an author raised a column by is between it and the hub.
            var kind = BlockKind(
                table: block.kind.table, operation: block.kind.operation, columns: block.kind.columns,
                scope: block.kind.scope)
            var places = Array(kind.columns.indices)
            if let change = altered[ordinal] {
                if change < 0 { continue }
                let left = columns[Int(change)]
                places = left.map { block.kind.columns.firstIndex(of: $0)! }
                kind = BlockKind(table: kind.table, operation: .update, columns: left)
            }
            try sink.row(kind, keyColumnCount: cursor.key.count) { builder in
                for (index, cell) in cursor.key.enumerated() { builder.sections[index].cell(cell, in: span) }
                for (index, place) in places.enumerated() {
                    builder.sections[cursor.key.count + index].cell(cursor.cells[place], in: span)
                }
                builder.endRow()
            }
        }
    }
}
