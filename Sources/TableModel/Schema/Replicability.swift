import SQLite

/// What can be replicated, and why the rest cannot. Every refusal names the table, the reason and the remedy.
package enum Replicability {
    /// Collations in which keys can be compared the same way everywhere.
    package static let keyCollations: Set<String> = ["BINARY", "NOCASE", "RTRIM"]

    package static let doing = "replicate a table"

    /// Checks the whole declaration of a database: its encoding, its file system, every row of `samband_table`
    /// and of `samband_policy`.
    package static func check(_ database: Connection) throws(SchemaError) {
        try checkEncoding(database)
        let declarations = try inDatabase { () throws(SQLiteError) in
            try ReplicatedTable.declarations(in: database)
        }
        var tables: [TableDescription] = []
        for declaration in declarations { tables.append(try check(declaration, in: database)) }
        for table in tables { try checkReferences(of: table, among: tables) }
        let policies = try inDatabase { () throws(SQLiteError) in try ReplicatedTable.policies(in: database) }
        for policy in policies { try checkTable(of: policy, among: tables) }
        for (declaration, table) in zip(declarations, tables) {
            try PolicyFit(table, scopeColumn: declaration.scopeColumn, policies).check()
        }
    }

    private static func refuse(_ what: String, _ why: String, _ hint: String) -> SchemaError {
        SchemaError.refused(Refusal(doing: doing, what: what, why: why, hint: hint))
    }

    /// Text is shipped as UTF-8 bytes, which a UTF-16 database could not give back unchanged.
    static func checkEncoding(_ database: Connection) throws(SchemaError) {
        let encoding = try inDatabase { () throws(SQLiteError) in try database.firstString("PRAGMA encoding")
        }
        guard encoding == "UTF-8" else {
            throw refuse(
                "the database", "its encoding is \(encoding ?? "unknown"), not UTF-8",
                "Make the database anew with PRAGMA encoding = 'UTF-8', the default.")
        }
    }

    /// One row of `samband_table`; returns the table it names.
    package static func check(
        _ declaration: ReplicatedTable.Declaration, in database: Connection
    ) throws(SchemaError) -> TableDescription {
        let what = "table \(declaration.name)"
        let lowered = String(decoding: lowercasedASCII(declaration.name), as: UTF8.self)
        guard !lowered.hasPrefix("samband_"), !lowered.hasPrefix("sqlite_") else {
            throw refuse(
                what, "names that begin with samband_ or sqlite_ belong to Samband and SQLite",
                "Give the table another name.")
        }
        let kind = try inDatabase { () throws(SQLiteError) in
            try TableDescription.kind(of: declaration.name, in: database)
        }
        switch kind?.kind {
        case .table: break
        case .view:
            throw refuse(what, "it is a view", "Replicate the tables that the view reads.")
        case .virtual, .shadow:
            throw refuse(
                what, "it is a virtual table, whose storage belongs to its module",
                "Replicate the table with the content, and fill this one by triggers with run_triggers = 1.")
        case nil:
            throw refuse(
                what, "there is no such table",
                "Correct the name in samband_table, or create the table before.")
        }
        let described = try inDatabase { () throws(SQLiteError) in
            try TableDescription.read(declaration.name, from: database)
        }
        guard let table = described else { throw refuse(what, "it cannot be read", "Check the schema.") }
        try checkKey(of: table, declaration)
        try checkScope(declaration.scopeColumn, of: table)
        return table
    }

    private static func checkKey(
        of table: TableDescription, _ declaration: ReplicatedTable.Declaration
    ) throws(SchemaError) {
        let what = "table \(table.name)"
        guard declaration.ids == nil || declaration.ids == "application" else {
            throw refuse(
                what, "samband_table.ids is neither NULL nor 'application'",
                "Leave ids out, or set it to 'application' when the application makes the numbers unique.")
        }
        guard !table.key.isEmpty else {
            throw refuse(
                what, "it has no primary key, so its rows have no name that other sites know",
                "Declare one, for instance: id BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)).")
        }
        if table.keyIsRowid, declaration.ids != "application" {
            let name = table.columns[table.key[0].column].name
            throw refuse(
                "\(what), column \(name)",
                "INTEGER PRIMARY KEY\(table.isAutoincrement ? " AUTOINCREMENT" : "") numbers rows by the largest "
                    + "one present: two sites off line would give two rows one number",
                "Use id BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)), a UUIDv7, or a key of (site, number); "
                    + "or declare ids = 'application' when the application makes the numbers unique.")
        }
        for part in table.key {
            let column = table.columns[part.column]
            guard column.isNotNull || table.keyIsRowid else {
                throw refuse(
                    "\(what), column \(column.name)",
                    "the key column may be NULL, and rows with NULL in the key are all different",
                    "Declare the column NOT NULL.")
            }
            guard keyCollations.contains(part.collation) else {
                throw refuse(
                    "\(what), column \(column.name)",
                    "the key is compared with the collation \(part.collation), which other sites may not have",
                    "Use BINARY, NOCASE or RTRIM for the key.")
            }
        }
    }

    private static func checkScope(_ name: String?, of table: TableDescription) throws(SchemaError) {
        guard let name else { return }
        guard let index = table.columnIndex(name) else {
            throw refuse(
                "table \(table.name), scope column \(name)", "there is no such column",
                "Correct scope_column in samband_table.")
        }
        guard table.columns[index].generation == .ordinary else {
            throw refuse(
                "table \(table.name), scope column \(name)", "it is a generated column, which is not shipped",
                "Keep the label in an ordinary column.")
        }
    }

    /// A reference to a table that is not replicated could be kept true at no other site.
    private static func checkReferences(
        of table: TableDescription, among tables: [TableDescription]
    ) throws(SchemaError) {
        for reference in table.foreignKeys
        where !tables.contains(where: { sameName($0.name, reference.parentTable) }) {
            throw refuse(
                "table \(table.name)",
                "it references the table \(reference.parentTable), which is not replicated",
                "Replicate \(reference.parentTable) too, or drop the reference.")
        }
    }

    private static func checkTable(
        of policy: ReplicatedTable.PolicyDeclaration, among tables: [TableDescription]
    ) throws(SchemaError) {
        guard !tables.contains(where: { sameName($0.name, policy.table) }) else { return }
        var what = "policy for table \(policy.table)"
        if let column = policy.column { what += ", column \(column)" }
        throw refuse(
            what, "the table is not in samband_table",
            "Correct table_name in samband_policy, or declare the table.")
    }
}
