/// What one change set does to one row, with what the merge needs to know of that change set.
package struct LoggedOperation: AuthoredWrite, Hashable, Sendable {
    package let dot: Dot
    package let hlc: UInt64
    /// Its place in the hub's order. One that has not got it yet stands behind everything.
    package let position: UInt64
    /// The position that its author had reached: everything up to there it had seen.
    package let seen: UInt64
    package let operation: Operation
    /// The data columns written, ascending.
    package let columns: [Int]
    package let values: [Value]
    /// The stamp of each cell where the operation brings its own, else empty.
    package let cellStamps: [Stamp]
    /// By how much the author raised a column of the policy `sum`; a column without one was written absolutely.
    package let deltas: [Int: Int64]
    /// Where its author went on from under other replica numbers: the last dot of each that was its own.
    package let line: [Dot]

    package init(
        dot: Dot, hlc: UInt64, position: UInt64, seen: UInt64, operation: Operation, columns: [Int],
        values: [Value], cellStamps: [Stamp] = [], deltas: [Int: Int64] = [:], line: [Dot] = []
    ) {
        precondition(columns.count == values.count)
        self.dot = dot
        self.hlc = hlc
        self.position = position
        self.seen = seen
        self.operation = operation
        self.columns = columns
        self.values = values
        self.cellStamps = cellStamps
        self.deltas = deltas
        self.line = line
    }

    /// True when the author of this one had seen `other`.
    package func covers(_ other: LoggedOperation) -> Bool { hadSeen(other.dot, at: other.position) }

    /// The place of a column within `columns`, nil when it was not written.
    package func index(of column: Int) -> Int? {
        // A whole row, the common case, has every column in its own place.
        if column < columns.count && columns[column] == column { return column }
        return columns.firstIndex(of: column)
    }

    package func value(of column: Int) -> Value? { index(of: column).map { values[$0] } }

    /// The stamp that orders this write of a column among the others.
    package func stamp(of column: Int) -> Stamp? {
        guard let index = index(of: column) else { return nil }
        return cellStamps.isEmpty ? Stamp(hlc: hlc, dot: dot) : cellStamps[index]
    }

    /// True when the cell is one that a policy decided, or repeats one: such a cell counts as the write it stands for.
    package func isDecided(_ column: Int) -> Bool {
        operation.hasStamps && stamp(of: column)?.isDecided ?? false
    }
}
