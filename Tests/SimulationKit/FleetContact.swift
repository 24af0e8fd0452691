import Replication

/// What the hub tells at the beginning of a contact: the last change set of a replica that it holds.
package struct Greeting: Hashable, Sendable {
    package let seq: UInt64
    package let digest: [UInt8]
    /// What it keeps of a push that was cut.
    package let held: HeldPart?

    package init(seq: UInt64, digest: [UInt8], held: HeldPart? = nil) {
        self.seq = seq
        self.digest = digest
        self.held = held
    }
}

/// What a node shows that the hub holds other change sets of than it has sealed.
package struct SplitAsked: Hashable, Sendable {
    package let replica: UInt32
    package let sealed: UInt64
    /// By seq, ascending from 1.
    package let digests: [[UInt8]]
    package let position: UInt64
    package let ticket: [UInt8]

    package init(replica: UInt32, sealed: UInt64, digests: [[UInt8]], position: UInt64, ticket: [UInt8]) {
        self.replica = replica
        self.sealed = sealed
        self.digests = digests
        self.position = position
        self.ticket = ticket
    }
}

/// Sites whose files are put back or copied, and sites whose clocks are wrong: what happens at the beginning of a contact.
extension Fleet {
    /// Greets the hub as a node does before anything else, and after every failure.
    /// - Returns: false when an answer was lost on the way.
    func greet(_ index: Int) throws -> Bool {
        if sites[index].isGreeted { return true }
        let node = sites[index].node
        for _ in 0..<16 {
            let follower = try node.follower()
            if let asked = try hub.recoveryStep(of: follower) {
                guard try recover(index, asked, follower) else { return false }
                continue
            }
            try hub.checkOrder(of: follower)
            let greeting = try hub.greeting(of: node.replica)
            if maker.measuresClocks { sites[index].offsetMs = -sites[index].skewMs }
            if try node.fits(greeting) {
                if try node.restamp(above: greeting.seq, hubMs: nowMs) { try noteRestamped(index, greeting.seq) }
                sites[index].acknowledged = greeting.seq
                sites[index].heldAtHub = greeting.held
                sites[index].isGreeted = true
                return true
            }
            hasForks = true
            let asked = try node.splitAsked()
            let given = try hub.split(asked, nowMs: nowMs)
            try observe()
            try checkSplit(index, asked, at: given.at)
            if random.chance(15) { return false }
            try node.split(to: given.replica, at: given.at, nowMs: localMs(index))
            try noteSplit(index, from: asked.replica, at: given.at)
        }
        throw Broken("never stuck: \(sites[index].name) gets one replica number after the other")
    }

    /// It goes on where its own change sets and those that the hub has part.
    private func checkSplit(_ index: Int, _ asked: SplitAsked, at seq: UInt64) throws {
        let alike = sites[index].own.filter {
            $0.set.dot.replica == asked.replica && orderDigests[$0.set.dot] == $0.digest
        }
        let last = alike.map(\.set.dot.seq).max() ?? 0
        guard last == seq else {
            throw Broken("durable: \(sites[index].name) is split at \(seq), it and the hub have \(last) alike")
        }
    }

    private func noteSplit(_ index: Int, from former: UInt32, at seq: UInt64) throws {
        let new = sites[index].node.replica
        let headers = try ownParcels(index, after: 0).map(\.header)
        var count: UInt64 = 0
        for place in sites[index].own.indices {
            let old = sites[index].own[place].set
            guard old.dot.replica == former, old.dot.seq > seq else { continue }
            count += 1
            var context = old.context
            context[former] = seq == 0 ? nil : seq
            context[new] = count == 1 ? nil : count - 1
            guard let header = headers.first(where: { $0.dot.seq == count }), header.hlc == old.hlc else {
                throw Broken("durable: \(sites[index].name) has lost \(old.dot) on its way to another number")
            }
            note(
                RecordedSet(dot: header.dot, hlc: old.hlc, context: context, seen: old.seen, writes: old.writes),
                header.digest, index, at: place)
        }
        sites[index].known[former] = seq == 0 ? nil : seq
        if count > 0 { sites[index].known[new] = count }
        sites[index].acknowledged = 0
        sites[index].heldAtHub = nil
        siteNames[new] = sites[index].name
        history.lines[new] = Dot(replica: former, seq: seq)
    }

    private func noteRestamped(_ index: Int, _ held: UInt64) throws {
        let headers = try ownParcels(index, after: held).map(\.header)
        for place in sites[index].own.indices {
            let old = sites[index].own[place]
            guard let header = headers.first(where: { $0.dot == old.set.dot }), header.digest != old.digest else {
                continue
            }
            note(
                RecordedSet(
                    dot: header.dot, hlc: header.hlc, context: old.set.context, seen: old.set.seen,
                    writes: old.set.writes), header.digest, index, at: place)
        }
        sites[index].ownHLC = sites[index].own.last?.set.hlc ?? 0
    }

    func note(_ set: RecordedSet, _ digest: [UInt8], _ index: Int, at place: Int) {
        sites[index].own[place] = Site.OwnSet(digest: digest, set: set)
        sealedSets[digest] = set
    }

    /// Everything that a site has seen: of its own what its file holds, of others what the hub has put into its order.
    package func known(to index: Int) -> [RecordedSet] {
        let site = sites[index]
        var sets: [Dot: RecordedSet] = [:]
        for set in history.known(by: site.known) { sets[set.dot] = set }
        for own in site.own { sets[own.set.dot] = own.set }
        return Array(sets.values)
    }

    /// Own change sets whose echo a site has not had.
    package func inFlight(of index: Int) throws -> [RecordedSet] {
        let place = try sites[index].node.position()
        return sites[index].own.filter { own in
            orderDigests[own.set.dot] != own.digest || history.sets[own.set.dot]?.position ?? .max > place
        }.map(\.set)
    }

    /// Own change sets of live sites that are not at the hub.
    package func missing() -> [(site: String, dot: Dot)] {
        sites.flatMap { site in
            site.own.filter { orderDigests[$0.set.dot] != $0.digest }.map { (site.name, $0.set.dot) }
        }
    }
}
