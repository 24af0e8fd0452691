import Replication
import SimulationKit

extension Story {
    /// Histories about the life of conflicts and about decisions.
    static let ofConflicts: [Story] = [
        Story(
            claim: "a decision for the value that stands is sent all the same",
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("inderoy", set(y: 101))
                try fleet.seal("inderoy")
                try fleet.wait(10)
                try fleet.write("snasa", set(y: 102))
                try fleet.seal("snasa")
                try fleet.push("inderoy")
                try fleet.push("snasa")
                try fleet.wait(10)
                try fleet.write("inderoy", set(y: 103))
                try fleet.seal("inderoy")
                try fleet.wait(10)
                try fleet.decide(.cell, column: 1, .value(.integer(102)))
                try fleet.push("inderoy")
            }, ends: ["k": row(0, 102)], open: [.cell]),
        Story(
            claim: "a write by one who had seen both sides but not yet their conflict does not close it",
            skewsMs: [0, 1000, 0],
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("verran", set(x: 3))
                try fleet.seal("verran")
                try fleet.write("inderoy", set(x: 2))
                try fleet.send("inderoy")
                try fleet.pull("verran")
                try fleet.write("verran", set(x: 4))
                try fleet.seal("verran")
                try fleet.push("verran")
            }, ends: ["k": row(4, 0)], open: [.cell]),
        Story(
            claim: "a write by one who has seen the conflict settles it",
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("snasa", set(x: 1))
                try fleet.write("inderoy", set(x: 2))
                try fleet.settleEverything()
                try fleet.write("verran", set(x: 3))
            }, ends: ["k": row(3, 0)]),
        Story(
            claim: "a hundred edits by one who knows of no dispute make one conflict",
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("inderoy", set(x: 2))
                try fleet.send("inderoy")
                for value in 10..<110 {
                    try fleet.write("snasa", set(x: Int64(value)))
                    try fleet.send("snasa")
                }
                let open = try fleet.openConflicts()
                guard open.count == 1, fleet.side(of: "snasa", in: open[0])?.value == .integer(109) else {
                    throw Broken("one conflict with the last edit as its side, not \(open)")
                }
            }, open: [.cell]),
        Story(
            claim: "a newcomer who agrees with a settlement that was overwritten since opens it again",
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("verran", set(x: 104))
                try fleet.seal("verran")
                try fleet.write("snasa", set(x: 101))
                try fleet.write("inderoy", set(x: 102))
                try fleet.sync("snasa", "inderoy")
                try fleet.decide(.cell, column: 0, .value(.integer(104)))
                try fleet.sync("snasa")
                try fleet.write("snasa", set(x: 0))
                try fleet.send("snasa")
                try fleet.push("verran")
            }, ends: ["k": row(0, 0)], open: [.cell]),
        Story(
            claim: "a newcomer who agrees with a settlement that stands leaves it settled",
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("verran", set(x: 104))
                try fleet.seal("verran")
                try fleet.write("snasa", set(x: 101))
                try fleet.write("inderoy", set(x: 102))
                try fleet.sync("snasa", "inderoy")
                try fleet.decide(.cell, column: 0, .value(.integer(104)))
                try fleet.push("verran")
            }, ends: ["k": row(104, 0)]),
        Story(
            claim: "a decision on a cell leaves the conflict about the row open",
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("snasa", set(x: 1))
                try fleet.write("inderoy", set(x: 2))
                try fleet.write("verran", delete)
                try fleet.send("snasa", "inderoy", "verran")
                try fleet.decide(.cell, column: 0, .value(.integer(1)))
            }, ends: ["k": row(1, 0)], open: [.deleteUpdate]),
        Story(
            claim: "a row conflict is moot once a delete that had seen the update removes the row",
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("inderoy", set(x: 2))
                try fleet.write("verran", delete)
                try fleet.seal("verran")
                try fleet.send("inderoy")
                try fleet.pull("snasa")
                try fleet.write("snasa", delete)
                try fleet.seal("snasa")
                try fleet.push("verran")
                try fleet.push("snasa")
            }, ends: ["k": nil]),
        Story(
            claim: "a decision is sent as the column stores it",
            tables: [.numbered],
            tell: { fleet in
                let key: [Value] = [.integer(1)]
                try fleet.write("snasa", .insert(0, key, [.integer(2), .text("a")]))
                try fleet.settleEverything()
                try fleet.write("snasa", .update(0, key, [1: .text("b")]))
                try fleet.write("inderoy", .update(0, key, [1: .text("c")]))
                try fleet.send("snasa", "inderoy")
                try fleet.decide(.cell, column: 1, .value(.integer(5)))
                guard let decision = fleet.history.sets.values.first(where: { $0.dot.replica == fleet.hub.replica })
                else { throw Broken("the decision is not in the order") }
                let sent = decision.writes.values.first?.cells[1]
                guard sent == (try fleet.hub.rows().values.first?.data[1]) else {
                    throw Broken("sent as \(String(describing: sent))")
                }
            }),
        Story(
            claim: "the policy newest settles at once and keeps both values on record",
            tables: [.newest], skewsMs: [0, 1000, 0],
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("snasa", set(x: 1, y: 1))
                try fleet.write("inderoy", set(x: 2))
                try fleet.send("inderoy", "snasa")
                let settled = try fleet.hub.conflicts().filter { $0.life.settlement == .policy }
                guard settled.count == 1, settled[0].life.sides.count == 2 else {
                    throw Broken("one settled conflict of two sides, not \(settled)")
                }
            }, ends: ["k": row(2, 1)]),
    ]
}
