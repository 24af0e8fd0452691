import SQLite
import TableModel

/// The text of the triggers that fill the capture log of one table. They are stored in the database file, so
/// that any program's writes are captured.
///
/// Each is named for its moment and cause. They write nothing but marks, and the marks of a statement that is
/// rolled back go with it.
package struct CaptureTriggers {
    package struct Trigger: Sendable, Equatable {
        package let name: String
        package let sql: String
    }

    package let table: TableDescription
    package let marks: MarkTable

    /// - Parameter sums: the data indexes of the columns whose policy is `sum`.
    package init(_ table: TableDescription, number: Int64, sums: [Int] = []) {
        self.table = table
        marks = MarkTable(table, number: number, sums: sums)
    }

    /// Every trigger the table needs.
    package var all: [Trigger] {
        [beforeInsert, afterInsert] + beforeUpdate + afterUpdate + [afterKeyChange, afterDelete]
    }

    // MARK: Insert

    /// Before a row comes: looks at rows that OR REPLACE would silently delete through another UNIQUE index or
    /// through the rowid, then the candidate when a row with this key is there. Without any such row, which is
    /// the rule, only the WHEN is evaluated. The candidate comes last, so that the mark after it is the
    /// insert's own.
    private var beforeInsert: Trigger {
        var present: [String] = []
        var looks: [String] = []
        if let rowid = table.rowidName {
            // A rowid that is not given is -1 here.
            present.append("NEW.\(rowid) <> -1")
            looks.append(look(where: "\(rowid) = NEW.\(rowid)"))
        }
        present.append(exists(where: keyMatch))
        for condition in table.uniqueIndexes.map({ UniqueGuard(table, $0).match }) {
            present.append(exists(where: condition))
            looks.append(look(where: condition))
        }
        return trigger(
            "before_insert", "BEFORE INSERT", when: present.joined(separator: "\n    OR "),
            looks + [candidate])
    }

    private var candidate: String {
        let source = keySource
        let words = (0..<marks.maskColumns.count).map { word -> String in
            let bits = maskWord(word, from: { quote(identifier: $0.name) })
            return word == 0 ? "\(MarkTable.candidateBit) | \(bits)" : bits
        }
        // A key that is equal but not the same (another case, 1 and 1.0) is written too: a look is all it gets,
        // and the insert after it counts for the whole row.
        let changed = keyDiffers(from: { quote(identifier: $0.name) }, onlyIfEqualKeysDiffer: true)
        guard let changed else {
            return insert(marks.maskColumns, words, source, base: own, where: keyMatch)
        }
        let guarded = words.enumerated().map { index, bits in
            "CASE WHEN \(changed) THEN \(index == 0 ? "0" : "NULL") ELSE \(bits) END"
        }
        return insert(marks.maskColumns, guarded, source, base: own, where: keyMatch)
    }

    private var afterInsert: Trigger {
        trigger("after_insert", "AFTER INSERT", when: nil, [insert(["mask"], ["-1"], keys("NEW"))])
    }

    // MARK: Update

    /// Before a key, a rowid or a column of a UNIQUE index changes: looks at rows that OR REPLACE would delete.
    private var beforeUpdate: [Trigger] {
        var triggers: [Trigger] = []
        let keyNames = table.key.map { quote(identifier: table.columns[$0.column].name) }
        triggers.append(
            trigger(
                "before_key_change", "BEFORE UPDATE OF \(keyNames.joined(separator: ", "))",
                when: keyDiffers(from: old), [look(where: keyMatch)]))
        if let rowid = table.rowidName {
            let names = ["rowid", "_rowid_", "oid"].filter { table.columnIndex($0) == nil }
            triggers.append(
                trigger(
                    "before_rowid_change", "BEFORE UPDATE OF \(names.joined(separator: ", "))",
                    when: "OLD.\(rowid) <> NEW.\(rowid)", [look(where: "\(rowid) = NEW.\(rowid)")]))
        }
        for (place, index) in table.uniqueIndexes.enumerated() {
            let unique = UniqueGuard(table, index)
            let columns = unique.columns
            let moment =
                columns.map { list in
                    "BEFORE UPDATE OF "
                        + list.map { quote(identifier: table.columns[$0].name) }.joined(separator: ", ")
                } ?? "BEFORE UPDATE"
            // When it is not known which columns the index is made of, any may be. Naming them all is also
            // what makes NEW's generated columns right: in a BEFORE UPDATE trigger SQLite computes them from
            // those unchanged columns only that the trigger names, and takes NULL for the others.
            let sources =
                columns ?? table.columns.indices.filter { table.columns[$0].generation == .ordinary }
            triggers.append(
                trigger(
                    "before_unique_change_\(place + 1)", moment, when: anyDiffers(sources),
                    [look(where: "\(unique.match) AND NOT (\(keyIsOld))")]))
        }
        return triggers
    }

    /// After columns changed under the same key: which. A table of nothing but a key has no such columns.
    private var afterUpdate: [Trigger] {
        guard !table.dataColumns.isEmpty, let keyChanged = keyDiffers(from: old) else { return [] }
        let words = (0..<marks.maskColumns.count).map { maskWord($0, from: old) }
        return [
            trigger(
                "after_update", "AFTER UPDATE",
                when: "NOT (\(keyChanged))\n    AND (\(anyDiffers(table.dataColumns)))",
                [insert(marks.maskColumns, words, keys("NEW"), base: old)])
        ]
    }

    /// After a key changed in any byte: the row with the old one may be gone, the row with the new one is new.
    private var afterKeyChange: Trigger {
        let keyNames = table.key.map { quote(identifier: table.columns[$0.column].name) }
        return trigger(
            "after_key_change", "AFTER UPDATE OF \(keyNames.joined(separator: ", "))",
            when: keyDiffers(from: old),
            [insert(["mask"], ["0"], keys("OLD"), base: old), insert(["mask"], ["-1"], keys("NEW"))])
    }

    // MARK: Delete

    private var afterDelete: Trigger {
        trigger("after_delete", "AFTER DELETE", when: nil, [insert(["mask"], ["0"], keys("OLD"), base: old)])
    }

    // MARK: Parts

    private var name: String { quote(identifier: table.name) }

    private func trigger(_ cause: String, _ moment: String, when: String?, _ statements: [String]) -> Trigger {
        let name = "samband_\(marks.number)_\(cause)"
        let condition = when.map { "WHEN \($0)\n" } ?? ""
        let body = statements.map { "    \($0);\n" }.joined()
        return Trigger(
            name: name, sql: "CREATE TRIGGER \(name) \(moment) ON \(self.name)\n\(condition)BEGIN\n\(body)END"
        )
    }

    /// INSERT of marks: the values of some mask words, then the key, then what stood in the columns whose policy is
    /// `sum`; one mark, or one for each row of the table that meets a condition. (A SELECT without FROM would run as
    /// a coroutine: VALUES does not.)
    private func insert(
        _ words: [String], _ values: [String], _ key: [String],
        base: ((TableDescription.Column) -> String)? = nil, where condition: String? = nil
    ) -> String {
        let bases = base == nil ? [] : marks.bases
        let columns = (words + marks.keyColumns + bases.map(\.name)).joined(separator: ", ")
        let row = (values + key + bases.map { base!($0.column) }).joined(separator: ", ")
        let source = condition.map { "SELECT \(row) FROM \(name) WHERE \($0)" } ?? "VALUES (\(row))"
        return "INSERT INTO \(marks.name)(\(columns)) \(source)"
    }

    private func look(where condition: String) -> String {
        insert(["mask"], ["0"], keySource, base: own, where: condition)
    }

    private func exists(where condition: String) -> String {
        "EXISTS (SELECT 1 FROM \(name) WHERE \(condition))"
    }

    private func keys(_ row: String) -> [String] {
        table.key.map { "\(row).\(quote(identifier: table.columns[$0.column].name))" }
    }

    /// A column of the table's own row.
    private func own(_ column: TableDescription.Column) -> String { quote(identifier: column.name) }

    /// The key columns of the table's own row.
    private var keySource: [String] { table.key.map { quote(identifier: table.columns[$0.column].name) } }

    /// The row with NEW's key, as the key's index finds it.
    private var keyMatch: String {
        table.key.map { part in
            comparison(table.columns[part.column], newValue(table.columns[part.column]), part.collation)
        }.joined(separator: " AND ")
    }

    /// The row that is being updated.
    private var keyIsOld: String {
        table.key.map { part in
            let column = table.columns[part.column]
            return comparison(column, "OLD.\(quote(identifier: column.name))", part.collation)
        }.joined(separator: " AND ")
    }

    private func dataColumns(ofWord word: Int) -> [TableDescription.Column] {
        table.dataColumns.dropFirst(word * MarkTable.bitsPerWord).prefix(MarkTable.bitsPerWord)
            .map { table.columns[$0] }
    }

    /// True when one of these columns changed; in parentheses word by word, since SQLite limits the depth of
    /// one chain. https://www.sqlite.org/limits.html#max_expr_depth
    private func anyDiffers(_ columns: [Int]) -> String {
        let chunks = stride(from: 0, to: columns.count, by: MarkTable.bitsPerWord).map { start in
            columns[start...].prefix(MarkTable.bitsPerWord).map { differs(table.columns[$0], old) }
                .joined(separator: " OR ")
        }
        return chunks.count == 1 ? chunks[0] : chunks.map { "(\($0))" }.joined(separator: " OR ")
    }

    /// The bits of one word: which columns of NEW differ from `source`.
    private func maskWord(_ word: Int, from source: (TableDescription.Column) -> String) -> String {
        let bits = dataColumns(ofWord: word).enumerated().map { bit, column in
            "CASE WHEN \(differs(column, source)) THEN \(Int64(1) << Int64(bit)) ELSE 0 END"
        }
        return bits.isEmpty ? "0" : bits.joined(separator: " | ")
    }

    /// True when NEW's key differs in any byte or type. With `onlyIfEqualKeysDiffer`, nil when keys that
    /// compare equal are always the same.
    private func keyDiffers(
        from source: (TableDescription.Column) -> String, onlyIfEqualKeysDiffer: Bool = false
    ) -> String? {
        var parts = table.key
        if onlyIfEqualKeysDiffer {
            parts.removeAll { part in
                part.collation == "BINARY" && typeCheck(table.columns[part.column], source) == nil
            }
        }
        guard !parts.isEmpty else { return nil }
        return parts.map { differs(table.columns[$0.column], source) }.joined(separator: " OR ")
    }
}
