import Replication

/// What a user did to one row between two seals, as the driver saw it from outside.
package struct RecordedWrite: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable { case insert, update, replace, delete }

    package let kind: Kind
    package let key: [Value]
    package let cells: [Int: Value]
    /// By how much it raised the columns whose policy is `sum`, where it wrote over a value.
    package let deltas: [Int: Int64]

    package init(kind: Kind, key: [Value], cells: [Int: Value], deltas: [Int: Int64] = [:]) {
        self.kind = kind
        self.key = key
        self.cells = cells
        self.deltas = deltas
    }

    /// True for what makes the row exist.
    package var lives: Bool { kind != .delete }
    /// True when the author wrote the row, or its end, as a whole.
    package var isWhole: Bool { kind != .update }
}

/// One change set of a user, or a person's decision at the hub, with its true context.
package struct RecordedSet: Sendable {
    package let dot: Dot
    package let hlc: UInt64
    /// What its author knew, reckoned by the driver from what it handed over.
    package let context: [UInt32: UInt64]
    /// The place in the hub's order that its author had reached.
    package let seen: UInt64
    package let writes: [RowIdentity: RecordedWrite]
    /// Where the hub put it; nil until it has.
    package var position: UInt64?
    /// True for a person's decision at the hub.
    package var isDecision = false

    package init(
        dot: Dot, hlc: UInt64, context: [UInt32: UInt64], seen: UInt64, writes: [RowIdentity: RecordedWrite],
        position: UInt64? = nil
    ) {
        self.dot = dot
        self.hlc = hlc
        self.context = context
        self.seen = seen
        self.writes = writes
        self.position = position
    }

    /// True when the author of this one had seen the other.
    package func covers(_ other: RecordedSet) -> Bool {
        dot.replica == other.dot.replica
            ? other.dot.seq < dot.seq : context[other.dot.replica, default: 0] >= other.dot.seq
    }

    package func isConcurrent(with other: RecordedSet) -> Bool {
        dot != other.dot && !covers(other) && !other.covers(self)
    }

    package var stamp: (UInt64, UInt32, UInt64) { (hlc, dot.replica, dot.seq) }
}

/// Everything that users did in a fleet, and the hub's order of it.
package struct History: Sendable {
    package var sets: [Dot: RecordedSet] = [:]
    /// Every change set in the hub's order, the hub's own included.
    package var order: [Dot] = []
    /// What operators settled, and how far the hub's order then went.
    package var decisions: [Decision] = []

    /// Of each replica that was split off another: the last change set of that one which is its own as well.
    package var lines: [UInt32: Dot] = [:]

    /// True when one change set is another, or one that its author wrote later, under whatever number.
    package func isLater(_ later: Dot, than earlier: Dot) -> Bool {
        if later.replica == earlier.replica { return later.seq >= earlier.seq }
        guard let step = lines[later.replica] else { return false }
        return isLater(step, than: earlier)
    }

    /// What the hub wrote of its own accord: rows that it put back, cells that it wrote back.
    package var hubActs: [RecordedSet] = []
    /// What the hub's policies decided, as it told everybody.
    package var verdicts: [Verdict] = []
    /// What the hub has ever withheld, by row and change set.
    package var withheld: [RowIdentity: Set<Dot>] = [:]
    /// Conflicts of which an operator took the settlement back.
    package var undone: Set<UInt64> = []

    /// Cells that policies decided in one change set of the hub, each with its stamp.
    package struct Verdict: Sendable {
        package let dot: Dot
        package let cells: [RowIdentity: [Int: (stamp: Stamp, value: Value)]]
    }

    package struct Decision: Hashable, Sendable {
        package let kind: SeenConflict.Kind
        package let row: RowIdentity
        package let column: Int?
        package let position: UInt64
    }

    package init() {}

    /// The verdicts that a vector covers.
    package func verdicts(known vector: [UInt32: UInt64]) -> [Verdict] {
        verdicts.filter { vector[$0.dot.replica, default: 0] >= $0.dot.seq }
    }

    /// The recorded sets that a vector covers, those of the hub's own authorship that are no decisions aside.
    package func known(by vector: [UInt32: UInt64]) -> [RecordedSet] {
        sets.values.filter { vector[$0.dot.replica, default: 0] >= $0.dot.seq }
    }
}
