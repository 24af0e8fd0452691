import Replication
import SimulationKit

extension Story {
    /// The histories that broke the first draft of the merge rules, smallest form.
    static let ofTheModel: [Story] = [
        Story(
            claim: "what the hub carries does not beat the author's later insert",
            skewsMs: [1000, 0, 0],
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("inderoy", delete)
                try fleet.send("inderoy")
                try fleet.write("inderoy", insert(202, 202))
                try fleet.seal("inderoy")
                try fleet.write("snasa", set(y: 101))
                try fleet.send("snasa")
                try fleet.push("inderoy")
            }, ends: ["k": row(202, 101)], open: [.cell]),
        Story(
            claim: "what the hub carries does not beat a third site's edit in flight",
            skewsMs: [1000, 0, -1000],
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("verran", set(x: 301))
                try fleet.seal("verran")
                try fleet.write("inderoy", delete)
                try fleet.send("inderoy")
                try fleet.write("snasa", set(y: 101))
                try fleet.send("snasa")
                try fleet.push("verran")
            }, ends: ["k": row(301, 101)], open: [.deleteUpdate]),
        Story(
            claim: "a row that both sites deleted stays deleted, though one edited it first",
            skewsMs: [1000, 0, 0],
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("snasa", delete)
                try fleet.write("inderoy", set(x: 9))
                try fleet.seal("inderoy")
                try fleet.write("inderoy", delete)
                try fleet.seal("inderoy")
                try fleet.send("snasa")
                try fleet.push("inderoy")
            }, ends: ["k": nil]),
        Story(
            claim: "an insert beside one that was deleted gives a whole row, whatever the clocks say",
            skewsMs: [5000, 0, 0],
            tell: { fleet in
                try fleet.write("inderoy", insert(2, 2))
                try fleet.seal("inderoy")
                try fleet.write("snasa", insert(1, 1))
                try fleet.seal("snasa")
                try fleet.write("snasa", delete)
                try fleet.send("snasa")
                try fleet.pull("verran")
                try fleet.push("inderoy")
            }, ends: ["k": row(1, 1)], open: [.insert, .deleteUpdate]),
        Story(
            claim: "a node whose own delete is in flight gets the row back whole, not in parts",
            skewsMs: [5000, 0, -1000],
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("verran", delete)
                try fleet.seal("verran")
                try fleet.write("inderoy", delete)
                try fleet.seal("inderoy")
                try fleet.write("inderoy", insert(202, 203))
                try fleet.seal("inderoy")
                try fleet.write("snasa", set(x: 101))
                try fleet.send("snasa")
                try fleet.pull("verran")
                try fleet.push("inderoy")
                try fleet.pull("verran")
            }, ends: ["k": row(101, 203)], open: [.cell, .deleteUpdate]),
        Story(
            claim: "the author of a delete that does not stand gets the row back",
            skewsMs: [1000, 0, -1000],
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.write("snasa", set(x: 101))
                try fleet.write("verran", delete)
                try fleet.send("snasa", "verran")
            }, ends: ["k": row(101, 0)], open: [.deleteUpdate]),
        Story(
            claim: "a row that comes back has the value that won, not the one that lost before the delete",
            skewsMs: [0, 2000, 0],
            tell: { fleet in
                try begin(fleet, 0, 0)
                try fleet.perform(.write(1, [delete, insert(20, 21)]))
                try fleet.seal("inderoy")
                try fleet.write("snasa", set(x: 10))
                try fleet.send("snasa")
                try fleet.push("inderoy")
                try fleet.pull("snasa")
                try fleet.write("snasa", delete)
                try fleet.send("snasa")
                try fleet.write("inderoy", set(y: 22))
                try fleet.send("inderoy")
            }, ends: ["k": row(20, 22)], open: [.cell, .deleteUpdate]),
        Story(
            claim: "a cell that REPLACE wrote back unchanged beats nobody's edit and is no conflict",
            skewsMs: [1000, 0, 0],
            tell: { fleet in
                try begin(fleet, 1, 2)
                try fleet.write("snasa", .orReplace(0, k, row(5, 2)))
                try fleet.write("inderoy", set(y: 9))
                try fleet.send("snasa", "inderoy")
            }, ends: ["k": row(5, 9)]),
        Story(
            claim: "a row inserted and deleted between two seals ships nothing and disputes nothing",
            tell: { fleet in
                try fleet.perform(.write(0, [insert(1, 1), delete]))
                try fleet.write("inderoy", insert(2, 2))
                try fleet.send("inderoy", "snasa")
            }, ends: ["k": row(2, 2)]),
        Story(
            claim: "two deletes of one row are no conflict",
            tell: { fleet in
                try begin(fleet, 1, 2)
                try fleet.write("snasa", delete)
                try fleet.write("inderoy", delete)
                try fleet.send("snasa", "inderoy")
            }, ends: ["k": nil]),
        Story(
            claim: "an update outlives two deletes that had not seen it, the second of which found no row",
            tell: { fleet in
                try begin(fleet, 1, 2)
                try fleet.write("verran", set(x: 9))
                try fleet.write("inderoy", delete)
                try fleet.write("snasa", delete)
                try fleet.send("snasa", "inderoy", "verran")
            }, ends: ["k": row(9, 2)], open: [.deleteUpdate]),
        Story(
            claim: "of two keys that SQLite takes for one, everybody ends with the same spelling",
            tables: [.untyped],
            tell: { fleet in
                try fleet.write("snasa", .insert(0, [.integer(1)], row(1, 1)))
                try fleet.write("inderoy", .insert(0, [.real(1)], row(2, 2)))
                try fleet.send("inderoy", "snasa")
            }, open: [.insert]),
        Story(
            claim: "a spelling that its author changed knowingly reaches everybody",
            tables: [.nocase],
            tell: { fleet in
                try fleet.write("snasa", .insert(0, [.text("abc")], row(1, 1)))
                try fleet.settleEverything()
                try fleet.write("inderoy", .rekey(0, [.text("abc")], to: [.text("ABC")]))
                try fleet.settleEverything()
                guard try fleet.rows("verran").values.first?.key == [.text("ABC")] else {
                    throw Broken("Verran still spells the key as before")
                }
            }, ends: ["abc": row(1, 1)]),
    ]

    /// A row that everybody has.
    static func begin(_ fleet: Fleet, _ x: Int64, _ y: Int64) throws {
        try fleet.write("snasa", insert(x, y))
        try fleet.settleEverything()
        try fleet.wait(10)
    }
}
