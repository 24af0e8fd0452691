import Replication

/// One statement of a local program.
package enum UserWrite: Hashable, Sendable {
    /// `INSERT`: refused when the key is there.
    case insert(Int, [Value], [Value])
    /// `INSERT OR REPLACE`.
    case orReplace(Int, [Value], [Value])
    /// `INSERT OR IGNORE`.
    case orIgnore(Int, [Value], [Value])
    /// `INSERT … ON CONFLICT DO UPDATE SET` of one data column.
    case upsert(Int, [Value], [Value], column: Int)
    case update(Int, [Value], [Int: Value])
    case delete(Int, [Value])
    /// A row gets another key.
    case rekey(Int, [Value], to: [Value])
    /// Any statement, in SQL: only a fleet of real databases runs it.
    case sql(String)
}

extension UserWrite {
    package func sql(_ catalogue: Catalogue) -> String {
        switch self {
        case .insert(let table, let key, let data): insert("INSERT", catalogue.tables[table], key, data)
        case .orReplace(let table, let key, let data):
            insert("INSERT OR REPLACE", catalogue.tables[table], key, data)
        case .orIgnore(let table, let key, let data):
            insert("INSERT OR IGNORE", catalogue.tables[table], key, data)
        case .upsert(let table, let key, let data, let column):
            insert("INSERT", catalogue.tables[table], key, data)
                + " ON CONFLICT (\(catalogue.tables[table].keyColumns.map(\.name).joined(separator: ", ")))"
                + " DO UPDATE SET \(catalogue.tables[table].dataColumns[column].name) ="
                + " excluded.\(catalogue.tables[table].dataColumns[column].name)"
        case .update(let table, let key, let cells):
            "UPDATE \(catalogue.tables[table].name) SET "
                + cells.sorted { $0.key < $1.key }
                .map { "\(catalogue.tables[table].dataColumns[$0.key].name) = \($0.value.literal)" }
                .joined(separator: ", ") + whereKey(catalogue.tables[table], key)
        case .delete(let table, let key):
            "DELETE FROM \(catalogue.tables[table].name)" + whereKey(catalogue.tables[table], key)
        case .rekey(let table, let key, let new):
            "UPDATE \(catalogue.tables[table].name) SET "
                + zip(catalogue.tables[table].keyColumns, new).map { "\($0.name) = \($1.literal)" }
                .joined(separator: ", ") + whereKey(catalogue.tables[table], key)
        case .sql(let text): text
        }
    }

    private func insert(_ verb: String, _ table: TableModel, _ key: [Value], _ data: [Value]) -> String {
        "\(verb) INTO \(table.name)(\((table.keyColumns + table.dataColumns).map(\.name).joined(separator: ", ")))"
            + " VALUES (\((key + data).map(\.literal).joined(separator: ", ")))"
    }

    private func whereKey(_ table: TableModel, _ key: [Value]) -> String {
        " WHERE " + zip(table.keyColumns, key).map { "\($0.name) = \($1.literal)" }.joined(separator: " AND ")
    }
}

extension Value {
    /// As SQL writes it, exactly.
    package var literal: String {
        switch self {
        case .null: "NULL"
        case .integer(let x): "\(x)"
        case .real(let x): "\(x)"
        case .text(let bytes):
            bytes.contains(0) ? "CAST(\(Value.blob(bytes).legible) AS TEXT)" : legible
        case .blob: legible
        }
    }
}
