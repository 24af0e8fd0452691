/// What a change set does to one row.
package enum Operation: UInt8, Hashable, Sendable, CaseIterable {
    /// The row was absent for its author: all columns.
    case insert = 1
    /// Some columns of a row that was there.
    case update = 2
    /// The author had the row, took it away and wrote it anew before the seal: all columns. Merges as an insert.
    case replace = 3
    /// The author had the row and took it away.
    case delete = 4
    /// Hub only: the whole row as it stands there, each cell with the stamp of the write that it repeats. No
    /// write: party to no conflict, and it decides nothing.
    case carried = 5
    /// Hub only: cells that a policy decided, each with a stamp just above the writes it decides between. No write
    /// of a user: party to no conflict and to no later decision; but a write that has not seen it loses to it.
    case decided = 6
    /// Hub only: the row is not at the hub (a write of it is withheld). No delete: it covers nothing.
    case evicted = 7
    /// Hub only: a row that a delete took is there again, with the stamps of its own writes. It counts as an
    /// insert for existence.
    case restored = 8

    /// True for what a program at some site wrote, or a person decided: these meet in conflicts.
    package var isUserWrite: Bool {
        self == .insert || self == .update || self == .replace || self == .delete
    }
    /// True for the kinds that make a row exist.
    package var makesExist: Bool {
        self == .insert || self == .update || self == .replace || self == .restored
    }
    /// True when all data columns are there.
    package var isWholeRow: Bool {
        self == .insert || self == .replace || self == .carried || self == .restored
    }
    /// True when each cell brings a stamp of its own.
    package var hasStamps: Bool { self == .carried || self == .restored || self == .decided }
    /// True for what an author writes over a value that it has seen, so that it can say by how much.
    package var mayHaveDeltas: Bool { self == .update || self == .replace }
    /// True when there are no values beside the key.
    package var isKeyOnly: Bool { self == .delete || self == .evicted }
}
