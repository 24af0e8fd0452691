import SQLite

/// A table that is replicated: its row in `samband_table`, its columns and its policies.
package struct ReplicatedTable: Sendable, Equatable {
    package let number: Int64
    package let scopeColumn: String?
    package let ids: String?
    package let runsTriggers: Bool
    package let description: TableDescription
    /// The references that other replicated tables, or this one, make to it.
    package let incomingReferences: [IncomingReference]

    package var name: String { description.name }

    package struct IncomingReference: Sendable, Equatable {
        package let childTable: Int64
        package let foreignKey: TableDescription.ForeignKey
    }

    /// A row of `samband_table` before anything is known of the table itself.
    package struct Declaration: Sendable, Equatable {
        package let number: Int64
        package let name: String
        package let scopeColumn: String?
        package let ids: String?
        package let runsTriggers: Bool
    }

    /// A row of `samband_policy`.
    package struct PolicyDeclaration: Sendable, Equatable {
        package let table: String
        package let column: String?
        package let policy: String
    }

    /// What is declared, in the order of the numbers.
    package static func declarations(in database: Connection) throws(SQLiteError) -> [Declaration] {
        let rows = try database.prepare(
            "SELECT number, name, scope_column, ids, run_triggers FROM samband_table ORDER BY number")
        var found: [Declaration] = []
        while try rows.step() {
            found.append(
                Declaration(
                    number: rows.integer(0), name: rows.string(1),
                    scopeColumn: rows.type(2) == .null ? nil : rows.string(2),
                    ids: rows.type(3) == .null ? nil : rows.string(3), runsTriggers: rows.integer(4) != 0))
        }
        return found
    }

    /// The declared policies, whole tables first.
    package static func policies(in database: Connection) throws(SQLiteError) -> [PolicyDeclaration] {
        let rows = try database.prepare(
            "SELECT table_name, column_name, policy FROM samband_policy ORDER BY table_name, column_name")
        var found: [PolicyDeclaration] = []
        while try rows.step() {
            found.append(
                PolicyDeclaration(
                    table: rows.string(0), column: rows.type(1) == .null ? nil : rows.string(1),
                    policy: rows.string(2)))
        }
        return found
    }

    /// Every replicated table that is there, in the order of the numbers, columns with their numbers. A
    /// declaration whose table is missing is left out: `Capture.install` follows renames and refuses the rest.
    package static func readAll(from database: Connection) throws(SQLiteError) -> [ReplicatedTable] {
        var described: [(Declaration, TableDescription)] = []
        for declaration in try declarations(in: database) {
            let numbers = try ColumnNumbering.numbers(ofTable: declaration.number, in: database)
            if let table = try TableDescription.read(declaration.name, numbers: numbers, from: database) {
                described.append((declaration, table))
            }
        }
        return described.map { declaration, table in
            let incoming = described.flatMap { child, childTable in
                childTable.foreignKeys.filter { sameName($0.parentTable, table.name) }
                    .map { IncomingReference(childTable: child.number, foreignKey: $0) }
            }
            return ReplicatedTable(
                number: declaration.number, scopeColumn: declaration.scopeColumn, ids: declaration.ids,
                runsTriggers: declaration.runsTriggers, description: table, incomingReferences: incoming)
        }
    }
}
