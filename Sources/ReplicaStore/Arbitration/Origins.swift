import Replication

/// Which write each cell of a row repeats: the stamp of the last effective write of it in the log, zero when
/// that is no longer there. (The model: `origin(k,c)`.)
final class Origins {
    let index: ConcurrentIndexBox
    let log: ChangeLog
    let reader: OperationReader
    /// The rows that will be asked for: each change set is decoded once for all of them.
    private let wanted: Set<UInt64>
    private var decoded: [UInt64: [RowID: [LoggedOperation]]] = [:]

    init(index: ConcurrentIndexBox, log: ChangeLog, reader: OperationReader, wanted: Set<UInt64> = []) {
        self.index = index
        self.log = log
        self.reader = reader
        self.wanted = wanted
    }

    /// - Parameter latest: what the change set just taken in wrote, which is not in the index yet.
    func stamps(of row: RowID, columnCount: Int, latest: [Int: Stamp]) throws -> [Stamp] {
        var stamps: [Stamp?] = (0..<columnCount).map { latest[$0] }
        let hash = row.hash64
        for entry in try index.index.entries(holding: hash, log: log) {
            if !stamps.contains(where: { $0 == nil }) { break }
            for operation in try effective(entry.id, row, hash) {
                for (place, column) in operation.columns.enumerated() where stamps[column] == nil {
                    // A carried cell repeats an older write and says which.
                    stamps[column] =
                        operation.cellStamps.isEmpty
                        ? Stamp(hlc: operation.hlc, dot: operation.dot) : operation.cellStamps[place]
                }
            }
        }
        return stamps.map { $0 ?? .zero }
    }

    /// The write of the row, or of one of its cells, that stands last, for saying whose it is.
    func lastWriter(of row: RowID, column: Int? = nil) throws -> LoggedOperation? {
        let hash = row.hash64
        for entry in try index.index.entries(holding: hash, log: log) {
            if let operation = try effective(entry.id, row, hash).first(where: {
                $0.operation.makesExist && (column == nil || $0.index(of: column!) != nil)
            }) {
                return operation
            }
        }
        return nil
    }

    private func effective(_ id: UInt64, _ row: RowID, _ hash: UInt64) throws -> [LoggedOperation] {
        if let known = decoded[id], wanted.contains(hash) { return known[row] ?? [] }
        guard let entry = try log.entry(id: id) else { return [] }
        let asked = wanted.contains(hash) ? wanted : [hash]
        var byRow: [RowID: [LoggedOperation]] = [:]
        for (found, _, operation) in try reader.operations(
            of: entry, variant: entry.isEffective ? .effective : .authored, wanted: asked)
        {
            byRow[found, default: []].append(operation)
        }
        if asked.count > 1 { decoded[id] = byRow }
        return byRow[row] ?? []
    }
}
