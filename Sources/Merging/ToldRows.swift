import ConflictStore
import Replication

extension ArbitrationWriter {
    /// Tells the others of each row that they would not have as the hub does.
    ///
    /// - Parameters:
    ///   - ledOn: cells that a merge of records has led to rows.
    ///   - replica: the hub's.
    package mutating func tell(
        _ works: [MergeRow], _ ledOn: [MergedRowRedirect], _ policies: Policies, replica: UInt32,
        _ clock: inout HybridClock
    ) throws {
        for work in works {
            // What a join has led to the row goes out with what else the hub says of it.
            let led = ledOn.filter { $0.row == work.row }.flatMap(\.columns)
            if work.withheld != nil {
                // Its author has the row as it wrote it: put it right.
                try carry(work.table, work.row, work.key)
            } else if work.carries {
                try carry(work.table, work.row, work.key, latest: work.latest)
            } else if work.deleteUndone || (work.origin == .putBack && work.before == nil) {
                try carry(work.table, work.row, work.key, as: .restored)
            } else {
                try writeCells(of: work, led, policies, replica, &clock)
            }
        }
    }

    /// Cells that the hub writes in a row which is not carried whole: those that a delete which did not stand had
    /// cleared, those that a join has led there, and those that a policy decides.
    private mutating func writeCells(
        of work: MergeRow, _ led: [Int], _ policies: Policies, _ replica: UInt32, _ clock: inout HybridClock
    ) throws {
        // A unit is written as one, by the hub too.
        let written = policies.table(work.table.number).wholeUnits(Set(work.rewritten + led).sorted())
        var decided = work.decided
        if decided.isEmpty {
            if !written.isEmpty { try update(work.table, work.row, work.key, written) }
            return
        }
        if !written.isEmpty, let values = try access.cells(work.table, work.key, written) {
            // A row occurs in a change set once: these come along, with a stamp above all that is known.
            let stamp = Stamp(hlc: clock.tick(nowMs: 0), replica: replica, seq: 0)
            for (column, value) in zip(written, values) { decided[column] = DecidedCell(value: value, stamp: stamp) }
        }
        try decide(work.table, work.row, work.key, decided)
    }
}
