import Replication
import SQLite

/// A replicated table as the store works with it: its names, its shape, and the constraints that the applying
/// connection has to look after.
package struct TableLayout {
    /// A UNIQUE index other than the primary key's.
    package struct UniqueIndex {
        /// Each term: a column's name quoted, or an expression, with its collation.
        let terms: [(sql: String, collation: String)]
        /// The WHERE of a partial index.
        let predicate: String?
    }

    /// A foreign key between replicated tables.
    package struct Reference {
        package let child: Int
        package let childColumns: [String]
        package let parent: Int
        package let parentColumns: [String]
        /// How the parent's columns compare: what decides whether a child refers to a row.
        package let parentCollations: [String]

        package func isSame(as other: Reference) -> Bool {
            child == other.child && childColumns == other.childColumns && parent == other.parent
                && parentColumns == other.parentColumns
        }

        /// Equal for values that refer to each other.
        package func hash(_ values: [Value]) -> UInt64 {
            var canonical: [UInt8] = []
            for (value, name) in zip(values, parentCollations) {
                appendCanonical(value, Collation(rawValue: name) ?? .binary, to: &canonical)
            }
            return keyHash(table: parent, canonical: canonical)
        }

        /// True when a child with these values refers to a parent with those. NULL refers to nothing.
        package func refers(_ values: [Value], to parentValues: [Value]) -> Bool {
            zip(zip(values, parentValues), parentCollations).allSatisfy { pair, name in
                if pair.0 == .null || pair.1 == .null { return false }
                let collation = Collation(rawValue: name) ?? .binary
                var a: [UInt8] = []
                var b: [UInt8] = []
                appendCanonical(pair.0, collation, to: &a)
                appendCanonical(pair.1, collation, to: &b)
                return a == b
            }
        }
    }

    package let shape: TableShape
    package let name: String
    package let keyColumns: [String]
    package let keyAffinities: [Affinity]
    package let dataColumns: [String]
    package let uniqueIndexes: [UniqueIndex]
    /// Foreign keys of this table, and those that lead to it.
    package var references: [Reference]
    package var referencedBy: [Reference]
    /// How its columns settle and ship.
    package let policy: TablePolicy
    /// The data columns that some UNIQUE index or its WHERE looks at.
    package let constrainedColumns: Set<Int>

    package var number: Int { shape.number }
    var quotedName: String { quote(identifier: name) }
    package var allColumns: [Int] { Array(dataColumns.indices) }

    // MARK: SQL, made once: some of it is asked for with every row

    package let insertSQL: String
    /// Writes all data columns and the key's own bytes; key and data come first, then the key once more.
    package let rewriteSQL: String
    package let deleteSQL: String
    /// Selects all data columns of a row.
    package let selectAllSQL: String
    /// Selects a row, key and data.
    let selectWholeSQL: String

    package init(
        shape: TableShape, name: String, keyColumns: [String], keyAffinities: [Affinity], dataColumns: [String],
        uniqueIndexes: [UniqueIndex], references: [Reference], referencedBy: [Reference], policy: TablePolicy,
        constrainedColumns: Set<Int>
    ) {
        self.shape = shape
        self.name = name
        self.keyColumns = keyColumns
        self.keyAffinities = keyAffinities
        self.dataColumns = dataColumns
        self.uniqueIndexes = uniqueIndexes
        self.references = references
        self.referencedBy = referencedBy
        self.policy = policy
        self.constrainedColumns = constrainedColumns
        let table = quote(identifier: name)
        let all = (keyColumns + dataColumns).map { quote(identifier: $0) }
        let marks = (1...all.count).map { "?\($0)" }.joined(separator: ", ")
        let sets = all.enumerated().map { "\($1) = ?\($0 + 1)" }.joined(separator: ", ")
        let data = dataColumns.isEmpty ? "1" : all[keyColumns.count...].joined(separator: ", ")
        let key = Self.match(keyColumns, shape.keyCollations, from: 1)
        insertSQL = "INSERT INTO \(table)(\(all.joined(separator: ", "))) VALUES(\(marks))"
        rewriteSQL =
            "UPDATE \(table) SET \(sets) WHERE \(Self.match(keyColumns, shape.keyCollations, from: all.count + 1))"
        deleteSQL = "DELETE FROM \(table) WHERE \(key)"
        selectAllSQL = "SELECT \(data) FROM \(table) WHERE \(key)"
        selectWholeSQL = "SELECT \(all.joined(separator: ", ")) FROM \(table) WHERE \(key)"
    }

    /// `k1 = ?n AND k2 = ?n+1 …`, each under the key's own collation.
    package func keyMatch(from first: Int) -> String { Self.match(keyColumns, shape.keyCollations, from: first) }

    private static func match(_ keyColumns: [String], _ collations: [Collation], from first: Int) -> String {
        zip(keyColumns, collations).enumerated().map { offset, pair in
            let collate = pair.1 == .binary ? "" : " COLLATE \(pair.1.rawValue)"
            return "\(quote(identifier: pair.0)) = ?\(first + offset)\(collate)"
        }.joined(separator: " AND ")
    }

    /// Writes a row whether or not one stands at its key: for tables of our own, which have no other constraint.
    package var upsertSQL: String {
        let sets = dataColumns.map { "\(quote(identifier: $0)) = excluded.\(quote(identifier: $0))" }
        let key = keyColumns.map { quote(identifier: $0) }.joined(separator: ", ")
        return "\(insertSQL) ON CONFLICT(\(key)) DO UPDATE SET \(sets.joined(separator: ", "))"
    }

    /// Updates some data columns; their values come first, then the key.
    package func updateSQL(_ columns: [Int]) -> String {
        let sets = columns.enumerated().map { "\(quote(identifier: dataColumns[$1])) = ?\($0 + 1)" }
        return "UPDATE \(quotedName) SET \(sets.joined(separator: ", ")) WHERE \(keyMatch(from: columns.count + 1))"
    }

    /// Selects some data columns of a row, or 1 when there are none.
    package func selectSQL(_ columns: [Int]) -> String {
        if columns.count == dataColumns.count { return selectAllSQL }
        let list = columns.isEmpty ? "1" : columns.map { quote(identifier: dataColumns[$0]) }.joined(separator: ", ")
        return "SELECT \(list) FROM \(quotedName) WHERE \(keyMatch(from: 1))"
    }

    /// The place of a column in a row made of key and data, nil for a column that is not shipped.
    package func place(of column: String) -> Int? {
        if let index = keyColumns.firstIndex(where: { $0.lowercased() == column.lowercased() }) { return index }
        return dataColumns.firstIndex { $0.lowercased() == column.lowercased() }.map { keyColumns.count + $0 }
    }

    /// The values of some columns out of a whole row.
    package func pick(_ columns: [String], key: [Value], data: [Value]) -> [Value] {
        columns.map { column in
            guard let place = place(of: column) else { return .null }
            return place < key.count ? key[place] : data[place - key.count]
        }
    }
}

/// A whole row: its identity, its key as it stands and its data columns.
package struct Row: Hashable, Sendable {
    package let id: RowID
    package let key: [Value]
    package var data: [Value]

    package init(id: RowID, key: [Value], data: [Value]) {
        self.id = id
        self.key = key
        self.data = data
    }
}
