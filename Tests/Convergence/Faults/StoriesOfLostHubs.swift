import SimulationKit

extension Story {
    /// Histories in which the hub is lost and put back.
    static let ofLostHubs: [Story] = [
        Story(
            claim: "a decision that outlived two hubs stands behind what it decides, though nobody tells of the first",
            tables: [.interval],
            tell: { fleet in
                try fleet.write("snasa", insert(0, 0))
                try fleet.settleEverything()
                try fleet.loseHub(image: 0, .lost)
                try fleet.write("inderoy", set(y: 3))
                try fleet.disk("hub", .image)
                try fleet.write("snasa", delete)
                try fleet.settleEverything()
                try fleet.write("inderoy", set(y: 4))
                try fleet.send("inderoy")
                try fleet.perform(.decide(0, .side(0)))
                try fleet.pull("inderoy")
                try fleet.loseHub(image: 1, .lost)
                try fleet.settleEverything()
                try fleet.loseHub(image: 0, .lost)
            })
    ]
}
