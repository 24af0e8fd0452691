import Replication
import SimulationKit

/// Two to four tables out of a seed, with three to five kinds of constraints spread over them.
struct RandomSchema {
    private enum Feature: CaseIterable {
        case unique, multiColumn, partial, nocase, expression
        case reference, cascade, setNull, toSelf, cycle, composite, toUnique
        case inOrder, notBothNull, sumAtMost, notNull
    }

    /// A table as it grows.
    private struct Draft {
        let name: String
        var keyColumns: [TableModel.Column]
        var collations: [Collation]
        var keys: [[Value]]
        var dataColumns: [TableModel.Column] = []
        var values: [[Value]] = []
        var constraints: [String] = []
        var indexes: [String] = []
        var rules = TableRules()

        var columnCount: Int { keyColumns.count + dataColumns.count }

        /// Adds a data column; returns its place among all columns.
        mutating func add(_ name: String, _ declaration: String, _ pool: [Value]) -> Int {
            dataColumns.append(TableModel.Column("\(name)\(dataColumns.count)", declaration))
            values.append(pool)
            return columnCount - 1
        }

        func name(_ column: Int) -> String { (keyColumns + dataColumns)[column].name }
        func names(_ columns: [Int]) -> String { columns.map(name).joined(separator: ", ") }
    }

    let catalogue: Catalogue

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        // Each kind has its turn, so that a run of a few dozen schemas has all of them often enough.
        var features: Set = [Feature.allCases[Int(seed % UInt64(Feature.allCases.count))]]
        let count = random.int(3...5)
        while features.count < count { features.insert(random.pick(Feature.allCases)) }
        var drafts = (0..<random.int(2...4)).map { RandomSchema.draft($0, &random) }
        if features.contains(.composite) { drafts[0] = RandomSchema.draft(0, &random, isComposite: true) }
        // In the order of their declaration, so that a seed means the same in every process.
        for feature in Feature.allCases where features.contains(feature) {
            RandomSchema.add(feature, to: &drafts, &random)
        }
        catalogue = Catalogue(
            drafts.map { draft in
                TableModel(
                    draft.name, keyColumns: draft.keyColumns, collations: draft.collations,
                    dataColumns: draft.dataColumns, constraints: draft.constraints, keys: draft.keys,
                    values: draft.values, options: draft.keyColumns.count > 1 ? "WITHOUT ROWID" : "",
                    rules: draft.rules, indexes: draft.indexes)
            })
    }

    private static let small: [Value] = [.integer(0), .integer(1), .integer(2), .integer(3)]
    private static let names = ["person", "ward", "stay", "visit"]

    private static func draft(_ place: Int, _ random: inout SeededRandom, isComposite: Bool = false) -> Draft {
        let letter = Array("kpqr")[place]
        var draft: Draft
        if isComposite || random.chance(15) {
            draft = Draft(
                name: names[place],
                keyColumns: [
                    TableModel.Column("site", "TEXT NOT NULL"), TableModel.Column("number", "INTEGER NOT NULL"),
                ], collations: [.binary, .binary],
                keys: [[.text("a"), .integer(1)], [.text("a"), .integer(2)], [.text("b"), .integer(1)]])
        } else if random.chance(15) {
            draft = Draft(
                name: names[place], keyColumns: [TableModel.Column("code", "TEXT COLLATE NOCASE NOT NULL")],
                collations: [.nocase], keys: [[.text("a")], [.text("A")], [.text("b")], [.text("c")]])
        } else {
            draft = Draft(
                name: names[place], keyColumns: [TableModel.Column("id", "TEXT NOT NULL")], collations: [.binary],
                keys: (1...3).map { [.text("\(letter)\($0)")] })
        }
        _ = draft.add("note", "", small)
        return draft
    }

    private static func add(_ feature: Feature, to drafts: inout [Draft], _ random: inout SeededRandom) {
        let place = random.int(0...drafts.count - 1)
        let other = (place + random.int(1...drafts.count - 1)) % drafts.count
        switch feature {
        case .unique, .multiColumn, .partial, .nocase, .expression: addUnique(feature, to: &drafts[place], &random)
        case .inOrder, .notBothNull, .sumAtMost: addCheck(feature, to: &drafts[place])
        case .notNull:
            let column = drafts[place].add("must", "INTEGER NOT NULL", small)
            drafts[place].rules.notNull.insert(column)
        case .reference: refer(&drafts, place, to: other, random.pick([.noAction, .restrict]), &random)
        case .cascade: refer(&drafts, place, to: other, .cascade, &random)
        case .setNull: refer(&drafts, place, to: other, .setNull, &random)
        case .toSelf: refer(&drafts, place, to: place, random.pick(ReferenceRule.Action.allCases), &random)
        case .cycle:
            let actions = ReferenceRule.Action.allCases
            refer(&drafts, place, to: other, random.pick(actions), isInCycle: true, &random)
            refer(&drafts, other, to: place, random.pick(actions), isInCycle: true, &random)
        // The first table has a composite key then.
        case .composite:
            refer(
                &drafts, random.int(0...drafts.count - 1), to: 0, random.pick(ReferenceRule.Action.allCases), &random)
        case .toUnique:
            let column = drafts[other].add("code", "INTEGER UNIQUE", small)
            drafts[other].rules.uniques.append(UniqueRule([column]))
            refer(
                &drafts, place, to: other, random.pick(ReferenceRule.Action.allCases), naming: [column], &random)
        }
    }

    private static func addUnique(_ feature: Feature, to draft: inout Draft, _ random: inout SeededRandom) {
        let few: [Value] = [.integer(1), .integer(2), .integer(3), .null]
        switch feature {
        case .unique:
            let column = draft.add("slot", "INTEGER UNIQUE", few)
            draft.rules.uniques.append(UniqueRule([column]))
        case .multiColumn:
            let columns = [
                draft.add("bed", "INTEGER", [.integer(1), .integer(2)]),
                draft.add("night", "TEXT", [.text("x"), .text("y"), .text("z")]),
            ]
            draft.constraints.append("UNIQUE (\(draft.names(columns)))")
            draft.rules.uniques.append(UniqueRule(columns))
        case .partial:
            var columns = [draft.add("place", "INTEGER", [.integer(1), .integer(2)])]
            if random.chance(30) { columns.append(draft.add("night", "TEXT", [.text("x"), .text("y")])) }
            let active = draft.add("active", "INTEGER", [.integer(0), .integer(1), .integer(1)])
            draft.indexes.append(
                "CREATE UNIQUE INDEX \(draft.name)_place ON \(draft.name)(\(draft.names(columns)))"
                    + " WHERE \(draft.name(active)) = 1")
            draft.rules.uniques.append(UniqueRule(columns, condition: .init(column: active, value: .integer(1))))
        case .nocase:
            let pool: [Value] = ["a", "A", "b", "B"].map { .text($0) }
            let column = draft.add("name", "TEXT COLLATE NOCASE", pool)
            if random.chance(50) {
                draft.constraints.append("UNIQUE (\(draft.name(column)))")
            } else {
                draft.indexes.append("CREATE UNIQUE INDEX \(draft.name)_name ON \(draft.name)(\(draft.name(column)))")
            }
            draft.rules.uniques.append(UniqueRule([column], isNocase: true))
        default:
            let pool: [Value] = ["a", "A", "b", "B"].map { .text($0) }
            let column = draft.add("label", "TEXT", pool)
            draft.indexes.append(
                "CREATE UNIQUE INDEX \(draft.name)_label ON \(draft.name)(lower(\(draft.name(column))))")
            draft.rules.uniques.append(UniqueRule([column], isNocase: true))
        }
    }

    private static func addCheck(_ feature: Feature, to draft: inout Draft) {
        let withNull: [Value] = [.integer(1), .integer(2), .integer(3), .null]
        let isNullable = feature == .notBothNull
        let a = draft.add("low", "INTEGER", isNullable ? withNull : small)
        let b = draft.add("high", "INTEGER", isNullable ? withNull : small)
        let (x, y) = (draft.name(a), draft.name(b))
        switch feature {
        case .inOrder:
            draft.constraints.append("CHECK (\(x) <= \(y))")
            draft.rules.checks.append(.inOrder(a, b))
        case .notBothNull:
            draft.constraints.append("CHECK (\(x) IS NOT NULL OR \(y) IS NOT NULL)")
            draft.rules.checks.append(.notBothNull(a, b))
        default:
            draft.constraints.append("CHECK (\(x) + \(y) <= 4)")
            draft.rules.checks.append(.sumAtMost(a, b, 4))
        }
    }

    /// Adds columns to table `child` that refer to the key of table `parent`, or to the columns named.
    private static func refer(
        _ drafts: inout [Draft], _ child: Int, to parent: Int, _ action: ReferenceRule.Action, isInCycle: Bool = false,
        naming: [Int]? = nil, _ random: inout SeededRandom
    ) {
        let target = drafts[parent]
        let parentColumns = naming ?? Array(target.keyColumns.indices)
        // A row may say NULL when there is none to name yet, or when its parent goes.
        let isNullable = action == .setNull || isInCycle || child <= parent || random.chance(50)
        var columns: [Int] = []
        for (place, column) in parentColumns.enumerated() {
            let type =
                column < target.keyColumns.count
                ? target.keyColumns[column].declaration.split(separator: " ")[0] : "INTEGER"
            var pool = column < target.keyColumns.count ? target.keys.map { $0[place] } : small
            if isNullable { pool.append(.null) }
            columns.append(
                drafts[child].add("to_\(target.name)_", isNullable ? "\(type)" : "\(type) NOT NULL", pool))
        }
        if !isNullable { drafts[child].rules.notNull.formUnion(columns) }
        var text = "FOREIGN KEY (\(drafts[child].names(columns))) REFERENCES \(target.name)"
        text += "(\(target.names(parentColumns)))"
        if action != .noAction || random.chance(50) { text += " ON DELETE \(action.rawValue)" }
        if random.chance(20) { text += " ON UPDATE CASCADE" }
        if isInCycle && random.chance(50) { text += " DEFERRABLE INITIALLY DEFERRED" }
        drafts[child].constraints.append(text)
        drafts[child].rules.references.append(
            ReferenceRule(
                columns, to: parent, parentColumns, onDelete: action, isInCycle: isInCycle, isToUnique: naming != nil,
                isNocase: naming == nil && target.collations.contains(.nocase)))
    }
}
