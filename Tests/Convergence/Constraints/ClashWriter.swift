import Replication
import SimulationKit

/// Writes histories in which sites get into each other's way: each clash is a few steps at two sites, none of which
/// breaks anything where it is written.
struct ClashWriter {
    let catalogue: Catalogue

    /// One of the constraints of the catalogue, with its table.
    private enum Target {
        case unique(Int, UniqueRule)
        case reference(Int, ReferenceRule)
        case check(Int, CheckRule)
        case notNull(Int)
    }

    private var targets: [Target] {
        catalogue.tables.enumerated().flatMap { place, table in
            table.rules.uniques.flatMap { rule in
                Array(repeating: Target.unique(place, rule), count: rule.condition != nil ? 2 : 1)
            }
                + table.rules.references.flatMap { rule in
                    // What goes unnoticed more often than not is tried more often.
                    let isRare = rule.parent == place || rule.isInCycle || rule.onDelete == .setNull
                    return Array(repeating: Target.reference(place, rule), count: isRare ? 3 : 1)
                }
                + table.rules.checks.map { Target.check(place, $0) }
                + (table.rules.notNull.isEmpty ? [] : [Target.notNull(place)])
        }
    }

    /// Steps that let two sites meet at one constraint.
    func clash(_ a: Int, _ b: Int, _ random: inout SeededRandom) -> [Step] {
        var steps: [Step] = random.chance(60) ? [.settle] : []
        switch random.pick(targets) {
        case .unique(let table, let rule): steps += meet(table, rule, a, b, &random)
        case .reference(let table, let rule):
            steps += random.chance(80) ? orphan(table, rule, a, b, &random) : guess(table, a, &random)
        case .check(let table, let rule):
            steps += random.chance(85) ? halves(table, rule, a, b, &random) : guess(table, a, &random)
        case .notNull(let table): steps += guess(table, a, &random)
        }
        return steps
    }

    private func key(_ table: Int, _ random: inout SeededRandom) -> [Value] {
        random.pick(catalogue.tables[table].keys)
    }

    /// The data of a row; what it refers to is there more often than not.
    func data(_ table: Int, _ random: inout SeededRandom) -> [Value] {
        let model = catalogue.tables[table]
        var data = model.values.map { random.pick($0) }
        for rule in model.rules.references {
            let isNullable = model.rules.notNull.isDisjoint(with: rule.columns)
            let values = isNullable && random.chance(40) ? rule.columns.map { _ in .null } : parentValues(rule, &random)
            set(rule.columns, to: values, in: &data, of: table)
        }
        for _ in 0..<5 where !model.rules.checks.allSatisfy({ holds($0, data, of: table) }) {
            for column in model.values.indices where !isReference(column, of: table) {
                data[column] = random.pick(model.values[column])
            }
        }
        return data
    }

    private func holds(_ check: CheckRule, _ data: [Value], of table: Int) -> Bool {
        let row = Row(key: catalogue.tables[table].keys[0], data: data)
        return !catalogue.broken(catalogue.identity(table, row.key), by: row, among: [:]).contains(.check)
    }

    private func isReference(_ column: Int, of table: Int) -> Bool {
        let model = catalogue.tables[table]
        return model.rules.references.contains { $0.columns.contains(column + model.keyColumns.count) }
    }

    /// Values by which a row may refer to one of the parent table.
    private func parentValues(_ rule: ReferenceRule, _ random: inout SeededRandom) -> [Value] {
        let parent = catalogue.tables[rule.parent]
        let key = random.pick(parent.keys)
        return rule.parentColumns.map { column in
            column < key.count ? key[column] : random.pick(parent.values[column - key.count])
        }
    }

    private func set(_ columns: [Int], to values: [Value], in data: inout [Value], of table: Int) {
        let keyCount = catalogue.tables[table].keyColumns.count
        for (column, value) in zip(columns, values) where column >= keyCount { data[column - keyCount] = value }
    }

    private func cells(_ columns: [Int], of data: [Value], _ table: Int) -> [Int: Value] {
        let keyCount = catalogue.tables[table].keyColumns.count
        return Dictionary(uniqueKeysWithValues: columns.map { ($0 - keyCount, data[$0 - keyCount]) })
    }

    /// What programs write otherwise. A REPLACE of a row whose end SQLite carries on to other rows of its own table is
    /// left out: capture takes it for a delete and an insert, the driver for an update.
    func plain(_ writes: [UserWrite]) -> [UserWrite] {
        writes.map { write in
            guard case .orReplace(let table, let key, let data) = write, reachesItself(table) else { return write }
            return .insert(table, key, data)
        }
    }

    private func reachesItself(_ table: Int) -> Bool {
        var reached: Set<Int> = []
        var open = [table]
        while let next = open.popLast() {
            for rule in catalogue.tables[next].rules.references where reached.insert(rule.parent).inserted {
                open.append(rule.parent)
            }
        }
        return reached.contains(table)
    }

    // MARK: clashes

    /// Two sites give two rows the same values.
    private func meet(_ table: Int, _ rule: UniqueRule, _ a: Int, _ b: Int, _ random: inout SeededRandom) -> [Step] {
        let keys = catalogue.tables[table].keys.shuffled(using: &random)
        let shared = data(table, &random)
        var steps: [Step] = []
        for (site, key) in [(a, keys[0]), (b, keys[1])] {
            var mine = data(table, &random)
            var columns = rule.columns
            if let condition = rule.condition {
                columns.append(condition.column)
                set([condition.column], to: [condition.value], in: &mine, of: table)
            }
            for column in rule.columns { set([column], to: [value(shared, column, table)], in: &mine, of: table) }
            if rule.isNocase, random.chance(50) { mine = mine.map(swapCase) }
            var writes: [UserWrite] = [.insert(table, key, mine), .update(table, key, cells(columns, of: mine, table))]
            // A row that is to be withheld, with one that refers to it.
            if random.chance(40), let child = child(of: table, key, mine, &random) { writes.append(child) }
            steps += [.write(site, writes), .seal(site)]
        }
        return steps
    }

    private func value(_ data: [Value], _ column: Int, _ table: Int) -> Value {
        let keyCount = catalogue.tables[table].keyColumns.count
        // NULLs do not clash.
        return data[column - keyCount] == .null
            ? catalogue.tables[table].values[column - keyCount].first { $0 != .null }! : data[column - keyCount]
    }

    private func swapCase(_ value: Value) -> Value {
        guard case .text(let bytes) = value else { return value }
        return .text(bytes.map { $0 >= 0x61 && $0 <= 0x7a ? $0 - 32 : $0 >= 0x41 && $0 <= 0x5a ? $0 + 32 : $0 })
    }

    /// An insert of a row that refers to this one.
    private func child(
        of parent: Int, _ key: [Value], _ data: [Value], _ random: inout SeededRandom
    ) -> UserWrite? {
        let rules = catalogue.tables.enumerated().flatMap { place, table in
            table.rules.references.filter { $0.parent == parent }.map { (place, $0) }
        }
        guard let (table, rule) = rules.randomElement(using: &random) else { return nil }
        return child(table, rule, of: key + data, key: self.key(table, &random), &random)
    }

    private func child(
        _ table: Int, _ rule: ReferenceRule, of parent: [Value], key: [Value], _ random: inout SeededRandom
    ) -> UserWrite {
        var mine = data(table, &random)
        set(rule.columns, to: rule.parentColumns.map { parent[$0] }, in: &mine, of: table)
        return plain([.orReplace(table, key, mine)])[0]
    }

    /// One site deletes a row while the other makes one that refers to it.
    private func orphan(
        _ table: Int, _ rule: ReferenceRule, _ a: Int, _ b: Int, _ random: inout SeededRandom
    ) -> [Step] {
        let parentKey = key(rule.parent, &random)
        let parent = parentKey + data(rule.parent, &random)
        var steps: [Step] = []
        if random.chance(70) {
            steps += [.write(a, [.insert(rule.parent, parentKey, Array(parent[parentKey.count...]))]), .settle]
        }
        var losing: [UserWrite] = []
        if rule.onDelete == .noAction || rule.onDelete == .restrict {
            for child in catalogue.tables[table].keys where random.chance(90) { losing.append(.delete(table, child)) }
        }
        if random.chance(85) {
            losing.append(.delete(rule.parent, parentKey))
        } else if rule.isToUnique {
            let column = rule.parentColumns[0] - parentKey.count
            losing.append(.update(rule.parent, parentKey, [column: .null]))
        } else {
            losing.append(.rekey(rule.parent, parentKey, to: key(rule.parent, &random)))
        }
        let childKey = key(table, &random)
        var gaining = [child(table, rule, of: parent, key: childKey, &random)]
        if rule.isToUnique { gaining.append(.sql(point(table, childKey, rule, to: parentKey))) }
        return steps + [.write(a, losing), .seal(a), .write(b, gaining), .seal(b)]
    }

    /// A row is made to refer to another by whatever value that one has by now.
    private func point(_ table: Int, _ key: [Value], _ rule: ReferenceRule, to parent: [Value]) -> String {
        func name(_ table: Int, _ column: Int) -> String {
            (catalogue.tables[table].keyColumns + catalogue.tables[table].dataColumns)[column].name
        }
        func has(_ table: Int, _ key: [Value]) -> String {
            key.enumerated().map { "\(name(table, $0)) = \($1.literal)" }.joined(separator: " AND ")
        }
        return "UPDATE \(catalogue.tables[table].name) SET \(name(table, rule.columns[0])) = (SELECT"
            + " \(name(rule.parent, rule.parentColumns[0])) FROM \(catalogue.tables[rule.parent].name)"
            + " WHERE \(has(rule.parent, parent))) WHERE \(has(table, key))"
    }

    /// Each site moves one of two columns as far as it may.
    private func halves(
        _ table: Int, _ rule: CheckRule, _ a: Int, _ b: Int, _ random: inout SeededRandom
    ) -> [Step] {
        let key = key(table, &random)
        var begun = data(table, &random)
        let (one, other, start, ends): (Int, Int, [Value], [Value]) =
            switch rule {
            case .inOrder(let x, let y): (x, y, [.integer(1), .integer(2)], [.integer(2), .integer(1)])
            case .notBothNull(let x, let y): (x, y, [.integer(1), .integer(1)], [.null, .null])
            case .sumAtMost(let x, let y, let most):
                (x, y, [.integer(1), .integer(1)], [.integer(most - 1), .integer(most - 1)])
            }
        set([one, other], to: start, in: &begun, of: table)
        var far = begun
        set([one, other], to: ends, in: &far, of: table)
        return [
            .write(a, [.insert(table, key, begun), .update(table, key, cells([one, other], of: begun, table))]),
            .settle, .write(a, [.update(table, key, cells([one], of: far, table))]), .seal(a),
            .write(b, [.update(table, key, cells([other], of: far, table))]), .seal(b),
        ]
    }

    /// A program with its checks off writes what it likes.
    private func guess(_ table: Int, _ site: Int, _ random: inout SeededRandom) -> [Step] {
        let model = catalogue.tables[table]
        var wild = model.values.map { random.pick($0) }
        for column in model.rules.notNull where random.chance(60) {
            wild[column - model.keyColumns.count] = .null
        }
        let key = key(table, &random)
        let write: UserWrite =
            switch random.int(0...3) {
            case 0, 1: plain([.orReplace(table, key, wild)])[0]
            case 2: .update(table, key, Dictionary(uniqueKeysWithValues: wild.enumerated().map { ($0, $1) }))
            default: .delete(table, key)
            }
        return [.uncheckedWrite(site, [write]), .seal(site)]
    }
}
