/// Everybody comes to rest.
extension Fleet {
    /// One round empties everything, where no file was put back or copied: all seal, push all and pull all.
    package func settleEverything() throws {
        for round in 0..<Self.roundsToRest {
            for index in sites.indices { try seal(index) }
            try recoverEverything()
            for index in sites.indices {
                sites[index].isGreeted = false
                try greetToTheEnd(index)
                try push(index, .none)
            }
            for index in sites.indices { try pull(index, .none) }
            let last = try hub.lastPosition()
            let isAtRest = try sites.allSatisfy { try $0.node.position() == last && $0.node.inFlightCount() == 0 }
            // Files that were put back or copied find each other out one after the other.
            if isAtRest || !hasForks && !hasLostHub && round == 0 { return }
        }
    }

    /// A restored hub hears every site, and gathers no more then.
    private func recoverEverything() throws {
        guard hub.isRecovering else { return }
        lineFaultPercent = 0
        for index in sites.indices {
            sites[index].isGreeted = false
            for _ in 0..<8 where hub.isRecovering { if try greet(index) { break } }
        }
        if hub.isRecovering { throw Broken("never stuck: the hub gathers on though every site has handed in") }
    }

    private func greetToTheEnd(_ index: Int) throws {
        for _ in 0..<100 {
            if try greet(index) { return }
        }
        throw Broken("never stuck: \(sites[index].name) and the hub do not come together")
    }

    private static let roundsToRest = 12
}
