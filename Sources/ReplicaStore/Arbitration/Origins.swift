import Replication

/// Which write each cell of a row repeats: the stamp of the last effective write of it in the log, zero when
/// that is no longer there. (The model: `origin(k,c)`.)
struct Origins {
    let index: ConcurrentIndexBox
    let log: ChangeLog
    let reader: OperationReader

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

    /// The write of the row that stands last, for saying whose it is.
    func lastWriter(of row: RowID) throws -> LoggedOperation? {
        let hash = row.hash64
        for entry in try index.index.entries(holding: hash, log: log) {
            if let operation = try effective(entry.id, row, hash).first(where: { $0.operation.makesExist }) {
                return operation
            }
        }
        return nil
    }

    private func effective(_ id: UInt64, _ row: RowID, _ hash: UInt64) throws -> [LoggedOperation] {
        guard let entry = try log.entry(id: id) else { return [] }
        return try reader.operations(of: entry, variant: entry.isEffective ? .effective : .authored, wanted: [hash])
            .filter { $0.row == row }.map(\.operation)
    }
}
