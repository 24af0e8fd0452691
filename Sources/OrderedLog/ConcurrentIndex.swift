import Replication
import SQLite

/// The key hashes of the newest part of the log, held in memory from a floor on: what tells which rows of a
/// change set meet a concurrent write. It holds eight bytes a row and grows downwards only when a site that is
/// further behind pushes; between hub transactions `trim` keeps it within its room.
package struct ConcurrentIndex {
    /// One change set of the order: where it stands, its dot, and the sorted hashes of its keys.
    package struct Entry {
        package let position: UInt64
        package let id: UInt64
        package let dot: Dot
        package let hashes: [UInt64]

        package init(position: UInt64, id: UInt64, dot: Dot, hashes: [UInt64]) {
            self.position = position
            self.id = id
            self.dot = dot
            self.hashes = hashes
        }
    }

    private var entries: [Entry] = []
    /// Everything behind this position is in memory.
    private var floor: UInt64?
    /// What it holds, in words of eight bytes: the hashes, and for each change set what an entry itself needs.
    package private(set) var words = 0

    package init() {}
    /// So many words are kept between hub transactions: 32 MB.
    package var room = 4 << 20

    private static let wordsPerEntry = 16

    /// The entries of other authors behind `seen`: exactly those concurrent with a change set whose author had
    /// reached that position, by position ascending.
    package mutating func concurrent(
        seen: UInt64, author: Author, log: ChangeLog
    ) throws -> [Entry] {
        try load(from: seen, log)
        return behind(seen).filter { !author.wrote($0.dot) }
    }

    /// The author's own entries behind `seen`; to be asked after `concurrent`.
    package func own(seen: UInt64, author: Author) -> [Entry] { behind(seen).filter { author.wrote($0.dot) } }

    /// Those behind a position that is not before `seen` of the last who asked for concurrent ones, ascending.
    package func behind(_ position: UInt64) -> ArraySlice<Entry> {
        var first = entries.count
        while first > 0 && entries[first - 1].position > position { first -= 1 }
        return entries[first...]
    }

    /// Every entry of the log whose keys may hold the hash, newest first.
    package func entries(holding hash: UInt64, log: ChangeLog) throws -> [Entry] {
        var found: [Entry] = []
        try descend([hash], log: log) { entry, _ in
            found.append(entry)
            return true
        }
        return found
    }

    /// Goes down the log and hands each entry whose keys may hold some of these hashes to `body`, with the hashes that it
    /// holds, until that returns false. What lies below the part in memory is read through and not kept: a row that was
    /// last written long ago is no reason to hold the whole log.
    ///
    /// - Parameter hashes: ascending.
    package func descend(_ hashes: [UInt64], log: ChangeLog, _ body: (Entry, [UInt64]) throws -> Bool) throws {
        for entry in entries.reversed() {
            let shared = KeyHashes.shared(entry.hashes, hashes)
            if try !shared.isEmpty && !body(entry, shared) { return }
        }
        let statement = try log.connection.prepare(
            "SELECT position, id, replica, seq, key_hashes FROM samband_change "
                + "WHERE position <= ?1 ORDER BY position DESC")
        try statement.bind(at: 1, integer: floor.map { Int64($0) } ?? .max)
        while try statement.step() {
            let entry = Self.read(statement)
            let shared = KeyHashes.shared(entry.hashes, hashes)
            if try !shared.isEmpty && !body(entry, shared) { return }
        }
    }

    /// Forgets what is in memory when it has grown beyond its room. Between hub transactions only.
    package mutating func trim() {
        if words >= room { reset() }
    }

    private static func read(_ statement: Statement) -> Entry {
        Entry(
            position: statement.unsigned(0), id: statement.unsigned(1),
            dot: Dot(replica: UInt32(statement.integer(2)), seq: statement.unsigned(3)),
            hashes: statement.withBytes(4) { KeyHashes.decode([UInt8]($0)) })
    }

    package mutating func append(_ entry: Entry) {
        guard floor != nil else { return }
        entries.append(entry)
        words += entry.hashes.count + Self.wordsPerEntry
    }

    /// Forgets the change sets behind a position: what appended them was taken back.
    package mutating func forget(behind position: UInt64) {
        while let last = entries.last, last.position > position {
            words -= last.hashes.count + Self.wordsPerEntry
            entries.removeLast()
        }
    }

    /// Forgets what is in memory: after a rollback, and when it has grown beyond what is worth its room.
    package mutating func reset() {
        entries = []
        floor = nil
        words = 0
    }

    private mutating func load(from position: UInt64, _ log: ChangeLog) throws {
        if let floor, floor <= position { return }
        let statement = try log.connection.cached(
            "SELECT position, id, replica, seq, key_hashes FROM samband_change "
                + "WHERE position > ?1 AND position <= ?2 ORDER BY position")
        try statement.bind(position, at: 1)
        try statement.bind(at: 2, integer: floor.map { Int64($0) } ?? .max)
        defer { statement.reset() }
        var older: [Entry] = []
        while try statement.step() {
            let entry = Self.read(statement)
            words += entry.hashes.count + Self.wordsPerEntry
            older.append(entry)
        }
        entries = older + entries
        floor = position
    }
}

/// The index is one value shared by the hub's store and the merges that run in it.
package final class ConcurrentIndexBox {
    package var index = ConcurrentIndex()

    package init() {}
}
