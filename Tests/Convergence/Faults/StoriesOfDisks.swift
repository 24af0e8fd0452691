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
    ]
}
