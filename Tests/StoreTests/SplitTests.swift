import Replication
import Testing

@testable import NodeDatabase
@testable import TableModel

@Suite("Where a file and the hub part")
struct SplitSearchTests {
    private func fleet(sets: Int) throws -> (TestFleet, NodeStore) {
        let fleet = try TestFleet(Schemas.referrals)
        try fleet.join("snasa")
        for number in 0..<sets {
            try fleet.write("snasa", "INSERT INTO referral(id) VALUES('n\(number)')")
            try fleet.seal("snasa")
        }
        return (fleet, fleet.nodes["snasa"]!)
    }

    /// Asks as a node does, a few digests at a time, with those behind `common` bent.
    private func search(
        _ fleet: TestFleet, _ node: NodeStore, common: UInt64, limit: Int, through: UInt64
    ) throws -> (at: UInt64, asked: Int) {
        let sealed = try node.sealedSeq()
        var (above, last): (UInt64, UInt64) = (0, through)
        for round in 1...32 {
            var digests = above == 0 ? [] : try node.ownDigests(above: above - 1, below: above + 1, limit: 1)
            digests += try node.ownDigests(above: above, below: last + 1, limit: limit)
            #expect(digests.count <= limit + 1)
            for place in digests.indices where digests[place].seq > common { digests[place].digest[0] ^= 1 }
            let request = SplitRequest(
                replica: node.replica, sealed: sealed, digests: digests, position: try node.position(),
                ticket: [UInt8](repeating: 7, count: 16))
            switch try fleet.hub.split(request, nowMs: fleet.nowMs) {
            case .goOn(_, let at): return (at, round)
            case .narrow(let lower, let upper): (above, last) = (lower, upper)
            }
        }
        return (.max, 32)
    }

    @Test(
        "it is found among many change sets with a few digests at a time", arguments: [0, 1, 2, 57, 98, 99] as [UInt64])
    func search(common: UInt64) throws {
        let (fleet, node) = try fleet(sets: 100)
        try fleet.push("snasa")
        let found = try search(fleet, node, common: common, limit: 6, through: 100)
        #expect(found.at == common)
        #expect(found.asked <= 6)
    }

    @Test("a file that goes on from what the hub has is not split, and one that has just that may be")
    func fits() throws {
        let (fleet, node) = try fleet(sets: 4)
        try fleet.send(node, to: fleet.hub, first: 3)
        #expect { try search(fleet, node, common: 4, limit: 8, through: 3) } throws: {
            ($0 as? StoreError)?.kind == .missing
        }
        try fleet.send(node, to: fleet.hub)
        #expect(try search(fleet, node, common: 4, limit: 8, through: 4).at == 4)
    }

    @Test("the same question gets the same number, and another file another")
    func sameNumber() throws {
        let (fleet, node) = try fleet(sets: 3)
        try fleet.push("snasa")
        let digests = try node.ownDigests(above: 0, below: 3, limit: 8)
        func ask(_ ticket: UInt8, sealed: UInt64, last: UInt8? = nil) throws -> SplitAnswer {
            var shown = digests
            if let last { shown.append((seq: 3, digest: [UInt8](repeating: last, count: 32))) }
            return try fleet.hub.split(
                SplitRequest(
                    replica: node.replica, sealed: sealed, digests: shown, position: 0,
                    ticket: [UInt8](repeating: ticket, count: 16)), nowMs: fleet.nowMs)
        }
        let first = try ask(1, sealed: 2)
        #expect(try ask(1, sealed: 2) == first)
        #expect(try ask(2, sealed: 2) != first)
        // What is renumbered has its own name, whoever asks.
        let second = try ask(3, sealed: 3, last: 9)
        #expect(try ask(4, sealed: 3, last: 9) == second && second != first)
        #expect(try ask(4, sealed: 3, last: 8) != second)
    }

    @Test("whoever asks under ever other names gets the same number, and does not fill the hub with them")
    func namesWithoutEnd() throws {
        let (fleet, node) = try fleet(sets: 3)
        try fleet.push("snasa")
        let digests = try node.ownDigests(above: 0, below: 3, limit: 8) + [(3, [UInt8](repeating: 9, count: 32))]
        var answers: Set<SplitAnswer> = []
        for ticket in 0..<200 {
            let name = [UInt8](repeating: 0, count: 8) + withUnsafeBytes(of: ticket) { [UInt8]($0) }
            answers.insert(
                try fleet.hub.split(
                    SplitRequest(replica: node.replica, sealed: 3, digests: digests, position: 0, ticket: name),
                    nowMs: fleet.nowMs))
        }
        #expect(answers.count == 1)
        #expect(try fleet.rows("hub", "SELECT count(*) FROM samband_split") == ["\(Limits.splitTickets)"])
    }

    @Test("a retired replica gets no number, and a site not more than it may have had")
    func refused() throws {
        let (fleet, node) = try fleet(sets: 1)
        try fleet.push("snasa")
        func ask(_ ticket: Int) throws -> SplitAnswer {
            try fleet.hub.split(
                SplitRequest(
                    replica: node.replica, sealed: 0, digests: [], position: 0,
                    ticket: [UInt8](repeating: 0, count: 8) + withUnsafeBytes(of: ticket) { [UInt8]($0) }),
                nowMs: fleet.nowMs)
        }
        let program = try fleet.program(at: "hub")
        try program.setTriggersEnabled(false)
        try program.execute(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(Limits.replicasPerSite - 1))
            INSERT INTO samband_replica(replica, site, state) SELECT 3000000000 + i, 'snasa', 'retired' FROM n
            """)
        #expect { try ask(1) } throws: { ($0 as? StoreError)?.why.contains("has had") == true }
        _ = try fleet.hub.admit(site: "snasa", nowMs: fleet.nowMs)
        #expect { try ask(2) } throws: { ($0 as? StoreError)?.kind == .refused }
    }

    @Test("the hub tells who goes on from whom, and every site knows")
    func lines() throws {
        let (fleet, node) = try fleet(sets: 2)
        try fleet.join("verran")
        try fleet.push("snasa")
        let former = node.replica
        guard
            case .goOn(let new, let at) = try fleet.hub.split(
                SplitRequest(
                    replica: former, sealed: 1, digests: try node.ownDigests(above: 0, below: 2, limit: 8), position: 0,
                    ticket: [UInt8](repeating: 1, count: 16)), nowMs: fleet.nowMs)
        else {
            Issue.record("it was not split")
            return
        }
        try fleet.pull("verran")
        for place in ["hub", "verran"] {
            #expect(
                try fleet.rows(
                    place, "SELECT site, state, split_from, split_seq FROM samband_replica WHERE replica = \(new)")
                    == ["snasa|active|\(former)|\(at)"])
        }
        #expect(
            try fleet.rows("hub", "SELECT state FROM samband_replica WHERE replica = \(former)") == ["replaced"])
        // The former one comes back, and what it has fits.
        try fleet.write("snasa", "INSERT INTO referral(id) VALUES('again')")
        try fleet.push("snasa")
        #expect(try fleet.hub.sites().filter { $0.name == "snasa" }.count == 2)
    }
}
