import SQLite
import Testing

@Suite("Values go in and come out exactly")
struct StatementTests {
    let database: Connection

    init() throws {
        database = try Connection(path: ":memory:", mode: .create, busyTimeoutMs: 0)
        try database.execute("CREATE TABLE t(v)")
    }

    /// Stores what `bind` binds and hands the stored row to `read`.
    func roundTrip<T>(_ bind: (Statement) throws -> Void, _ read: (Statement) throws -> T) throws -> T {
        let insert = try database.cached("INSERT INTO t(v) VALUES (?)")
        try bind(insert)
        try insert.run()
        let select = try database.cached("SELECT v FROM t ORDER BY rowid DESC LIMIT 1")
        #expect(try select.step())
        return try read(select)
    }

    @Test("integers at both ends of 64 bits", arguments: [Int64.min, -1, 0, 1, Int64.max])
    func integers(value: Int64) throws {
        let (type, back) = try roundTrip(
            { try $0.bind(at: 1, integer: value) }, { ($0.type(0), $0.integer(0)) })
        #expect(type == .integer)
        #expect(back == value)
    }

    @Test("reals, the infinities included", arguments: [0.1, -.infinity, .infinity, 1e308, 0x1p-1074])
    func reals(value: Double) throws {
        let (type, back) = try roundTrip({ try $0.bind(at: 1, real: value) }, { ($0.type(0), $0.real(0)) })
        #expect(type == .real)
        #expect(back == value)
    }

    @Test("rows are read in their order, and the statement is ready again, also when the reader throws")
    func rows() throws {
        try database.execute("INSERT INTO t VALUES (1), (2), (3)")
        let select = try database.cached("SELECT v FROM t ORDER BY v")
        #expect(try select.rows { $0.integer(0) } == [1, 2, 3])
        #expect(throws: CancellationError.self) {
            try select.rows { if $0.integer(0) == 2 { throw CancellationError() } }
        }
        #expect(try select.rows { $0.integer(0) } == [1, 2, 3])
    }

    @Test("a NaN becomes NULL")
    func notANumber() throws {
        #expect(try roundTrip({ try $0.bind(at: 1, real: .nan) }, { $0.type(0) }) == .null)
    }

    @Test("an empty blob, an empty text and NULL are three things")
    func emptyValues() throws {
        #expect(try roundTrip({ try $0.bind(at: 1, blob: []) }, { $0.type(0) }) == .blob)
        #expect(try roundTrip({ try $0.bind(at: 1, text: []) }, { $0.type(0) }) == .text)
        #expect(try roundTrip({ try $0.bind(at: 1, text: "") }, { $0.type(0) }) == .text)
        #expect(try roundTrip({ try $0.bindNull(at: 1) }, { $0.type(0) }) == .null)
        let count = try roundTrip({ try $0.bind(at: 1, blob: []) }, { $0.withBytes(0) { $0.count } })
        #expect(count == 0)
    }

    static let samples: [[UInt8]] = [
        [], [0], Array("a\0b".utf8), [0xff, 0xfe, 0x80], Array("æøå Snåsa – Snåase, Åarjelhsaemien".utf8),
        [UInt8](repeating: 0x61, count: 1 << 20),
    ]

    @Test("text keeps its bytes: NUL, invalid UTF-8, a mebibyte", arguments: samples)
    func texts(value: [UInt8]) throws {
        let (type, back) = try roundTrip({ try $0.bind(at: 1, text: value) }, { ($0.type(0), $0.bytes(0)) })
        #expect(type == .text)
        #expect(back == value)
    }

    @Test("a blob keeps its bytes", arguments: samples)
    func blobs(value: [UInt8]) throws {
        let (type, back) = try roundTrip({ try $0.bind(at: 1, blob: value) }, { ($0.type(0), $0.bytes(0)) })
        #expect(type == .blob)
        #expect(back == value)
    }

    @Test("text and blobs bound without a copy are the same", arguments: samples)
    func staticBytes(value: [UInt8]) throws {
        // One byte more, so that the pointer is not null for no bytes.
        try (value + [0]).withUnsafeBytes { bytes in
            let start = try #require(bytes.baseAddress)
            let text = try roundTrip(
                { try $0.bindText(at: 1, static: start, count: value.count) }, { ($0.type(0), $0.bytes(0)) })
            #expect(text.0 == .text)
            #expect(text.1 == value)
            let blob = try roundTrip(
                { try $0.bindBlob(at: 1, static: start, count: value.count) }, { ($0.type(0), $0.bytes(0)) })
            #expect(blob.0 == .blob)
            #expect(blob.1 == value)
        }
    }

    @Test("text of a UTF-16 database is read as UTF-8")
    func utf16() throws {
        let other = try Connection(path: ":memory:", mode: .create, busyTimeoutMs: 0)
        try other.execute("PRAGMA encoding='UTF-16le'; CREATE TABLE t(v); INSERT INTO t VALUES('Snåsa')")
        let select = try other.prepare("SELECT v FROM t")
        #expect(try select.step())
        #expect(select.bytes(0) == Array("Snåsa".utf8))
        #expect(try other.firstString("SELECT v FROM t") == "Snåsa")
    }

    @Test("a cached statement is handed out reset and with no bindings")
    func cache() throws {
        let first = try database.cached("SELECT ?1 IS NULL")
        try first.bind(at: 1, integer: 1)
        #expect(try first.step())
        #expect(first.integer(0) == 0)
        let again = try database.cached("SELECT ?1 IS NULL")
        #expect(again === first)
        #expect(try again.step())
        #expect(again.integer(0) == 1)
    }

    @Test("columns have their names, and a statement knows whether it writes")
    func columns() throws {
        let select = try database.prepare("SELECT 1 AS one, 2 AS \"to og to\"")
        #expect(select.columnCount == 2)
        #expect(select.columnName(1) == "to og to")
        #expect(select.isReadOnly)
        let insert = try database.prepare("INSERT INTO t VALUES (?)")
        #expect(!insert.isReadOnly)
        #expect(insert.parameterCount == 1)
    }

    @Test("a parameter that does not exist is an error")
    func range() throws {
        let insert = try database.prepare("INSERT INTO t VALUES (?)")
        #expect(throws: SQLiteError.self) { try insert.bind(at: 2, integer: 1) }
    }

    @Test("samband_or joins masks, negative ones and none")
    func bitwiseOr() throws {
        try database.registerBitwiseOr()
        #expect(try database.firstInteger("SELECT samband_or(v) FROM t WHERE 0") == 0)
        #expect(
            try database.firstInteger(
                "SELECT samband_or(column1) FROM (VALUES (1),(4),(NULL),(1<<62),(1<<63))")
                == Int64.min | (1 << 62) | 5)
        #expect(try database.firstInteger("SELECT samband_or(column1) FROM (VALUES (-1),(4))") == -1)
    }
}
