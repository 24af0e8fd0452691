import Replication
import Testing

@Suite("A sum is taken in 128 bits")
struct WideSumTests {
    @Test("steps on the way may leave 64 bits, in whatever order they are added")
    func steps() {
        // In 64 bits the first order has no sum, and the second has.
        #expect(WideSum(.max, adding: [1, -2]).value == Int64.max - 1)
        #expect(WideSum(.max, adding: [-2, 1]).value == Int64.max - 1)
        #expect(WideSum(.min, adding: [-1, -1, 5]).value == Int64.min + 3)
        #expect(WideSum(0, adding: [.max, .max, .min, .min, 7]).value == 5)
    }

    @Test("a sum beyond 64 bits is none")
    func beyond() {
        #expect(WideSum(.max, adding: [1]).value == nil)
        #expect(WideSum(.min, adding: [-1]).value == nil)
        #expect(WideSum(.max).value == .max)
        var sum = WideSum(.max, adding: [.max])
        sum.subtract(WideSum(.max))
        #expect(sum.value == .max)
    }
}

@Suite("Had seen")
struct HadSeenTests {
    private func write(_ replica: UInt32, _ seq: UInt64, at position: UInt64, seen: UInt64, line: [Dot] = [])
        -> LoggedOperation
    {
        LoggedOperation(
            dot: Dot(replica: replica, seq: seq), hlc: 0, position: position, seen: seen, operation: .delete,
            columns: [], values: [], line: line)
    }

    @Test("by position, own up to itself, and what it wrote under a former number")
    func covers() {
        let other = write(2, 1, at: 5, seen: 0)
        #expect(write(3, 1, at: 9, seen: 5).covers(other))
        #expect(!write(3, 1, at: 9, seen: 4).covers(other))
        #expect(write(2, 2, at: 9, seen: 0).covers(other))
        #expect(!other.covers(write(2, 2, at: 3, seen: 0)))
        #expect(write(3, 1, at: 9, seen: 0, line: [Dot(replica: 2, seq: 1)]).covers(other))
        #expect(!write(3, 1, at: 9, seen: 0, line: [Dot(replica: 2, seq: 0)]).covers(other))
    }

    @Test("what has no position yet is seen by its author only")
    func inFlight() {
        #expect(!write(3, 1, at: 9, seen: 9).hadSeen(Dot(replica: 2, seq: 1), at: nil))
        #expect(write(2, 2, at: 9, seen: 9).hadSeen(Dot(replica: 2, seq: 1), at: nil))
    }
}
