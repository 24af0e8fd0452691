import ConflictStore
import OrderedLog
import Replication
import TableModel

/// Which rows of a change set are merged carefully, and which of those must be together: rows that depend on each other
/// are one unit. Free rows touch no constraint between rows, so each is merged by itself.
final class RowGrouping {
    private let rows: IncomingRows
    private let access: TableAccess
    private var unbound: Set<UInt32> = []
    private var bound: Set<UInt32> = []
    /// Of each row that is tied to others, the next on the way to the one that stands for all of them.
    private var leaders: [UInt32: UInt32] = [:]
    /// Deletes whose children have been looked for.
    private var closed: Set<UInt32> = []

    init(_ rows: IncomingRows, met: [UInt32], access: TableAccess) throws {
        self.rows = rows
        self.access = access
        for ordinal in met {
            let kind = rows.locations.kind(of: ordinal)
            if try access.table(kind.table, "merging change set \(rows.entry.header.dot)").tiesRows(kind) {
                bound.insert(ordinal)
            } else {
                unbound.insert(ordinal)
            }
        }
        // What other rows refer to has changed: only the careful path sees to them.
        for place in rows.locations.blocks {
            let table = try access.table(place.kind.table, "merging change set \(rows.entry.header.dot)")
            guard table.movesParents(place.kind) else { continue }
            for ordinal in 0..<UInt32(place.rowCount) { pull(place.first + ordinal) }
        }
    }

    /// The free rows, ascending.
    var free: [UInt32] { unbound.sorted() }
    /// Free and bound ones, ascending.
    var all: [UInt32] { (unbound.union(bound)).sorted() }
    func isBound(_ ordinal: UInt32) -> Bool { bound.contains(ordinal) }

    /// Takes a row in among the bound ones.
    func pull(_ ordinal: UInt32) {
        if bound.insert(ordinal).inserted { unbound.remove(ordinal) }
    }

    /// Takes both in, to be merged together.
    func tie(_ ordinal: UInt32, _ other: UInt32) {
        pull(ordinal)
        pull(other)
        let (a, b) = (leader(of: ordinal), leader(of: other))
        if a != b { leaders[max(a, b)] = min(a, b) }
    }

    /// Takes every row in, as one unit.
    func tieAll() {
        unbound = []
        bound = Set(0..<UInt32(rows.count))
        leaders = [:]
        for ordinal in bound { leaders[ordinal] = 0 }
    }

    private func leader(of ordinal: UInt32) -> UInt32 {
        var at = ordinal
        while let next = leaders[at], next != at { at = next }
        if at != ordinal { leaders[ordinal] = at }
        return at
    }

    /// The bound rows in units, each ascending, by their first row.
    func units() -> [[UInt32]] {
        var units: [[UInt32]] = []
        var places: [UInt32: Int] = [:]
        for ordinal in bound.sorted() {
            let leader = leader(of: ordinal)
            if let place = places[leader] {
                units[place].append(ordinal)
            } else {
                places[leader] = units.count
                units.append([ordinal])
            }
        }
        return units
    }

    // MARK: what goes together from the start

    /// Ties to each delete of a parent what the change set does to its children: a delete that does not stand takes
    /// nothing with it. To be called while the tables are as before.
    func close() throws {
        try tieByOtherColumns()
        var open = bound.subtracting(closed).sorted()
        while !open.isEmpty {
            closed.formUnion(open)
            var more: [UInt32] = []
            for start in stride(from: 0, to: open.count, by: 4096) {
                let slice = Array(open[start..<min(start + 4096, open.count)])
                for (ordinal, found) in try rows.operations(at: slice.filter { leavesChildren($0) }) {
                    more += try tieChildren(of: ordinal, found)
                }
            }
            open = more.sorted()
        }
    }

    private func leavesChildren(_ ordinal: UInt32) -> Bool {
        let kind = rows.locations.kind(of: ordinal)
        return kind.operation == .delete || access.tables[kind.table]?.movesParents(kind) == true
    }

    private func tieChildren(of ordinal: UInt32, _ found: RowFinder.Found) throws -> [UInt32] {
        let table = try access.table(found.row.table, "merging change set \(rows.entry.header.dot)")
        guard !table.referencedBy.isEmpty, let row = try access.row(table, found.key) else { return [] }
        var more: [UInt32] = []
        for reference in table.referencedBy {
            guard let child = access.tables[reference.child] else { continue }
            let values = table.pick(reference.parentColumns, key: found.key, data: row)
            if values.contains(.null) { continue }
            for key in try access.children(reference, values, limit: -1) {
                for other in rows.ordinals(of: RowID(shape: child.shape, key: key)) {
                    tie(ordinal, other)
                    if !closed.contains(other) { more.append(other) }
                }
            }
        }
        return more
    }

    /// What is written on a row that was joined into another goes to the one that remains: the two stay together.
    ///
    /// - Parameter disputed: key hashes, those of rows that were joined into others among them.
    func tieJoined(disputed: Set<UInt64>) throws {
        let joins = RecordMergeTable(connection: access.connection)
        guard try !disputed.isEmpty && joins.exist() else { return }
        var ordinals: [UInt32] = []
        for hash in rows.hashes where disputed.contains(hash) { ordinals += rows.locations.ordinals(of: hash) }
        for (ordinal, found) in try rows.operations(at: ordinals.sorted()) {
            guard let table = access.tables[found.row.table] else { continue }
            var row = found.row
            var known: Set<UInt64> = []
            while let join = try joins.join(of: row), known.insert(join.id).inserted {
                row = RowID(shape: table.shape, key: join.into)
                for other in rows.ordinals(of: row) { tie(ordinal, other) }
            }
        }
    }

    /// A reference to other columns than the key does not say which row it leads to: the rows of both tables stay
    /// together.
    private func tieByOtherColumns() throws {
        for table in access.tables.values.sorted(by: { $0.number < $1.number }) {
            for reference in table.references {
                guard let parent = access.tables[reference.parent],
                    Set(reference.parentColumns) != Set(parent.keyColumns)
                else { continue }
                let both = bound.filter { [table.number, parent.number].contains(rows.locations.kind(of: $0).table) }
                guard let first = both.min() else { continue }
                for ordinal in both { tie(first, ordinal) }
            }
        }
    }
}

/// Rows of one change set turned out to depend on each other that were not merged together: nothing of the attempt
/// stays, and the next one has them in one unit.
package struct NeedsGrouping: Error {
    package var rows: [UInt32] = []
    var pairs: [(UInt32, UInt32)] = []

    package init(rows: [UInt32] = [], pairs: [(UInt32, UInt32)] = []) {
        self.rows = rows
        self.pairs = pairs
    }
}

extension TableLayout {
    /// True when some constraint ties its rows to each other or to those of other tables.
    var tiesRows: Bool { !uniqueIndexes.isEmpty || !references.isEmpty || !referencedBy.isEmpty }

    /// True when an operation of this kind may touch a constraint between rows: UNIQUE, or a reference from or to it.
    package func tiesRows(_ kind: BlockKind) -> Bool {
        if kind.operation != .update { return tiesRows }
        let tied = Set(references.flatMap(\.childColumns) + referencedBy.flatMap(\.parentColumns))
        return kind.columns.contains { constrainedColumns.contains($0) || tied.contains(dataColumns[$0]) }
    }

    /// True when it may change, in a row that stays, what other rows refer to.
    func movesParents(_ kind: BlockKind) -> Bool {
        guard kind.operation != .insert, !kind.operation.isKeyOnly else { return false }
        return referencedBy.contains { reference in
            reference.parentColumns.contains { column in
                dataColumns.firstIndex(of: column).map { kind.columns.contains($0) } ?? false
            }
        }
    }
}
