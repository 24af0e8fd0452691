/// A table as its schema declares it, as far as replication needs to know.
package struct TableDescription: Sendable, Equatable {
    /// The name as declared.
    package let name: String
    package let isStrict: Bool
    package let isWithoutRowid: Bool
    /// True when the primary key is another name for the rowid (INTEGER PRIMARY KEY).
    package let keyIsRowid: Bool
    /// True for INTEGER PRIMARY KEY AUTOINCREMENT.
    package let isAutoincrement: Bool
    /// Every column in order of declaration, generated ones included.
    package let columns: [Column]
    /// The primary key in key order; empty when none is declared.
    package let key: [KeyColumn]
    /// Every UNIQUE constraint and index but the primary key.
    package let uniqueIndexes: [UniqueIndex]
    /// The references that this table makes.
    package let foreignKeys: [ForeignKey]

    /// A column, generated ones included.
    package struct Column: Sendable, Equatable {
        package let name: String
        package let declaredType: String
        package let affinity: Affinity
        /// True when the column of a STRICT table takes one type only.
        package let isStrictlyTyped: Bool
        package let collation: String
        package let isNotNull: Bool
        package let generation: Generation
        /// The text of DEFAULT, nil when there is none.
        package let defaultText: String?
        /// The number that names the column in change sets; nil for generated columns and for columns that
        /// were added behind Samband's back.
        package let number: Int64?
    }

    package enum Generation: Sendable, Equatable {
        case ordinary
        case generatedVirtual
        case generatedStored
    }

    package struct KeyColumn: Sendable, Equatable {
        /// Index into `columns`.
        package let column: Int
        /// The collation in which keys are compared, which may differ from the column's own.
        package let collation: String
    }

    /// A UNIQUE constraint or index: the columns or expressions that no two rows may share.
    package struct UniqueIndex: Sendable, Equatable {
        package let name: String
        package let parts: [Part]
        /// The text after WHERE of a partial index.
        package let condition: String?

        package struct Part: Sendable, Equatable {
            package let value: Value
            package let collation: String
        }

        package enum Value: Sendable, Equatable {
            /// Index into `columns`.
            case column(Int)
            /// The SQL text of an expression.
            case expression(String)
            /// The rowid itself.
            case rowid
        }
    }

    /// A reference from this table to a parent.
    package struct ForeignKey: Sendable, Equatable {
        /// Names of the referencing columns, in order.
        package let columns: [String]
        package let parentTable: String
        /// The referenced columns; the parent's primary key when the declaration leaves them out. Empty when
        /// there is no such parent table.
        package let parentColumns: [String]
        package let onUpdate: String
        package let onDelete: String
    }

    /// The columns that are shipped: neither generated nor unknown to Samband.
    package var shippedColumns: [Int] { columns.indices.filter { columns[$0].number != nil } }

    /// The shipped columns outside the key, in the order of their numbers. The place in this list is the *data
    /// index*: bit `b` of mask word `w` stands for the data index 62·w + b.
    package var dataColumns: [Int] {
        let keys = Set(key.map(\.column))
        return shippedColumns.filter { !keys.contains($0) }
            .sorted { (columns[$0].number ?? 0) < (columns[$1].number ?? 0) }
    }

    /// The place of a column by name, as SQLite compares names.
    package func columnIndex(_ name: String) -> Int? {
        columns.firstIndex { sameName($0.name, name) }
    }

    /// A name by which the hidden rowid can be reached, or nil: there is none, it is the key, or columns with
    /// all three names hide it. https://www.sqlite.org/rowidtable.html
    package var rowidName: String? {
        guard !isWithoutRowid, !keyIsRowid else { return nil }
        return ["rowid", "_rowid_", "oid"].first { columnIndex($0) == nil }
    }
}

/// True when SQLite takes two names for one: equal but for the case of ASCII letters.
package func sameName(_ one: String, _ other: String) -> Bool {
    lowercasedASCII(one) == lowercasedASCII(other)
}

/// The form in which names can be compared and kept in sets.
package func lowercasedASCII(_ name: String) -> [UInt8] {
    name.utf8.map { (0x41...0x5a).contains($0) ? $0 + 0x20 : $0 }
}
