/// A part of a change set, about a megabyte: a format byte, then blocks (Protocol/Bytes.md#segment).
///
/// Valid by construction: the initialiser walks every value once, so whoever holds a segment can read it
/// without a check. It reserves nothing that the bytes announce.
package struct Segment: Sendable {
    package let bytes: [UInt8]
    package let blocks: [Block]

    package init(_ bytes: [UInt8]) throws(CodecError) {
        guard bytes.count <= Limits.segmentMaxBytes else {
            throw CodecError(
                reading: "segment", at: 0, why: "it is larger than \(Limits.segmentMaxBytes) bytes")
        }
        var blocks: [Block] = []
        let span = bytes.span
        var reader = ByteReader(0..<bytes.count, reading: "segment")
        guard try reader.byte(span) == SegmentBuilder.format else {
            throw reader.refuse("a format that this version does not know")
        }
        guard !reader.isAtEnd else { throw reader.refuse("a segment without a block") }
        var room = Limits.sectionsPerSegment
        while !reader.isAtEnd { blocks.append(try Block(&reader, span, room: &room)) }
        self.bytes = bytes
        self.blocks = blocks
    }

    package var rowCount: Int { blocks.reduce(0) { $0 + $1.rowCount } }
}

/// Rows of one kind within a segment. Ranges are of the segment's bytes.
package struct Block: Sendable {
    package let kind: BlockKind
    package let rowCount: Int
    package let keySections: [Range<Int>]
    package let valueSections: [Range<Int>]
    /// One a data column where the operation has stamps, else none.
    package let stampSections: [Range<Int>]
    /// One a delta of the kind.
    package let deltaSections: [Range<Int>]

    /// `room`: how many columns the segment may still have.
    init(_ reader: inout ByteReader, _ bytes: Span<UInt8>, room: inout Int) throws(CodecError) {
        let first = try reader.byte(bytes)
        guard let operation = Operation(rawValue: first & ~BlockKind.deltasFlag) else {
            throw reader.refuse("an operation that this version does not know")
        }
        let hasDeltas = first & BlockKind.deltasFlag != 0
        if hasDeltas && !operation.mayHaveDeltas { throw reader.refuse("an operation that has no deltas, with deltas") }
        let table = try reader.count(bytes, of: "table numbers", atMost: 1 << 30)
        let label = try reader.counted(bytes, of: "scope label bytes", atMost: Limits.scopeLabelBytes)
        let scope = bytes.extracting(label).withUnsafeBufferPointer { Array($0) }
        rowCount = try reader.count(bytes, of: "rows in a block", atMost: Limits.rowsPerBlock)
        let keyCount = try reader.count(bytes, of: "key columns", atMost: Limits.keyColumns)
        let columnCount = try reader.count(bytes, of: "columns", atMost: Limits.columnsPerBlock)
        guard rowCount > 0, keyCount > 0 else { throw reader.refuse("a block without rows or without a key") }
        if operation.isKeyOnly && columnCount > 0 { throw reader.refuse("a delete with values") }
        room -= keyCount + columnCount * (operation.hasStamps ? 2 : 1)
        guard room >= 0 else {
            throw reader.refuse("more columns in a segment than the limit of \(Limits.sectionsPerSegment)")
        }
        let columns = try columnList(&reader, bytes, columnCount)
        var deltas: [Int] = []
        if hasDeltas {
            let count = try reader.count(bytes, of: "columns", atMost: Limits.columnsPerBlock)
            guard count > 0 else { throw reader.refuse("deltas announced, and none follow") }
            room -= count
            guard room >= 0 else {
                throw reader.refuse("more columns in a segment than the limit of \(Limits.sectionsPerSegment)")
            }
            deltas = try columnList(&reader, bytes, count)
            guard Set(columns).isSuperset(of: deltas) else {
                throw reader.refuse("a delta of a column that is not there")
            }
        }
        kind = BlockKind(table: table, operation: operation, columns: columns, scope: scope, deltas: deltas)
        var keys: [Range<Int>] = []
        var values: [Range<Int>] = []
        var stamps: [Range<Int>] = []
        for _ in 0..<keyCount {
            keys.append(try cellSection(&reader, bytes, rowCount, isKey: true))
        }
        for _ in 0..<columnCount {
            values.append(try cellSection(&reader, bytes, rowCount, isKey: false))
            if operation.hasStamps { stamps.append(try stampSection(&reader, bytes, rowCount)) }
        }
        var added: [Range<Int>] = []
        for _ in deltas { added.append(try deltaSection(&reader, bytes, rowCount)) }
        deltaSections = added
        keySections = keys
        valueSections = values
        stampSections = stamps
    }
}

private func columnList(
    _ reader: inout ByteReader, _ bytes: Span<UInt8>, _ count: Int
) throws(CodecError) -> [Int] {
    var columns: [Int] = []
    var previous = -1
    for _ in 0..<count {
        previous += 1 + (try reader.count(bytes, of: "columns", atMost: Limits.columnsPerBlock))
        guard previous < Limits.columnsPerBlock else { throw reader.refuse("a column above the limit") }
        columns.append(previous)
    }
    return columns
}

private func cellSection(
    _ reader: inout ByteReader, _ bytes: Span<UInt8>, _ rows: Int, isKey: Bool
) throws(CodecError) -> Range<Int> {
    let range = try reader.counted(bytes, of: "bytes in a column", atMost: Limits.segmentMaxBytes)
    var inner = ByteReader(range, reading: "segment")
    for _ in 0..<rows {
        let cell = try inner.cell(bytes)
        if isKey, cell == .null { throw inner.refuse("a key that is NULL") }
    }
    guard inner.isAtEnd else { throw inner.refuse("a column with more values than its block has rows") }
    return range
}

private func stampSection(
    _ reader: inout ByteReader, _ bytes: Span<UInt8>, _ rows: Int
) throws(CodecError) -> Range<Int> {
    let range = try reader.counted(bytes, of: "bytes of stamps", atMost: Limits.segmentMaxBytes)
    var inner = ByteReader(range, reading: "segment")
    for _ in 0..<rows { _ = try inner.stamp(bytes) }
    guard inner.isAtEnd else { throw inner.refuse("more stamps than the block has rows") }
    return range
}

private func deltaSection(
    _ reader: inout ByteReader, _ bytes: Span<UInt8>, _ rows: Int
) throws(CodecError) -> Range<Int> {
    let range = try reader.counted(bytes, of: "bytes of deltas", atMost: Limits.segmentMaxBytes)
    var inner = ByteReader(range, reading: "segment")
    for _ in 0..<rows { _ = try inner.zigzag(bytes) }
    guard inner.isAtEnd else { throw inner.refuse("more deltas than the block has rows") }
    return range
}

/// Walks the rows of one block of a segment that has been read: one cell a column, row after row.
package struct RowCursor: Sendable {
    private var keys: [ByteReader]
    private var values: [ByteReader]
    private var stamps: [ByteReader]
    private var deltas: [ByteReader]
    private var remaining: Int
    /// The cells of the row that the cursor stands on.
    package private(set) var key: [CellView]
    package private(set) var cells: [CellView]
    /// The stamp of each cell, where the operation has stamps.
    package private(set) var cellStamps: [Stamp]
    /// One a delta of the block's kind.
    package private(set) var rowDeltas: [Int64]

    package init(_ block: Block) {
        keys = block.keySections.map { ByteReader($0, reading: "segment") }
        values = block.valueSections.map { ByteReader($0, reading: "segment") }
        stamps = block.stampSections.map { ByteReader($0, reading: "segment") }
        deltas = block.deltaSections.map { ByteReader($0, reading: "segment") }
        remaining = block.rowCount
        key = Array(repeating: .null, count: keys.count)
        cells = Array(repeating: .null, count: values.count)
        cellStamps = Array(repeating: .zero, count: stamps.count)
        rowDeltas = Array(repeating: 0, count: deltas.count)
    }

    /// Steps to the next row; false behind the last. `bytes` are the segment's.
    package mutating func next(_ bytes: Span<UInt8>) -> Bool {
        guard nextKey(bytes) else { return false }
        for index in values.indices {
            cells[index] = valid { () throws(CodecError) in try values[index].cell(bytes) }
        }
        for index in stamps.indices {
            cellStamps[index] = valid { () throws(CodecError) in try stamps[index].stamp(bytes) }
        }
        for index in deltas.indices {
            rowDeltas[index] = valid { () throws(CodecError) in try deltas[index].zigzag(bytes) }
        }
        return true
    }

    /// Steps to the next row and reads its key only: for who indexes a block. Not to be mixed with `next`.
    package mutating func nextKey(_ bytes: Span<UInt8>) -> Bool {
        guard remaining > 0 else { return false }
        remaining -= 1
        for index in keys.indices {
            key[index] = valid { () throws(CodecError) in try keys[index].cell(bytes) }
        }
        return true
    }
}

private func valid<T>(_ body: () throws(CodecError) -> T) -> T {
    do { return try body() } catch {
        preconditionFailure("a segment that was read once reads again: \(error)")
    }
}
