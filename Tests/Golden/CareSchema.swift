import SimulationKit

/// The tables of the histories: every kind of constraint, reference and policy, with keys and values out of small pools, so
/// that sites meet on the same rows.
struct CareTable {
    let name: String
    /// Names of the key's columns, and the keys as SQL literals.
    let keyColumns: [String]
    let keys: [[String]]
    let columns: [(name: String, pool: [String])]

    init(_ name: String, key: [String] = ["id"], _ keys: [[String]], _ columns: [(name: String, pool: [String])]) {
        self.name = name
        keyColumns = key
        self.keys = keys
        self.columns = columns
    }
}

enum CareSchema {
    static let sql = """
        CREATE TABLE person(
          id TEXT PRIMARY KEY NOT NULL, name TEXT, phone TEXT, number INTEGER UNIQUE,
          doctor TEXT REFERENCES person(id) ON DELETE SET NULL);
        CREATE TABLE stay(
          id TEXT PRIMARY KEY NOT NULL, person TEXT NOT NULL REFERENCES person(id) ON DELETE CASCADE,
          low INTEGER NOT NULL DEFAULT 0, high INTEGER NOT NULL DEFAULT 9, CHECK(low <= high));
        CREATE TABLE bed_night(
          id TEXT PRIMARY KEY NOT NULL, bed INTEGER NOT NULL, night INTEGER NOT NULL,
          stay TEXT REFERENCES stay(id) ON DELETE SET NULL, note, UNIQUE(bed, night));
        CREATE TABLE meal(
          id TEXT PRIMARY KEY NOT NULL, bed_night TEXT NOT NULL REFERENCES bed_night(id), dish TEXT);
        CREATE TABLE stock(
          id TEXT PRIMARY KEY NOT NULL, amount INTEGER NOT NULL DEFAULT 0, highest INTEGER, lowest INTEGER, note TEXT,
          place TEXT) STRICT;
        CREATE TABLE visit(
          site TEXT NOT NULL, number INTEGER NOT NULL, code TEXT COLLATE NOCASE, begins INTEGER, ends INTEGER, town TEXT,
          doctor TEXT, PRIMARY KEY(site, number)) WITHOUT ROWID;
        CREATE UNIQUE INDEX visit_code ON visit(code) WHERE town = 'a';
        CREATE TABLE contact(
          person TEXT NOT NULL REFERENCES person(id), kind TEXT COLLATE NOCASE NOT NULL, value,
          PRIMARY KEY(person, kind));
        INSERT INTO samband_table(name, scope_column) VALUES
          ('person', NULL), ('stay', NULL), ('bed_night', NULL), ('meal', NULL), ('stock', NULL), ('visit', 'town'),
          ('contact', NULL);
        INSERT INTO samband_policy(table_name, column_name, policy, unit) VALUES
          ('stock', 'amount', 'sum', NULL), ('stock', 'highest', 'max', NULL), ('stock', 'lowest', 'min', NULL),
          ('stock', 'note', 'newest', NULL), ('stock', 'place', 'hub', NULL),
          ('visit', 'begins', NULL, 'row'), ('visit', 'ends', NULL, 'row'), ('visit', 'doctor', 'owner', NULL);
        INSERT INTO person(id, name, number) VALUES ('p1', 'first', 1), ('p2', 'second', NULL);
        INSERT INTO stay(id, person) VALUES ('s1', 'p1'), ('s2', 'p2');
        INSERT INTO bed_night(id, bed, night, stay) VALUES ('n1', 1, 1, 's1'), ('n2', 1, 2, 's2');
        INSERT INTO contact(person, kind, value) VALUES ('p1', 't', 1);
        INSERT INTO visit(site, number, code, town) VALUES ('x', 1, 'A', 'a');
        INSERT INTO stock(id, amount, highest, lowest) VALUES ('k1', 10, 3, 3);
        """

    private static let small = ["0", "1", "2", "3", "4"]
    private static let words = ["'a'", "'b'", "'c'", "NULL"]
    private static let mixed = ["1", "1.0", "'1'", "x'00ff'", "NULL", "'blåbær'", "0.5"]
    private static let persons = ["'p1'", "'p2'", "'p3'"]

    private static func keys(_ names: String...) -> [[String]] { names.map { ["'\($0)'"] } }

    static let tables = [
        CareTable(
            "person", keys("p1", "p2", "p3", "p4"),
            [("name", words), ("phone", words), ("number", ["1", "2", "NULL"]), ("doctor", persons + ["NULL"])]),
        CareTable("stay", keys("s1", "s2", "s3"), [("person", persons), ("low", small), ("high", small)]),
        CareTable(
            "bed_night", keys("n1", "n2", "n3", "n4"),
            [("bed", ["1", "2"]), ("night", ["1", "2"]), ("stay", ["'s1'", "'s2'", "NULL"]), ("note", mixed)]),
        CareTable("meal", keys("m1", "m2"), [("bed_night", ["'n1'", "'n2'"]), ("dish", words)]),
        CareTable(
            "stock", keys("k1", "k2"),
            [("amount", small), ("highest", small), ("lowest", small), ("note", words), ("place", words)]),
        CareTable(
            "visit", key: ["site", "number"], [["'x'", "1"], ["'x'", "2"], ["'y'", "1"]],
            [
                ("code", ["'A'", "'a'", "'B'", "NULL"]), ("begins", small), ("ends", small),
                ("town", ["'a'", "'b'", "'c'"]), ("doctor", words),
            ]),
        CareTable(
            "contact", key: ["person", "kind"],
            [["'p1'", "'t'"], ["'p1'", "'T'"], ["'p2'", "'t'"], ["'p3'", "'m'"]],
            [("value", mixed)]),
    ]
}

/// One statement of a program, and what kind it is.
struct CareStatement {
    enum Kind: String, CaseIterable {
        case insert, replace, ignore, upsert, update, updateMany, delete, rekey
    }

    let kind: Kind
    let sql: String

    /// What several sites write about in one round, each its part.
    enum Clash: CaseIterable {
        case bed, interval, number, parent, release
    }

    /// A statement that is likely to clash with those of the sites that have the other parts.
    init(_ clash: Clash, part: Int, _ random: inout SeededRandom) {
        let isFirst = part % 2 == 0
        let night = isFirst ? "'n3'" : "'n4'"
        switch clash {
        case .bed:
            kind = .upsert
            sql =
                "INSERT INTO bed_night(id, bed, night) VALUES (\(night), 3, \(random.pick([1, 1, 2]))) "
                + "ON CONFLICT(id) DO UPDATE SET bed = excluded.bed, night = excluded.night"
        case .interval:
            kind = .update
            sql =
                (isFirst
                    ? "UPDATE stay SET low = 3, high = max(high, 5)" : "UPDATE stay SET high = 2, low = min(low, 1)")
                + " WHERE id = 's1'"
        case .number:
            (kind, sql) = (.update, "UPDATE person SET number = 3 WHERE id = \(isFirst ? "'p1'" : "'p2'")")
        case .parent:
            kind = isFirst ? .delete : .replace
            sql =
                isFirst
                ? "DELETE FROM bed_night WHERE id = 'n1'" : "INSERT OR REPLACE INTO meal VALUES ('m1', 'n1', 'a')"
        case .release where random.chance(25):
            kind = .replace
            sql = "INSERT OR REPLACE INTO bed_night(id, bed, night) VALUES (\(night), 4, \(random.pick([1, 2])))"
        case .release:
            kind = random.chance(50) ? .delete : .update
            let row = random.chance(50) ? "bed_night WHERE bed = 3" : "bed_night WHERE id = \(night)"
            sql =
                kind == .delete
                ? "DELETE FROM \(row)"
                : random.pick([
                    "UPDATE bed_night SET bed = 2 WHERE id = \(night)", "UPDATE person SET number = NULL",
                    "UPDATE stay SET high = 9", "UPDATE stay SET low = 0",
                ])
        }
    }

    /// - Parameters:
    ///   - tables: the places of the tables that it may be about.
    ///   - present: the keys that a table has at the site, as SQL literals; most statements are about one that is there, or
    ///     make one that is not.
    init(_ random: inout SeededRandom, tables: [Int], present: (CareTable) throws -> Set<[String]>) rethrows {
        let table = CareSchema.tables[random.pick(tables)]
        let rows = try present(table)
        let (there, absent) = (table.keys.filter(rows.contains), table.keys.filter { !rows.contains($0) })
        kind = Kind.draw(&random)
        let wants = kind.wantsAbsent ? absent : there
        let key = random.pick(wants.isEmpty || random.chance(8) ? table.keys : wants)
        sql = Self.text(kind, table, key, &random)
    }

    private static func text(_ kind: Kind, _ table: CareTable, _ key: [String], _ random: inout SeededRandom) -> String
    {
        let whereKey = " WHERE " + zip(table.keyColumns, key).map { "\($0) = \($1)" }.joined(separator: " AND ")
        let names = (table.keyColumns + table.columns.map(\.name)).joined(separator: ", ")
        let values = (key + table.columns.map { random.pick($0.pool) }).joined(separator: ", ")
        let column = random.pick(table.columns)
        var assignment = "\(column.name) = \(random.pick(column.pool))"
        // A counter is counted up and down, not set.
        if column.name == "amount", random.chance(80) { assignment = "amount = amount + \(random.int(-3...3))" }
        switch kind {
        case .insert: return "INSERT INTO \(table.name)(\(names)) VALUES (\(values))"
        case .replace: return "INSERT OR REPLACE INTO \(table.name)(\(names)) VALUES (\(values))"
        case .ignore: return "INSERT OR IGNORE INTO \(table.name)(\(names)) VALUES (\(values))"
        case .upsert:
            return "INSERT INTO \(table.name)(\(names)) VALUES (\(values)) ON CONFLICT("
                + "\(table.keyColumns.joined(separator: ", "))) DO UPDATE SET \(column.name) = excluded.\(column.name)"
        case .update: return "UPDATE \(table.name) SET \(assignment)\(whereKey)"
        case .updateMany: return "UPDATE \(table.name) SET \(assignment)"
        case .delete: return "DELETE FROM \(table.name)\(whereKey)"
        case .rekey:
            let cells = zip(table.keyColumns, random.pick(table.keys)).map { "\($0) = \($1)" }.joined(separator: ", ")
            return "UPDATE \(table.name) SET \(cells)\(whereKey)"
        }
    }
}

extension CareStatement.Kind {
    fileprivate static func draw(_ random: inout SeededRandom) -> Self {
        switch random.int(0...99) {
        case 0..<26: .insert
        case 26..<34: .replace
        case 34..<37: .ignore
        case 37..<42: .upsert
        case 42..<76: .update
        case 76..<80: .updateMany
        case 80..<97: .delete
        default: .rekey
        }
    }

    fileprivate var wantsAbsent: Bool { self == .insert || self == .ignore }
}
