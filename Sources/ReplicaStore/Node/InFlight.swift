import Replication

/// A node's own change sets that the hub has not echoed yet, oldest first, and which of them write a row.
///
/// A site that was away for a day may have thousands, and each change set of the others is asked against all of them:
/// so the key hashes of small ones are kept in one table, and what a row meets is found by its hash alone. Large ones are
/// few, and stay the sorted lists that they are: eight bytes a row.
struct InFlight {
    typealias Element = (entry: LogEntry, hashes: [UInt64])

    /// From here on a change set is large.
    private static let largeRows = 1024

    /// By seq, ascending; those before `start` have been echoed.
    private var sets: [Element] = []
    private var start = 0
    /// The seqs of small change sets by the hashes they hold, ascending.
    private var bySmallHash: [UInt64: [UInt64]] = [:]
    /// The seqs of large change sets, ascending.
    private var large: [UInt64] = []

    var isEmpty: Bool { start == sets.count }
    var count: Int { sets.count - start }
    var first: Element? { isEmpty ? nil : sets[start] }
    var all: ArraySlice<Element> { sets[start...] }

    mutating func append(_ entry: LogEntry, hashes: [UInt64]) {
        let seq = entry.header.dot.seq
        precondition(sets.last.map { $0.entry.header.dot.seq < seq } ?? true, "own change sets are out of order")
        sets.append((entry, hashes))
        guard hashes.count < Self.largeRows else { return large.append(seq) }
        // Two rows may share a hash.
        for hash in hashes where bySmallHash[hash]?.last != seq { bySmallHash[hash, default: []].append(seq) }
    }

    /// Takes out the change set with this very header.
    /// - Returns: false when there is none.
    mutating func remove(_ header: ChangeSetHeader) -> Bool {
        let seq = header.dot.seq
        guard let place = place(of: seq), sets[place].entry.header == header else { return false }
        large.removeAll { $0 == seq }
        for hash in sets[place].hashes {
            bySmallHash[hash]?.removeAll { $0 == seq }
            if bySmallHash[hash]?.isEmpty == true { bySmallHash[hash] = nil }
        }
        // Almost always the oldest: the hub's order keeps that of an author.
        guard place == start else {
            sets.remove(at: place)
            return true
        }
        start += 1
        // Now and then, so that each is moved a few times at most.
        if start * 2 > sets.count {
            sets.removeFirst(start)
            start = 0
        }
        return true
    }

    /// The place in the order of sealing of the last that holds a hash.
    func lastSeq(holding hash: UInt64) -> UInt64? {
        let inLarge = large.last { KeyHashes.contains(self[$0].hashes, hash) }
        return [bySmallHash[hash]?.last, inLarge].compactMap { $0 }.max()
    }

    /// Those that hold some of these hashes, oldest first.
    /// - Parameter hashes: ascending.
    func holding(_ hashes: [UInt64]) -> [Element] {
        // More of them than there are here: the other way round is shorter.
        if hashes.count > bySmallHash.count { return all.filter { !KeyHashes.shared($0.hashes, hashes).isEmpty } }
        var seqs = Set(large.filter { !KeyHashes.shared(self[$0].hashes, hashes).isEmpty })
        for hash in hashes { seqs.formUnion(bySmallHash[hash] ?? []) }
        return seqs.sorted().map { self[$0] }
    }

    private subscript(seq: UInt64) -> Element { sets[place(of: seq)!] }

    private func place(of seq: UInt64) -> Int? {
        var (low, high) = (start, sets.count)
        while low < high {
            let middle = (low + high) / 2
            if sets[middle].entry.header.dot.seq < seq { low = middle + 1 } else { high = middle }
        }
        return low < sets.count && sets[low].entry.header.dot.seq == seq ? low : nil
    }
}
