import Replication

/// Where the rows of one change set lie: each row's ordinal (its place among all rows of the segments, from 0) by the
/// hash of its key. Twelve bytes a row; what finds a few rows of a large change set without decoding the others.
package struct RowLocations {
    /// A block of the segments, with the ordinal of its first row.
    package struct BlockPlace {
        package let first: UInt32
        package let segment: Int
        package let block: Int
        package let rowCount: Int
        package let kind: BlockKind
    }

    /// Ascending; two rows may share one.
    package private(set) var hashes: [UInt64] = []
    /// Of the row whose hash is at the same place.
    package private(set) var ordinals: [UInt32] = []
    package private(set) var blocks: [BlockPlace] = []
    package private(set) var rowCount: UInt32 = 0
    private var pairs: [(hash: UInt64, ordinal: UInt32)] = []

    package init() {}

    package init(_ segments: [Segment], shapes: [Int: TableShape]) {
        for (number, segment) in segments.enumerated() { add(segment, number: number, shapes) }
        sort()
    }

    /// Adds the next segment. Rows of tables that are not replicated here count, but are found by no hash.
    package mutating func add(_ segment: Segment, number: Int, _ shapes: [Int: TableShape]) {
        let span = segment.bytes.span
        var canonical: [UInt8] = []
        for (place, block) in segment.blocks.enumerated() {
            let first = rowCount
            blocks.append(
                BlockPlace(
                    first: first, segment: number, block: place, rowCount: block.rowCount, kind: block.kind))
            rowCount += UInt32(block.rowCount)
            guard let shape = shapes[block.kind.table] else { continue }
            var cursor = RowCursor(block)
            var ordinal = first
            while cursor.nextKey(span) {
                pairs.append((keyHash(of: cursor, shape, span, &canonical), ordinal))
                ordinal += 1
            }
        }
    }

    /// To be called when all segments are in.
    package mutating func sort() {
        pairs.sort { ($0.hash, $0.ordinal) < ($1.hash, $1.ordinal) }
        hashes = pairs.map(\.hash)
        ordinals = pairs.map(\.ordinal)
        pairs = []
    }

    /// The ordinals of the rows with this hash.
    package func ordinals(of hash: UInt64) -> ArraySlice<UInt32> {
        let first = KeyHashes.place(in: hashes, of: hash)
        var end = first
        while end < hashes.count && hashes[end] == hash { end += 1 }
        return ordinals[first..<end]
    }

    /// The ordinals of the rows with these hashes, which ascend; ascending.
    package func ordinals(of sorted: [UInt64]) -> [UInt32] {
        var found: [UInt32] = []
        for (place, hash) in sorted.enumerated() where place == 0 || sorted[place - 1] != hash {
            found += ordinals(of: hash)
        }
        found.sort()
        return found
    }

    /// The place among `blocks` of the one that holds this row.
    package func block(of ordinal: UInt32) -> Int {
        var (low, high) = (0, blocks.count)
        while low < high {
            let middle = (low + high) / 2
            if blocks[middle].first <= ordinal { low = middle + 1 } else { high = middle }
        }
        return low - 1
    }

    package func kind(of ordinal: UInt32) -> BlockKind { blocks[block(of: ordinal)].kind }

    /// Walks the rows with these ordinals, which ascend. `segment` gives a segment by its number.
    package func walk(
        _ wanted: [UInt32], segment: (Int) throws -> Segment,
        _ body: (UInt32, BlockKind, RowCursor, Span<UInt8>) throws -> Void
    ) throws {
        var next = 0
        while next < wanted.count {
            let place = blocks[block(of: wanted[next])]
            let end = place.first + UInt32(place.rowCount)
            let open = try segment(place.segment)
            let span = open.bytes.span
            var cursor = RowCursor(open.blocks[place.block])
            var ordinal = place.first
            while next < wanted.count && wanted[next] < end {
                while cursor.next(span) {
                    ordinal += 1
                    if ordinal > wanted[next] { break }
                }
                try body(wanted[next], place.kind, cursor, span)
                next += 1
            }
        }
    }
}

/// The hash of the key that a cursor stands on; `canonical` is room to work in.
package func keyHash(
    of cursor: borrowing RowCursor, _ shape: TableShape, _ span: Span<UInt8>, _ canonical: inout [UInt8]
) -> UInt64 {
    canonical.removeAll(keepingCapacity: true)
    for (cell, collation) in zip(cursor.key, shape.keyCollations) {
        appendCanonical(cell, in: span, collation, to: &canonical)
    }
    return keyHash(table: shape.number, canonical: canonical)
}
