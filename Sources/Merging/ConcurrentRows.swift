import ConflictStore
import OrderedLog
import Replication
import TableModel

/// What the log says about the rows of a merge: the concurrent operations on them, and what change sets found there.
/// The rows that are merged together are looked up together, so that each change set is read once for all of them.
final class ConcurrentRows {
    package let log: ChangeLog
    package let concurrent: [ConcurrentIndex.Entry]
    private let own: [ConcurrentIndex.Entry]
    private let finder: RowFinder
    private let conflicts: ConflictTable
    /// The key hashes of the rows that are merged together, ascending.
    private let wanted: [UInt64]
    private var found: [RowID: [LoggedOperation]] = [:]
    private var entries: [UInt64: LogEntry] = [:]
    private var images: [UInt64: [RowID: RowFinder.Found]] = [:]
    private var logged: [UInt64: [RowID: RowFinder.Found]] = [:]
    private lazy var hasWithheld = Result { try conflicts.hasWithheld() }

    init(
        _ rows: some Sequence<RowID>, concurrent: [ConcurrentIndex.Entry], own: [ConcurrentIndex.Entry],
        log: ChangeLog, finder: RowFinder, conflicts: ConflictTable
    ) throws {
        self.own = own
        self.log = log
        self.concurrent = concurrent
        self.finder = finder
        self.conflicts = conflicts
        wanted = rows.map(\.hash64).sorted()
        for entry in concurrent {
            let shared = KeyHashes.shared(entry.hashes, wanted)
            if shared.isEmpty { continue }
            guard let logged = try self.entry(entry.id) else { continue }
            for (row, _, operation) in try finder.operations(of: logged, holding: shared) {
                found[row, default: []].append(operation)
            }
        }
    }

    /// The concurrent operations on a row, oldest first, without those withheld.
    package func operations(on row: RowID) throws -> [LoggedOperation] {
        let hash = row.hash64
        var operations = found[row] ?? []
        if operations.isEmpty && !KeyHashes.contains(wanted, hash) {
            // A row that only a reference leads to.
            for entry in concurrent where KeyHashes.contains(entry.hashes, hash) {
                guard let logged = try self.entry(entry.id) else { continue }
                operations += try finder.operations(of: logged, holding: [hash])
                    .filter { $0.row == row }.map(\.operation)
            }
            found[row] = operations
        }
        return try withoutWithheld(operations, on: row)
    }

    /// All operations on a row behind a position of the order, whoever has seen them, without those withheld.
    package func operations(on row: RowID, since position: UInt64, _ index: ConcurrentIndexBox) throws
        -> [LoggedOperation]
    {
        let hash = row.hash64
        var operations: [LoggedOperation] = []
        for entry in index.index.behind(position) where KeyHashes.contains(entry.hashes, hash) {
            if let operation = try operation(on: row, in: entry.id) { operations.append(operation) }
        }
        return try withoutWithheld(operations, on: row)
    }

    private func withoutWithheld(_ operations: [LoggedOperation], on row: RowID) throws -> [LoggedOperation] {
        if try operations.isEmpty || !hasWithheld.get() { return operations }
        let withheld = try conflicts.withheldDots(of: row)
        return operations.filter { !withheld.contains($0.dot) }
    }

    /// What a change set of the log does to a row.
    package func operation(on row: RowID, in id: UInt64) throws -> LoggedOperation? {
        try find(row, id, .authored, &logged)?.operation
    }

    /// The row, or the cells of it, that the change set at a position overwrote.
    package func image(of row: RowID, at position: UInt64) throws -> RowFinder.Found? {
        try find(row, position, .undo, &images)
    }

    private func find(
        _ row: RowID, _ id: UInt64, _ variant: SegmentVariant, _ known: inout [UInt64: [RowID: RowFinder.Found]]
    ) throws -> RowFinder.Found? {
        guard let entry = try entry(id) else { return nil }
        let hash = row.hash64
        guard KeyHashes.contains(wanted, hash) else {
            return try finder.operations(of: entry, variant, holding: [hash]).first { $0.row == row }
        }
        if known[id] == nil {
            var byRow: [RowID: RowFinder.Found] = [:]
            for found in try finder.operations(of: entry, variant, holding: wanted) { byRow[found.row] = found }
            known[id] = byRow
        }
        return known[id]?[row]
    }

    /// Whether the author has written on a row itself since the position that it had reached: then the order does not say
    /// which value it had before its eyes.
    func hasOwn(on row: RowID) -> Bool {
        let hash = row.hash64
        return own.contains { KeyHashes.contains($0.hashes, hash) }
    }

    /// The row as the newest delete among these operations that took effect found it. (One that came when the row was
    /// gone already has no image.)
    package func deleted(_ row: RowID, by operations: [LoggedOperation]) throws -> ConflictingRows.DeletedRow? {
        for delete in operations.reversed() where delete.operation == .delete {
            if let image = try image(of: row, at: delete.position), image.operation.operation == .insert {
                return (delete.position, image.key, image.operation.values)
            }
        }
        return nil
    }

    /// What the change set at a position deleted or cleared of a table through references to these values.
    package func companions(
        at position: UInt64, _ reference: TableLayout.Reference, in table: TableLayout, _ values: [Value]
    ) throws -> [RowFinder.Found] {
        guard let entry = try entry(position) else { return [] }
        return try finder.images(
            of: entry, table: table, columns: reference.childColumns, collations: reference.parentCollations,
            values: values)
    }

    /// The newest concurrent delete of a row of a table to which these values refer.
    func deletedParent(
        _ reference: TableLayout.Reference, in table: TableLayout, _ values: [Value]
    ) throws -> (row: RowID, image: ConflictingRows.DeletedRow)? {
        if values.contains(.null) { return nil }
        for entry in concurrent.reversed() {
            guard let logged = try self.entry(entry.id) else { continue }
            for image in try finder.images(
                of: logged, table: table, columns: reference.parentColumns, collations: reference.parentCollations,
                values: values) where image.operation.operation == .insert
            {
                return (image.row, (entry.position, image.key, image.operation.values))
            }
        }
        return nil
    }

    /// True when a row of a table had the values that a reference names until a write that the author of this change set
    /// had not seen gave it others.
    func wasOverwritten(
        _ reference: TableLayout.Reference, in table: TableLayout, _ values: [Value]
    ) throws -> Bool {
        if values.contains(.null) { return false }
        return try concurrent.contains { entry in
            guard let logged = try self.entry(entry.id) else { return false }
            return try finder.images(
                of: logged, table: table, columns: reference.parentColumns, collations: reference.parentCollations,
                values: values
            ).contains { $0.operation.operation == .update }
        }
    }

    private func entry(_ id: UInt64) throws -> LogEntry? {
        if let known = entries[id] { return known }
        let entry = try log.entry(id: id)
        entries[id] = entry
        return entry
    }
}
