import Replication
import SQLite

extension TableLayout {
    /// Every replicated table of a database as the store works with it, in the order of the numbers.
    package static func all(_ connection: Connection) throws -> [TableLayout] {
        let tables = try ReplicatedTable.readAll(from: connection)
        var layouts = try tables.map { try TableLayout($0) }
        for (child, table) in tables.enumerated() {
            for key in table.description.foreignKeys {
                guard let parent = tables.firstIndex(where: { sameName($0.name, key.parentTable) }),
                    key.parentColumns.count == key.columns.count
                else { continue }
                let reference = Reference(
                    child: layouts[child].number, childColumns: key.columns.map { table.declaredName($0) },
                    parent: layouts[parent].number,
                    parentColumns: key.parentColumns.map { tables[parent].declaredName($0) },
                    parentCollations: key.parentColumns.map { tables[parent].collation(of: $0) })
                layouts[child].references.append(reference)
                layouts[parent].referencedBy.append(reference)
            }
        }
        return layouts.map { $0.withConstrainedColumns() }
    }

    private init(_ table: ReplicatedTable) throws {
        let description = table.description
        let collations = try description.key.map { key in
            guard let collation = Collation(rawValue: key.collation.uppercased()) else {
                throw StoreError(
                    .refused, doing: "reading table \(table.name)", why: "its key is compared by \(key.collation)",
                    hint: "Keys are compared by BINARY, NOCASE or RTRIM.")
            }
            return collation
        }
        self.init(
            shape: TableShape(
                number: Int(table.number), keyCollations: collations,
                dataColumnCount: description.dataColumns.count),
            name: table.name, keyColumns: description.key.map { description.columns[$0.column].name },
            keyAffinities: description.key.map { description.columns[$0.column].affinity },
            dataColumns: description.dataColumns.map { description.columns[$0].name },
            uniqueIndexes: description.uniqueIndexes.map { index in
                UniqueIndex(
                    terms: index.parts.map { part in
                        switch part.value {
                        case .column(let column): (quote(identifier: description.columns[column].name), part.collation)
                        case .expression(let sql): (sql, part.collation)
                        case .rowid: ("rowid", part.collation)
                        }
                    }, predicate: index.condition)
            }, references: [], referencedBy: [], policy: table.policy, constrainedColumns: [])
    }

    /// Columns named in a UNIQUE index; all of them where it holds an expression or a WHERE.
    private func withConstrainedColumns() -> TableLayout {
        var columns: Set<Int> = []
        for index in uniqueIndexes {
            for term in index.terms {
                if let column = dataColumns.firstIndex(where: { quote(identifier: $0) == term.sql }) {
                    columns.insert(column)
                } else if !keyColumns.contains(where: { quote(identifier: $0) == term.sql }) {
                    columns.formUnion(allColumns)
                }
            }
            if index.predicate != nil { columns.formUnion(allColumns) }
        }
        return TableLayout(
            shape: shape, name: name, keyColumns: keyColumns, keyAffinities: keyAffinities, dataColumns: dataColumns,
            uniqueIndexes: uniqueIndexes,
            references: references, referencedBy: referencedBy, policy: policy, constrainedColumns: columns)
    }
}

extension ReplicatedTable {
    fileprivate func collation(of name: String) -> String {
        description.columnIndex(name).map { description.columns[$0].collation.uppercased() } ?? "BINARY"
    }

    /// The name of a column as declared, for a foreign key may write it in other letters.
    fileprivate func declaredName(_ name: String) -> String {
        description.columnIndex(name).map { description.columns[$0].name } ?? name
    }
}
