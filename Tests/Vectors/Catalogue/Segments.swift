import Replication

/// Segments that every reader must understand.
enum GoodSegments {
    static let all: [(name: String, bytes: [UInt8])] =
        operations + values + [
            ("several-blocks", severalBlocks), ("same-kind-twice", sameKindTwice), ("many-rows", manyRows),
            ("composite-key", compositeKey), ("sparse-columns", sparseColumns), ("scope-label", scopeLabel),
            ("key-only-table", segment(block(.insert, columns: [], key: [.text("a")], []))),
            (
                "largest-table-number",
                segment(block(.delete, table: 1 << 30, columns: [], key: [.integer(0)], []))
            ),
        ]

    static func block(
        _ operation: Operation, table: Int = 1, columns: [Int], scope: [UInt8] = [], key: [Value],
        _ values: [Value], stamps: [Stamp] = [], deltas: [(column: Int, delta: Int64)] = []
    ) -> BlockBuilder {
        var block = BlockBuilder(
            kind: BlockKind(
                table: table, operation: operation, columns: columns, scope: scope, deltas: deltas.map(\.column)),
            keyColumnCount: key.count)
        block.add(key: key, values: values, stamps: stamps, deltas: deltas.map(\.delta))
        return block
    }

    static func segment(_ blocks: BlockBuilder...) -> [UInt8] {
        var out = ByteWriter()
        out.byte(SegmentBuilder.format)
        for block in blocks { block.append(to: &out) }
        return out.bytes
    }

    private static let key: [Value] = [.text("r-1")]
    private static let row: [Value] = [.text("accepted"), .integer(3)]
    private static let stamps = [
        Stamp(hlc: 0x0199_e1a2_b3c4_0000, replica: 8070, seq: 41), Stamp.zero,
    ]

    private static let operations: [(String, [UInt8])] = [
        ("operation-insert", segment(block(.insert, columns: [0, 1], key: key, row))),
        ("operation-update", segment(block(.update, columns: [1], key: key, [.integer(4)]))),
        ("operation-replace", segment(block(.replace, columns: [0, 1], key: key, row))),
        ("operation-delete", segment(block(.delete, columns: [], key: key, []))),
        ("operation-carried", segment(block(.carried, columns: [0, 1], key: key, row, stamps: stamps))),
        (
            "operation-decided",
            segment(
                block(
                    .decided, columns: [1], key: key, [.integer(9)],
                    stamps: [.decided(hlc: 0x0199_e1a2_b3c4_0000, epoch: 2, seq: 41)]))
        ),
        (
            "update-with-deltas",
            segment(
                block(
                    .update, columns: [0, 2, 5], key: key, [.text("a"), .integer(7), .integer(-1)],
                    deltas: [(2, 3), (5, .min)]))
        ),
        (
            "replace-with-delta",
            segment(block(.replace, columns: [0, 1], key: key, row, deltas: [(1, 0)]))
        ),
        ("deltas-of-many-rows", deltasOfManyRows),
        ("operation-evicted", segment(block(.evicted, columns: [], key: key, []))),
        (
            "operation-restored",
            segment(
                block(
                    .restored, columns: [0, 1], key: key, row,
                    stamps: [stamps[0], Stamp(hlc: .max, replica: .max, seq: .max)]))
        ),
    ]

    private static func one(_ value: Value) -> [UInt8] {
        segment(block(.insert, columns: [0], key: [.blob([0x0a])], [value]))
    }

    private static let values: [(String, [UInt8])] = [
        ("value-null", one(.null)),
        ("value-integer-zero", one(.integer(0))),
        ("value-integer-minus-one", one(.integer(-1))),
        ("value-integer-least", one(.integer(.min))),
        ("value-integer-greatest", one(.integer(.max))),
        ("value-real-one", one(.real(1))),
        ("value-real-minus-zero", one(.real(-0.0))),
        ("value-real-infinity", one(.real(.infinity))),
        ("value-real-minus-infinity", one(.real(-.infinity))),
        ("value-real-least-positive", one(.real(0x1p-1074))),
        ("value-real-greatest", one(.real(.greatestFiniteMagnitude))),
        ("value-text-empty", one(.text([]))),
        ("value-text-letters", one(.text("Snåase – Stïentje, Č Đ Ŋ Š Ŧ Ž, æøå"))),
        ("value-text-with-nul", one(.text([0x61, 0x00, 0x62]))),
        ("value-text-invalid-utf8", one(.text([0xc3, 0x28, 0xff, 0xed, 0xa0, 0x80]))),
        ("value-blob-empty", one(.blob([]))),
        ("value-blob-short", one(.blob([0x00, 0xff, 0x7f, 0x80]))),
        ("value-blob-mebibyte", one(.blob([UInt8](repeating: 0xa5, count: 1 << 20)))),
        ("value-text-16-bytes", one(.text("0123456789abcdef"))),
    ]

    private static let severalBlocks = segment(
        block(.insert, columns: [0, 1], key: key, row),
        block(.update, columns: [0], key: [.text("r-2")], [.text("declined")]),
        block(.delete, columns: [], key: [.text("r-3")], []),
        block(.insert, table: 2, columns: [0], key: [.integer(7), .text("2011-12-31")], [.null]))

    private static let sameKindTwice = segment(
        block(.delete, columns: [], key: [.integer(1)], []),
        block(.delete, columns: [], key: [.integer(2)], []))

    private static var manyRows: [UInt8] {
        var block = BlockBuilder(
            kind: BlockKind(table: 300, operation: .update, columns: [0, 1]), keyColumnCount: 1)
        for number: Int64 in 0..<200 {
            block.add(
                key: [.integer(number)], values: [.real(Double(number) / 8), .integer(-number * number)])
        }
        return segment(block)
    }

    private static var deltasOfManyRows: [UInt8] {
        var block = BlockBuilder(
            kind: BlockKind(table: 2, operation: .update, columns: [1], deltas: [1]), keyColumnCount: 1)
        for number: Int64 in -3...3 {
            block.add(key: [.integer(number)], values: [.integer(100 * number)], deltas: [number * 1_000_000_007])
        }
        return segment(block)
    }

    private static let compositeKey = segment(
        block(
            .update, columns: [0], key: [.integer(3), .text("a"), .real(0.5), .blob([0xff])], [.text("x")]))

    private static let sparseColumns = segment(
        block(
            .update, columns: [2, 3, 7, 1999], key: key, [.null, .integer(1), .text(""), .real(2.5)]))

    private static let scopeLabel = segment(
        block(.insert, columns: [0], scope: Array("1736".utf8), key: key, [.text("Snåsa")]),
        block(.insert, columns: [0], scope: Array("1724".utf8), key: [.text("r-2")], [.text("Verran")]))
}
