import Replication
import Testing

@Suite("Clocks")
struct ClockTests {
    @Test("a hybrid clock gives out only values greater than all it has given or seen")
    func monotone() {
        var clock = HybridClock()
        let first = clock.tick(nowMs: 1000)
        #expect(first == 1000 << 16)
        #expect(clock.tick(nowMs: 900) == first + 1)
        clock.observe(5000 << 16)
        #expect(clock.tick(nowMs: 1000) == 5000 << 16 + 1)
        clock.observe(3)
        #expect(clock.tick(nowMs: 6000) == 6000 << 16)
    }

    @Test("milliseconds beyond 48 bits stick at the end")
    func end() {
        #expect(HybridClock.value(ms: .max) == 0xffff_ffff_ffff_0000)
        #expect(HybridClock.milliseconds(HybridClock.value(ms: 1_700_000_000_123)) == 1_700_000_000_123)
    }

    @Test("a vector clock never goes back, and covers what it merged")
    func vector() {
        var clock = VectorClock([(3, 5), (1, 2), (9, 0)])
        clock.advance(3, to: 4)
        #expect(clock[3] == 5)
        #expect(clock.entries.map(\.replica) == [1, 3])
        let other = VectorClock([(1, 7), (2, 1)])
        #expect(!clock.covers(other))
        clock.merge(other)
        #expect(clock.covers(other))
        #expect(clock.covers(Dot(replica: 1, seq: 7)))
        #expect(!clock.covers(Dot(replica: 1, seq: 8)))
    }

    @Test("an older clock and the delta to it give the newer one")
    func delta() {
        let older = VectorClock([(1, 2), (2, 2)])
        let newer = VectorClock([(1, 2), (2, 4), (3, 1)])
        let delta = newer.delta(since: older)
        #expect(delta == VectorClock([(2, 4), (3, 1)]))
        var sum = older
        sum.merge(delta)
        #expect(sum == newer)
    }

    @Test("a dot reads as it is written and as nothing else", arguments: ["8070:41", "1:1"])
    func dot(text: String) {
        #expect(Dot(text)?.description == text)
        #expect(Dot("8070") == nil)
        #expect(Dot("8070:") == nil)
        #expect(Dot(":1:2") == nil)
        #expect(Dot("4294967296:1") == nil)
    }

    @Test("stamps order by clock, then replica, then count; zero is below all")
    func stamps() {
        let stamps = [
            Stamp.zero, Stamp(hlc: 0, replica: 0, seq: 1), Stamp(hlc: 1, replica: 9, seq: 9),
            Stamp(hlc: 2, replica: 1, seq: 9), Stamp(hlc: 2, replica: 2, seq: 1),
            Stamp(hlc: 2, replica: 2, seq: 2),
        ]
        #expect(stamps.shuffled().sorted() == stamps)
    }
}
