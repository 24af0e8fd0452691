import SimulationKit

extension Story {
    /// Histories in which a disk or a machine's power decides.
    static let ofDisks: [Story] = [
        Story(
            claim:
                "who has seen a value may write over it, though the hub's note of having sent it went with the power",
            tell: { fleet in
                try fleet.write("snasa", insert(1, 1))
                try fleet.sync("snasa", "verran")
                try fleet.disk("hub", .powerLoss)
                try fleet.write("verran", set(x: 2))
                try fleet.sync("verran", "snasa")
            }, ends: ["k": row(2, 1)]),
        Story(
            claim: "what the hub has acknowledged is there after a loss of power",
            tell: { fleet in
                try fleet.write("snasa", insert(1, 1))
                try fleet.send("snasa")
                try fleet.disk("hub", .powerLoss)
                try fleet.pull("verran")
                guard try !fleet.rows("verran").isEmpty else { throw Broken("durable: the row has gone") }
            }, ends: ["k": row(1, 1)]),
        Story(
            claim: "a file that was put back gets its lost writes back, and what was written since stands beside them",
            tell: { fleet in
                try fleet.write("snasa", insert(1, 1))
                try fleet.sync("snasa", "verran")
                try fleet.disk("snasa", .image)
                try fleet.write("snasa", set(x: 2))
                try fleet.sync("snasa")
                try fleet.disk("snasa", .restore)
                try fleet.write("snasa", set(y: 3))
                try fleet.sync("snasa")
            }, ends: ["k": row(2, 3)]),
        Story(
            claim: "what an author had on its way when its file was backed up, it has seen, whatever its number is now",
            tell: { fleet in
                try fleet.write("snasa", insert(1, 1))
                try fleet.seal("snasa")
                try fleet.disk("snasa", .image)
                try fleet.write("snasa", set(x: 2))
                try fleet.sync("snasa")
                try fleet.disk("snasa", .restore)
                try fleet.write("snasa", set(y: 4))
                try fleet.seal("snasa")
            }, ends: ["k": row(2, 4)]),
        Story(
            claim: "a row that its author deleted, after its file was put back to when the row was on its way, is gone",
            tell: { fleet in
                try fleet.write("snasa", insert(1, 1))
                try fleet.seal("snasa")
                try fleet.disk("snasa", .image)
                try fleet.write("snasa", .insert(0, [.text("l")], row(1, 1)))
                try fleet.sync("snasa")
                try fleet.disk("snasa", .restore)
                try fleet.write("snasa", delete)
            }, ends: ["k": nil, "l": row(1, 1)]),
        Story(
            claim: "two machines that run from one file go on beside each other",
            tell: { fleet in
                try fleet.write("snasa", insert(1, 1))
                try fleet.sync("snasa")
                let copy = try fleet.copy("snasa")
                try fleet.write("snasa", set(x: 2))
                try fleet.perform(.write(copy, [set(y: 3)]))
                try fleet.sync("snasa")
                try fleet.perform(.push(copy, .none))
                try fleet.perform(.pull(copy, .none))
                try fleet.write("snasa", set(x: 4))
            }, ends: ["k": row(4, 3)]),
        Story(
            claim: "copies of a copy that share writes nobody else has bring each of them once",
            tables: [.counted],
            tell: { fleet in
                try fleet.write("snasa", insert(1, 1))
                try fleet.sync("snasa")
                let copy = try fleet.copy("snasa")
                try fleet.perform(.write(copy, [set(x: 11)]))
                try fleet.perform(.seal(copy))
                try fleet.perform(.copy(copy))
                try fleet.perform(.write(copy + 1, [set(x: 21)]))
                try fleet.perform(.seal(copy + 1))
                try fleet.perform(.write(copy, [set(x: 12)]))
                try fleet.perform(.seal(copy))
                try fleet.write("snasa", set(x: 101))
                try fleet.sync("snasa")
                for site in [copy, copy + 1] { try fleet.perform(.push(site, .none)) }
            }, ends: ["k": row(122, 1)]),
        Story(
            claim: "stamps of 2099 are made anew before they are sent, and the row stands as everybody has it",
            tell: { fleet in
                try fleet.write("snasa", insert(1, 1))
                try fleet.sync("snasa", "verran")
                try fleet.clock("snasa", 2_370_000_000_000)
                try fleet.disk("snasa", .restart)
                try fleet.write("snasa", set(x: 2))
                try fleet.seal("snasa")
                try fleet.wait(10)
                try fleet.write("verran", set(x: 3))
                try fleet.sync("verran")
            }, ends: ["k": row(2, 1)], open: [.cell]),
        Story(
            claim: "what a copy stamps anew stays above what it had sealed under its former number",
            tables: [.plain],
            tell: { fleet in
                try fleet.write("snasa", insert(1, 1))
                try fleet.seal("snasa")
                try fleet.clock("snasa", 86_400_000)
                try fleet.disk("snasa", .restart)
                try fleet.write("snasa", delete)
                try fleet.seal("snasa")
                try fleet.copy("snasa")
            }, ends: ["k": nil]),
    ]
}
