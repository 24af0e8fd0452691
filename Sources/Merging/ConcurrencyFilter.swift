import OrderedLog
import Replication

/// Tells which rows of a change set meet a concurrent write in a way that must be looked at. A row that nothing
/// concurrent touches is applied blind, and so is an update of a row on which all concurrent writes are updates of other
/// columns: each of its cells stands, and none is disputed.
package struct ConcurrencyFilter {
    package let rows: IncomingRows
    package let finder: RowFinder

    package init(rows: IncomingRows, finder: RowFinder) {
        self.rows = rows
        self.finder = finder
    }
    /// The ordinals of those rows, ascending.
    ///
    /// - Parameters:
    ///   - others: the change sets that the author had not seen, with their sorted key hashes.
    ///   - disputed: key hashes of rows that are looked at in any case.
    package func met(_ others: [(id: UInt64, hashes: [UInt64])], disputed: Set<UInt64>) throws -> [UInt32] {
        var isMet: [Bool] = []
        func meets(_ ordinal: UInt32) {
            if isMet.isEmpty { isMet = Array(repeating: false, count: rows.count) }
            isMet[Int(ordinal)] = true
        }
        for other in others {
            let shared = KeyHashes.shared(other.hashes, rows.hashes)
            if shared.isEmpty { continue }
            let locations = try finder.locations(of: other.id, .authored)
            var last: (own: BlockKind, other: BlockKind, passes: Bool)?
            for hash in shared {
                for ordinal in rows.locations.ordinals(of: hash) {
                    let own = rows.locations.kind(of: ordinal)
                    for place in locations.ordinals(of: hash) {
                        let theirs = locations.kind(of: place)
                        // Rows of one kind come in runs.
                        if last?.own != own || last?.other != theirs {
                            last = (own, theirs, Self.passes(own, theirs))
                        }
                        if last?.passes == false { meets(ordinal) }
                    }
                }
            }
        }
        if !disputed.isEmpty {
            for hash in rows.hashes where disputed.contains(hash) {
                for ordinal in rows.locations.ordinals(of: hash) { meets(ordinal) }
            }
        }
        return isMet.indices.filter { isMet[$0] }.map { UInt32($0) }
    }

    /// Two updates of different columns pass each other, and so do cells that a policy has decided.
    private static func passes(_ own: BlockKind, _ other: BlockKind) -> Bool {
        let areCells = [own, other].allSatisfy { $0.operation == .update || $0.operation == .decided }
        return areCells && Set(own.columns).isDisjoint(with: other.columns)
    }
}
