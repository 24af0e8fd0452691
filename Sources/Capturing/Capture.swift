import SQLite
import TableModel

/// Installs and removes capture: the mark table and the triggers of every table in `samband_table`.
///
/// Call both inside a transaction, since a refusal leaves a half that only a rollback takes back, and on a
/// connection whose triggers are off, since the system tables are guarded.
package enum Capture {
    /// Follows renamed tables and columns, numbers new columns, checks that everything declared can be
    /// replicated, and makes mark tables and triggers anew. Running it again changes nothing.
    ///
    /// New triggers are the newest of their tables, and SQLite runs the newest first: so a row's own mark comes
    /// before those of the user's triggers.
    package static func install(in database: Connection) throws(SchemaError) {
        try followRenames(in: database)
        try Replicability.check(database)
        for table in try inDatabase({ () throws(SQLiteError) in try ReplicatedTable.readAll(from: database) }) {
            try install(table, in: database)
        }
        try dropTriggers(of: nil, keeping: Set(try declaredNumbers(in: database)), in: database)
    }

    /// Makes mark tables and triggers anew where policies have changed what a mark keeps; tables that are missing, and
    /// those named, stay as they are. Nothing is checked again: the hub has.
    package static func renew(in database: Connection, except names: [String]) throws(SchemaError) {
        for table in try inDatabase({ () throws(SQLiteError) in try ReplicatedTable.readAll(from: database) })
        where !names.contains(table.name) {
            try install(table, in: database)
        }
    }

    /// Drops every capture trigger. The marks stay: they are work to be sealed.
    package static func remove(from database: Connection) throws(SchemaError) {
        try dropTriggers(of: nil, keeping: [], in: database)
    }

    /// The declared tables that are not captured at this moment: missing, or made anew behind Samband's back,
    /// since DROP TABLE takes the triggers along. To be asked whenever `PRAGMA schema_version` has changed.
    package static func uncapturedTables(in database: Connection) throws(SQLiteError) -> [String] {
        var found: [String] = []
        let count = try database.prepare(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND name = ?1")
        for declaration in try ReplicatedTable.declarations(in: database) {
            try count.bind(at: 1, text: "samband_\(declaration.number)_after_insert")
            let isThere = try count.step() && count.integer(0) == 1
            count.reset()
            if !isThere { found.append(declaration.name) }
        }
        return found
    }

    /// Marks every row that is in the table now as inserted: for rows that were there before capture.
    package static func markAllRows(
        of table: ReplicatedTable, in database: Connection
    ) throws(SchemaError) {
        let marks = MarkTable(table.description, number: table.number)
        let keys = table.description.key.map { quote(identifier: table.description.columns[$0.column].name) }
        try inDatabase { () throws(SQLiteError) in
            try database.execute(
                """
                INSERT INTO \(marks.name)(mask, \(marks.keyColumns.joined(separator: ", ")))
                SELECT -1, \(keys.joined(separator: ", ")) FROM \(quote(identifier: table.name))
                """)
        }
    }

    private static func install(_ table: ReplicatedTable, in database: Connection) throws(SchemaError) {
        let capture = CaptureTriggers(table.description, number: table.number, sums: table.policy.sums)
        try makeMarkTable(capture.marks, in: database)
        try dropTriggers(of: table.number, keeping: [], in: database)
        try inDatabase { () throws(SQLiteError) in
            for trigger in capture.all { try database.execute(trigger.sql) }
        }
    }

    /// The mark table, anew when its shape has changed, which needs the old one to be empty.
    private static func makeMarkTable(_ marks: MarkTable, in database: Connection) throws(SchemaError) {
        let present = try inDatabase { () throws(SQLiteError) in
            try database.firstString(
                "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = \(quoteText(marks.name))")
        }
        guard present != marks.sql else { return }
        if present != nil {
            let count = try inDatabase { () throws(SQLiteError) in
                try database.firstInteger("SELECT count(*) FROM \(marks.name)")
            }
            if count != 0, try inDatabase({ () throws(SQLiteError) in try keepsMarks(marks, in: database) }) { return }
            guard count == 0 else {
                throw SchemaError.refused(
                    Refusal(
                        doing: "install capture", what: marks.name,
                        why: "the table has changed its shape while changes wait to be sealed",
                        hint: "Seal the changes first."))
            }
            try inDatabase { () throws(SQLiteError) in try database.execute("DROP TABLE \(marks.name)") }
        }
        try inDatabase { () throws(SQLiteError) in try database.execute(marks.sql) }
    }

    /// Makes the mark table anew with the marks that wait in it, when only the columns that keep what stood before are
    /// others: those marks keep nothing then, and what they lead to is shipped without a delta.
    private static func keepsMarks(_ marks: MarkTable, in database: Connection) throws(SQLiteError) -> Bool {
        let columns = marks.maskColumns + marks.keyColumns
        let rows = try database.prepare(
            "SELECT name FROM pragma_table_info(\(quoteText(marks.name))) WHERE name NOT GLOB 'b_*' ORDER BY cid")
        var present: [String] = []
        while try rows.step() { present.append(rows.string(0)) }
        guard present == columns else { return false }
        let list = columns.joined(separator: ", ")
        try database.execute(
            """
            CREATE TEMP TABLE samband_waiting AS SELECT rowid AS place, \(list) FROM main.\(marks.name);
            DROP TABLE main.\(marks.name);
            \(marks.sql);
            INSERT INTO main.\(marks.name)(rowid, \(list)) SELECT place, \(list) FROM temp.samband_waiting;
            DROP TABLE temp.samband_waiting;
            """)
        return true
    }

    private static func declaredNumbers(in database: Connection) throws(SchemaError) -> [Int64] {
        try inDatabase { () throws(SQLiteError) in
            try ReplicatedTable.declarations(in: database).map(\.number)
        }
    }

    /// Drops capture's triggers: of one table, or of all whose number is not kept.
    private static func dropTriggers(
        of number: Int64?, keeping kept: Set<Int64>, in database: Connection
    ) throws(SchemaError) {
        try inDatabase { () throws(SQLiteError) in
            let rows = try database.prepare(
                "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'samband_[0-9]*'")
            var names: [String] = []
            while try rows.step() {
                let name = rows.string(0)
                let parts = name.split(separator: "_")
                guard parts.count > 2, let owner = Int64(parts[1]) else { continue }
                if number.map({ $0 == owner }) ?? !kept.contains(owner) { names.append(name) }
            }
            for name in names { try database.execute("DROP TRIGGER \(quote(identifier: name))") }
        }
    }

    // MARK: Renames

    /// ALTER TABLE RENAME takes the triggers along but not our rows: the trigger of a table tells its new name.
    private static func followRenames(in database: Connection) throws(SchemaError) {
        let declarations = try inDatabase { () throws(SQLiteError) in
            try ReplicatedTable.declarations(in: database)
        }
        for declaration in declarations {
            var name = declaration.name
            try inDatabase { () throws(SQLiteError) in
                var follow = try TableDescription.kind(of: name, in: database)?.name
                if follow == nil {
                    follow = try database.firstString(
                        """
                        SELECT tbl_name FROM sqlite_schema
                        WHERE type = 'trigger' AND name = 'samband_\(declaration.number)_after_insert'
                        """)
                }
                if let follow, follow != name {
                    try rename(declaration, to: follow, in: database)
                    name = follow
                }
            }
            let table = try inDatabase { () throws(SQLiteError) in
                try TableDescription.read(name, from: database)
            }
            if let table {
                try ColumnNumbering.assignNew(to: table, number: declaration.number, in: database)
            }
        }
    }

    private static func rename(
        _ declaration: ReplicatedTable.Declaration, to name: String, in database: Connection
    ) throws(SQLiteError) {
        let table = try database.prepare("UPDATE samband_table SET name = ?2 WHERE number = ?1")
        try table.bind(at: 1, integer: declaration.number)
        try table.bind(at: 2, text: name)
        try table.run()
        let policy = try database.prepare("UPDATE samband_policy SET table_name = ?2 WHERE table_name = ?1")
        try policy.bind(at: 1, text: declaration.name)
        try policy.bind(at: 2, text: name)
        try policy.run()
    }
}
