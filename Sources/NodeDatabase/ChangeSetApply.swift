import Merging
import OrderedLog
import Replication
import SQLite

/// Takes a change set of the hub's order into a node's tables: rows that meet nothing of our own blind, the others through
/// settling, in pieces that bound memory. Where a row that was taken blind does not fit (an own row is in its way, or on
/// the other side of a reference), all is taken back and begun again with that row among the others.
struct ChangeSetApply {
    let store: NodeStore
    let rows: IncomingRows
    /// While something of our own is in flight, references are asked too: our own rows may be on the other side of them.
    let checksReferences: Bool

    func run(_ settling: inout LocalRebase) throws {
        let own = store.inFlight.holding(rows.hashes).map { (id: $0.entry.id, hashes: $0.hashes) }
        let aside = try store.asideHashes()
        var careful = Set(try ConcurrencyFilter(rows: rows, finder: store.finder).met(own, disputed: aside))
        for attempt in 0... {
            let before = settling
            try store.connection.beginSavepoint("take")
            do {
                try take(careful.sorted(), checksReferences || !aside.isEmpty, &settling)
                try store.connection.release("take")
                return
            } catch let entangled as NeedsGrouping {
                try store.connection.rollback(to: "take")
                try store.connection.release("take")
                settling = before
                careful.formUnion(attempt < store.pieces.attempts ? entangled.rows : Array(0..<UInt32(rows.count)))
            }
        }
    }

    private func take(_ careful: [UInt32], _ checksReferences: Bool, _ settling: inout LocalRebase) throws {
        var blind = BlindApply(access: store.access, undo: nil, leaving: careful)
        for segment in rows.segments { try blind.apply(segment) }
        if blind.isHopeless { throw NeedsGrouping(rows: Array(0..<UInt32(rows.count))) }
        if !blind.refused.isEmpty { throw NeedsGrouping(rows: blind.refused) }
        if checksReferences {
            var check = ReferenceCheck(access: store.access, leaving: careful)
            for segment in rows.segments { try check.check(segment) }
            if !check.refused.isEmpty { throw NeedsGrouping(rows: check.refused) }
        }
        for start in stride(from: 0, to: careful.count, by: store.pieces.rows) {
            let piece = Array(careful[start..<min(start + store.pieces.rows, careful.count)])
            try settling.apply(try rows.operations(at: piece).map(\.found))
        }
    }
}

extension NodeStore {
    /// Our own operations on rows that the hub has not echoed, oldest first, for rows with these key hashes, which ascend.
    func ownOperations(holding hashes: [UInt64]) throws -> [RowID: [LoggedOperation]] {
        var byRow: [RowID: [LoggedOperation]] = [:]
        for (entry, own) in inFlight.holding(hashes) {
            let shared = KeyHashes.shared(own, hashes)
            for (row, _, operation) in try finder.operations(of: entry, holding: shared) {
                byRow[row, default: []].append(operation)
            }
        }
        return byRow
    }

    /// The key hashes of the rows that stand aside.
    func asideHashes() throws -> Set<UInt64> {
        let statement = try connection.cached("SELECT table_number, canonical FROM samband_aside")
        defer { statement.reset() }
        var hashes: Set<UInt64> = []
        while try statement.step() {
            hashes.insert(keyHash(table: Int(statement.integer(0)), canonical: statement.bytes(1)))
        }
        return hashes
    }
}
