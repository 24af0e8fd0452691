import SQLite

/// Reads table descriptions from a database through SQLite's pragmas.
/// https://www.sqlite.org/pragma.html#pragma_table_xinfo
extension TableDescription {
    /// What kind of thing a name stands for.
    package enum Kind: Sendable, Equatable {
        case table
        case view
        case virtual
        /// A table that belongs to a virtual table.
        case shadow
    }

    /// Looks a name up in the main schema: its kind and its spelling in the schema.
    package static func kind(
        of name: String, in database: Connection
    ) throws(SQLiteError) -> (kind: Kind, name: String)? {
        let query = try database.prepare(
            "SELECT type, name FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE")
        try query.bind(at: 1, text: name)
        guard try query.step() else { return nil }
        let kinds: [String: Kind] = ["table": .table, "view": .view, "virtual": .virtual, "shadow": .shadow]
        return (kinds[query.string(0)] ?? .virtual, query.string(1))
    }

    /// The description of a table, or nil when the main schema has no ordinary table of this name. `numbers`
    /// gives the columns their numbers by name in lower case.
    package static func read(
        _ name: String, numbers: [[UInt8]: Int64] = [:], from database: Connection
    ) throws(SQLiteError) -> TableDescription? {
        let list = try database.prepare(
            """
            SELECT name, wr, strict FROM pragma_table_list
            WHERE schema = 'main' AND type = 'table' AND name = ?1 COLLATE NOCASE
            """)
        try list.bind(at: 1, text: name)
        guard try list.step() else { return nil }
        let reader = TableReader(
            database: database, name: list.string(0), isWithoutRowid: list.integer(1) != 0,
            isStrict: list.integer(2) != 0, numbers: numbers)
        list.reset()
        return try reader.description()
    }
}

/// The steps of reading one table.
private struct TableReader {
    let database: Connection
    let name: String
    let isWithoutRowid: Bool
    let isStrict: Bool
    let numbers: [[UInt8]: Int64]

    func description() throws(SQLiteError) -> TableDescription {
        let (columns, keyOrder) = try readColumns()
        let indexes = try readIndexes()
        let primary = indexes.first { $0.origin == "pk" }
        var key: [TableDescription.KeyColumn] = []
        for column in keyOrder {
            let part = primary?.parts.first { $0.value == .column(column) }
            key.append(.init(column: column, collation: part?.collation ?? columns[column].collation))
        }
        let keyIsRowid = !keyOrder.isEmpty && primary == nil && !isWithoutRowid
        var isAutoincrement = false
        if keyIsRowid {
            isAutoincrement =
                try database.columnMetadata(table: name, column: columns[keyOrder[0]].name).isAutoincrement
        }
        return TableDescription(
            name: name, isStrict: isStrict, isWithoutRowid: isWithoutRowid, keyIsRowid: keyIsRowid,
            isAutoincrement: isAutoincrement, columns: columns, key: key,
            uniqueIndexes: indexes.filter { $0.origin != "pk" }
                .map { .init(name: $0.name, parts: $0.parts, condition: $0.condition) },
            foreignKeys: try readForeignKeys())
    }

    private func query(_ sql: String, _ argument: String) throws(SQLiteError) -> Statement {
        let statement = try database.prepare(sql)
        try statement.bind(at: 1, text: argument)
        return statement
    }

    /// The columns, and the places of those in the primary key in key order.
    private func readColumns() throws(SQLiteError) -> ([TableDescription.Column], [Int]) {
        let rows = try query(
            """
            SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?1, 'main') ORDER BY cid
            """, name)
        var columns: [TableDescription.Column] = []
        var keyPlaces: [(order: Int64, column: Int)] = []
        while try rows.step() {
            let column = rows.string(0)
            let type = rows.string(1)
            let generation: TableDescription.Generation =
                switch rows.integer(5) {
                case 2: .generatedVirtual
                case 3: .generatedStored
                default: .ordinary
                }
            if rows.integer(4) > 0 { keyPlaces.append((rows.integer(4), columns.count)) }
            columns.append(
                .init(
                    name: column, declaredType: type,
                    affinity: Affinity(declaredType: type, isStrict: isStrict),
                    isStrictlyTyped: isStrict && type.uppercased() != "ANY",
                    collation: try database.columnMetadata(table: name, column: column).collation
                        .uppercased(),
                    isNotNull: rows.integer(2) != 0, generation: generation,
                    defaultText: rows.type(3) == .null ? nil : rows.string(3),
                    number: generation == .ordinary ? numbers[lowercasedASCII(column)] : nil))
        }
        return (columns, keyPlaces.sorted { $0.order < $1.order }.map(\.column))
    }

    private struct Index {
        let name: String
        let origin: String
        let parts: [TableDescription.UniqueIndex.Part]
        let condition: String?
    }

    /// The UNIQUE indexes, the primary key's among them.
    private func readIndexes() throws(SQLiteError) -> [Index] {
        let rows = try query(
            """
            SELECT list.name, list.origin, schema.sql
            FROM pragma_index_list(?1, 'main') AS list
            LEFT JOIN main.sqlite_schema AS schema ON schema.type = 'index' AND schema.name = list.name
            WHERE list."unique" ORDER BY list.seq DESC
            """, name)
        var found: [Index] = []
        while try rows.step() {
            let text = rows.type(2) == .null ? nil : IndexText(rows.string(2))
            found.append(
                Index(
                    name: rows.string(0), origin: rows.string(1),
                    parts: try readParts(of: rows.string(0), text), condition: text?.condition))
        }
        return found
    }

    private func readParts(
        of index: String, _ text: IndexText?
    ) throws(SQLiteError) -> [TableDescription.UniqueIndex.Part] {
        let rows = try query(
            "SELECT cid, coll FROM pragma_index_xinfo(?1, 'main') WHERE key ORDER BY seqno", index)
        var parts: [TableDescription.UniqueIndex.Part] = []
        while try rows.step() {
            let value: TableDescription.UniqueIndex.Value
            switch rows.integer(0) {
            case -1: value = .rowid
            case -2:
                let items = text?.items ?? []
                guard parts.count < items.count else {
                    throw SQLiteError(code: 1, message: "the text of the index cannot be read", doing: index)
                }
                value = .expression(items[parts.count])
            case let column: value = .column(Int(column))
            }
            parts.append(.init(value: value, collation: rows.string(1).uppercased()))
        }
        return parts
    }

    private func readForeignKeys() throws(SQLiteError) -> [TableDescription.ForeignKey] {
        let rows = try query(
            """
            SELECT id, "table", "from", "to", on_update, on_delete FROM pragma_foreign_key_list(?1, 'main')
            ORDER BY id DESC, seq
            """, name)
        var found: [TableDescription.ForeignKey] = []
        var current: Int64?
        while try rows.step() {
            let parent = rows.string(1)
            let to = rows.type(3) == .null ? nil : rows.string(3)
            if current == rows.integer(0), let last = found.popLast() {
                found.append(
                    .init(
                        columns: last.columns + [rows.string(2)], parentTable: last.parentTable,
                        parentColumns: to.map { last.parentColumns + [$0] } ?? last.parentColumns,
                        onUpdate: last.onUpdate, onDelete: last.onDelete))
            } else {
                current = rows.integer(0)
                let parentColumns = if let to { [to] } else { try primaryKey(of: parent) }
                found.append(
                    .init(
                        columns: [rows.string(2)], parentTable: parent,
                        parentColumns: parentColumns,
                        onUpdate: rows.string(4), onDelete: rows.string(5)))
            }
        }
        return found
    }

    /// The primary key of a parent whose columns the reference leaves out.
    private func primaryKey(of table: String) throws(SQLiteError) -> [String] {
        let rows = try query(
            "SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE pk > 0 ORDER BY pk", table)
        var names: [String] = []
        while try rows.step() { names.append(rows.string(0)) }
        return names
    }
}
