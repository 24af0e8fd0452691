import ConflictStore
import OrderedLog
import Replication
import SQLite
import TableModel

/// The merge of rows of one change set at the hub that meet concurrent writes, an open conflict or a constraint: all of
/// them in memory, judged one by one, then put in place together.
/// (Protocol/Merge-Model.md#hub-ingest, Protocol/Merge-Model.md#withholding)
final class ConflictingRows {
    let access: TableAccess
    let log: ChangeLog
    let conflicts: ConflictTable
    let joins: RecordMergeTable
    let incoming: LogEntry
    /// Every row touched, by identity, and their order: by table, then key.
    private(set) var works: [RowID: MergeRow] = [:] {
        didSet { sorted = nil }
    }
    private var sorted: [MergeRow]?
    /// Rows that the hub puts back, in the order in which that was found.
    private(set) var added: [MergeRow] = []
    /// Rows that the hub meant to put back and could not.
    private(set) var givenUp: Set<RowID> = []
    let index: ConcurrentIndexBox
    private let rules: MergeRules
    private let policies: Policies
    /// The seq of the hub's change set that follows this one, if one does.
    private let nextSeq: UInt64
    private let finder: RowFinder
    /// All rows of the change set, of which these may be a part.
    private let rows: IncomingRows
    private let careful: RowGrouping
    /// The change sets that its author had not seen.
    let concurrent: [ConcurrentIndex.Entry]
    private var concurrentRows: ConcurrentRows?
    /// The rows of the change set by what they referred to before it, for those who ask what goes with a parent.
    private var referring: [Int: [UInt64: [MergeRow]]] = [:]

    init(
        _ rows: IncomingRows, careful: RowGrouping, concurrent: [ConcurrentIndex.Entry], access: TableAccess,
        log: ChangeLog, finder: RowFinder, index: ConcurrentIndexBox, rules: MergeRules, policies: Policies
    ) throws {
        self.rows = rows
        self.careful = careful
        self.concurrent = concurrent
        self.rules = rules
        self.policies = policies
        nextSeq = try access.connection.metaNumber(.seq) + 1
        self.access = access
        self.log = log
        self.finder = finder
        self.index = index
        incoming = rows.entry
        conflicts = ConflictTable(connection: access.connection)
        joins = RecordMergeTable(connection: access.connection)
    }

    var ordered: [MergeRow] {
        if let sorted { return sorted }
        let all = works.values.sorted { $0.row < $1.row }
        sorted = all
        return all
    }

    /// Judges rows of the change set: what becomes of each, before constraints are asked.
    func judge(_ ordinals: [UInt32]) throws {
        let operations = try rows.operations(at: ordinals)
        concurrentRows = try ConcurrentRows(
            operations.map(\.found.row), concurrent: concurrent,
            own: index.index.own(seen: incoming.seen, author: incoming.author), log: log, finder: finder,
            conflicts: conflicts)
        for (ordinal, (row, key, operation)) in operations {
            let table = try access.table(row.table, "merging change set \(incoming.header.dot)")
            var others = try inLog.operations(on: row)
            let before = try access.standing(table, key)
            if others.allSatisfy({ $0.operation == .carried || $0.operation == .decided }) {
                others = try unshown(to: operation, on: row, standing: before?.data) + others
            }
            // A key may be spelt in several ways (1 and 1.0, a and A). A writer who had not seen others at the
            // row does not change how it stands: all get the row as the hub spells it.
            let isRespelt = operation.operation.isWholeRow && before != nil && before?.key != key
            let keeps = !operation.operation.isWholeRow || !others.isEmpty
            let work = MergeRow(
                row: row, table: table, key: keeps ? before?.key ?? key : key, origin: .incoming, operation: operation,
                concurrent: others, before: before?.data)
            work.ordinal = ordinal
            work.isRenumbered = rows.isRenumbered
            work.isRespelt = isRespelt && !keeps
            work.keepsSpelling = isRespelt && keeps
            works[row] = work
            try judge(work)
        }
    }

    /// Keeps or brings back what goes with rows whose delete does not stand.
    func undoGroups(of works: [MergeRow]) throws {
        for work in works where work.merge?.pairs.isEmpty == false || work.carries { try undoGroup(of: work) }
    }

    /// What the log says about the rows judged.
    var inLog: ConcurrentRows {
        guard let concurrentRows else { preconditionFailure("rows are judged before the log is asked about them") }
        return concurrentRows
    }

    // MARK: rows of the same change set that are merged elsewhere

    /// Whether the change set writes the row, and nobody beside it.
    func isWrittenAlone(_ row: RowID) -> Bool {
        guard let work = works[row] else { return rows.contains(row) }
        return work.operation != nil && work.concurrent.isEmpty
    }

    /// Whether the change set holds the row, and it is not merged here.
    func isElsewhere(_ row: RowID) -> Bool { works[row] == nil && rows.contains(row) }

    /// The same for a row that is merged carefully, so that it may not stand yet as it will.
    func isUnsettledElsewhere(_ row: RowID) -> Bool {
        works[row] == nil && rows.ordinals(of: row).contains { careful.isBound($0) }
    }

    /// To be thrown when a row here depends on one that is merged elsewhere.
    func entangled(_ work: MergeRow, _ others: [RowID]) -> NeedsGrouping {
        var own = work
        while own.ordinal == nil, let child = own.putBackFor, let next = works[child] { own = next }
        let ordinals = others.flatMap { rows.ordinals(of: $0) }
        guard let ordinal = own.ordinal else { return NeedsGrouping(rows: ordinals) }
        return NeedsGrouping(pairs: ordinals.map { (ordinal, $0) })
    }

    private func judge(_ work: MergeRow) throws {
        let (operation, isElsewhere) = try countingOwn(work.operation!, on: work.row)
        work.operation = operation
        if work.before == nil, operation.operation != .delete, let join = try joins.join(of: work.row),
            !operation.hadSeen(position: join.position)
        {
            work.withheld = Withholding(kind: .deleteUpdate, ledOnBy: join)
            return
        }
        if operation.operation == .update, work.before == nil,
            let earlier = try conflicts.withheld(of: work.row, onlyOpen: true)
                .last(where: { operation.isByAuthor(of: $0.dot) })
        {
            // Its author does not know yet that the row is withheld: the update stays with it.
            // With this it may fit.
            work.withheld = Withholding(kind: .invalid, joins: earlier.conflict, waits: [.row(work.row)])
            return
        }
        let image = work.before == nil ? try image(work.row, work.concurrent) : nil
        let known = work.before ?? image ?? (operation.operation.isWholeRow ? operation.values : nil)
        var policy = try policies.row(work.table, key: work.key, data: known, seq: nextSeq, replicas: replicas)
        policy.isElsewhere = isElsewhere
        let merge = rules.atHub(operation, work.concurrent, work.before, image, policy)
        work.merge = merge
        switch merge.target {
        case .keep: break
        case .write(let columns):
            for column in columns { work.target![column] = operation.value(of: column)! }
        case .put(let row): work.target = row
        case .remove: work.target = nil
        case .noImage: work.withheld = Withholding(kind: .invalid)
        }
        for (column, cell) in merge.decided { work.target?[column] = cell.value }
    }

    /// The replicas that a site has or had.
    private func replicas(ofSite name: String) throws -> Set<UInt32> {
        Set(try ReplicaTable(connection: access.connection).replicas(of: name))
    }

    // MARK: the log

    /// The row as the newest delete among these operations that took effect found it.
    func image(_ row: RowID, _ operations: [LoggedOperation]) throws -> [Value]? {
        try inLog.deleted(row, by: operations)?.data
    }

    /// What a change set of the log does to one of our rows.
    func operation(on row: RowID, in id: UInt64) throws -> LoggedOperation? { try inLog.operation(on: row, in: id) }

    // MARK: rows that go together

    /// A delete that does not stand takes nothing with it: what the same change set deleted or set to NULL
    /// through references to the row comes back too, unless changed since.
    private func undoGroup(of work: MergeRow) throws {
        guard work.withheld == nil, let operation = work.operation, let row = work.target else { return }
        if operation.operation == .delete {
            keepGroup(of: work, row: row)
        } else if work.before == nil, let delete = try inLog.deleted(work.row, by: work.concurrent) {
            try restoreGroup(of: work, row: row, deletedAt: delete.position)
        }
    }

    /// The delete comes in and loses: its companions are still in the table.
    ///
    /// - Returns: the companions that stay, to be put back where they were taken out already.
    @discardableResult
    func keepGroup(of parent: MergeRow, row: [Value]) -> [MergeRow] {
        var kept: [MergeRow] = []
        for reference in parent.table.referencedBy {
            let parentValues = parent.table.pick(reference.parentColumns, key: parent.key, data: row)
            for work in referring(reference, to: parentValues) where work.row != parent.row {
                guard let before = work.before, work.withheld == nil, works[work.row] === work,
                    reference.refers(
                        work.table.pick(reference.childColumns, key: work.key, data: before), to: parentValues)
                else { continue }
                if work.operation?.operation == .delete, work.target == nil {
                    work.target = before
                    work.deleteUndone = true
                    kept.append(work)
                    kept += keepGroup(of: work, row: before)
                } else if let target = work.target, work.operation?.operation.isWholeRow != true {
                    // (Who writes the row anew says itself that it refers to nothing.)
                    for column in reference.childColumns {
                        guard let index = work.table.dataColumns.firstIndex(of: column), target[index] == .null,
                            before[index] != .null
                        else { continue }
                        work.target![index] = before[index]
                        work.rewritten.append(index)
                    }
                    if !work.rewritten.isEmpty { kept.append(work) }
                }
            }
        }
        return kept
    }

    /// The rows of the change set that referred to these values before it, by a reference's own hash of them.
    private func referring(_ reference: TableLayout.Reference, to values: [Value]) -> [MergeRow] {
        let place = access.tables[reference.child]?.references.firstIndex { $0.isSame(as: reference) } ?? 0
        let source = reference.child << 8 | place
        if referring[source] == nil {
            var index: [UInt64: [MergeRow]] = [:]
            for work in ordered where work.row.table == reference.child && work.operation != nil {
                guard let before = work.before else { continue }
                let old = work.table.pick(reference.childColumns, key: work.key, data: before)
                index[reference.hash(old), default: []].append(work)
            }
            referring[source] = index
        }
        return referring[source]?[reference.hash(values)] ?? []
    }

    /// Brings back what the change set at a position deleted or set to NULL through references to a row, unless changed
    /// since.
    ///
    /// - Returns: the rows that are not as they were, to be put in place.
    @discardableResult
    func restoreGroup(of parent: MergeRow, row: [Value], deletedAt position: UInt64) throws -> [MergeRow] {
        var changed: [MergeRow] = []
        for reference in parent.table.referencedBy {
            let table = try access.table(reference.child, "restoring what went with a delete")
            let parentValues = parent.table.pick(reference.parentColumns, key: parent.key, data: row)
            for image in try inLog.companions(at: position, reference, in: table, parentValues)
            where !givenUp.contains(image.row) {
                let now = try access.row(table, image.key)
                if image.operation.operation == .insert, now == nil {
                    guard works[image.row] == nil, !rows.contains(image.row),
                        reference.refers(
                            table.pick(reference.childColumns, key: image.key, data: image.operation.values),
                            to: parentValues),
                        try !isWritten(image.row, since: position, { _ in true })
                    else { continue }
                    let work = putBack(image.row, table, image.key, image.operation.values, for: parent.row)
                    changed.append(work)
                    changed += try restoreGroup(of: work, row: image.operation.values, deletedAt: position)
                } else if image.operation.operation == .update, let now {
                    let columns = try cleared(image, table, reference, parentValues, now, since: position)
                    if let work = try rewrite(columns, of: image, table, now, for: parent) { changed.append(work) }
                }
            }
        }
        return changed
    }

    /// The columns of a reference that a delete cleared and nobody has written since; none when it led elsewhere.
    private func cleared(
        _ image: (row: RowID, key: [Value], operation: LoggedOperation), _ table: TableLayout,
        _ reference: TableLayout.Reference, _ parentValues: [Value], _ now: [Value], since position: UInt64
    ) throws -> [Int] {
        let columns = reference.childColumns.compactMap { table.dataColumns.firstIndex(of: $0) }
        let old = columns.compactMap { image.operation.value(of: $0) }
        guard old.count == parentValues.count, reference.refers(old, to: parentValues) else { return [] }
        let areCleared = try columns.allSatisfy { index in
            try now[index] == .null && !isWritten(image.row, since: position, { $0.index(of: index) != nil })
        }
        return areCleared ? columns : []
    }

    /// Writes cleared columns back. A row that this change set writes as well gets them beside what that wrote; one that
    /// it writes anew says itself that it refers to nothing.
    private func rewrite(
        _ columns: [Int], of image: (row: RowID, key: [Value], operation: LoggedOperation), _ table: TableLayout,
        _ now: [Value], for parent: MergeRow
    ) throws -> MergeRow? {
        if columns.isEmpty { return nil }
        if isElsewhere(image.row) { throw entangled(parent, [image.row]) }
        let work: MergeRow
        if let own = works[image.row] {
            let operation = own.operation
            guard own.withheld == nil, operation.map({ $0.operation == .update }) ?? true,
                columns.allSatisfy({ own.target?[$0] == .null && operation?.index(of: $0) == nil })
            else { return nil }
            work = own
        } else {
            work = MergeRow(
                row: image.row, table: table, key: image.key, origin: .putBack, operation: nil, concurrent: [],
                before: now)
            works[image.row] = work
            added.append(work)
        }
        for column in columns {
            work.target![column] = image.operation.value(of: column)!
            work.rewritten.append(column)
        }
        return work
    }

    /// True when a site or a person has deleted the row behind a position of the hub's order, or written of it what
    /// `counts`: they too meant what they did.
    private func isWritten(
        _ row: RowID, since position: UInt64, _ counts: (LoggedOperation) -> Bool
    ) throws -> Bool {
        try inLog.operations(on: row, since: position, index).contains {
            $0.operation == .delete || ($0.operation.isUserWrite && counts($0))
        }
    }

    /// Adds a row that the hub puts back.
    @discardableResult
    func putBack(_ row: RowID, _ table: TableLayout, _ key: [Value], _ data: [Value], for child: RowID) -> MergeRow {
        let work = MergeRow(
            row: row, table: table, key: key, origin: .putBack, operation: nil, concurrent: [], before: nil)
        work.target = data
        work.putBackFor = child
        works[row] = work
        added.append(work)
        return work
    }

    /// Gives up putting a row back: something that it needs is not to be had. It is not tried again, so that a row that
    /// needs it is withheld at last.
    func forget(_ work: MergeRow) {
        works[work.row] = nil
        givenUp.insert(work.row)
    }

    /// Leaves a judged row to another piece.
    func leave(_ work: MergeRow) { works[work.row] = nil }

    /// The key of a row as it stands in the table: of one of this change set, or as the log last wrote it.
    func key(of row: RowID, _ table: TableLayout) throws -> [Value]? {
        if let work = works[row] { return work.key }
        return try newest(row) { _ in true }?.key
    }

    /// The newest delete of a row in the log.
    func lastDelete(of row: RowID) throws -> LoggedOperation? {
        try newest(row) { $0.operation == .delete }?.operation
    }

    /// The newest operation of the log on a row that `holds`.
    private func newest(_ row: RowID, where holds: (LoggedOperation) -> Bool) throws -> RowFinder.Found? {
        let hash = row.hash64
        var newest: RowFinder.Found?
        try index.index.descend([hash], log: log) { entry, _ in
            guard let logged = try log.entry(id: entry.id) else { return true }
            newest = try finder.operations(of: logged, holding: [hash]).first { $0.row == row && holds($0.operation) }
            return newest == nil
        }
        return newest
    }

    /// A row as the delete at a position of the hub's order found it.
    typealias DeletedRow = (position: UInt64, key: [Value], data: [Value])

    /// The newest delete of a row that the author of this change set had not seen, with the row as it found it.
    func concurrentDelete(of row: RowID) throws -> DeletedRow? {
        try inLog.deleted(row, by: inLog.operations(on: row))
    }
}
