import Foundation
import HTTP
import JSONText
import SimulationKit
import Testing

extension RealProcesses {
    @Suite("kill -9", .serialized)
    struct KillTests {
        @Test(
            "hub and sites are killed at random moments under traffic; then all are equal, and no write is lost"
        )
        func randomKills() async throws {
            let seed = SeedOfRun.seeds(from: UInt64.random(in: 0...999_999), count: 1)[0]
            print("kill -9: SAMBAND_SEED=\(seed)")
            var random = SeededRandom(seed: seed)
            let fleet = try await RealFleet(schema: Schemas.traffic, sites: ["snasa", "verran", "leksvik"])
            let traffic = try Traffic(fleet, seed: seed)
            for round in 1...20 {
                let before = traffic.count
                // The moment is drawn, not waited for: nothing is expected to have happened by then.
                try await Task.sleep(for: .milliseconds(random.int(50...600)))
                let victim = random.pick(fleet.everyone)
                try fleet.kill(victim)
                try await Task.sleep(for: .milliseconds(random.int(0...300)))
                try await fleet.start(victim)
                // Programs write on whoever is dead; a round without a write would prove nothing.
                try await until("round \(round) has seen writes") { traffic.count > before }
            }
            let acknowledged = try await traffic.stop()
            try await fleet.untilMet()
            print("kill -9: \(acknowledged.transactions) transactions were acknowledged")
            try await expectSound(fleet)
            try await expectEqual(fleet)
            try await expectNothingLost(fleet, acknowledged)
        }

        private func expectSound(_ fleet: RealFleet) async throws {
            for name in fleet.everyone {
                #expect(try await fleet.write(name, "PRAGMA integrity_check") == "ok\n", "\(name)")
                #expect(try await fleet.write(name, "PRAGMA foreign_key_check") == "", "\(name)")
            }
        }

        private func expectEqual(_ fleet: RealFleet) async throws {
            let content = try await fleet.content("hub")
            let conflicts = try await fleet.json("hub", "conflict", "list", "--all")
            let withheld = try await fleet.json("hub", "withheld", "list")
            for site in fleet.sites {
                expectSameLines(try await fleet.content(site), content, site)
                expectSameElements(try await fleet.json(site, "conflict", "list", "--all"), conflicts, site)
                expectSameElements(try await fleet.json(site, "withheld", "list"), withheld, site)
            }
        }

        /// The first difference, rather than two whole databases.
        private func expectSameLines(_ mine: String, _ hubs: String, _ site: String) {
            let lines = mine.split(separator: "\n")
            let others = hubs.split(separator: "\n")
            let first = zip(lines, others).first { $0 != $1 }
            #expect(
                mine == hubs,
                "\(site): \(lines.count) lines, hub: \(others.count); \(first.map { "\($0) but \($1)" } ?? "one goes on")"
            )
        }

        private func expectSameElements(_ mine: JSON, _ hubs: JSON, _ site: String) {
            let first = zip(mine.array ?? [], hubs.array ?? []).first { $0 != $1 }
            let text = first.map { "\(String(describing: $0)) but \($1)" } ?? "one goes on"
            #expect(mine.array?.count == hubs.array?.count && first == nil, "\(site): \(text)")
        }

        /// Every acknowledged write is in the tables, was overwritten by one who had read it, or is kept in a conflict
        /// or withheld.
        private func expectNothingLost(_ fleet: RealFleet, _ acknowledged: Acknowledged) async throws {
            let own = try await fleet.write("hub", "SELECT id, value FROM own ORDER BY id")
            let rows = own.split(separator: "\n").map(String.init).sorted()
            let missing = Set(acknowledged.ownRows).symmetricDifference(rows)
            #expect(missing.isEmpty, "rows of one writer that differ: \(missing.sorted().prefix(5))")

            let content = try await fleet.content("hub")
            let conflicts = try await fleet.json("hub", "conflict", "list", "--all")
            let withheld = try await fleet.json("hub", "withheld", "list")
            let kept = strings(of: conflicts).union(strings(of: withheld))
            let standing = Set(content.split { "',\n".contains($0) }.map(String.init))
            let present = standing.union(kept)
            for row in Set(acknowledged.shared.map(\.row)).sorted() {
                let history = try await fleet.json("hub", "history", "shared", "\(row)")
                let writes = acknowledged.shared.filter { $0.row == row }
                let absent = writes.filter { write in write.value.map { !present.contains($0) } ?? false }
                let lost = absent.filter { write in
                    let dot = history.array?.first {
                        strings(of: $0["values"] ?? .null).contains(write.value!)
                    }
                    return !writes.contains { $0.knew(write, in: dot?["change"]?.string) }
                }
                #expect(lost.isEmpty, "values of row \(row) that are nowhere: \(lost.prefix(3))")
            }
            let unbooked = acknowledged.booked.subtracting(standing).subtracting(kept)
            #expect(unbooked.isEmpty, "bookings that are nowhere: \(unbooked.sorted().prefix(5))")
            print(
                "kill -9: \(conflicts.array?.count ?? 0) conflicts, \(withheld.array?.count ?? 0) rows withheld"
            )
        }

        /// All strings within a JSON value.
        private func strings(of json: JSON) -> Set<String> {
            switch json {
            case .string(let text): [text]
            case .array(let elements): elements.reduce(into: []) { $0.formUnion(strings(of: $1)) }
            case .object(let object): object.members.reduce(into: []) { $0.formUnion(strings(of: $1.value)) }
            default: []
            }
        }
    }
}
