import Replication

/// A table of the simulated fleets: how it is declared and which small pools its keys and values come from, so
/// that sites meet on the same rows.
package struct TableModel: Sendable {
    package struct Column: Sendable {
        package let name: String
        package let declaration: String

        package init(_ name: String, _ declaration: String = "") {
            self.name = name
            self.declaration = declaration
        }
    }

    package let name: String
    package let keyColumns: [Column]
    package let collations: [Collation]
    package let dataColumns: [Column]
    /// Constraints behind the columns.
    package let constraints: [String]
    package let keys: [[Value]]
    /// One pool a data column.
    package let values: [[Value]]
    /// The data columns with another policy than `manual`.
    package let policies: [Int: Policy]
    /// The data columns that ship and settle together.
    package let unit: [Int]
    /// The data column with the name of the site that the row belongs to.
    package let scopeColumn: Int?
    /// What follows the column list: WITHOUT ROWID, STRICT.
    package let options: String
    /// What `samband_table.ids` says.
    package let ids: String?
    /// The same constraints, for a test to judge; of random tables only.
    package let rules: TableRules
    /// CREATE INDEX statements.
    package let indexes: [String]

    package init(
        _ name: String, keyColumns: [Column], collations: [Collation], dataColumns: [Column],
        constraints: [String] = [], keys: [[Value]], values: [[Value]], policies: [Int: Policy] = [:],
        unit: [Int] = [], scopeColumn: Int? = nil, options: String = "", ids: String? = nil,
        rules: TableRules = TableRules(), indexes: [String] = []
    ) {
        self.name = name
        self.keyColumns = keyColumns
        self.collations = collations
        self.dataColumns = dataColumns
        self.constraints = constraints
        self.keys = keys
        self.values = values
        self.policies = policies
        self.unit = unit
        self.scopeColumn = scopeColumn
        self.options = options
        self.ids = ids
        self.rules = rules
        self.indexes = indexes
    }

    package var createSQL: String { createSQL(dataColumns) }

    /// The table without NOT NULL on its data columns: as one who goes round it has it for a moment.
    package var looseSQL: String {
        createSQL(
            dataColumns.map { column in
                Column(column.name, column.declaration.split(separator: " NOT NULL").joined())
            })
    }

    private func createSQL(_ dataColumns: [Column]) -> String {
        let columns = (keyColumns + dataColumns).map { "\($0.name) \($0.declaration)" }
        let key = "PRIMARY KEY (\(keyColumns.map(\.name).joined(separator: ", ")))"
        let tail = options.isEmpty ? "" : " \(options)"
        return "CREATE TABLE \(name) (\((columns + [key] + constraints).joined(separator: ", ")))\(tail)"
    }

    package func identity(table: Int, key: [Value]) -> RowIdentity {
        RowIdentity(table: table, collations: collations, key: key)
    }
}

/// The tables that a fleet replicates, by their place.
package struct Catalogue: Sendable {
    package let tables: [TableModel]

    package init(_ tables: [TableModel]) { self.tables = tables }

    package func identity(_ table: Int, _ key: [Value]) -> RowIdentity {
        tables[table].identity(table: table, key: key)
    }

    package func shape(_ table: Int, number: Int) -> TableShape {
        TableShape(
            number: number, keyCollations: tables[table].collations,
            dataColumnCount: tables[table].dataColumns.count)
    }
}

private let small: [Value] = [.integer(0), .integer(1), .integer(2), .integer(3), .integer(4)]
private let mixed: [Value] = [
    .integer(1), .real(1), .real(0.5), .null, .text("1"), .text("blåbær"), .blob([0, 255]), .text([0, 0x41]),
]

extension TableModel {
    /// A row of two cells: the smallest on which cells and rows can disagree.
    package static let plain = TableModel(
        "plain", keyColumns: [Column("id", "TEXT NOT NULL")], collations: [.binary],
        dataColumns: [Column("x"), Column("y")], keys: [[.text("k")], [.text("l")], [.text("m")]],
        values: [small, small])

    package static let newest = TableModel(
        "newest", keyColumns: [Column("id", "TEXT NOT NULL")], collations: [.binary],
        dataColumns: [Column("x"), Column("y")], keys: [[.text("k")], [.text("l")]],
        values: [small, small], policies: [0: .newest])

    package static let composite = TableModel(
        "composite", keyColumns: [Column("site", "TEXT NOT NULL"), Column("number", "INTEGER NOT NULL")],
        collations: [.binary, .binary], dataColumns: [Column("x"), Column("y")],
        keys: [[.text("a"), .integer(1)], [.text("a"), .integer(2)], [.text("b"), .integer(1)]],
        values: [mixed, small])

    package static let nocase = TableModel(
        "nocase", keyColumns: [Column("code", "TEXT COLLATE NOCASE NOT NULL")], collations: [.nocase],
        dataColumns: [Column("x"), Column("y")], keys: [[.text("abc")], [.text("ABC")], [.text("d")]],
        values: [small, mixed])

    package static let untyped = TableModel(
        "untyped", keyColumns: [Column("k", "NOT NULL")], collations: [.binary],
        dataColumns: [Column("x"), Column("y")],
        keys: [[.integer(1)], [.real(1)], [.text("1")], [.real(2.5)], [.blob([0x31])]],
        values: [small, mixed])

    package static let numbered = TableModel(
        "numbered", keyColumns: [Column("id", "INTEGER NOT NULL")], collations: [.binary],
        dataColumns: [Column("x", "INTEGER"), Column("y", "TEXT")], keys: [[.integer(1)], [.integer(-5)]],
        values: [small, [.text("a"), .text("b"), .null]], options: "STRICT", ids: "application")

    package static let clustered = TableModel(
        "clustered", keyColumns: [Column("a", "TEXT COLLATE RTRIM NOT NULL"), Column("b", "NOT NULL")],
        collations: [.rtrim, .binary], dataColumns: [Column("x"), Column("y", "REAL")],
        keys: [[.text("a"), .integer(1)], [.text("a "), .real(1)], [.text("b"), .blob([])]],
        values: [mixed, [.real(1), .real(0.5), .null]], options: "WITHOUT ROWID")

    package static let wide = TableModel(
        "wide", keyColumns: [Column("id", "INT NOT NULL")], collations: [.binary],
        dataColumns: (0..<70).map { Column("c\($0)") }, keys: [[.integer(1)], [.integer(2)]],
        values: (0..<70).map { $0 % 2 == 0 ? small : mixed })

    package static let unique = TableModel(
        "bed_night", keyColumns: [Column("id", "TEXT NOT NULL")], collations: [.binary],
        dataColumns: [Column("slot", "INTEGER"), Column("note")], constraints: ["UNIQUE (slot)"],
        keys: [[.text("k")], [.text("l")], [.text("m")]],
        values: [[.integer(1), .integer(2), .integer(3), .null], small])

    package static let parent = TableModel(
        "parent", keyColumns: [Column("id", "TEXT NOT NULL")], collations: [.binary],
        dataColumns: [Column("name")], keys: [[.text("p")], [.text("q")]], values: [small])

    package static let child = TableModel(
        "child", keyColumns: [Column("id", "TEXT NOT NULL")], collations: [.binary],
        dataColumns: [Column("parent", "TEXT REFERENCES parent(id)"), Column("note")],
        keys: [[.text("c")], [.text("d")]], values: [[.text("p"), .text("q"), .null], small])

    package static let cascading = TableModel(
        "leaf", keyColumns: [Column("id", "TEXT NOT NULL")], collations: [.binary],
        dataColumns: [
            Column("parent", "TEXT NOT NULL REFERENCES parent(id) ON DELETE CASCADE"), Column("note"),
        ],
        keys: [[.text("e")], [.text("f")]], values: [[.text("p"), .text("q")], small])

    package static let clearing = TableModel(
        "remark", keyColumns: [Column("id", "TEXT NOT NULL")], collations: [.binary],
        dataColumns: [Column("parent", "TEXT REFERENCES parent(id) ON DELETE SET NULL"), Column("note")],
        keys: [[.text("g")], [.text("h")]], values: [[.text("p"), .text("q"), .null], small])

    package static let interval = TableModel(
        "interval", keyColumns: [Column("id", "TEXT NOT NULL")], collations: [.binary],
        dataColumns: [Column("x", "INTEGER"), Column("y", "INTEGER")], constraints: ["CHECK (x <= y)"],
        keys: [[.text("k")], [.text("l")]], values: [small, small])

    // Three generations, the eldest with a value that only one row may have.
    package static let ward = TableModel(
        "ward", keyColumns: [Column("id", "TEXT NOT NULL")], collations: [.binary],
        dataColumns: [Column("code", "INTEGER UNIQUE")], keys: [[.text("w")], [.text("x")]], values: [small])

    package static let stay = TableModel(
        "stay", keyColumns: [Column("id", "TEXT NOT NULL")], collations: [.binary],
        dataColumns: [Column("ward", "TEXT NOT NULL REFERENCES ward(id)")], keys: [[.text("s")]],
        values: [[.text("w"), .text("x")]])

    /// It refers to a value of its parent that is not the key.
    package static let bed = TableModel(
        "bed", keyColumns: [Column("id", "TEXT NOT NULL")], collations: [.binary],
        dataColumns: [Column("ward", "INTEGER REFERENCES ward(code)")], keys: [[.text("b")]], values: [small])

    package static let visit = TableModel(
        "visit", keyColumns: [Column("id", "TEXT NOT NULL")], collations: [.binary],
        dataColumns: [Column("stay", "TEXT NOT NULL REFERENCES stay(id)")], keys: [[.text("v")]],
        values: [[.text("s")]])
}

private let id = [TableModel.Column("id", "TEXT NOT NULL")]
private let twoKeys: [[Value]] = [[.text("k")], [.text("l")]]
private let some: [Value] = [.null] + small

extension TableModel {
    package static let extremes = TableModel(
        "extremes", keyColumns: id, collations: [.binary],
        dataColumns: [Column("x", "INTEGER"), Column("y", "INTEGER")], keys: twoKeys, values: [some, some],
        policies: [0: .max, 1: .min])

    package static let standing = TableModel(
        "standing", keyColumns: id, collations: [.binary], dataColumns: [Column("x"), Column("y")], keys: twoKeys,
        values: [small, small], policies: [0: .hub])

    package static let owned = TableModel(
        "owned", keyColumns: id, collations: [.binary], dataColumns: [Column("site", "TEXT"), Column("x")],
        keys: twoKeys, values: [[.text("snasa"), .text("inderoy"), .text("nobody"), .null], small],
        policies: [1: .owner], scopeColumn: 0)

    package static let counted = TableModel(
        "counted", keyColumns: id, collations: [.binary],
        dataColumns: [Column("x", "INTEGER NOT NULL"), Column("y", "INTEGER")], keys: twoKeys,
        values: [[.integer(0), .integer(1), .integer(2), .integer(10), .integer(-100)], small], policies: [0: .sum],
        options: "STRICT")

    package static let paired = TableModel(
        "paired", keyColumns: id, collations: [.binary], dataColumns: [Column("x"), Column("y"), Column("z")],
        keys: twoKeys, values: [small, small, small], unit: [0, 2])

    package static let pairedByHub = TableModel(
        "paired_by_hub", keyColumns: id, collations: [.binary],
        dataColumns: [Column("x"), Column("y"), Column("z")], keys: twoKeys, values: [small, small, small],
        policies: [0: .hub, 1: .hub], unit: [0, 1])

    package static let everything = TableModel(
        "everything", keyColumns: id, collations: [.binary],
        dataColumns: [
            Column("a", "INTEGER"), Column("b", "INTEGER NOT NULL"), Column("c", "INTEGER"), Column("d", "INTEGER"),
            Column("e", "INTEGER NOT NULL"),
        ], keys: twoKeys, values: [some, small, some, small, small],
        policies: [0: .max, 1: .sum, 2: .hub, 3: .newest, 4: .sum], options: "STRICT")
}

extension TableModel {
    /// A sum that a CHECK may refuse.
    package static let stock = TableModel(
        "stock", keyColumns: id, collations: [.binary],
        dataColumns: [Column("n", "INTEGER NOT NULL"), Column("note", "TEXT")],
        constraints: ["CHECK (n BETWEEN 0 AND 6)"], keys: twoKeys, values: [small, [.text("a"), .text("b"), .null]],
        policies: [0: .sum, 1: .hub], options: "STRICT")

    /// A reference that a delete of its parent clears, beside cells that policies decide and in a unit with one.
    package static let ruledRemark = TableModel(
        "ruled_remark", keyColumns: id, collations: [.binary],
        dataColumns: [
            Column("parent", "TEXT REFERENCES parent(id) ON DELETE SET NULL"), Column("n", "INTEGER NOT NULL"),
            Column("x", "INTEGER"), Column("kind", "TEXT"),
        ], keys: [[.text("g")], [.text("h")]],
        values: [[.text("p"), .text("q"), .null], small, some, [.text("a"), .text("b")]],
        policies: [1: .sum, 2: .max], unit: [0, 3], options: "STRICT")
}

extension Catalogue {
    /// Choices of tables with policies whose rows may break a constraint when they meet.
    package static let ruledAndBound: [[TableModel]] = [[.stock], [.parent, .ruledRemark]]

    /// Tables with policies, whose rows never clash with one another.
    package static let ruled: [TableModel] = [
        .extremes, .standing, .owned, .counted, .paired, .pairedByHub, .everything,
    ]

    /// Choices of tables whose rows may break a constraint when they meet.
    package static let bound: [[TableModel]] = [
        [.unique], [.interval], [.parent, .child], [.parent, .cascading], [.parent, .clearing],
        [.unique, .parent, .child, .interval], [.parent, .child, .cascading, .clearing],
    ]

    /// Tables whose rows never clash with one another.
    package static let free: [TableModel] = [
        .plain, .newest, .composite, .nocase, .untyped, .numbered, .clustered, .wide,
    ]
}
