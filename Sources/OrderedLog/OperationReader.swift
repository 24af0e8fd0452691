import Replication
import SQLite
import TableModel

/// Finds what change sets of the log do to given rows.
package struct OperationReader {
    package let log: ChangeLog
    package let shapes: [Int: TableShape]

    package init(log: ChangeLog, shapes: [Int: TableShape]) {
        self.log = log
        self.shapes = shapes
    }
    /// The operations of a change set on rows whose key hash is in `wanted` (all rows when nil).
    package func operations(
        of entry: LogEntry, variant: SegmentVariant = .authored, wanted: Set<UInt64>? = nil
    ) throws -> [(row: RowID, key: [Value], operation: LoggedOperation)] {
        var found: [(row: RowID, key: [Value], operation: LoggedOperation)] = []
        var number = 0
        while let bytes = try log.segment(change: entry.id, variant: variant, number: number) {
            try collect(Segment(bytes), entry, wanted, into: &found)
            number += 1
        }
        return found
    }

    /// The same for a change set whose segments are at hand.
    package func operations(
        of entry: LogEntry, segments: [Segment]
    ) throws -> [(row: RowID, key: [Value], operation: LoggedOperation)] {
        var found: [(row: RowID, key: [Value], operation: LoggedOperation)] = []
        for segment in segments { try collect(segment, entry, nil, into: &found) }
        return found
    }

    private func collect(
        _ segment: Segment, _ entry: LogEntry, _ wanted: Set<UInt64>?,
        into found: inout [(row: RowID, key: [Value], operation: LoggedOperation)]
    ) throws {
        let span = segment.bytes.span
        var canonical: [UInt8] = []
        for block in segment.blocks {
            guard let shape = shapes[block.kind.table] else { continue }
            var cursor = RowCursor(block)
            while cursor.next(span) {
                if let wanted, !wanted.contains(keyHash(of: cursor, shape, span, &canonical)) { continue }
                found.append(Self.found(block.kind, cursor, span, shape, entry))
            }
        }
    }

    /// The operation that a cursor stands on, out of its bytes.
    package static func found(
        _ kind: BlockKind, _ cursor: borrowing RowCursor, _ span: Span<UInt8>, _ shape: TableShape, _ entry: LogEntry
    ) -> (row: RowID, key: [Value], operation: LoggedOperation) {
        let key = cursor.key.map { $0.value(in: span) }
        let operation = LoggedOperation(
            dot: entry.header.dot, hlc: entry.header.hlc, position: entry.position ?? .max, seen: entry.seen,
            operation: kind.operation, columns: kind.columns, values: cursor.cells.map { $0.value(in: span) },
            cellStamps: cursor.cellStamps,
            deltas: kind.deltas.isEmpty
                ? [:] : Dictionary(uniqueKeysWithValues: zip(kind.deltas, cursor.rowDeltas)),
            line: entry.line)
        return (RowID(shape: shape, key: key), key, operation)
    }

    /// One row written as a segment of its own, and back.
    package static func encode(_ kind: BlockKind, key: [Value], values: [Value], deltas: [Int64] = []) -> [UInt8] {
        var builder = SegmentBuilder()
        builder.add(kind, key: key, values: values, deltas: deltas)
        builder.close()
        return builder.takeFinished()[0]
    }

    /// Reads one row from bytes that `encode` has made.
    package static func decodeRow(
        _ bytes: [UInt8]
    ) throws -> (kind: BlockKind, key: [Value], values: [Value], deltas: [Int64]) {
        let segment = try Segment(bytes)
        let span = bytes.span
        guard let block = segment.blocks.first else {
            throw CodecError(reading: "segment", at: 0, why: "no row where one was kept")
        }
        var cursor = RowCursor(block)
        _ = cursor.next(span)
        return (
            block.kind, cursor.key.map { $0.value(in: span) }, cursor.cells.map { $0.value(in: span) },
            cursor.rowDeltas
        )
    }
}

/// The sorted key hashes of a change set whose segments are at hand. A row may occur in it once only.
package func keyHashes(
    of segments: [Segment], shapes: [Int: TableShape], doing: @autoclosure () -> String
) throws(StoreError) -> [UInt64] {
    var hashes: [UInt64] = []
    var canonical: [UInt8] = []
    for segment in segments {
        let bytes = segment.bytes
        let span = bytes.span
        for block in segment.blocks {
            guard let shape = shapes[block.kind.table], shape.keyCollations.count == block.keySections.count else {
                throw StoreError(
                    .refused, doing: doing(),
                    why: "table number \(block.kind.table) is not replicated here, or its key has another shape",
                    hint: "The sender runs another schema; nothing was taken.")
            }
            var cursor = RowCursor(block)
            while cursor.nextKey(span) {
                hashes.append(keyHash(of: cursor, shape, span, &canonical))
            }
        }
    }
    hashes.sort()
    return hashes
}
