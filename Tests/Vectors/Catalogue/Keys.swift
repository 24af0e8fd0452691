import Replication

/// Keys that SQLite finds equal, with the bytes and the hash that all of them give.
struct KeyVector: Sendable {
    let name: String
    let table: Int
    let collations: [Collation]
    let keys: [[Value]]

    init(_ name: String, table: Int = 1, collations: [Collation] = [.binary], _ keys: [[Value]]) {
        self.name = name
        self.table = table
        self.collations = collations
        self.keys = keys
    }

    func row(_ key: [Value]) -> RowID {
        RowID(shape: TableShape(number: table, keyCollations: collations, dataColumnCount: 0), key: key)
    }

    var meaning: JSON {
        let hash = row(keys[0]).hash64
        return .object([
            "table": .number(table), "collations": .array(collations.map { .string($0.rawValue) }),
            "keys": .array(keys.map { .array($0.map(Meaning.value)) }),
            "hash": .string(Meaning.hex((0..<8).map { UInt8(truncatingIfNeeded: hash >> (56 - 8 * $0)) })),
        ])
    }

    static let all: [KeyVector] = [
        KeyVector("one", [[.integer(1)], [.real(1)]]),
        KeyVector("zero", [[.integer(0)], [.real(0)], [.real(-0.0)]]),
        KeyVector("minus-one", [[.integer(-1)], [.real(-1)]]),
        KeyVector("integer-least", [[.integer(.min)], [.real(-0x1p63)]]),
        KeyVector("integer-greatest", [[.integer(.max)]]),
        KeyVector("real-above-all-integers", [[.real(0x1p63)]]),
        KeyVector("real-half", [[.real(0.5)]]),
        KeyVector("real-infinity", [[.real(.infinity)]]),
        KeyVector("text-binary", [[.text("S-12 ")]]),
        KeyVector(
            "text-nocase", collations: [.nocase], [[.text("SNÅsa")], [.text("snÅSA")], [.text("snÅsa")]]),
        KeyVector("text-nocase-beyond-letters", collations: [.nocase], [[.text("@[`{Z")], [.text("@[`{z")]]),
        KeyVector(
            "text-nocase-with-nul", collations: [.nocase],
            [[.text([0x41, 0x00, 0x62])], [.text([0x61, 0x00, 0x63])], [.text([0x41, 0x00, 0x00])]]),
        KeyVector("text-nocase-cut-at-nul", collations: [.nocase], [[.text([0x61])]]),
        KeyVector("text-binary-with-nul", [[.text([0x61, 0x00, 0x62])]]),
        KeyVector("text-rtrim", collations: [.rtrim], [[.text("a b")], [.text("a b ")], [.text("a b   ")]]),
        KeyVector("text-rtrim-only-spaces", collations: [.rtrim], [[.text("")], [.text("  ")]]),
        KeyVector("text-rtrim-keeps-tab", collations: [.rtrim], [[.text("a\t")], [.text("a\t ")]]),
        KeyVector("text-invalid-utf8", [[.text([0xff, 0x00])]]),
        KeyVector("blob", collations: [.nocase], [[.blob([0x41, 0x20])]]),
        KeyVector("blob-empty", [[.blob([])]]),
        KeyVector(
            "composite", table: 70_000, collations: [.binary, .nocase, .rtrim],
            [[.integer(3), .text("A"), .text("x ")], [.real(3), .text("a"), .text("x")]]),
        KeyVector("composite-split-otherwise", collations: [.binary, .binary], [[.text("ab"), .text("c")]]),
        KeyVector("composite-split", collations: [.binary, .binary], [[.text("a"), .text("bc")]]),
    ]
}
