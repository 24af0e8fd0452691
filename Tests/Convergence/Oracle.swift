import Replication
import SimulationKit

/// The value of a replica, computed naively from the whole history of what users did
/// (Protocol/Merge-Model.md#the-function):
///
/// * a row exists if one of its writes is covered by no delete that is known;
/// * a cell holds its write of greatest stamp, those of deleted rows and what a policy decided included.
///
/// It knows contexts, not positions, and shares no code with the merge.
struct Oracle {
    private let byRow: [RowIdentity: [(set: RecordedSet, write: RecordedWrite)]]
    private let verdicts: [History.Verdict]

    /// - Parameters:
    ///   - verdicts: the cells that policies decided, as the hub told.
    ///   - withheld: what the hub keeps out of its tables, and so out of this.
    init(
        _ sets: some Sequence<RecordedSet>, verdicts: [History.Verdict] = [], withheld: [RowIdentity: Set<Dot>] = [:]
    ) {
        self.verdicts = verdicts
        var byRow: [RowIdentity: [(set: RecordedSet, write: RecordedWrite)]] = [:]
        for set in sets {
            for (row, write) in set.writes where withheld[row]?.contains(set.dot) != true {
                byRow[row, default: []].append((set, write))
            }
        }
        self.byRow = byRow
    }

    /// The data columns of every row that exists.
    var rows: [RowIdentity: [Value]] {
        var rows: [RowIdentity: [Value]] = [:]
        for row in byRow.keys {
            if let data = data(of: row) { rows[row] = data }
        }
        return rows
    }

    func data(of row: RowIdentity) -> [Value]? {
        guard let acts = byRow[row] else { return nil }
        let deletes = acts.filter { !$0.write.lives }
        let lives = acts.contains { act in
            act.write.lives && !deletes.contains { $0.set.covers(act.set) }
        }
        guard lives else { return nil }
        var greatest: [Int: (stamp: (UInt64, UInt32, UInt64), value: Value)] = [:]
        for act in acts {
            for (column, value) in act.write.cells
            where greatest[column].map({ $0.stamp < act.set.stamp }) ?? true {
                greatest[column] = (act.set.stamp, value)
            }
        }
        for verdict in verdicts {
            for (column, cell) in verdict.cells[row] ?? [:] {
                let stamp = (cell.stamp.hlc, cell.stamp.replica, cell.stamp.seq)
                if greatest[column].map({ $0.stamp < stamp }) ?? true { greatest[column] = (stamp, cell.value) }
            }
        }
        return greatest.sorted { $0.key < $1.key }.map(\.value.value)
    }
}
