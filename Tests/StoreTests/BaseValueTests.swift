import Replication
import Testing

/// What an operator is shown as the value before, and what is no write at all (promise 5).
@Suite("The value before a conflict")
struct BaseValueTests {
    static let schema = """
        CREATE TABLE item(id TEXT PRIMARY KEY NOT NULL, x INTEGER, y INTEGER, z INTEGER);
        INSERT INTO samband_table(name) VALUES('item');
        INSERT INTO item VALUES('k', 1, 1, 1);
        """

    private func fleet() throws -> TestFleet {
        let fleet = try TestFleet(Self.schema)
        for site in ["snasa", "verran", "inderoy"] { try fleet.join(site) }
        return fleet
    }

    /// A write of the one cell, as the test knows it: who made it, what that site had seen, and its value.
    private struct Write {
        let dot: Dot
        let hlc: UInt64
        let seen: VectorClock
        let value: Int64

        func had(_ other: Write) -> Bool {
            dot.replica == other.dot.replica ? other.dot.seq < dot.seq : seen.covers(other.dot)
        }
    }

    @Test("the newest write that both sides had seen, else the value at the start")
    func naive() throws {
        var judged = 0
        for seed: UInt64 in 1...20 { judged += try history(seed: seed) }
        #expect(judged >= 20, "\(judged) conflicts in all")
    }

    private func history(seed: UInt64) throws -> Int {
        var random = Random(seed: seed)
        let fleet = try fleet()
        let sites = ["snasa", "verran", "inderoy"]
        var writes: [Write] = []
        var value: Int64 = 10
        var judged: Set<UInt64> = []
        for _ in 0..<25 {
            let site = sites[random.next(3)]
            let node = fleet.nodes[site]!
            switch random.next(4) {
            case 0:
                try fleet.seal(site)
                while try fleet.hub.vector()[node.replica] < node.sealedSeq() {
                    fleet.nowMs += 1
                    try fleet.send(node, to: fleet.hub, first: 1)
                    try judge(fleet, writes, &judged, seed)
                }
            case 1: try fleet.pull(site)
            default:
                value += 1
                let seen = try node.vector()
                try fleet.write(site, "UPDATE item SET x = \(value) WHERE id = 'k'")
                let dot = try #require(try fleet.seal(site))
                let header = try #require(
                    try node.offers(after: dot.seq - 1, maxBytes: 1 << 20).first { $0.header.dot == dot }?.header)
                writes.append(Write(dot: dot, hlc: header.hlc, seen: seen, value: value))
            }
        }
        return judged.count
    }

    /// A new conflict has the sides between which it opened: later writes take their place, and the value before stays.
    private func judge(_ fleet: TestFleet, _ writes: [Write], _ judged: inout Set<UInt64>, _ seed: UInt64) throws {
        for record in try fleet.hub.conflicts(includeSettled: true) where judged.insert(record.id).inserted {
            let sides = record.life.sides.map { side in writes.first { $0.dot == side.dot }! }
            let known = writes.filter { write in sides.allSatisfy { $0.had(write) } }
            let base = known.max { ($0.hlc, $0.dot.replica) < ($1.hlc, $1.dot.replica) }?.value ?? 1
            #expect(record.base == .cell(.integer(base)), "seed \(seed), conflict \(record.id)")
        }
    }
}

/// Numbers that a seed determines.
private struct Random {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 }

    mutating func next(_ below: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(below))
    }
}
