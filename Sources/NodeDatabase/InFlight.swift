import OrderedLog
import Replication

/// A node's own change sets that the hub has not echoed yet, oldest first, and which of them write a row.
///
/// A site that was away for a day may have thousands, and each change set of the others is asked against all of them:
/// so the key hashes of small ones are kept in one table, and what a row meets is found by its hash alone. Large ones are
/// few, and stay the sorted lists that they are: eight bytes a row.
package struct InFlight {
    package typealias Element = (entry: LogEntry, hashes: [UInt64])

    /// From here on a change set is large.
    private static let largeRows = 1024

    /// In the order of sealing, counted from `firstOrder`; those before `start` have been echoed.
    private var sets: [Element] = []
    private var start = 0
    private var firstOrder: UInt64 = 0
    /// The replica numbers that they bear: a file that was put back goes on under another.
    private var replicas: Set<UInt32> = []
    /// The orders of small change sets by the hashes they hold, ascending.
    private var bySmallHash: [UInt64: [UInt64]] = [:]
    /// The orders of large change sets, ascending.
    private var large: [UInt64] = []

    var isEmpty: Bool { start == sets.count }
    package var count: Int { sets.count - start }
    var first: Element? { isEmpty ? nil : sets[start] }
    package var all: ArraySlice<Element> { sets[start...] }

    mutating func append(_ entry: LogEntry, hashes: [UInt64]) {
        if sets.isEmpty { firstOrder = entry.header.dot.seq }
        let order = firstOrder + UInt64(sets.count)
        sets.append((entry, hashes))
        replicas.insert(entry.header.dot.replica)
        guard hashes.count < Self.largeRows else { return large.append(order) }
        // Two rows may share a hash.
        for hash in hashes where bySmallHash[hash]?.last != order { bySmallHash[hash, default: []].append(order) }
    }

    mutating func removeFirst() {
        let hashes = sets[start].hashes
        let order = firstOrder + UInt64(start)
        if large.first == order { large.removeFirst() }
        for hash in hashes where bySmallHash[hash]?.first == order {
            if bySmallHash[hash]!.count == 1 { bySmallHash[hash] = nil } else { bySmallHash[hash]!.removeFirst() }
        }
        start += 1
        // Now and then, so that each is moved a few times at most.
        if start * 2 > sets.count {
            sets.removeFirst(start)
            firstOrder += UInt64(start)
            start = 0
        }
    }

    /// The place in the order of sealing of the last that holds a hash.
    func lastOrder(holding hash: UInt64) -> UInt64? {
        let inLarge = large.last { KeyHashes.contains(self[$0].hashes, hash) }
        return [bySmallHash[hash]?.last, inLarge].compactMap { $0 }.max()
    }

    /// Those that hold some of these hashes, oldest first.
    /// - Parameter hashes: ascending.
    func holding(_ hashes: [UInt64]) -> [Element] {
        // More of them than there are here: the other way round is shorter.
        if hashes.count > bySmallHash.count { return all.filter { !KeyHashes.shared($0.hashes, hashes).isEmpty } }
        var orders = Set(large.filter { !KeyHashes.shared(self[$0].hashes, hashes).isEmpty })
        for hash in hashes { orders.formUnion(bySmallHash[hash] ?? []) }
        return orders.sorted().map { self[$0] }
    }

    /// Whether one of them has this name.
    func holds(_ dot: Dot) -> Bool {
        replicas.contains(dot.replica) && all.contains { $0.entry.header.dot == dot }
    }

    private subscript(order: UInt64) -> Element { sets[Int(order - firstOrder)] }
}
