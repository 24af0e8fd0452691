import Replication
import Testing

/// Small makers, so that a test shows only what matters. Column 0 is the one whose policy is asked.
private func write(
    _ replica: UInt32, _ seq: UInt64 = 1, at position: UInt64, seen: UInt64 = 0, _ value: Value,
    as kind: Operation = .update,
    hlc: UInt64? = nil, delta: Int64? = nil
) -> LoggedOperation {
    LoggedOperation(
        dot: Dot(replica: replica, seq: seq), hlc: hlc ?? position, position: position, seen: seen, operation: kind,
        columns: [0], values: [value], deltas: delta.map { [0: $0] } ?? [:])
}

private func delete(_ replica: UInt32, _ seq: UInt64 = 1, at position: UInt64, seen: UInt64) -> LoggedOperation {
    LoggedOperation(
        dot: Dot(replica: replica, seq: seq), hlc: position, position: position, seen: seen, operation: .delete,
        columns: [], values: [])
}

private func decided(_ value: Int64, hlc: UInt64, at position: UInt64) -> LoggedOperation {
    LoggedOperation(
        dot: Dot(replica: 1, seq: position), hlc: 1000, position: position, seen: position - 1, operation: .decided,
        columns: [0], values: [.integer(value)], cellStamps: [.decided(hlc: hlc, epoch: 0, seq: position)])
}

private func merge(
    _ incoming: LoggedOperation, _ concurrent: [LoggedOperation], row: Value?, image: Value? = nil,
    _ policy: Policy, collation: Collation = .binary, owners: Set<UInt32> = [], epoch: UInt64 = 0
) -> HubMerge {
    let table = TablePolicy(columns: [0: policy], collations: collation == .binary ? [:] : [0: collation])
    return HubMerge(
        incoming, concurrent: concurrent, row: row.map { [$0] }, image: image.map { [$0] },
        policy: RowPolicy(table, owners: owners, epoch: epoch, seq: 7))
}

/// What the cell comes to: decided, written by stamp, or as it stood.
private func result(_ merge: HubMerge, _ incoming: LoggedOperation, row: Value?) -> Value? {
    if let cell = merge.decided[0] { return cell.value }
    switch merge.target {
    case .write: return incoming.values[0]
    case .put(let row): return row[0]
    default: return row
    }
}

@Suite("What a policy decides about one cell")
struct DecidingTests {
    @Test("max and min choose by value, whatever the stamps say")
    func extremes() throws {
        let big = write(2, at: 5, .integer(301), hlc: 1)
        let small = write(3, at: 6, .integer(202), hlc: 9)
        let max = merge(small, [big], row: .integer(301), .max)
        #expect(max.decided == [0: DecidedCell(value: .integer(301), stamp: .decided(hlc: 9, epoch: 0, seq: 7))])
        #expect(max.effective == nil && max.target == .keep)
        // The newest is also the least: the stamps say so by themselves.
        let min = merge(small, [big], row: .integer(301), .min)
        #expect(min.decided.isEmpty && min.effective == [0])
    }

    @Test("a deleted row's write is a sibling still (B2)")
    func deletedSibling() {
        let gone = write(2, at: 1, .integer(101), hlc: 50)
        let dead = delete(2, 2, at: 2, seen: 1)
        let other = write(4, at: 3, .integer(0), hlc: 3)
        let incoming = write(3, at: 4, .integer(103), hlc: 4)
        let merge = merge(incoming, [gone, dead, other], row: .integer(0), .max)
        #expect(merge.decided[0] == DecidedCell(value: .integer(103), stamp: .decided(hlc: 50, epoch: 0, seq: 7)))
    }

    @Test("who had seen a greater value and wrote a smaller one knew what they did")
    func knowingly() {
        let old = write(2, at: 1, .integer(301))
        let knowing = write(3, at: 2, seen: 1, .integer(202))
        let incoming = write(4, at: 3, .integer(150))
        #expect(merge(incoming, [old, knowing], row: .integer(202), .max).decided[0]?.value == .integer(202))
    }

    @Test("NULL is no value: any other is greater and less")
    func nulls() {
        for policy in [Policy.max, .min] {
            let null = write(2, at: 1, .null, hlc: 1)
            let value = write(3, at: 2, .integer(5), hlc: 2)
            #expect(result(merge(value, [null], row: .null, policy), value, row: .null) == .integer(5))
            let late = write(3, at: 2, .null, hlc: 2)
            let first = write(2, at: 1, .integer(5), hlc: 1)
            #expect(result(merge(late, [first], row: .integer(5), policy), late, row: .null) == .integer(5))
        }
    }

    @Test("text compares by the column's collation, and of equal ones the newest stands")
    func collation() {
        let first = write(2, at: 1, .text("b"), hlc: 5)
        let late = write(3, at: 2, .text("B"), hlc: 6)
        #expect(merge(late, [first], row: .text("b"), .max).decided[0]?.value == .text("b"))
        let folded = merge(late, [first], row: .text("b"), .max, collation: .nocase)
        #expect(result(folded, late, row: .text("b")) == .text("B"))
    }

    @Test("hub keeps what stands, owner prefers the site of the row")
    func hubAndOwner() {
        let first = write(2, at: 1, .integer(1), hlc: 1)
        let late = write(3, at: 2, .integer(2), hlc: 2)
        #expect(merge(late, [first], row: .integer(1), .hub).decided[0]?.value == .integer(1))
        #expect(merge(late, [first], row: .integer(1), .owner, owners: [2]).decided[0]?.value == .integer(1))
        #expect(merge(late, [first], row: .integer(1), .owner, owners: [3]).decided.isEmpty)
        #expect(merge(late, [first], row: .integer(1), .owner, owners: [9]).decided.isEmpty)
        // A party that has retired and joined anew is the same site.
        #expect(merge(late, [first], row: .integer(1), .owner, owners: [2, 9]).decided[0]?.value == .integer(1))
    }

    @Test("a write that nobody's is concurrent with is taken as it is")
    func alone() {
        let incoming = write(3, at: 2, seen: 1, .integer(2))
        for policy in Policy.allCases {
            let alone = merge(incoming, [], row: .integer(9), policy)
            #expect(alone.decided.isEmpty && alone.effective == [0])
        }
    }

    @Test("a sum adds what the other had not seen, in either order")
    func sum() {
        let ten = write(2, at: 1, .integer(110), hlc: 1, delta: 10)
        let five = write(3, at: 2, .integer(105), hlc: 2, delta: 5)
        #expect(merge(five, [ten], row: .integer(110), .sum).decided[0]?.value == .integer(115))
        #expect(merge(ten, [five], row: .integer(105), .sum).decided[0]?.value == .integer(115))
    }

    @Test("a delta is added to an insert that came before it or comes after it")
    func sumBesideInsert() {
        let insert = write(2, 2, at: 2, .integer(4000), as: .insert, hlc: 2)
        let delta = write(3, at: 3, .integer(30), hlc: 3, delta: 10)
        #expect(merge(delta, [insert], row: .integer(4000), .sum).decided[0]?.value == .integer(4010))
        let later = write(2, 2, at: 4, .integer(4000), as: .insert, hlc: 4)
        #expect(merge(later, [delta], row: .integer(30), .sum).decided[0]?.value == .integer(4010))
        let lower = write(2, 2, at: 4, .integer(4000), as: .insert, hlc: 1)
        #expect(merge(lower, [insert], row: .integer(4000), .sum).decided.isEmpty, "the greater absolute write stands")
    }

    @Test("a delta counts over what a policy has decided since its author looked")
    func sumOverDecision() {
        let merge = merge(
            write(2, 2, at: 5, seen: 1, .integer(6), hlc: 9, delta: 1), [decided(15, hlc: 8, at: 4)],
            row: .integer(15), .sum)
        #expect(merge.decided[0]?.value == .integer(16))
    }

    @Test("an update of a row that a delete took adds to what the delete found")
    func sumOfDeleted() {
        let gone = delete(2, at: 2, seen: 1)
        let merge = merge(
            write(3, at: 3, .integer(25), hlc: 3, delta: 5), [gone], row: nil, image: .integer(40), .sum)
        #expect(merge.target == .put([.integer(45)]) && merge.carries)
    }

    @Test("a sum beyond 64 bits stays as it was and is for a person")
    func overflow() {
        let first = write(2, at: 1, .integer(.max), hlc: 1, delta: 10)
        let late = write(3, at: 2, .integer(.max - 9), hlc: 2, delta: 1)
        let merge = merge(late, [first], row: .integer(.max), .sum)
        #expect(merge.overflowed == [0])
        #expect(merge.decided[0]?.value == .integer(.max))
        // Only the sum itself may be too large, not a step on the way to it.
        let up = write(2, at: 1, .integer(.max), hlc: 1, delta: .max)
        let down = write(4, at: 2, .integer(-.max), hlc: 2, delta: -.max)
        let insert = write(3, at: 3, .integer(7), as: .insert, hlc: 3)
        let fits = HubMerge(
            insert, concurrent: [up, down], row: [.integer(0)], image: nil,
            policy: RowPolicy(TablePolicy(columns: [0: .sum])))
        #expect(fits.overflowed.isEmpty && fits.decided.isEmpty && fits.target == .write([0]))
    }

    @Test("a restored hub decides above what its lost self decided (B3)")
    func epoch() {
        let before = Stamp.decided(hlc: 5, epoch: 0, seq: 4_000)
        let after = Stamp.decided(hlc: 5, epoch: 1, seq: 1)
        #expect(before < after && before.isDecided && after.isDecided)
        #expect(Stamp(hlc: 5, replica: .max - 1, seq: .max) < before, "above every replica's write of that time")
        #expect(before < Stamp(hlc: 6, replica: 1, seq: 1), "and below the next")
    }

    @Test("a policy's record that a policy cannot settle any more is open again")
    func record() throws {
        func side(_ replica: UInt32, _ position: UInt64, _ value: Int64) -> ConflictSide {
            ConflictSide(
                dot: Dot(replica: replica, seq: 1), hlc: position, position: position, value: .integer(value), row: nil)
        }
        var conflict = Conflict(opening: side(3, 2, 2), against: [side(2, 1, 1)], at: 2, policy: true)
        #expect(!conflict.isOpen)
        _ = conflict.onWrite(side(4, 3, 3), seen: 0, others: [side(2, 1, 1)], at: 3, policy: true)
        #expect(!conflict.isOpen && conflict.sides.count == 3)
        _ = conflict.onWrite(side(5, 4, 3), seen: 3, others: [], at: 4, policy: true, unsettled: true)
        #expect(!conflict.isOpen)
        _ = conflict.onWrite(side(5, 4, 3), seen: 3, others: [], at: 4, policy: false, unsettled: true)
        #expect(conflict.isOpen && conflict.sides.count == 4)
    }
}
