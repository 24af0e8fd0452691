import Replication

/// What a table forbids beyond its key, in a form that a test can judge without SQLite. Columns count from 0 over the
/// key's columns and then the data columns.
package struct TableRules: Hashable, Sendable {
    package var uniques: [UniqueRule] = []
    package var references: [ReferenceRule] = []
    package var checks: [CheckRule] = []
    /// Columns that are NOT NULL beside those of the key.
    package var notNull: Set<Int> = []

    package init() {}
}

/// Values that only one row of a table may have.
package struct UniqueRule: Hashable, Sendable {
    package let columns: [Int]
    /// True when the column compares without regard to case.
    package let isNocase: Bool
    /// The rule holds only among rows that have this value in this column.
    package let condition: Condition?

    package struct Condition: Hashable, Sendable {
        package let column: Int
        package let value: Value

        package init(column: Int, value: Value) {
            self.column = column
            self.value = value
        }
    }

    package init(_ columns: [Int], isNocase: Bool = false, condition: Condition? = nil) {
        self.columns = columns
        self.isNocase = isNocase
        self.condition = condition
    }

    func forbids(_ a: [Value], beside b: [Value]) -> Bool {
        if let condition {
            guard a[condition.column] == condition.value, b[condition.column] == condition.value else { return false }
        }
        return columns.allSatisfy { a[$0] != .null && same(a[$0], b[$0], isNocase: isNocase) }
    }
}

/// Columns that must name a row of another table, or of this one.
package struct ReferenceRule: Hashable, Sendable {
    package enum Action: String, Hashable, Sendable, CaseIterable {
        case noAction = "NO ACTION"
        case restrict = "RESTRICT"
        case cascade = "CASCADE"
        case setNull = "SET NULL"
    }

    package let columns: [Int]
    package let parent: Int
    package let parentColumns: [Int]
    package let onDelete: Action
    /// True when the parent table refers back to this one.
    package let isInCycle: Bool
    /// True when the reference names UNIQUE columns that are not the parent's key.
    package let isToUnique: Bool
    /// True when the parent's columns compare without regard to case.
    package let isNocase: Bool

    package init(
        _ columns: [Int], to parent: Int, _ parentColumns: [Int], onDelete: Action, isInCycle: Bool = false,
        isToUnique: Bool = false, isNocase: Bool = false
    ) {
        self.columns = columns
        self.parent = parent
        self.parentColumns = parentColumns
        self.onDelete = onDelete
        self.isInCycle = isInCycle
        self.isToUnique = isToUnique
        self.isNocase = isNocase
    }

    func leads(from child: [Value], to row: [Value]) -> Bool {
        zip(columns, parentColumns).allSatisfy { same(child[$0], row[$1], isNocase: isNocase) }
    }
}

/// A CHECK over two columns of integers.
package enum CheckRule: Hashable, Sendable {
    case inOrder(Int, Int)
    case notBothNull(Int, Int)
    case sumAtMost(Int, Int, Int64)

    func holds(_ row: [Value]) -> Bool {
        switch self {
        case .inOrder(let a, let b):
            guard case .integer(let x) = row[a], case .integer(let y) = row[b] else { return true }
            return x <= y
        case .notBothNull(let a, let b): return row[a] != .null || row[b] != .null
        case .sumAtMost(let a, let b, let most):
            guard case .integer(let x) = row[a], case .integer(let y) = row[b] else { return true }
            return x + y <= most
        }
    }
}

private func same(_ a: Value, _ b: Value, isNocase: Bool) -> Bool {
    if isNocase, case .text(let x) = a, case .text(let y) = b {
        return String(decoding: x, as: UTF8.self).lowercased() == String(decoding: y, as: UTF8.self).lowercased()
    }
    return a == b
}

/// Kinds of constraints, as the issue names them and the run counts them.
package enum ConstraintKind: String, Hashable, Sendable, CaseIterable {
    case unique = "UNIQUE"
    case multiColumn = "UNIQUE, several columns"
    case partial = "UNIQUE, partial"
    case nocase = "UNIQUE, NOCASE"
    case missingParent = "reference to a parent that is not there"
    case deletedParent = "reference to a parent that was deleted"
    case toSelf = "reference to the same table"
    case cycle = "references in a cycle"
    case cascade = "ON DELETE CASCADE"
    case setNull = "ON DELETE SET NULL"
    case restrict = "ON DELETE RESTRICT or none"
    case composite = "reference of several columns"
    case toUnique = "reference to a UNIQUE that is no key"
    case check = "CHECK over two columns"
    case notNull = "NOT NULL"
}

extension Catalogue {
    /// True for tables whose constraints a test can judge.
    package var isJudged: Bool { tables.contains { $0.rules != TableRules() } }

    /// What a row would break if it stood, as given, among the others.
    package func broken(_ row: RowIdentity, by stands: Row, among rows: Rows) -> Set<ConstraintKind> {
        let rules = tables[row.table].rules
        let values = stands.key + stands.data
        var broken: Set<ConstraintKind> = []
        for rule in rules.uniques {
            let clashes = rows.contains { other, data in
                other.table == row.table && other != row && rule.forbids(values, beside: data.key + data.data)
            }
            guard clashes else { continue }
            broken.insert(rule.condition != nil ? .partial : rule.isNocase ? .nocase : .unique)
            if rule.columns.count > 1 { broken.insert(.multiColumn) }
        }
        for rule in rules.references where !rule.columns.contains(where: { values[$0] == .null }) {
            let hasParent = rows.contains { $0.table == rule.parent && rule.leads(from: values, to: $1.key + $1.data) }
            let isOwn = rule.parent == row.table && rule.leads(from: values, to: values)
            if !hasParent && !isOwn { broken.formUnion(kinds(of: rule, in: row.table).union([.missingParent])) }
        }
        if rules.checks.contains(where: { !$0.holds(values) }) { broken.insert(.check) }
        if rules.notNull.contains(where: { values[$0] == .null }) { broken.insert(.notNull) }
        return broken
    }

    /// What breaks when a row that stood goes, or another takes its place; `child` says which rows that refer to it
    /// count.
    package func broken(
        byLosing row: RowIdentity, _ stood: Row, among rows: Rows, replacedBy new: Row? = nil,
        child: (Row) -> Bool = { _ in true }
    ) -> Set<ConstraintKind> {
        var broken: Set<ConstraintKind> = []
        for (place, table) in tables.enumerated() {
            for rule in table.rules.references where rule.parent == row.table {
                let refers = rows.contains { other, data in
                    other.table == place && other != row && child(data)
                        && rule.leads(from: data.key + data.data, to: stood.key + stood.data)
                        && !(new.map { rule.leads(from: data.key + data.data, to: $0.key + $0.data) } ?? false)
                }
                guard refers else { continue }
                broken.formUnion(kinds(of: rule, in: place).union([.deletedParent]))
                switch rule.onDelete {
                case .cascade: broken.insert(.cascade)
                case .setNull: broken.insert(.setNull)
                case .noAction, .restrict: broken.insert(.restrict)
                }
            }
        }
        return broken
    }

    private func kinds(of rule: ReferenceRule, in table: Int) -> Set<ConstraintKind> {
        var kinds: Set<ConstraintKind> = []
        if rule.parent == table { kinds.insert(.toSelf) }
        if rule.isInCycle { kinds.insert(.cycle) }
        if rule.columns.count > 1 { kinds.insert(.composite) }
        if rule.isToUnique { kinds.insert(.toUnique) }
        return kinds
    }
}
