import Replication
import SQLite
import Testing

@Suite("The order of values")
struct SortOrderTests {
    static let values: [Value] = [
        .null, .integer(.min), .integer(-1), .integer(0), .integer(1), .integer(.max), .integer(1 << 53 + 1),
        .real(-.infinity), .real(-0x1p63), .real(-0.5), .real(-0.0), .real(0.5), .real(1), .real(0x1p53),
        .real(0x1p63), .real(.infinity), .text(""), .text("a"), .text("A"), .text("a "), .text("B"), .text("ab"),
        .text("å"), .text([0x61, 0, 0x62]), .text([0x41, 0, 0x43]), .text("["), .text("2011-12-31"),
        .text("2012-01-01"), .blob([]), .blob([0]), .blob([0xff]), .blob([0, 1]),
    ]

    @Test("is SQLite's own, for every pair of values", arguments: [Collation.binary, .nocase, .rtrim])
    func agreesWithSQLite(collation: Collation) throws {
        let database = try Connection(path: ":memory:", mode: .create, busyTimeoutMs: 0)
        try database.execute("CREATE TABLE t(n INTEGER PRIMARY KEY, v)")
        for (place, value) in Self.values.enumerated() {
            let insert = try database.cached("INSERT INTO t VALUES(?1, ?2)")
            try insert.bind(at: 1, integer: Int64(place))
            switch value {
            case .null: try insert.bindNull(at: 2)
            case .integer(let x): try insert.bind(at: 2, integer: x)
            case .real(let x): try insert.bind(at: 2, real: x)
            case .text(let x): try insert.bind(at: 2, text: x)
            case .blob(let x): try insert.bind(at: 2, blob: x)
            }
            try insert.run()
        }
        // ORDER BY is the order itself: NULLs have a place in it, which comparisons do not give them.
        let ranks = try database.prepare(
            "SELECT n, rank() OVER (ORDER BY v COLLATE \(collation.rawValue)) FROM t")
        var rank: [Int: Int64] = [:]
        while try ranks.step() { rank[Int(ranks.integer(0))] = ranks.integer(1) }
        for (i, a) in Self.values.enumerated() {
            for (j, b) in Self.values.enumerated() {
                let ours = SortOrder.compare(a, b, collation).signum()
                #expect(ours == (rank[i]! - rank[j]!).signum(), "\(a) and \(b)")
            }
        }
    }
}
