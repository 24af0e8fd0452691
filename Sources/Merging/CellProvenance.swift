import OrderedLog
import Replication

/// Which write each cell of a row repeats: the stamp of the last effective write of it in the log, zero when
/// that is no longer there. (Protocol/Merge-Model.md#origin-of-a-cell)
package final class CellProvenance {
    package let index: ConcurrentIndexBox
    package let log: ChangeLog
    private let finder: RowFinder
    /// The key hashes of rows that will be asked for, ascending: they are looked up together.
    private let wanted: [UInt64]
    private var found: [RowID: [LoggedOperation]]?

    package init(index: ConcurrentIndexBox, log: ChangeLog, finder: RowFinder, wanted: some Sequence<RowID> = []) {
        self.index = index
        self.log = log
        self.finder = finder
        self.wanted = wanted.map(\.hash64).sorted()
    }

    /// - Parameter latest: what the change set just taken in wrote, which is not in the index yet.
    package func stamps(of row: RowID, columnCount: Int, latest: [Int: Stamp]) throws -> [Stamp] {
        var stamps: [Stamp?] = (0..<columnCount).map { latest[$0] }
        if !stamps.contains(where: { $0 == nil }) { return stamps.map { $0! } }
        for operation in try operations(on: row) {
            for (place, column) in operation.columns.enumerated() where stamps[column] == nil {
                // A carried cell repeats an older write and says which.
                stamps[column] =
                    operation.cellStamps.isEmpty
                    ? Stamp(hlc: operation.hlc, dot: operation.dot) : operation.cellStamps[place]
            }
        }
        return stamps.map { $0 ?? .zero }
    }

    /// The write of the row, or of one of its cells, that stands last, for saying whose it is.
    package func lastWriter(of row: RowID, column: Int? = nil) throws -> LoggedOperation? {
        var last: LoggedOperation?
        try index.index.descend([row.hash64], log: log) { entry, hashes in
            last = try effective(entry.id, hashes).first {
                $0.row == row && $0.operation.operation.makesExist
                    && (column == nil || $0.operation.index(of: column!) != nil)
            }?.operation
            return last == nil
        }
        return last
    }

    /// What is in the log about a row, newest first, back to the last write of all its columns.
    private func operations(on row: RowID) throws -> [LoggedOperation] {
        guard KeyHashes.contains(wanted, row.hash64) else { return try gather([row.hash64])[row] ?? [] }
        if let found { return found[row] ?? [] }
        let all = try gather(wanted)
        found = all
        return all[row] ?? []
    }

    private func gather(_ hashes: [UInt64]) throws -> [RowID: [LoggedOperation]] {
        var byRow: [RowID: [LoggedOperation]] = [:]
        var open = hashes
        try index.index.descend(hashes, log: log) { entry, hashes in
            let asked = KeyHashes.shared(hashes, open)
            if asked.isEmpty { return true }
            var whole: Set<UInt64> = []
            for (row, _, operation) in try effective(entry.id, asked) {
                byRow[row, default: []].append(operation)
                if operation.operation.isWholeRow { whole.insert(row.hash64) }
            }
            if !whole.isEmpty { open.removeAll { whole.contains($0) } }
            return !open.isEmpty
        }
        return byRow
    }

    private func effective(_ id: UInt64, _ hashes: [UInt64]) throws -> [RowFinder.Found] {
        guard let entry = try log.entry(id: id) else { return [] }
        return try finder.operations(of: entry, entry.isEffective ? .effective : .authored, holding: hashes)
    }
}
