import Replication
import SQLite

/// The merge of one change set at the hub when it meets concurrent writes, an open conflict or a constraint:
/// every row of it in memory, judged one by one, then put in place together.
/// (DESIGN, section 6; the model, "Hub, ingest" and "Withholding".)
final class CarefulMerge {
    let access: TableAccess
    let log: ChangeLog
    let reader: OperationReader
    let conflicts: ConflictTable
    let joins: JoinTable
    let incoming: LogEntry
    /// Every row touched, by identity, and their order: by table, then key.
    private(set) var works: [RowID: RowWork] = [:] {
        didSet { sorted = nil }
    }
    private var sorted: [RowWork]?
    /// Rows that the hub meant to put back and could not.
    private(set) var givenUp: Set<RowID> = []
    private var decodedImages: [UInt64: Images] = [:]
    private var concurrentEntries: [UInt64: LogEntry] = [:]
    private var decodedEntries: [UInt64: [RowID: LoggedOperation]] = [:]
    let index: ConcurrentIndexBox
    private let rules: MergeRules
    private let policies: Policies
    /// The seq of the hub's change set that follows this one, if one does.
    private let nextSeq: UInt64
    /// The keys of the change set: what else concurrent ones hold is not decoded for it.
    private var wanted: Set<UInt64>

    init(
        access: TableAccess, log: ChangeLog, incoming: LogEntry, keyHashes: [UInt64], index: ConcurrentIndexBox,
        rules: MergeRules, policies: Policies
    ) throws {
        self.rules = rules
        self.policies = policies
        nextSeq = try access.connection.metaNumber(.seq) + 1
        wanted = Set(keyHashes)
        self.access = access
        self.log = log
        self.incoming = incoming
        self.index = index
        reader = OperationReader(log: log, shapes: access.tables.mapValues(\.shape))
        conflicts = ConflictTable(connection: access.connection)
        joins = JoinTable(connection: access.connection)
    }

    var ordered: [RowWork] {
        if let sorted { return sorted }
        let all = works.values.sorted { $0.row < $1.row }
        sorted = all
        return all
    }

    /// Judges every row: what becomes of it, before constraints are asked.
    func judge(_ segments: [Segment], concurrent: [ConcurrentIndex.Entry]) throws {
        for (row, key, operation) in try reader.operations(of: incoming, segments: segments) {
            let table = try access.table(row.table, "merging change set \(incoming.header.dot)")
            let others = try operations(on: row, concurrent)
            let before = try access.row(table, key)
            // A key may be spelt in several ways (1 and 1.0, a and A). A writer who had not seen others at the
            // row does not change how it stands: all get the row as the hub spells it.
            let standing = before == nil ? nil : try access.spelling(table, key)
            let isRespelt = operation.operation.isWholeRow && standing != nil && standing != key
            let keeps = !operation.operation.isWholeRow || !others.isEmpty
            let work = RowWork(
                row: row, table: table, key: keeps ? standing ?? key : key, origin: .incoming, operation: operation,
                concurrent: others, before: before)
            work.isRespelt = isRespelt && !keeps
            work.keepsSpelling = isRespelt && keeps
            works[row] = work
            try judge(work)
        }
        for work in ordered where work.merge?.pairs.isEmpty == false || work.carries { try undoGroup(of: work) }
    }

    private func judge(_ work: RowWork) throws {
        let operation = work.operation!
        if work.before == nil, operation.operation != .delete, let join = try joins.join(of: work.row),
            operation.seen < join.position
        {
            work.withheld = Withholding(kind: .deleteUpdate, ledOnBy: join)
            return
        }
        if operation.operation == .update, work.before == nil,
            let earlier = try conflicts.withheld(of: work.row, onlyOpen: true)
                .last(where: { $0.dot.replica == operation.dot.replica })
        {
            // Its author does not know yet that the row is withheld: the update stays with it.
            work.withheld = Withholding(kind: .invalid, joins: earlier.conflict)
            return
        }
        let image = work.before == nil ? try image(work.row, work.concurrent) : nil
        let known = work.before ?? image ?? (operation.operation.isWholeRow ? operation.values : nil)
        let policy = try policies.row(work.table, key: work.key, data: known, seq: nextSeq, replicas: replicas)
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
        let statement = try access.connection.cached("SELECT replica FROM samband_replica WHERE site = ?1")
        try statement.bind(at: 1, text: name)
        defer { statement.reset() }
        var found: Set<UInt32> = []
        while try statement.step() { found.insert(UInt32(statement.integer(0))) }
        return found
    }

    // MARK: the log

    /// The operations on a row among the concurrent change sets, oldest first, without those withheld.
    private func operations(
        on row: RowID, _ concurrent: [ConcurrentIndex.Entry]
    ) throws -> [LoggedOperation] {
        let hash = row.hash64
        if wanted.insert(hash).inserted {
            // A row that only a reference leads to: what was decoded without it is decoded anew.
            decodedEntries = [:]
        }
        var found: [LoggedOperation] = []
        for entry in concurrent where KeyHashes.contains(entry.hashes, hash) {
            if let operation = try operations(of: entry.id)[row] { found.append(operation) }
        }
        if found.isEmpty { return [] }
        let withheld = Set(try conflicts.withheld(of: row, onlyOpen: false).map(\.dot))
        return found.filter { !withheld.contains($0.dot) }
    }

    private func operations(of id: UInt64) throws -> [RowID: LoggedOperation] {
        if let known = decodedEntries[id] { return known }
        guard let entry = try entry(id) else { return [:] }
        var byRow: [RowID: LoggedOperation] = [:]
        for (row, _, operation) in try reader.operations(of: entry, wanted: wanted) { byRow[row] = operation }
        decodedEntries[id] = byRow
        return byRow
    }

    private func entry(_ id: UInt64) throws -> LogEntry? {
        if let known = concurrentEntries[id] { return known }
        let entry = try log.entry(id: id)
        concurrentEntries[id] = entry
        return entry
    }

    /// The row as the newest delete among these operations that took effect found it. (One that came when the
    /// row was gone already has no image.)
    func image(_ row: RowID, _ operations: [LoggedOperation]) throws -> [Value]? {
        try effectiveDelete(of: row, operations)?.data
    }

    private func effectiveDelete(of row: RowID, _ operations: [LoggedOperation]) throws -> DeletedRow? {
        for delete in operations.reversed() where delete.operation == .delete {
            if let image = try images(ofChangeAt: delete.position).byRow[row], image.operation.operation == .insert {
                return (delete.position, image.key, image.operation.values)
            }
        }
        return nil
    }

    /// An undo image, as a list and by row.
    struct Images {
        let list: [(row: RowID, key: [Value], operation: LoggedOperation)]
        let byRow: [RowID: (key: [Value], operation: LoggedOperation)]
    }

    /// The undo image of the change set at a position of the hub's order, read once for all rows that ask.
    func images(ofChangeAt position: UInt64) throws -> Images {
        if let known = decodedImages[position] { return known }
        guard let entry = try entry(position) else { return Images(list: [], byRow: [:]) }
        let list = try reader.operations(of: entry, variant: .undo)
        var byRow: [RowID: (key: [Value], operation: LoggedOperation)] = [:]
        for (row, key, operation) in list { byRow[row] = (key, operation) }
        let images = Images(list: list, byRow: byRow)
        decodedImages[position] = images
        return images
    }

    /// What a change set of the log does to one of our rows.
    func operation(on row: RowID, in id: UInt64) throws -> LoggedOperation? { try operations(of: id)[row] }

    // MARK: rows that go together

    /// A delete that does not stand takes nothing with it: what the same change set deleted or set to NULL
    /// through references to the row comes back too, unless changed since.
    private func undoGroup(of work: RowWork) throws {
        guard work.withheld == nil, let operation = work.operation, let row = work.target else { return }
        if operation.operation == .delete {
            keepGroup(of: work, row: row)
        } else if work.before == nil, let delete = try effectiveDelete(of: work.row, work.concurrent) {
            try restoreGroup(of: work, row: row, deletedAt: delete.position)
        }
    }

    /// The delete comes in and loses: its companions are still in the table.
    ///
    /// - Returns: the companions that stay, to be put back where they were taken out already.
    @discardableResult
    func keepGroup(of parent: RowWork, row: [Value]) -> [RowWork] {
        var kept: [RowWork] = []
        for reference in parent.table.referencedBy {
            let parentValues = parent.table.pick(reference.parentColumns, key: parent.key, data: row)
            for work in ordered where work.row.table == reference.child && work.row != parent.row {
                guard let before = work.before, work.withheld == nil,
                    reference.refers(
                        work.table.pick(reference.childColumns, key: work.key, data: before), to: parentValues)
                else { continue }
                if work.operation?.operation == .delete, work.target == nil {
                    work.target = before
                    work.deleteUndone = true
                    kept.append(work)
                    kept += keepGroup(of: work, row: before)
                } else if let target = work.target {
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

    /// Brings back what the change set at a position deleted or set to NULL through references to a row, unless changed
    /// since.
    func restoreGroup(of parent: RowWork, row: [Value], deletedAt position: UInt64) throws {
        try restoreGroup(of: parent, row: row, images: images(ofChangeAt: position).list, since: position)
    }

    /// The delete came first and took companions along: they come back from its undo image.
    private func restoreGroup(
        of parent: RowWork, row: [Value], images: [(row: RowID, key: [Value], operation: LoggedOperation)],
        since position: UInt64
    ) throws {
        for reference in parent.table.referencedBy {
            let parentValues = parent.table.pick(reference.parentColumns, key: parent.key, data: row)
            for image in images
            where image.row.table == reference.child && works[image.row] == nil && !givenUp.contains(image.row) {
                let table = try access.table(image.row.table, "restoring what went with a delete")
                let now = try access.row(table, image.key)
                if image.operation.operation == .insert, now == nil {
                    guard
                        reference.refers(
                            table.pick(reference.childColumns, key: image.key, data: image.operation.values),
                            to: parentValues),
                        try !isWritten(image.row, since: position, { _ in true })
                    else { continue }
                    let work = putBack(image.row, table, image.key, image.operation.values, for: parent.row)
                    try restoreGroup(of: work, row: image.operation.values, images: images, since: position)
                } else if image.operation.operation == .update, let now {
                    try rewriteCleared(image, table, reference, parentValues, now, since: position)
                }
            }
        }
    }

    private func rewriteCleared(
        _ image: (row: RowID, key: [Value], operation: LoggedOperation), _ table: TableLayout,
        _ reference: TableLayout.Reference, _ parentValues: [Value], _ now: [Value], since position: UInt64
    ) throws {
        let old = reference.childColumns.compactMap { column in
            table.dataColumns.firstIndex(of: column).flatMap { image.operation.value(of: $0) }
        }
        guard old.count == parentValues.count, reference.refers(old, to: parentValues) else { return }
        let work = RowWork(
            row: image.row, table: table, key: image.key, origin: .putBack, operation: nil, concurrent: [],
            before: now)
        for column in reference.childColumns {
            guard let index = table.dataColumns.firstIndex(of: column), now[index] == .null,
                try !isWritten(image.row, since: position, { $0.index(of: index) != nil })
            else { return }
            work.target![index] = image.operation.value(of: index)!
            work.rewritten.append(index)
        }
        works[image.row] = work
    }

    /// True when a site or a person has deleted the row behind a position of the hub's order, or written of it what
    /// `counts`: they too meant what they did.
    private func isWritten(
        _ row: RowID, since position: UInt64, _ counts: (LoggedOperation) -> Bool
    ) throws -> Bool {
        let hash = row.hash64
        let withheld = Set(try conflicts.withheld(of: row, onlyOpen: false).map(\.dot))
        for entry in try index.index.entries(holding: hash, log: log) where entry.position > position {
            guard let logged = try log.entry(id: entry.id) else { continue }
            let found = try reader.operations(of: logged, wanted: [hash]).first { $0.row == row }?.operation
            guard let found, !withheld.contains(found.dot) else { continue }
            if found.operation == .delete || (found.operation.isUserWrite && counts(found)) { return true }
        }
        return false
    }

    /// Adds a row that the hub puts back.
    @discardableResult
    func putBack(_ row: RowID, _ table: TableLayout, _ key: [Value], _ data: [Value], for child: RowID) -> RowWork {
        let work = RowWork(
            row: row, table: table, key: key, origin: .putBack, operation: nil, concurrent: [], before: nil)
        work.target = data
        work.putBackFor = child
        works[row] = work
        return work
    }

    /// Gives up putting a row back: something that it needs is not to be had. It is not tried again, so that a row that
    /// needs it is withheld at last.
    func forget(_ work: RowWork) {
        works[work.row] = nil
        givenUp.insert(work.row)
    }

    /// The key of a row as it stands in the table: of one of this change set, or as the log last wrote it.
    func key(of row: RowID, _ table: TableLayout) throws -> [Value]? {
        if let work = works[row] { return work.key }
        let hash = row.hash64
        for entry in try index.index.entries(holding: hash, log: log) {
            guard let logged = try log.entry(id: entry.id) else { continue }
            if let found = try reader.operations(of: logged, wanted: [hash]).first(where: { $0.row == row }) {
                return found.key
            }
        }
        return nil
    }

    /// The newest delete of a row in the log.
    func lastDelete(of row: RowID) throws -> LoggedOperation? {
        let hash = row.hash64
        for entry in try index.index.entries(holding: hash, log: log) {
            guard let logged = try log.entry(id: entry.id) else { continue }
            if let found = try reader.operations(of: logged, wanted: [hash])
                .first(where: { $0.row == row && $0.operation.operation == .delete })
            {
                return found.operation
            }
        }
        return nil
    }

    /// A row as the delete at a position of the hub's order found it.
    typealias DeletedRow = (position: UInt64, key: [Value], data: [Value])

    /// The newest delete of a row that the author of this change set had not seen, with the row as it found it.
    func concurrentDelete(of row: RowID, concurrent: [ConcurrentIndex.Entry]) throws -> DeletedRow? {
        try effectiveDelete(of: row, operations(on: row, concurrent))
    }

    /// The newest delete that the author of this change set had not seen of a row that `matches`.
    func concurrentDelete(
        concurrent: [ConcurrentIndex.Entry], matches: (RowID, [Value], [Value]) -> Bool
    ) throws -> (row: RowID, image: DeletedRow)? {
        for entry in concurrent.reversed() {
            for image in try images(ofChangeAt: entry.position).list
            where image.operation.operation == .insert && matches(image.row, image.key, image.operation.values) {
                return (image.row, (entry.position, image.key, image.operation.values))
            }
        }
        return nil
    }
}

/// The index is one value shared by the hub's store and the merges that run in it.
final class ConcurrentIndexBox {
    var index = ConcurrentIndex()
}
