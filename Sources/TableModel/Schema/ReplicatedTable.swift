import Replication
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
    /// What its policies come to.
    package let policy: TablePolicy

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
        /// Nil: every column without a policy of its own.
        package let column: String?
        /// Nil: as the table has it.
        package let policy: String?
        /// row or column; nil says column.
        package let unit: String?
        /// Who set it, when not a migration did, and when, in milliseconds since 1970.
        package let setBy: String?
        package let setAtMs: UInt64?
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
            """
            SELECT table_name, column_name, policy, unit, set_by, set_at FROM samband_policy
            WHERE policy IS NOT NULL OR unit IS NOT NULL ORDER BY table_name, column_name
            """)
        var found: [PolicyDeclaration] = []
        while try rows.step() {
            func text(_ column: Int32) -> String? { rows.type(column) == .null ? nil : rows.string(column) }
            found.append(
                PolicyDeclaration(
                    table: rows.string(0), column: text(1), policy: text(2), unit: text(3), setBy: text(4),
                    setAtMs: rows.type(5) == .null ? nil : UInt64(bitPattern: rows.integer(5))))
        }
        return found
    }

    /// Every replicated table that is there, in the order of the numbers, columns with their numbers. A
    /// declaration whose table is missing is left out: `Capture.install` follows renames and refuses the rest.
    package static func readAll(from database: Connection) throws(SQLiteError) -> [ReplicatedTable] {
        var described: [(Declaration, TableDescription)] = []
        let policies = try policies(in: database)
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
                runsTriggers: declaration.runsTriggers, description: table, incomingReferences: incoming,
                policy: PolicyFit(table, scopeColumn: declaration.scopeColumn, policies).effective)
        }
    }
}
