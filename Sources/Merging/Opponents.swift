import ConflictStore
import OrderedLog
import Replication
import TableModel

/// Who disagrees with a withheld write, and what both saw before: the same in whichever order they came.
/// (Protocol/Merge-Model.md#withholding)
extension ConflictRegister {
    /// The writes that it cannot stand beside, one side for each author.
    func opponents(
        of work: MergeRow, _ operation: LoggedOperation, _ withholding: Withholding
    ) throws -> [ConflictSide] {
        var sides: [ConflictSide] = []
        func add(_ side: ConflictSide?) {
            guard let side, !operation.isByAuthor(of: side.dot) else { return }
            if let place = sides.firstIndex(where: { $0.dot.replica == side.dot.replica && $0.key == side.key }) {
                if sides[place].position < side.position { sides[place] = side }
            } else {
                sides.append(side)
            }
        }
        for row in withholding.blockers { add(try standingSide(row, work.table)) }
        if withholding.kind == .foreignKey, operation.operation == .delete {
            try children(of: work, operation).forEach(add)
        }
        if withholding.kind == .check || withholding.kind == .foreignKey {
            for other in work.concurrent where other.operation.isUserWrite { add(latestSide(other, work)) }
        }
        return sides
    }

    /// The row as the author of a withheld write and those who wrote beside it saw it.
    func withheldBase(_ work: MergeRow, _ operation: LoggedOperation) throws -> [Value]? {
        guard var base = work.before else { return nil }
        for column in base.indices where work.concurrent.contains(where: { $0.index(of: column) != nil }) {
            base[column] = try cellBase(work, operation, column)
        }
        return base
    }

    /// Rows that refer to one that is to go, and that the author of the delete had not seen: of each site one that its
    /// newest such change set has written.
    private func children(of work: MergeRow, _ operation: LoggedOperation) throws -> [ConflictSide] {
        let rows = try unseenChildren(of: work)
        let hashes = rows.keys.sorted()
        var sides: [UInt32: ConflictSide] = [:]
        // By the change sets' key hashes: to ask the log about each of very many rows takes too long.
        for entry in merge.concurrent.sorted(by: { $0.position > $1.position }) {
            if sides[entry.dot.replica] != nil { continue }
            let found = KeyHashes.shared(entry.hashes, hashes).map { rows[$0]! }.sorted { $0.row < $1.row }
            for (row, table) in found.prefix(64) {
                guard let side = try standingSide(row, table, of: work.table),
                    !operation.hadSeen(side.dot, at: side.position)
                else { continue }
                if sides[side.dot.replica] == nil { sides[side.dot.replica] = side }
                if side.dot.replica == entry.dot.replica { break }
            }
        }
        return sides.values.sorted { $0.position < $1.position }
    }

    /// The rows that refer to one that is to go, by their key hashes, without those that the same change set takes along.
    private func unseenChildren(of work: MergeRow) throws -> [UInt64: (row: RowID, table: TableLayout)] {
        var rows: [UInt64: (row: RowID, table: TableLayout)] = [:]
        guard let before = work.before else { return rows }
        for reference in work.table.referencedBy {
            guard let table = merge.access.tables[reference.child] else { continue }
            let values = work.table.pick(reference.parentColumns, key: work.key, data: before)
            if values.contains(.null) { continue }
            for key in try merge.access.children(reference, values, limit: Int(Int32.max)) {
                let row = RowID(shape: table.shape, key: key)
                if !merge.isWrittenAlone(row) { rows[row.hash64] = (row, table) }
            }
        }
        return rows
    }

    /// A row that stands, with who wrote it last.
    ///
    /// - Parameter other: the conflict's table, where the row is of another one.
    private func standingSide(
        _ row: RowID, _ table: TableLayout, of other: TableLayout? = nil
    ) throws -> ConflictSide? {
        guard let writer = try origins.lastWriter(of: row),
            let found = try merge.key(of: row, table), let data = try merge.access.row(table, found)
        else { return nil }
        return ConflictSide(
            dot: writer.dot, hlc: writer.hlc, position: writer.position, value: nil,
            row: Dictionary(uniqueKeysWithValues: data.enumerated().map { ($0, $1) }), key: found,
            table: other == nil || other?.number == table.number ? nil : table.number)
    }
}
