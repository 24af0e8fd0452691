/// What the rows of one block have in common.
package struct BlockKind: Hashable, Sendable {
    package let table: Int
    package let operation: Operation
    /// The data columns present, ascending, by their index among the table's data columns.
    package let columns: [Int]
    /// The scope label of the rows; empty for a table without scopes.
    package let scope: [UInt8]
    /// Those of the columns that come with a delta, ascending.
    package let deltas: [Int]

    package init(table: Int, operation: Operation, columns: [Int], scope: [UInt8] = [], deltas: [Int] = []) {
        self.table = table
        self.operation = operation
        self.columns = columns
        self.scope = scope
        self.deltas = deltas
    }

    /// In the first byte of a block, beside the operation: deltas follow.
    static let deltasFlag: UInt8 = 0x80
}

/// Gathers rows of one kind column by column; (Protocol/Bytes.md#block)
package struct BlockBuilder: Sendable {
    package let kind: BlockKind
    package private(set) var rowCount = 0
    /// One writer a key column, one a data column; where the operation has stamps, one more for the stamps
    /// after each data column; then one a delta. The one who adds a row writes one cell (stamp, delta) to each, then
    /// calls `endRow`.
    package var sections: [ByteWriter]
    package let keyColumnCount: Int

    package init(kind: BlockKind, keyColumnCount: Int) {
        precondition(!kind.operation.isKeyOnly || kind.columns.isEmpty, "a delete carries keys only")
        precondition(
            kind.deltas.isEmpty || kind.operation.mayHaveDeltas && kind.deltas.allSatisfy { kind.columns.contains($0) },
            "only what an author writes over a value it has seen has a delta")
        self.kind = kind
        self.keyColumnCount = keyColumnCount
        let perColumn = kind.operation.hasStamps ? 2 : 1
        sections = Array(
            repeating: ByteWriter(), count: keyColumnCount + kind.columns.count * perColumn + kind.deltas.count)
    }

    package var byteCount: Int { sections.reduce(0) { $0 + $1.count } }

    /// Ends the row whose cells were written to the sections.
    package mutating func endRow() { rowCount += 1 }

    /// Adds a whole row from values. `stamps` has one stamp a data column where the operation has stamps, `deltas` one
    /// a delta of the kind.
    package mutating func add(key: [Value], values: [Value], stamps: [Stamp] = [], deltas: [Int64] = []) {
        precondition(
            key.count == keyColumnCount && values.count == kind.columns.count && deltas.count == kind.deltas.count)
        for (index, value) in key.enumerated() { sections[index].cell(value) }
        if kind.operation.hasStamps {
            precondition(stamps.count == values.count)
            for index in values.indices {
                sections[keyColumnCount + 2 * index].cell(values[index])
                sections[keyColumnCount + 2 * index + 1].stamp(stamps[index])
            }
        } else {
            for (index, value) in values.enumerated() { sections[keyColumnCount + index].cell(value) }
            for (index, delta) in deltas.enumerated() {
                sections[keyColumnCount + values.count + index].zigzag(delta)
            }
        }
        endRow()
    }

    /// Writes the block: what its rows have in common, then section after section.
    package func append(to out: inout ByteWriter) {
        out.byte(kind.operation.rawValue | (kind.deltas.isEmpty ? 0 : BlockKind.deltasFlag))
        out.varint(kind.table)
        out.counted(kind.scope)
        out.varint(rowCount)
        out.varint(keyColumnCount)
        out.columns(kind.columns)
        if !kind.deltas.isEmpty { out.columns(kind.deltas) }
        for section in sections { out.counted(section.bytes) }
    }
}

extension ByteWriter {
    /// How many, then of each the distance from the one before.
    fileprivate mutating func columns(_ columns: [Int]) {
        varint(columns.count)
        var previous = -1
        for column in columns {
            precondition(column > previous, "columns ascend")
            varint(column - previous - 1)
            previous = column
        }
    }
}

/// Gathers the rows of a change set into segments of about equal size.
package struct SegmentBuilder: Sendable {
    /// The first byte of every segment.
    package static let format: UInt8 = 1

    private var blocks: [BlockBuilder] = []
    private var places: [BlockKind: Int] = [:]
    private var last = 0
    private var openBytes = 0
    private var openSections = 0
    /// Rows added so far, over all segments.
    package private(set) var rowCount = 0
    /// Finished segments that nobody has taken yet.
    package private(set) var finished: [[UInt8]] = []

    private let targetBytes: Int

    /// - Parameter targetBytes: a segment ends with the row that makes it so large.
    package init(targetBytes: Int = Limits.segmentTargetBytes) { self.targetBytes = targetBytes }

    /// Hands the block builder of this kind to `body`, which writes one row into it.
    package mutating func row(
        _ kind: BlockKind, keyColumnCount: Int, _ body: (inout BlockBuilder) -> Void
    ) {
        if last >= blocks.count || blocks[last].kind != kind { last = place(of: kind, keyColumnCount) }
        let before = blocks[last].byteCount
        body(&blocks[last])
        openBytes += blocks[last].byteCount - before
        rowCount += 1
        if openBytes >= targetBytes || blocks[last].rowCount == Limits.rowsPerBlock { close() }
    }

    // Rows of one kind come in runs, so the dictionary is asked once a run.
    private mutating func place(of kind: BlockKind, _ keyColumnCount: Int) -> Int {
        if let place = places[kind] { return place }
        let block = BlockBuilder(kind: kind, keyColumnCount: keyColumnCount)
        if openSections + block.sections.count > Limits.sectionsPerSegment { close() }
        openSections += block.sections.count
        places[kind] = blocks.count
        blocks.append(block)
        return blocks.count - 1
    }

    /// Adds a whole row from values.
    package mutating func add(
        _ kind: BlockKind, key: [Value], values: [Value], stamps: [Stamp] = [], deltas: [Int64] = []
    ) {
        row(kind, keyColumnCount: key.count) { $0.add(key: key, values: values, stamps: stamps, deltas: deltas) }
    }

    /// Takes the finished segments out.
    package mutating func takeFinished() -> [[UInt8]] {
        defer { finished = [] }
        return finished
    }

    /// Closes the segment that is open, if it holds anything.
    package mutating func close() {
        guard !blocks.isEmpty else { return }
        var out = ByteWriter()
        out.byte(Self.format)
        for block in blocks { block.append(to: &out) }
        finished.append(out.bytes)
        blocks = []
        places = [:]
        last = 0
        openBytes = 0
        openSections = 0
    }
}
