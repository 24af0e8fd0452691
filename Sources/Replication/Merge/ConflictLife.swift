/// One side of a conflict: what one author wrote last about the disputed cell or row.
package struct ConflictSide: Hashable, Sendable {
    package let dot: Dot
    package let hlc: UInt64
    /// The place of that change set in the hub's order.
    package let position: UInt64
    /// The value of the cell; for a conflict about the whole row nil, and `row` says what it wrote.
    package let value: Value?
    /// For a conflict about the whole row: the cells the side wrote, by data column; nil when it deleted the row.
    package let row: [Int: Value]?
    /// The key of the side's row, where it is another than the conflict's: two rows that claim one UNIQUE value.
    package let key: [Value]?
    /// The number of the table that the side's row is in, where it is another than the conflict's: a child whose
    /// parent was deleted.
    package let table: Int?
    /// Where its author went on from under other replica numbers, of a write that comes in; it is not kept.
    let line: [Dot]

    package init(
        dot: Dot, hlc: UInt64, position: UInt64, value: Value?, row: [Int: Value]?, key: [Value]? = nil,
        table: Int? = nil, line: [Dot] = []
    ) {
        self.line = line
        self.key = key
        self.table = table
        self.dot = dot
        self.hlc = hlc
        self.position = position
        self.value = value
        self.row = row
    }

    func isByAuthor(of other: Dot) -> Bool { dot.replica == other.replica || line.holds(other) }

    /// True when two sides want the same.
    package func agrees(with other: ConflictSide) -> Bool {
        value == other.value && row == other.row && key == other.key && table == other.table
    }
}

/// The life of one conflict: what opens it, who joins it, what settles it and what opens it again. Pure; the
/// store keeps the value. (Protocol/Merge-Model.md#life-of-a-conflict)
package struct Conflict: Hashable, Sendable {
    package enum Settlement: Hashable, Sendable {
        /// By a policy of the table.
        case policy
        /// By a write whose author had seen the conflict.
        case write
        /// By a person at the hub.
        case person
    }

    /// One side an author (replica), the newest write of each, in the order in which they joined.
    package private(set) var sides: [ConflictSide]
    /// The position of the hub transaction that last touched it.
    package private(set) var changed: UInt64
    /// Nil while it is open.
    package private(set) var settlement: Settlement?
    /// What it was settled by and where that stands.
    package private(set) var settledBy: ConflictSide?

    package init(
        sides: [ConflictSide], changed: UInt64, settlement: Settlement?, settledBy: ConflictSide?
    ) {
        self.sides = sides
        self.changed = changed
        self.settlement = settlement
        self.settledBy = settledBy
    }

    /// Opens a conflict. With `policy` it is settled at once and only recorded.
    package init(
        opening incoming: ConflictSide, against others: [ConflictSide], at position: UInt64, policy: Bool
    ) {
        self.init(sides: [], changed: position, settlement: policy ? .policy : nil, settledBy: nil)
        for side in others { join(side) }
        join(incoming)
    }

    package var isOpen: Bool { settlement == nil }

    package var state: ConflictState { ConflictState(settlement) }

    /// The one place where the state changes. (Protocol/State-Machines.md#a-conflict)
    private mutating func to(
        _ next: Settlement?, by side: ConflictSide?, at position: UInt64
    ) {
        _ = state.to(ConflictState(next))
        settlement = next
        settledBy = side
        changed = position
    }

    /// A write of the disputed cell, or for a row an operation that decides about the whole row, has come in.
    ///
    /// - Parameters:
    ///   - seen: the position that its author had reached.
    ///   - others: the concurrent writes that it disagrees with.
    ///   - position: where the write now stands.
    ///   - policy: true when a policy of the table settles what is disputed.
    ///   - unsettled: true when the write could not be taken as its policy has it, whoever disagrees with it.
    /// - Returns: true when the conflict changed.
    package mutating func onWrite(
        _ incoming: ConflictSide, seen: UInt64, others: [ConflictSide], at position: UInt64, policy: Bool,
        unsettled: Bool = false
    ) -> Bool {
        if isOpen {
            if others.isEmpty && hadSeen(changed, upTo: seen) && !unsettled {
                settle(by: incoming, .write, at: position)
            } else {
                join(incoming)
                for side in others { join(side) }
                to(nil, by: nil, at: position)
            }
            return true
        }
        guard !others.isEmpty || unsettled else { return false }
        if settlement == .policy || policy {
            for side in others + [incoming] { join(side) }
            // What the policy cannot settle, or none settles any more, is a person's from here on.
            to(policy ? settlement : nil, by: settledBy, at: position)
            return true
        }
        // "At or after": a later, aware write may have replaced what the conflict was settled by. A person who
        // let things stand wrote nothing: what came after that is later, and nothing is known to agree with it.
        let later = others.filter { $0.position >= settledBy?.position ?? changed + 1 }
        if later.isEmpty, let settledBy, incoming.agrees(with: settledBy) { return false }
        sides = []
        // Settled by nothing written, or by the same author, who goes on: the earlier ends are still at odds.
        let isOwn = settledBy.map { incoming.isByAuthor(of: $0.dot) } ?? true
        for side in isOwn ? others : later { join(side) }
        if let settledBy { join(settledBy) }
        join(incoming)
        to(nil, by: nil, at: position)
        return true
    }

    /// Settles it by a person's decision or an aware write that stands at `position`; `side` is nil when a
    /// person let things stand.
    package mutating func settle(
        by side: ConflictSide?, _ how: Settlement, at position: UInt64
    ) {
        to(how, by: side, at: position)
    }

    /// Another write of an author who does not know that its row is withheld.
    package mutating func join(unaware side: ConflictSide, at position: UInt64) {
        join(side)
        changed = position
    }

    /// These writes are no sides any more: they were of another row.
    package mutating func leave(_ dots: Set<Dot>, at position: UInt64) {
        sides.removeAll { dots.contains($0.dot) }
        changed = position
    }

    /// Something that belongs to it has changed: an operator who looked before must look again.
    package mutating func touch(at position: UInt64) { changed = position }

    /// Opens it again with the sides that it has: a decision was taken back.
    package mutating func reopen(at position: UInt64) { to(nil, by: nil, at: position) }

    /// The newest write of each author is its side.
    private mutating func join(_ side: ConflictSide) {
        guard let index = sides.firstIndex(where: { side.isByAuthor(of: $0.dot) }) else {
            sides.append(side)
            return
        }
        if sides[index].dot.replica != side.dot.replica || sides[index].dot.seq < side.dot.seq { sides[index] = side }
    }
}

extension ConflictState {
    fileprivate init(_ settlement: Conflict.Settlement?) {
        self =
            switch settlement {
            case nil: .open
            case .policy: .byPolicy
            case .write: .byWrite
            case .person: .byPerson
            }
    }
}
