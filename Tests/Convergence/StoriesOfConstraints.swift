import Replication
import SimulationKit

// Short hands for the table `bed_night`: (id, slot UNIQUE, note).
private func bed(_ id: String, _ slot: Int64?, _ note: Int64 = 0) -> UserWrite {
    .insert(0, [.text(id)], [slot.map { .integer($0) } ?? .null, .integer(note)])
}
private func slot(_ id: String, _ slot: Int64) -> UserWrite { .update(0, [.text(id)], [0: .integer(slot)]) }
private func text(_ value: String) -> Value { .text(value) }

extension Story {
    /// Histories in which rows that are right alone cannot stand together. Only real databases know constraints.
    static let ofConstraints: [Story] = [
        Story(
            claim: "two sites take the last free bed: one has it, the other's row is kept and shown",
            tables: [.unique],
            tell: { fleet in
                try fleet.write("snasa", bed("k", 1))
                try fleet.write("inderoy", bed("l", 1, 7))
                try fleet.send("snasa", "inderoy")
                guard try fleet.hub.withheld().map(\.cells) == [[0: .integer(1), 1: .integer(7)]] else {
                    throw Broken("the row of Inderøy is not kept whole")
                }
            }, ends: ["k": [.integer(1), .integer(0)], "l": nil], open: [.unique]),
        Story(
            claim: "values of a UNIQUE column that swap between rows of one change set arrive",
            tables: [.unique],
            tell: { fleet in
                try fleet.write("snasa", bed("k", 1), bed("l", 2))
                try fleet.settleEverything()
                try fleet.perform(.write(1, RandomWriter.swap))
            }, ends: ["k": [.integer(2), .integer(0)], "l": [.integer(1), .integer(0)]]),
        Story(
            claim:
                "an own row that a settled one pushed aside survives an insert and delete of its key before the seal",
            tables: [.unique],
            tell: aside, ends: ["k": [.integer(3), .integer(0)], "m": nil]),
        Story(
            claim: "a cell that comes in with the row that pushes its own row aside reaches it there",
            tables: [.unique],
            tell: { fleet in
                try fleet.write("snasa", bed("k", 3), bed("l", 1))
                try fleet.settleEverything()
                try fleet.write("inderoy", slot("l", 2))
                try fleet.seal("inderoy")
                try fleet.write("snasa", slot("k", 2), .update(0, [.text("l")], [1: .integer(9)]))
                try fleet.send("snasa")
                try fleet.pull("inderoy")
                try fleet.write("snasa", slot("k", 4))
                try fleet.send("snasa")
            }, ends: ["k": [.integer(4), .integer(0)], "l": [.integer(2), .integer(9)]]),
        Story(
            claim: "a parent deleted while a child was added comes back, with the child",
            tables: [.parent, .child],
            tell: { fleet in
                try fleet.write("snasa", .insert(0, [text("p")], [.integer(1)]))
                try fleet.settleEverything()
                try fleet.write("inderoy", .insert(1, [text("c")], [text("p"), .integer(1)]))
                try fleet.write("snasa", .delete(0, [text("p")]))
                try fleet.send("snasa", "inderoy")
            }, ends: ["p": [.integer(1)]], open: [.foreignKey]),
        Story(
            claim:
                "a delete of a parent that arrives behind a new child is kept out, and its author gets the parent back",
            tables: [.parent, .child],
            tell: { fleet in
                try fleet.write("snasa", .insert(0, [text("p")], [.integer(1)]))
                try fleet.settleEverything()
                try fleet.write("inderoy", .insert(1, [text("c")], [text("p"), .integer(1)]))
                try fleet.write("snasa", .delete(0, [text("p")]))
                try fleet.send("inderoy", "snasa")
            }, ends: ["p": [.integer(1)]], open: [.foreignKey]),
        Story(
            claim: "a cascade that fires at its author arrives once, as data",
            tables: [.parent, .cascading, .clearing],
            tell: { fleet in
                try fleet.perform(
                    .write(
                        0,
                        [
                            .insert(0, [text("p")], [.integer(1)]),
                            .insert(1, [text("e")], [text("p"), .integer(1)]),
                            .insert(2, [text("g")], [text("p"), .integer(1)]),
                        ]))
                try fleet.settleEverything()
                try fleet.write("inderoy", .delete(0, [text("p")]))
                try fleet.settleEverything()
                let rows = try fleet.rows("verran")
                guard rows.count == 1, rows.values.first?.data == [.null, .integer(1)] else {
                    throw Broken("the cascade and the cleared reference did not arrive: \(rows)")
                }
            }, ends: ["p": nil]),
        Story(
            claim: "a parent that comes back brings the rows that went or were cleared with it",
            tables: [.parent, .cascading, .clearing],
            tell: { fleet in
                try fleet.perform(
                    .write(
                        0,
                        [
                            .insert(0, [text("p")], [.integer(1)]),
                            .insert(1, [text("e")], [text("p"), .integer(1)]),
                            .insert(2, [text("g")], [text("p"), .integer(1)]),
                        ]))
                try fleet.settleEverything()
                try fleet.write("inderoy", .delete(0, [text("p")]))
                try fleet.write("snasa", .update(0, [text("p")], [0: .integer(2)]))
                try fleet.send("inderoy", "snasa")
                try fleet.settleEverything()
                let rows = try fleet.rows("verran")
                guard rows.count == 3, rows.values.contains(where: { $0.data == [text("p"), .integer(1)] })
                else {
                    throw Broken("what went with the parent is not back: \(rows)")
                }
            }, ends: ["p": [.integer(2)]], open: [.deleteUpdate]),
        Story(
            claim:
                "two halves of an interval that cannot stand together: the hub's row stands, the other is kept",
            tables: [.interval],
            tell: { fleet in
                try fleet.write("snasa", insert(1, 4))
                try fleet.settleEverything()
                try fleet.write("snasa", set(x: 4))
                try fleet.write("inderoy", set(y: 1))
                try fleet.send("snasa", "inderoy")
            }, ends: ["k": row(4, 4)], open: [.check]),
        Story(
            claim: "a parent that could only come back onto a value taken since stays away, and the child is kept",
            tables: [.ward, .stay, .visit],
            tell: { fleet in
                try fleet.write("snasa", .insert(0, [text("w")], [.integer(1)]), .insert(1, [text("s")], [text("w")]))
                try fleet.settleEverything()
                try fleet.write("inderoy", .insert(2, [text("v")], [text("s")]))
                try fleet.write(
                    "snasa", .delete(1, [text("s")]), .delete(0, [text("w")]), .insert(0, [text("x")], [.integer(1)]))
                try fleet.send("snasa", "inderoy")
                guard try fleet.hub.withheld().map(\.key) == [[text("v")]] else {
                    throw Broken("the visit is not kept")
                }
            }, ends: ["w": nil, "x": [.integer(1)]], open: [.foreignKey]),
        Story(
            claim: "a parent written anew without the value that a child refers to keeps its new values",
            tables: [.ward, .bed],
            tell: { fleet in
                try fleet.write("snasa", .insert(0, [text("w")], [.integer(1)]))
                try fleet.settleEverything()
                try fleet.write("inderoy", .delete(0, [text("w")]))
                try fleet.seal("inderoy")
                try fleet.write("inderoy", .insert(0, [text("w")], [.integer(0)]))
                try fleet.write("verran", .insert(1, [text("b")], [.integer(1)]))
                try fleet.send("inderoy", "verran")
                guard try fleet.hub.withheld().map(\.key) == [[text("b")]] else { throw Broken("the bed is not kept") }
            }, ends: ["w": [.integer(0)]], open: [.foreignKey]),
        Story(
            claim:
                "a reference to a value that another site has given up meanwhile is a dispute, not its author's fault",
            tables: [.ward, .bed],
            tell: { fleet in
                try fleet.write("snasa", .insert(0, [text("w")], [.integer(1)]))
                try fleet.settleEverything()
                try fleet.write("inderoy", .update(0, [text("w")], [0: .null]))
                try fleet.write("verran", .insert(1, [text("b")], [.integer(1)]))
                try fleet.send("inderoy", "verran")
            }, ends: ["w": [.null]], open: [.foreignKey]),
        Story(
            claim: "a row written anew without its parent stays without it when the parent's delete does not stand",
            tables: [.parent, .clearing],
            tell: { fleet in
                try fleet.write(
                    "snasa", .insert(0, [text("p")], [.integer(1)]), .insert(1, [text("g")], [text("p"), .integer(1)]))
                try fleet.settleEverything()
                try fleet.write("snasa", .update(0, [text("p")], [0: .integer(2)]))
                try fleet.write(
                    "verran", .delete(1, [text("g")]), .insert(1, [text("g")], [.null, .integer(5)]),
                    .delete(0, [text("p")]))
                try fleet.send("snasa", "verran")
                try fleet.settleEverything()
                guard try fleet.rows("verran").values.contains(where: { $0.data == [.null, .integer(5)] }) else {
                    throw Broken("the row refers to the parent again")
                }
            }, ends: ["p": [.integer(2)]], open: [.deleteUpdate]),
        Story(
            claim: "a withheld update comes in once nobody refers to the value that it gives up",
            tables: [.ward, .bed],
            tell: { fleet in
                let (w, x) = ([text("w")], [text("x")])
                try fleet.write("snasa", .insert(0, x, [.integer(0)]))
                try fleet.settleEverything()
                try fleet.write("snasa", .insert(0, w, [.integer(1)]))
                try fleet.write("inderoy", .update(0, x, [0: .integer(1)]))
                try fleet.send("snasa", "inderoy")
                try fleet.sync("verran")
                try fleet.write("verran", .insert(1, [text("b")], [.integer(0)]))
                try fleet.write("snasa", .delete(0, w))
                try fleet.send("verran", "snasa")
                guard try fleet.hub.withheld().map(\.state) == [.withheld] else { throw Broken("it did not wait") }
                try fleet.write("verran", .delete(1, [text("b")]))
                try fleet.send("verran")
                guard try fleet.hub.withheld().map(\.state) == [.released] else { throw Broken("it still waits") }
            }, ends: ["w": nil, "x": [.integer(1)]]),
        Story(
            claim: "a row that a decision displaced was deleted: one who writes it unaware disputes that",
            tables: [.unique],
            tell: { fleet in
                try fleet.write("snasa", bed("l", 1))
                try fleet.send("snasa")
                try fleet.write("verran", bed("m", 1))
                try fleet.send("verran")
                try fleet.decide(.unique, .side(1))
                try fleet.write("inderoy", bed("l", 2))
                try fleet.send("inderoy")
            }, open: [.insert, .deleteUpdate]),
    ]

    /// Verran's update of k is in flight and must step aside; then a program there inserts k and deletes it.
    /// (Protocol/Merge-Model.md#constraints-at-a-node)
    @Sendable static func aside(_ fleet: Fleet) throws {
        try fleet.write("snasa", bed("k", 2))
        try fleet.settleEverything()
        try fleet.write("verran", slot("k", 3))
        try fleet.seal("verran")
        try fleet.write("snasa", bed("m", 3))
        try fleet.send("snasa")
        try fleet.pull("verran")
        guard try fleet.sites[2].node.asideCount() == 1 else { throw Broken("k did not step aside") }
        try fleet.perform(.write(2, [bed("k", 1), .delete(0, [.text("k")])]))
        // The bed is free again before the hub learns of it, so nothing but a bare echo comes back.
        try fleet.write("snasa", .delete(0, [.text("m")]))
        try fleet.send("snasa")
    }
}
