import Replication
import SimulationKit

extension Story {
    /// Histories about policies: those that broke an earlier draft, and what each policy is there for.
    /// (Protocol/Merge-Histories.md#histories-that-broke-earlier-drafts)
    static let ofPolicies: [Story] = [
        Story(
            claim: "max: a write of a row deleted since is a party to it (B2)",
            tables: [.extremes], skewsMs: [1000, 0, 0],
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("snasa", set(x: 101))
                try fleet.seal("snasa")
                try fleet.write("snasa", delete)
                try fleet.seal("snasa")
                try fleet.write("verran", set(x: 103))
                try fleet.seal("verran")
                try fleet.write("inderoy", set(x: 0))
                try fleet.seal("inderoy")
                try fleet.push("snasa")
                try fleet.push("inderoy")
                try fleet.push("verran")
            }, ends: ["k": row(103, 0)], open: [.deleteUpdate]),
        Story(
            claim: "max: who had seen the greater value and wrote a smaller one is not overruled",
            tables: [.extremes],
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("snasa", set(x: 301))
                try fleet.write("verran", set(x: 150))
                try fleet.seal("verran")
                try fleet.sync("snasa")
                try fleet.pull("inderoy")
                try fleet.write("inderoy", set(x: 202))
                try fleet.send("inderoy")
                try fleet.push("verran")
            }, ends: ["k": row(202, 0)]),
        Story(
            claim: "max and min settle at once, each by its own column, and keep every value on record",
            tables: [.extremes], skewsMs: [1000, 0, 0],
            tell: { fleet in
                try begin(fleet, 5, 5)
                try fleet.write("snasa", set(x: 1, y: 1))
                try fleet.write("inderoy", set(x: 3, y: 3))
                try fleet.write("verran", set(x: 2, y: 2))
                try fleet.send("snasa", "inderoy", "verran")
                let settled = try fleet.hub.conflicts()
                guard settled.map(\.life.settlement) == [.policy, .policy],
                    settled.allSatisfy({ $0.life.sides.count == 3 })
                else { throw Broken("two conflicts of three sides, settled by policy, not \(settled)") }
            }, ends: ["k": row(3, 1)]),
        Story(
            claim: "hub: what reached the hub first stands",
            tables: [.standing], skewsMs: [0, 5000, 0],
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("snasa", set(x: 1))
                try fleet.write("inderoy", set(x: 2))
                try fleet.send("snasa", "inderoy")
            }, ends: ["k": row(1, 0)]),
        Story(
            claim: "owner: the site that the row belongs to has the last word, whoever is newer",
            tables: [.owned],
            tell: { fleet in
                try fleet.write("verran", .insert(0, k, [.text("snasa"), .integer(0)]))
                try fleet.settleEverything()
                try fleet.write("snasa", .update(0, k, [1: .integer(1)]))
                try fleet.seal("snasa")
                try fleet.wait(10)
                try fleet.write("inderoy", .update(0, k, [1: .integer(2)]))
                try fleet.write("verran", .update(0, k, [1: .integer(3)]))
                try fleet.send("inderoy", "verran", "snasa")
            }, ends: ["k": [.text("snasa"), .integer(1)]]),
        Story(
            claim: "owner: a row that moved to another site has a new owner from then on",
            tables: [.owned],
            tell: { fleet in
                try fleet.write("verran", .insert(0, k, [.text("snasa"), .integer(0)]))
                try fleet.settleEverything()
                try fleet.write("snasa", .update(0, k, [1: .integer(1)]))
                try fleet.seal("snasa")
                try fleet.write("inderoy", .update(0, k, [1: .integer(2)]))
                try fleet.seal("inderoy")
                try fleet.write("verran", .update(0, k, [0: .text("inderoy")]))
                try fleet.send("verran", "inderoy", "snasa")
            }, ends: ["k": [.text("inderoy"), .integer(2)]]),
        Story(
            claim: "sum: a delta that comes before an insert is in it, as one that comes after is",
            tables: [.counted],
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("snasa", set(x: 10))
                try fleet.seal("snasa")
                try fleet.perform(.write(1, [delete]))
                try fleet.seal("inderoy")
                try fleet.wait(5)
                try fleet.write("inderoy", insert(4000, 0))
                try fleet.seal("inderoy")
                try fleet.write("verran", set(x: 5))
                try fleet.seal("verran")
                try fleet.push("snasa")
                try fleet.push("inderoy")
                try fleet.push("verran")
            }, ends: ["k": row(4015, 0)]),
        Story(
            claim: "sum: a person's decision is absolute, and what was under way is added to it",
            tables: [.counted], skewsMs: [0, 0, 0],
            tell: { fleet in
                try fleet.write("snasa", insert(1, 1))
                try fleet.seal("snasa")
                try fleet.write("inderoy", insert(2, 2))
                try fleet.seal("inderoy")
                try fleet.push("snasa")
                try fleet.pull("verran")
                try fleet.write("verran", set(x: 11))
                try fleet.seal("verran")
                try fleet.push("inderoy")
                try fleet.decide(.insert, .side(0))
                try fleet.push("verran")
            }, ends: ["k": row(11, 1)], open: []),
        Story(
            claim: "sum: a site that shows another's value adds to it, and its own earlier raise is not lost",
            tables: [.counted],
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("snasa", set(x: 10))
                try fleet.seal("snasa")
                try fleet.wait(10)
                try fleet.write("inderoy", set(x: 5))
                try fleet.send("inderoy")
                try fleet.pull("snasa")
                try fleet.write("snasa", set(x: 6))
                try fleet.seal("snasa")
                try fleet.push("snasa")
            }, ends: ["k": row(16, 0)]),
        Story(
            claim: "sum: a hundred changes in flight of one more each, of three sites, come to three hundred",
            tables: [.counted], skewsMs: [-50, 1000, 0],
            tell: { fleet in
                try begin(fleet, 0, 0)
                for value in 1...100 {
                    for site in ["snasa", "inderoy", "verran"] {
                        try fleet.write(site, set(x: Int64(value)))
                        try fleet.seal(site)
                    }
                }
                for site in ["verran", "snasa", "inderoy"] { try fleet.push(site) }
                guard try fleet.hub.conflicts().count <= 1 else { throw Broken("more than one record") }
            }, ends: ["k": row(300, 0)]),
        Story(
            claim: "a unit ships whole: two edits of different columns of it are one conflict about all of them",
            tables: [.paired],
            tell: { fleet in
                try fleet.write("snasa", .insert(0, k, [.integer(1), .integer(2), .integer(3)]))
                try fleet.settleEverything()
                try fleet.write("snasa", .update(0, k, [0: .integer(10)]))
                try fleet.seal("snasa")
                try fleet.wait(10)
                try fleet.write("inderoy", .update(0, k, [2: .integer(30), 1: .integer(20)]))
                try fleet.send("snasa", "inderoy")
                let open = try fleet.openConflicts()
                guard open.count == 1, open[0].column == nil,
                    fleet.side(of: "snasa", in: open[0])?.row == [0: .integer(10), 2: .integer(3)],
                    fleet.side(of: "inderoy", in: open[0])?.row == [0: .integer(1), 2: .integer(30)]
                else { throw Broken("one conflict about both columns, not \(open)") }
                try fleet.decide(.cell, .side(0))
            }, ends: ["k": [.integer(10), .integer(20), .integer(3)]]),
        Story(
            claim: "a unit whose policy is hub stands as it came first, no column of it mixed",
            tables: [.pairedByHub],
            tell: { fleet in
                try fleet.write("snasa", .insert(0, k, [.integer(1), .integer(2), .integer(3)]))
                try fleet.settleEverything()
                try fleet.write("snasa", .update(0, k, [0: .integer(10)]))
                try fleet.write("inderoy", .update(0, k, [1: .integer(20), 2: .integer(30)]))
                try fleet.send("snasa", "inderoy")
            }, ends: ["k": [.integer(10), .integer(2), .integer(30)]]),
    ]
}
