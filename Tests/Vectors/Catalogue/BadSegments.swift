import Replication

/// Segments that every reader must refuse, with the reason that Samband gives. All but the first few are one
/// row of one block with one thing wrong.
enum BadSegments {
    static let all: [(name: String, bytes: [UInt8], why: String)] = [
        ("empty", [], "it ends too early"),
        ("unknown-format", [0x02] + good.dropFirst(), "a format that this version does not know"),
        ("no-block", [0x01], "a segment without a block"),
        ("truncated-within-block", [0x01, 0x01, 0x01], "it ends within a number"),
        ("truncated-last-byte", Array(good.dropLast()), "it ends within 3 bytes that it announced"),
        ("trailing-byte", good + [0x00], "an operation that this version does not know"),
        ("operation-0", make(operation: 0), "an operation that this version does not know"),
        ("operation-6", make(operation: 6), "it ends within a number"),
        ("operation-9", make(operation: 9), "an operation that this version does not know"),
        ("insert-with-deltas", make(operation: 0x81), "an operation that has no deltas, with deltas"),
        ("delete-with-deltas", make(operation: 0x84), "an operation that has no deltas, with deltas"),
        ("decided-with-deltas", make(operation: 0x86), "an operation that has no deltas, with deltas"),
        ("unknown-operation-with-deltas", make(operation: 0x89), "an operation that this version does not know"),
        ("no-deltas-announced", withDeltas([0x00]), "deltas announced, and none follow"),
        ("delta-of-no-column", withDeltas([0x01, 0x01]), "a delta of a column that is not there"),
        ("delta-column-too-high", withDeltas([0x01] + varint(2000)), "a column above the limit"),
        ("too-many-deltas", withDeltas(varint(2001)), "more columns than the limit of 2000"),
        ("deltas-missing", withDeltas([0x01, 0x00]), "it ends within a number"),
        ("fewer-deltas-than-rows", withDeltas([0x01, 0x00]) + [0x00], "it ends within a number"),
        (
            "more-deltas-than-rows", withDeltas([0x01, 0x00]) + [0x02, 0x02, 0x04],
            "more deltas than the block has rows"
        ),
        ("delta-not-shortest", withDeltas([0x01, 0x00]) + [0x02, 0x80, 0x00], "a number is not in its shortest form"),
        ("varint-not-shortest", make(table: [0x81, 0x00]), "a number is not in its shortest form"),
        ("varint-unfinished", [0x01, 0x01, 0x80], "it ends within a number"),
        (
            "varint-above-64-bits",
            make(cells: [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]),
            "a number is larger than 64 bits"
        ),
        (
            "varint-of-eleven-bytes",
            make(cells: [0x01, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x81, 0x00]),
            "a number is larger than 64 bits"
        ),
        (
            "table-number-too-large", make(table: varint(1 << 30 + 1)),
            "more table numbers than the limit of 1073741824"
        ),
        (
            "scope-label-too-long", make(scope: varint(256) + [UInt8](repeating: 0x61, count: 256)),
            "more scope label bytes than the limit of 255"
        ),
        ("no-rows", make(rows: [0x00], key: [], cells: []), "a block without rows or without a key"),
        ("too-many-rows", make(rows: varint(65_537)), "more rows in a block than the limit of 65536"),
        (
            "no-key", [0x01, 0x01, 0x01, 0x00, 0x01, 0x00, 0x01, 0x00, 0x03, 0x13, 0x68, 0x69],
            "a block without rows or without a key"
        ),
        (
            "too-many-key-columns", [0x01, 0x01, 0x01, 0x00, 0x01, 0x41, 0x00],
            "more key columns than the limit of 64"
        ),
        (
            "too-many-columns", [0x01, 0x01, 0x01, 0x00, 0x01, 0x01] + varint(2001),
            "more columns than the limit of 2000"
        ),
        ("column-too-high", make(column: varint(2000)), "a column above the limit"),
        (
            "column-order", [0x01, 0x02, 0x01, 0x00, 0x01, 0x01, 0x02] + varint(1999) + [0x00],
            "a column above the limit"
        ),
        ("delete-with-values", make(operation: 4), "a delete with values"),
        ("evicted-with-values", make(operation: 7), "a delete with values"),
        ("key-null", make(key: [0x00]), "a key that is NULL"),
        ("fewer-cells-than-rows", make(rows: [0x02]), "it ends within a number"),
        (
            "more-cells-than-rows", make(cells: [0x00, 0x00]),
            "a column with more values than its block has rows"
        ),
        (
            "more-keys-than-rows", make(key: [0x01, 0x02, 0x01, 0x04]),
            "a column with more values than its block has rows"
        ),
        (
            "cell-past-its-section", make(cells: [0x13, 0x68]) + [0x69],
            "it ends within 2 bytes that it announced"
        ),
        (
            "real-of-seven-bytes", make(cells: [0x02, 0, 0, 0, 0, 0, 0, 0]),
            "it ends within 8 bytes that it announced"
        ),
        ("real-nan", make(cells: [0x02, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f]), "a real that is not a number"),
        (
            "real-nan-signalling-in-key", make(key: [0x02, 1, 0, 0, 0, 0, 0, 0xf0, 0xff]),
            "a real that is not a number"
        ),
        ("type-5", make(cells: [0x05]), "a value has a type that this version does not know"),
        ("type-7", make(cells: [0x07]), "a value has a type that this version does not know"),
        ("null-with-length", make(cells: [0x08]), "a value has a type that this version does not know"),
        (
            "integer-with-length", make(cells: [0x09, 0x00]),
            "a value has a type that this version does not know"
        ),
        ("text-above-limit", make(cells: varint((256 << 20 + 1) << 3 | 3)), "a value is above the limit"),
        ("stamps-missing", make(operation: 5), "it ends within a number"),
        ("stamp-truncated", make(operation: 5) + [0x08] + zeros(8), "it ends within a number"),
        (
            "more-stamps-than-rows", make(operation: 5) + [0x14] + zeros(20),
            "more stamps than the block has rows"
        ),
        (
            "stamp-replica-above-32-bits",
            make(operation: 8) + [0x0e] + zeros(8) + [0x80, 0x80, 0x80, 0x80, 0x10, 0x00],
            "a replica number is above 32 bits"
        ),
    ]

    private static let good = make()

    private static func make(
        operation: UInt8 = 1, table: [UInt8] = [0x01], scope: [UInt8] = [0x00], rows: [UInt8] = [0x01],
        column: [UInt8] = [0x00], key: [UInt8] = [0x01, 0x02], cells: [UInt8] = [0x13, 0x68, 0x69]
    ) -> [UInt8] {
        [0x01, operation] + table + scope + rows + [0x01, 0x01] + column + varint(key.count) + key
            + varint(cells.count) + cells
    }

    /// An update of one column that holds 1, with the list of deltas as given and no section of theirs.
    private static func withDeltas(_ list: [UInt8]) -> [UInt8] {
        [0x01, 0x82, 0x01, 0x00, 0x01, 0x01, 0x01, 0x00] + list + [0x02, 0x01, 0x02, 0x02, 0x01, 0x02]
    }

    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    private static func varint(_ value: Int) -> [UInt8] {
        var out = ByteWriter()
        out.varint(value)
        return out.bytes
    }
}
