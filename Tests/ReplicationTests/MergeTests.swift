import Replication
import Testing

/// Small makers, so that a test shows only what matters.
private func operation(
    _ replica: UInt32, _ seq: UInt64 = 1, at position: UInt64, seen: UInt64 = 0, _ kind: Operation,
    _ cells: [Int: Int64] = [:], hlc: UInt64? = nil
) -> LoggedOperation {
    let columns = cells.keys.sorted()
    return LoggedOperation(
        dot: Dot(replica: replica, seq: seq), hlc: hlc ?? position, position: position, seen: seen,
        operation: kind,
        columns: columns, values: columns.map { .integer(cells[$0]!) })
}

private func side(_ replica: UInt32, _ seq: UInt64 = 1, at position: UInt64, _ value: Int64) -> ConflictSide {
    ConflictSide(
        dot: Dot(replica: replica, seq: seq), hlc: position, position: position, value: .integer(value),
        row: nil)
}

@Suite("The merge of one row at the hub")
struct HubMergeTests {
    @Test("an update that followed one of two inserts keeps its loss on record beside the insert conflict")
    func updateBehindInsert() {
        let first = operation(2, at: 1, .insert, [0: 4, 1: 1])
        let edit = operation(2, 2, at: 2, seen: 1, .update, [1: 5])
        let late = operation(3, at: 3, .insert, [0: 0, 1: 2])
        let merge = HubMerge(late, concurrent: [first, edit], row: [.integer(4), .integer(5)], image: nil)
        #expect(merge.pairs == [.insert(other: first), .cell(column: 1, other: edit)])
    }

    @Test("two inserts of equal values are no conflict")
    func equalInserts() {
        let first = operation(2, at: 1, .insert, [0: 4])
        let merge = HubMerge(
            operation(3, at: 2, .insert, [0: 4]), concurrent: [first], row: [.integer(4)], image: nil)
        #expect(merge.pairs.isEmpty)
    }

    @Test("a delete that meets a live write is not carried out, and the row is carried to its author")
    func deleteMeetsUpdate() {
        let edit = operation(2, at: 5, seen: 4, .update, [0: 9])
        let merge = HubMerge(
            operation(3, at: 6, seen: 4, .delete), concurrent: [edit], row: [.integer(9)], image: nil)
        #expect(merge.target == .keep)
        #expect(merge.effective == nil)
        #expect(merge.carries)
        #expect(merge.pairs == [.deleteUpdate(other: edit)])
    }

    @Test("an update of a row that a concurrent delete took puts it back whole")
    func updateMeetsDelete() {
        let gone = operation(2, at: 5, seen: 4, .delete)
        let merge = HubMerge(
            operation(3, at: 6, seen: 4, .update, [1: 7]), concurrent: [gone], row: nil,
            image: [.integer(1), .integer(2)])
        #expect(merge.target == .put([.integer(1), .integer(7)]))
        #expect(merge.carries)
    }

    @Test("a carried cell beats nothing")
    func carriedIsTransparent() {
        let carried = LoggedOperation(
            dot: Dot(replica: 1, seq: 1), hlc: 99, position: 5, seen: 4, operation: .carried, columns: [0],
            values: [.integer(1)], cellStamps: [Stamp(hlc: 98, replica: 2, seq: 1)])
        let merge = HubMerge(
            operation(3, at: 6, seen: 4, .update, [0: 7], hlc: 6), concurrent: [carried], row: [.integer(1)],
            image: nil)
        #expect(merge.target == .write([0]))
        #expect(merge.pairs.isEmpty)
    }
}

@Suite("The life of a conflict")
struct ConflictLifeTests {
    let open = Conflict(opening: side(3, at: 2, 20), against: [side(2, at: 1, 10)], at: 2, policy: false)

    @Test("a write by an author who had reached it settles it, one who had not joins it")
    func aware() throws {
        var settled = open
        let changed1 = settled.onWrite(side(2, 2, at: 3, 30), seen: 2, others: [], at: 3, policy: false)
        #expect(changed1)
        #expect(settled.settlement == .write)
        var joined = open
        let changed2 = joined.onWrite(side(2, 2, at: 3, 30), seen: 1, others: [], at: 3, policy: false)
        #expect(changed2)
        #expect(joined.isOpen)
        #expect(joined.sides.map(\.value) == [.integer(30), .integer(20)])
    }

    @Test("one that agrees with the settlement does not open it again, one that differs does")
    func reopen() throws {
        var life = open
        life.settle(by: side(1, at: 3, 20), .person, at: 3)
        let unaware = side(4, at: 4, 20)
        let changed3 = life.onWrite(unaware, seen: 0, others: [side(2, at: 1, 10)], at: 4, policy: false)
        #expect(!changed3)
        let other = side(5, at: 5, 50)
        let changed4 = life.onWrite(other, seen: 0, others: [side(1, at: 3, 20)], at: 5, policy: false)
        #expect(changed4)
        #expect(life.isOpen)
    }

    @Test("one that a person let stand as it was opens again when two new writes disagree")
    func letStand() throws {
        var life = open
        life.settle(by: nil, .person, at: 2)
        let changed5 = life.onWrite(
            side(3, 2, at: 4, 40), seen: 2, others: [side(2, 2, at: 3, 30)], at: 4, policy: false)
        #expect(changed5)
        #expect(life.isOpen)
        #expect(life.sides.map(\.value) == [.integer(30), .integer(40)])
    }

    @Test("one that its own author settled unaware keeps the other side when that author goes on")
    func ownSettlement() throws {
        var life = open
        life.settle(by: side(3, 2, at: 3, 21), .write, at: 3)
        let changed6 = life.onWrite(
            side(3, 3, at: 4, 22), seen: 0, others: [side(2, at: 1, 10)], at: 4, policy: false)
        #expect(changed6)
        #expect(life.sides.map(\.value) == [.integer(10), .integer(22)])
    }
}
