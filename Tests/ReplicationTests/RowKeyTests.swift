import Replication
import Testing

private func id(_ collation: Collation, _ value: Value) -> RowID {
    RowID(shape: TableShape(number: 3, keyCollations: [collation], dataColumnCount: 0), key: [value])
}

private func same(_ a: Value, _ b: Value, _ collation: Collation = .binary) -> Bool {
    (id(collation, a) == id(collation, b)) && (id(collation, a).hash64 == id(collation, b).hash64)
}

@Suite("A key is one row as SQLite compares it")
struct RowKeyTests {
    @Test("a whole real is the integer it equals, a text or blob of the same looks is not")
    func numbers() {
        #expect(same(.integer(1), .real(1)))
        #expect(same(.integer(0), .real(-0.0)))
        #expect(same(.integer(.min), .real(-0x1p63)))
        #expect(!same(.integer(.max), .real(0x1p63)))
        #expect(!same(.integer(1), .real(1.5)))
        #expect(!same(.integer(1), .text("1")))
        #expect(!same(.text("1"), .blob([0x31])))
        // 2^53 + 1 has no real of its own: SQLite compares the integer with the real exactly.
        #expect(!same(.integer(9_007_199_254_740_993), .real(9_007_199_254_740_992)))
    }

    @Test("NOCASE folds ASCII letters and nothing else")
    func nocase() {
        #expect(same(.text("aBc"), .text("AbC"), .nocase))
        #expect(!same(.text("aBc"), .text("AbC")))
        #expect(!same(.text("Å"), .text("å"), .nocase))
        #expect(!same(.text("["), .text("{"), .nocase))
        #expect(!same(.text("@"), .text("`"), .nocase))
        #expect(!same(.blob([0x61]), .blob([0x41]), .nocase))
    }

    @Test("RTRIM drops spaces at the end and nothing else")
    func rtrim() {
        #expect(same(.text("a  "), .text("a"), .rtrim))
        #expect(same(.text("  "), .text(""), .rtrim))
        #expect(!same(.text(" a"), .text("a"), .rtrim))
        #expect(!same(.text("a\t"), .text("a"), .rtrim))
        #expect(!same(.text("a "), .text("a")))
    }

    @Test("columns of a composite key do not run into each other")
    func composite() {
        let shape = TableShape(number: 1, keyCollations: [.binary, .binary], dataColumnCount: 0)
        let a = RowID(shape: shape, key: [.text("ab"), .text("c")])
        let b = RowID(shape: shape, key: [.text("a"), .text("bc")])
        #expect(a != b)
        #expect(a.hash64 != b.hash64)
    }

    @Test("the same key in another table is another row")
    func tables() {
        #expect(keyHash(table: 1, canonical: [1, 2]) != keyHash(table: 2, canonical: [1, 2]))
    }

    @Test("the hash is FNV-1a of 64 bits")
    func published() {
        // http://www.isthe.com/chongo/tech/comp/fnv/: "foobar", here as four bytes of a number and two of a key.
        let foob = 0x626f_6f66
        #expect(keyHash(table: foob, canonical: Array("ar".utf8)) == 0x8594_4171_f739_67e8)
    }
}
