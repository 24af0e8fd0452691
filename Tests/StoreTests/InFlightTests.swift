import Replication
import SimulationKit
import Testing

@testable import NodeDatabase
@testable import OrderedLog

/// A site that was away has thousands of own change sets in flight, and everything that comes in is asked against them.
@Suite("Own change sets in flight")
struct InFlightTests {
    /// What is said of them by looking at each.
    private struct Naive {
        var sets: [(seq: UInt64, hashes: [UInt64])] = []

        func holding(_ hashes: [UInt64]) -> [UInt64] {
            sets.filter { !Set($0.hashes).isDisjoint(with: hashes) }.map(\.seq)
        }
        func last(_ hash: UInt64) -> UInt64? { sets.last { $0.hashes.contains(hash) }?.seq }
    }

    private func entry(_ seq: UInt64) -> LogEntry {
        let header = ChangeSetHeader(
            kind: .local, dot: Dot(replica: 7, seq: seq), hlc: seq, position: 0, contextDelta: VectorClock(),
            schemaVersion: 1, rowCount: 1, conflict: 0, previous: ChangeSetHeader.firstPrevious, segmentDigests: [])
        return LogEntry(id: seq, position: nil, header: header, seen: 0, isEffective: false, endsTransaction: false)
    }

    @Test("which of them write a row, small and large ones, while new ones come and old ones are echoed")
    func asByLookingAtEach() {
        for seed in SeedOfRun.seeds(from: 1, count: 8) {
            var random = SeededRandom(seed: seed)
            var inFlight = InFlight()
            var naive = Naive()
            var seq = UInt64(random.int(1...50))
            for _ in 0..<300 {
                if random.int(0...9) < 6 {
                    let count = random.int(0...40) == 0 ? random.int(1000...1100) : random.int(0...6)
                    let hashes = (0..<count).map { _ in UInt64(random.int(0...60)) * (count > 100 ? 1 : 3) }.sorted()
                    inFlight.append(entry(seq), hashes: hashes)
                    naive.sets.append((seq, hashes))
                    seq += 1
                } else if !naive.sets.isEmpty {
                    inFlight.removeFirst()
                    naive.sets.removeFirst()
                }
                #expect(inFlight.count == naive.sets.count && inFlight.isEmpty == naive.sets.isEmpty, "seed \(seed)")
                #expect(inFlight.first?.entry.header.dot.seq == naive.sets.first?.seq, "seed \(seed)")
                #expect(inFlight.all.map(\.entry.header.dot.seq) == naive.sets.map(\.seq), "seed \(seed)")
                let asked = (0..<random.int(0...80)).map { _ in UInt64(random.int(0...200)) }.sorted()
                #expect(
                    inFlight.holding(asked).map(\.entry.header.dot.seq) == naive.holding(asked),
                    "seed \(seed): \(asked)")
                if let hash = asked.first {
                    #expect(inFlight.lastOrder(holding: hash) == naive.last(hash), "seed \(seed)")
                }
            }
        }
    }
}
