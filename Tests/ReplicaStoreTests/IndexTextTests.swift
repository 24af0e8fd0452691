import SQLite
import Testing

@testable import TableModel

@Suite("The text of a CREATE INDEX")
struct IndexTextTests {
    @Test("gives its expressions without COLLATE and direction, and its condition")
    func parts() throws {
        let text = try #require(
            IndexText(
                """
                CREATE UNIQUE INDEX "on (x)" ON [t (1)]( -- a comment, with ) and 'quote
                    a ASC, /* b, */ "b,""(" COLLATE NOCASE DESC,
                    substr(c, 1, (2 + 1)) COLLATE "RTRIM", coalesce(d, 'it''s ),('), `e``` || [f]
                ) WHERE "state" = 'WHERE (' /* x */ AND (g > 1) -- end
                """))
        #expect(
            text.items == [
                "a", "\"b,\"\"(\"", "substr(c, 1, (2 + 1))", "coalesce(d, 'it''s ),(')", "`e``` || [f]",
            ])
        #expect(text.condition == "\"state\" = 'WHERE (' /* x */ AND (g > 1)")
    }

    @Test("a column may be called desc or where in quotes")
    func oddNames() throws {
        let text = try #require(IndexText("CREATE INDEX i ON t(\"desc\", \"where\" DESC)"))
        #expect(text.items == ["\"desc\"", "\"where\""])
        #expect(text.condition == nil)
    }

    @Test(
        "other text is none",
        arguments: ["", "CREATE TABLE t(a)", "CREATE INDEX i ON t", "CREATE INDEX i ON t(a"])
    func none(sql: String) { #expect(IndexText(sql) == nil) }

    @Test("what SQLite stores is read, whatever was written")
    func stored() throws {
        let database = try Connection(path: ":memory:", mode: .create, busyTimeoutMs: 0)
        try database.execute(
            """
            CREATE TABLE t(a, b TEXT COLLATE NOCASE UNIQUE, c, UNIQUE (c, a COLLATE RTRIM));
            CREATE UNIQUE INDEX IF NOT EXISTS main.i ON t ( (a + 1) DESC , b COLLATE binary ) where c is not null;
            CREATE INDEX not_unique ON t(a);
            """)
        let table = try #require(try TableDescription.read("T", from: database))
        #expect(table.name == "t")
        let indexes = table.uniqueIndexes
        #expect(indexes.count == 3)
        #expect(indexes[0].parts == [.init(value: .column(1), collation: "NOCASE")])
        #expect(indexes[1].parts.map(\.value) == [.column(2), .column(0)])
        #expect(indexes[1].parts.map(\.collation) == ["BINARY", "RTRIM"])
        #expect(indexes[2].parts[0] == .init(value: .expression("(a + 1)"), collation: "BINARY"))
        #expect(indexes[2].parts[1] == .init(value: .column(1), collation: "BINARY"))
        #expect(indexes[2].condition == "c is not null")
    }
}
