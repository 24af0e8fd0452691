import ConflictStore
import Replication
import TableModel

/// Why an operation on a row is withheld.
struct Withholding: Hashable {
    let kind: ConflictKind
    /// The rows that stand in its way, for a clash of UNIQUE values.
    var blockers: [RowID] = []
    /// The conflict it joins: an update of a row whose own insert is withheld already.
    var joins: UInt64?
    /// The withheld row that it refers to: it waits with that one, in the same conflict.
    var parent: RowID?
    /// The join that took the row away: what was written goes to the row that remains.
    var ledOnBy: RecordMerge?
    /// What must come or change before it may fit.
    var waits: [ConflictTable.Wait] = []
}

/// One row of a change set on its way through the careful path.
package final class MergeRow {
    enum Origin {
        /// An operation of the change set.
        case incoming
        /// Put back by the hub: a parent, or a row that went with a delete that did not stand.
        case putBack
    }

    /// Its place in the change set; nil for a row that the hub puts back.
    var ordinal: UInt32?
    let row: RowID
    let table: TableLayout
    let key: [Value]
    let origin: Origin
    /// What comes in; nil for a row that the hub puts back.
    var operation: LoggedOperation?
    /// The concurrent operations on the row.
    let concurrent: [LoggedOperation]
    /// The row before this hub transaction, nil when absent.
    let before: [Value]?
    var merge: HubMerge?
    /// The row as it is to be, nil when absent.
    var target: [Value]?
    var withheld: Withholding?
    /// The delete of the row does not stand: it went with another that did not.
    var deleteUndone = false
    /// Data columns that the change set cleared with a delete that did not stand; the hub writes them back.
    var rewritten: [Int] = []
    /// The operation spells the key otherwise than the row that stands, knowingly.
    var isRespelt = false
    /// It does so unaware of others: the row is carried as the hub spells it.
    var keepsSpelling = false
    /// The joins that its references were led on by, from rows that went to those that remain.
    var ledOn: [UInt64] = []
    /// Its change set had another replica number before: its author gets the row as it stands.
    var isRenumbered = false
    /// Set on a parent put back: the child that needed it.
    var putBackFor: RowID?

    init(
        row: RowID, table: TableLayout, key: [Value], origin: Origin, operation: LoggedOperation?,
        concurrent: [LoggedOperation], before: [Value]?
    ) {
        self.row = row
        self.table = table
        self.key = key
        self.origin = origin
        self.operation = operation
        self.concurrent = concurrent
        self.before = before
        target = before
    }

    /// The columns of the operation that go out to the others; nil when nothing of it does.
    var effectiveColumns: [Int]? {
        guard withheld == nil, !deleteUndone, !isLedOnWhole, let columns = merge?.effective else { return nil }
        let left = columns.filter { !rewritten.contains($0) }
        return left.isEmpty && !(operation?.operation.isKeyOnly ?? false) && !columns.isEmpty ? nil : left
    }

    /// The cells that a policy decides.
    var decided: [Int: DecidedCell] {
        guard withheld == nil, !deleteUndone else { return [:] }
        return merge?.decided.filter { !rewritten.contains($0.key) } ?? [:]
    }

    /// True when the row must be carried to those who may have lost it.
    var carries: Bool {
        withheld == nil
            && ((merge?.carries ?? false) || (keepsSpelling && target != nil) || isLedOnWhole || goesBack)
    }

    /// (What the hub writes of its own accord goes out as such.)
    private var goesBack: Bool { isRenumbered && !deleteUndone && rewritten.isEmpty && ledOn.isEmpty }

    /// True when the hub tells the others how the row stands, whole.
    var isPutRight: Bool { withheld != nil || carries || deleteUndone || (origin == .putBack && before == nil) }

    /// A row that came whole and was led on goes to all as it stands.
    private var isLedOnWhole: Bool { !ledOn.isEmpty && (operation?.operation.isWholeRow ?? false) }

    /// The stamps of the cells that the operation brought and that stand, and of those that a policy decides.
    var latest: [Int: Stamp] {
        guard withheld == nil, let operation, operation.operation != .delete else { return [:] }
        var latest: [Int: Stamp] = [:]
        for column in operation.columns where target?[column] == operation.value(of: column) {
            latest[column] = operation.stamp(of: column)
        }
        for (column, cell) in decided { latest[column] = cell.stamp }
        return latest
    }

    /// True when SQLite checks a constraint between rows that a change from `before` to `target` may touch.
    var changesUnique: Bool {
        guard let before, let target else { return true }
        return table.constrainedColumns.contains { before[$0] != target[$0] }
    }
}
