import Replication

/// What the rows of `samband_policy` about one table come to, and which of them do not fit it.
///
/// * A column's own policy goes before the table's, which goes before `manual`.
/// * The columns with `unit = 'row'`, or all of them when the table says so, are one unit: they ship and settle
///   together, so their policies must be one.
package struct PolicyFit {
    package typealias Declaration = ReplicatedTable.PolicyDeclaration

    private let table: TableDescription
    private let scopeColumn: String?
    private let declarations: [Declaration]
    /// By data index: the table's columns outside the key.
    private let columns: [TableDescription.Column]

    package init(_ table: TableDescription, scopeColumn: String?, _ declarations: [Declaration]) {
        self.table = table
        self.scopeColumn = scopeColumn
        self.declarations = declarations.filter { sameName($0.table, table.name) }
        // Before numbers are given out every ordinary column counts as shipped.
        let keys = Set(table.key.map(\.column))
        let shipped = table.columns.contains { $0.number != nil } ? table.dataColumns : nil
        let indexes =
            shipped
            ?? table.columns.indices.filter { table.columns[$0].generation == .ordinary && !keys.contains($0) }
        columns = indexes.map { table.columns[$0] }
    }

    private func declaration(of column: TableDescription.Column?) -> Declaration? {
        declarations.first { declaration in
            guard let name = declaration.column else { return column == nil }
            return column.map { sameName($0.name, name) } ?? false
        }
    }

    private func policy(of column: TableDescription.Column) -> Policy {
        let text = declaration(of: column)?.policy ?? declaration(of: nil)?.policy
        return text.flatMap { Policy(rawValue: $0) } ?? .manual
    }

    private func isOfUnit(_ column: TableDescription.Column) -> Bool {
        (declaration(of: column)?.unit ?? declaration(of: nil)?.unit) == "row"
    }

    /// What holds, by data index.
    package var effective: TablePolicy {
        var effective = TablePolicy()
        if declarations.isEmpty { return effective }
        for (index, column) in columns.enumerated() {
            let policy = policy(of: column)
            if policy != .manual { effective.columns[index] = policy }
            let collation = Collation(rawValue: column.collation.uppercased()) ?? .binary
            if collation != .binary { effective.collations[index] = collation }
            if isOfUnit(column) { effective.unit.append(index) }
        }
        return effective
    }

    // MARK: what does not fit

    /// Throws for the first declaration that does not fit the table.
    package func check() throws(SchemaError) {
        for declaration in declarations { try check(declaration) }
        for column in columns { try check(policy(of: column), of: column) }
        try checkUnit()
    }

    private func refuse(_ column: String?, _ why: String, _ hint: String) -> SchemaError {
        var what = "policy for table \(table.name)"
        if let column { what += ", column \(column)" }
        return SchemaError.refused(Refusal(doing: Replicability.doing, what: what, why: why, hint: hint))
    }

    private func check(_ declaration: Declaration) throws(SchemaError) {
        if let name = declaration.column {
            guard let index = table.columnIndex(name) else {
                throw refuse(name, "there is no such column", "Correct column_name in samband_policy.")
            }
            guard !table.key.contains(where: { $0.column == index }) else {
                throw refuse(
                    name, "it is part of the key, which never differs between two sides of a conflict",
                    "Leave the column out of samband_policy.")
            }
            guard table.columns[index].generation == .ordinary else {
                throw refuse(
                    name, "it is a generated column, which is not shipped",
                    "Set the policy on the columns it is made from.")
            }
        }
        if let text = declaration.policy, Policy(rawValue: text) == nil {
            throw refuse(
                declaration.column, "the policy '\(text)' is unknown",
                "The policies are \(Policy.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        if let unit = declaration.unit, unit != "row", unit != "column" {
            throw refuse(
                declaration.column, "the unit '\(unit)' is unknown",
                "A unit is 'row' (with the other columns that say so) or 'column' (by itself).")
        }
    }

    private func check(_ policy: Policy, of column: TableDescription.Column) throws(SchemaError) {
        switch policy {
        case .manual, .newest, .hub: return
        case .owner:
            guard scopeColumn != nil else {
                throw refuse(
                    column.name, "the policy 'owner' asks whose the row is, and the table has no scope column",
                    "Name the column with the site's label in samband_table.scope_column, or use 'newest'.")
            }
        case .max, .min: try checkOrder(policy, column)
        case .sum: try checkSum(column)
        }
    }

    private func checkOrder(_ policy: Policy, _ column: TableDescription.Column) throws(SchemaError) {
        guard column.affinity != .none else {
            throw refuse(
                column.name,
                "the policy '\(policy.rawValue)' compares values, and a column without a type or for "
                    + "BLOBs may hold some that have no sensible order",
                "Declare the column INTEGER, REAL, NUMERIC or TEXT, or use 'newest'.")
        }
        guard Replicability.keyCollations.contains(column.collation.uppercased()) else {
            throw refuse(
                column.name,
                "the policy '\(policy.rawValue)' compares values, and the collation \(column.collation) "
                    + "may not be there at the hub",
                "Use BINARY, NOCASE or RTRIM for the column, or use 'newest'.")
        }
    }

    private func checkSum(_ column: TableDescription.Column) throws(SchemaError) {
        let why = "the policy 'sum' adds up what the sites have added"
        guard table.isStrict, column.affinity == .integer else {
            throw refuse(
                column.name, "\(why), and only an INTEGER column of a STRICT table holds nothing but integers",
                "Make the table STRICT and the column INTEGER NOT NULL, or use 'newest'.")
        }
        guard column.isNotNull else {
            throw refuse(
                column.name, "\(why), and nothing can be added to NULL", "Declare the column NOT NULL, or use 'newest'."
            )
        }
        guard !table.uniqueIndexes.contains(where: { isUnder($0, column) }) else {
            throw refuse(
                column.name, "\(why), and a UNIQUE index over the column may refuse the sum",
                "Take the column out of the index, or use 'manual'.")
        }
    }

    private func isUnder(_ index: TableDescription.UniqueIndex, _ column: TableDescription.Column) -> Bool {
        func names(_ text: String) -> Bool {
            let parsed = SQLTokens(text)
            // A quoted name is as good as a bare one.
            return parsed.tokens.indices.contains { index in
                let word = parsed.text(index..<index + 1)
                return sameName(word, column.name) || sameName(String(word.dropFirst().dropLast()), column.name)
            }
        }
        return index.condition.map(names) ?? false
            || index.parts.contains { part in
                switch part.value {
                case .column(let named): sameName(table.columns[named].name, column.name)
                case .expression(let text): names(text)
                case .rowid: false
                }
            }
    }

    private func checkUnit() throws(SchemaError) {
        let unit = columns.filter { isOfUnit($0) }
        guard let first = unit.first else { return }
        for column in unit where policy(of: column) != policy(of: first) {
            // Named is the column that has a policy of its own.
            let named = declaration(of: column)?.policy == nil ? first : column
            throw refuse(
                named.name, "it is one of \(unit.count) columns that are a unit, and those settle together",
                "Give all columns of the unit the same policy, or the table one and its columns none.")
        }
        guard policy(of: first).fitsUnit else {
            throw refuse(
                first.name, "it is part of a unit, and '\(policy(of: first).rawValue)' looks at one column by itself",
                "Use 'manual', 'newest', 'hub' or 'owner' for a unit, or unit = 'column' for this column.")
        }
    }
}
